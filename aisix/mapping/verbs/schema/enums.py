"""Types that agree with `enum` and `const`, as a reader wants them who compares the two."""

from __future__ import annotations

from aisix.mapping.syntax.paths import Json
from aisix.mapping.verbs.schema.keywords import Schema, kinds

_NAMES: dict[type, tuple[str, ...]] = {
    str: ("string",),
    bool: ("boolean",),
    int: ("integer", "number"),
    float: ("number",),
    type(None): ("null",),
}


def consistent(schema: Schema) -> Schema | None:
    """A schema that accepts the same, each listed value of the one type that stands beside it;
    itself where that is so. None where a value is no plain one, or none of the types."""
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if type(values) is not list:
        return schema
    if any(type(value) not in _NAMES for value in values):
        return None
    named = kinds(schema)
    if "const" in schema and type(schema.get("enum")) is list:
        if not any(_same(schema["const"], value) for value in schema["enum"]):
            return None
        schema = {word: value for word, value in schema.items() if word != "enum"}
    found: dict[str, list[Json]] = {}
    seen: set[tuple[str, bool, Json]] = set()
    for value in values:
        kind = next((k for k in named if k in _NAMES[type(value)]), None if named else "")
        if kind is None and type(value) is float and value.is_integer() and "integer" in named:
            kind = "integer"
        if kind is not None and (one := (kind, type(value) is bool, value)) not in seen:
            seen.add(one)
            found.setdefault(kind, []).append(value)
    if not found:
        return None
    if len(found) == 1:
        kind, left = next(iter(found.items()))
        if "enum" not in schema:
            return schema if schema.get("type", "") == kind else {**schema, "type": kind}
        if (not named or schema["type"] == kind) and len(left) == len(values):
            return schema
        return {**schema, **({"type": kind} if named else {}), "enum": left}
    out = {word: value for word, value in schema.items() if word != "type"}
    if "anyOf" in schema or "oneOf" in schema:
        return {**out, "enum": [value for left in found.values() for value in left]}
    del out["enum"]
    return {**out, "anyOf": [_of(kind, left) for kind, left in found.items()]}


def _of(kind: str, values: list[Json]) -> Schema:
    if kind == "null" or (kind == "boolean" and len(values) == 2):
        return {"type": kind}
    return {"type": kind, "enum": values}


def _same(one: Json, other: Json) -> bool:
    return bool(one == other) and (type(one) is bool) is (type(other) is bool)
