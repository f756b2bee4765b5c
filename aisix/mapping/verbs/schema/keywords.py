"""The vocabulary of draft 2020-12: where schemas stand below a schema, what a keyword may hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NoReturn

from aisix.mapping.syntax.paths import Json
from aisix.mapping.verbs.refused import Refused

TYPES = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})
ONE = frozenset(
    {
        *("items", "additionalProperties", "unevaluatedItems", "unevaluatedProperties", "contains"),
        *("propertyNames", "not", "if", "then", "else", "contentSchema"),
    }
)  # the value is a schema
SEVERAL = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})  # a list of schemas
NAMED = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
CHOICES = ("anyOf", "oneOf")
ANYTHING = frozenset({"const", "default"})  # null is a value here, and nowhere else
NOTES = frozenset({"title", "description", "default", "examples", "deprecated", "readOnly"})
DEEPEST = 100  # schemas in one another
MOST = 50_000  # schemas in one

Schema = dict[str, Json]


class TooLarge(Exception):
    """A schema has more in it, or deeper, than is looked at."""


def refuse(fault: str, at: str, reason: str, **more: Json) -> NoReturn:
    """`reason`: a sentence for the caller about what stands at `at`, below the schema."""
    raise Refused(fault, at, reason=reason, **more)


def below(node: Json) -> Iterator[tuple[str, Json]]:
    """(keyword, schema) of the schemas right below one."""
    if type(node) is not dict:
        return
    for word, value in node.items():
        if word in NAMED:
            if type(value) is dict:
                for schema in value.values():
                    yield word, schema
        elif word in SEVERAL:
            if type(value) is list:
                for schema in value:
                    yield word, schema
        elif word in ONE:
            yield word, value


def mapped(node: Json, each: Callable[[Json], Json]) -> Json:
    """A schema with `each` of the schemas right below it; itself where nothing changes."""
    if type(node) is not dict:
        return node
    out = node
    for word, value in node.items():
        made = value
        if word in NAMED and type(value) is dict:
            made = {name: each(schema) for name, schema in value.items()}
            if all(made[name] is schema for name, schema in value.items()):
                continue
        elif word in SEVERAL and type(value) is list:
            made = [each(schema) for schema in value]
            if all(one is other for one, other in zip(made, value, strict=True)):
                continue
        elif word in ONE:
            made = each(value)
        if made is not value:
            out = dict(node) if out is node else out
            out[word] = made
    return out


def names(value: Json) -> list[str]:
    """The texts of a list that should hold nothing else."""
    return [name for name in value if type(name) is str] if type(value) is list else []


def kinds(schema: Schema) -> list[str]:
    """The types a schema names; none: any."""
    found = schema.get("type")
    return [found] if type(found) is str else names(found)


def is_any(schema: Json) -> bool:
    """Whether a schema says nothing of a value."""
    return schema is True or (type(schema) is dict and schema.keys() <= NOTES)


def described(schema: Schema, notes: str) -> None:
    """Puts a note behind the description of a schema that is ours to change."""
    before = schema.get("description")
    schema["description"] = f"{before}\n\n{notes}" if before else notes
