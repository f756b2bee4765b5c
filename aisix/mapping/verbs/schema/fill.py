"""`properties` and `items` where there are none, for readers who miss them."""

from __future__ import annotations

from aisix.mapping.syntax.paths import Json
from aisix.mapping.verbs.schema.keywords import Schema, kinds, mapped

_SAID_ELSEWHERE = ("$ref", "anyOf", "oneOf", "allOf")


def filled(schema: Schema) -> Schema:
    """Means the same: `{}` allows anything."""
    made: Schema = mapped(schema, lambda below: filled(below) if type(below) is dict else below)
    named = kinds(made)
    if "object" in named and "properties" not in made and not _is_elsewhere(made):
        made = {**made, "properties": {}}
    if "array" in named and "items" not in made and not _is_elsewhere(made):
        made = {**made, "items": {}}
    return made


def _is_elsewhere(schema: Json) -> bool:
    return any(word in schema for word in _SAID_ELSEWHERE)
