"""What a schema that was sent must say and accept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema

META = jsonschema.Draft202012Validator(jsonschema.Draft202012Validator.META_SCHEMA)
BY_NAME = ("properties", "$defs", "definitions", "patternProperties", "dependentSchemas")
ONE = ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames")
SEVERAL = ("anyOf", "oneOf", "allOf", "prefixItems")


def schemas_in(schema: Any) -> Iterator[dict[str, Any]]:
    """A schema and those inside it, by position: a property called "items" is a property."""
    if not isinstance(schema, dict):
        return
    yield schema
    for word, inner in schema.items():
        if word in BY_NAME and isinstance(inner, dict):
            below = list(inner.values())
        elif word in SEVERAL and isinstance(inner, list):
            below = inner
        else:
            below = [inner] if word in ONE else []
        for one in below:
            yield from schemas_in(one)


def keywords_in(schema: Any) -> set[str]:
    return {word for one in schemas_in(schema) for word in one}


def sound(schema: Any) -> None:
    """It is a schema by the 2020-12 metaschema, and no keyword is null."""
    errors = list(META.iter_errors(schema))
    assert not errors, f"no schema: {errors[0].message} at {errors[0].json_path}"
    for one in schemas_in(schema):
        nulls = [
            word
            for word, value in one.items()
            if value is None and word not in ("const", "default")
        ]
        assert not nulls, f"null keywords: {nulls}"


def consistent(schema: Any) -> None:
    """A strict schema's enums and constants are of the one type beside them."""
    for one in schemas_in(schema):
        values = one["enum"] if "enum" in one else [one["const"]] if "const" in one else []
        if values and "type" in one:
            assert isinstance(one["type"], str), f"{one['type']} beside {values}"
            accepts({"type": one["type"]}, *values)


def accepts(schema: Any, *values: Any) -> None:
    for value in values:
        errors = list(jsonschema.Draft202012Validator(schema).iter_errors(value))
        assert not errors, f"{value!r} is refused: {errors[0].message}"


def refuses(schema: Any, *values: Any) -> None:
    for value in values:
        valid = jsonschema.Draft202012Validator(schema).is_valid(value)
        assert not valid, f"{value!r} is accepted"
