"""Whether every object of a schema, at every depth, is closed and requires all it has."""

from __future__ import annotations

from collections.abc import Collection

from aisix.mapping.syntax.paths import Json
from aisix.mapping.verbs.schema.keywords import DEEPEST, below, kinds, names


def is_object(schema: Json) -> bool:
    """Whether nothing but an object may stand there, by its own words."""
    return type(schema) is dict and schema.get("type") == "object" and "anyOf" not in schema


def every_property_required(schema: Json, allowed: Collection[str] = (), depth: int = 0) -> bool:
    """`allowed`: the keywords a schema may have; empty: any."""
    if type(schema) is not dict:
        return type(schema) is bool
    if depth > DEEPEST or (allowed and not {*allowed}.issuperset(schema)):
        return False
    properties = schema.get("properties")
    if "object" in kinds(schema) or type(properties) is dict:
        needed = properties.keys() if type(properties) is dict else ()
        if schema.get("additionalProperties") is not False:
            return False
        if not {*needed} <= {*names(schema.get("required"))}:
            return False
    return all(every_property_required(part, allowed, depth + 1) for _, part in below(schema))
