"""What OpenAI refuses in the JSON Schema of a function or of an answer's format.

schema_complaints(schema, name, strict) -> ["Invalid schema for function 'f': ...", ...]
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aisix.standin.keywords import keyword_complaints, schemas_in

_AT_ROOT = ("oneOf", "anyOf", "allOf", "enum", "not")
_NOT_STRICT = (
    "allOf", "oneOf", "not", "if", "then", "else", "dependentRequired", "dependentSchemas",
    "patternProperties", "propertyNames", "unevaluatedProperties", "unevaluatedItems", "contains",
    "prefixItems", "default",
)  # fmt: skip


def schema_complaints(schema: Any, name: str, strict: bool = False) -> list[str]:
    """In the words of the service; `name` is what is said to have the schema."""
    return [f"Invalid schema for {name}: {text}" for text in _complaints(schema, strict)]


def _complaints(schema: Any, strict: bool) -> Iterator[str]:
    if not isinstance(schema, dict):
        yield f"{schema!r} is not of type 'object', 'boolean'."
        return
    if schema.get("type") != "object":
        kind = schema.get("type")
        yield f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{kind}\"'."
    if any(word in schema for word in _AT_ROOT):
        listed = "/".join(f"'{word}'" for word in _AT_ROOT)
        yield f"schema must have type 'object' and not have {listed} at the top level."
    yield from keyword_complaints(schema, "schema")
    for one in schemas_in(schema):
        kinds = one.get("type")
        kinds = kinds if isinstance(kinds, list) else [kinds]
        if "array" in kinds and "items" not in one and "prefixItems" not in one:
            yield "array schema missing items."
        if "object" in kinds and not ("properties" in one or "additionalProperties" in one):
            yield "object schema missing properties."
        if strict:
            yield from _strict(one, kinds)
    if "properties" not in schema:
        yield "object schema missing properties."


def _strict(one: dict[str, Any], kinds: list[Any]) -> Iterator[str]:
    if "object" in kinds:
        if one.get("additionalProperties") is not False:
            yield "'additionalProperties' is required to be supplied and to be false."
        required, given = one.get("required"), one.get("properties")
        names = {*given} if isinstance(given, dict) else set()
        named = isinstance(required, list) and all(isinstance(name, str) for name in required)
        if not named or set(required or ()) != names:
            yield (
                "'required' is required to be supplied and to be an array including every key in "
                "properties."
            )
    for word in _NOT_STRICT:
        if word in one:
            yield f"'{word}' is not permitted."
