"""The part of JSON Schema that constrained answers (output format, strict tools) can be held to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from aisix.standin.keywords import references_round, resolved, schemas_in

_REFUSED = (
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength",
    "maxLength", "maxItems", "uniqueItems", "minProperties", "maxProperties", "patternProperties",
    "contains", "minContains", "maxContains", "not", "if", "then", "else", "dependentSchemas",
    "dependentRequired", "dependencies", "propertyNames", "prefixItems", "additionalItems",
    "unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "oneOf",
    "nullable",  # taken, and nothing comes of it: whoever wrote it means null
)  # fmt: skip
_FORMATS = (
    "date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid",
)  # fmt: skip
_COMBINED = ("anyOf", "oneOf", "allOf")
_NAMED = ("properties", "$defs", "definitions")
_DEEPEST = 60
_KEY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_KINDS: dict[str, type] = {
    **dict.fromkeys((*_COMBINED, "required", "enum"), list),
    **dict.fromkeys(_NAMED, dict),
}
_NOUNS: dict[type, str] = {list: "list", dict: "dictionary"}
_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "null": type(None),
    "number": (int, float),
    "integer": (int, float),
    "object": dict,
    "array": list,
}


def root_complaints(schema: dict[str, Any], at: str) -> list[str]:
    """What every tool's schema must be at its root, strict or not."""
    if "type" not in schema:
        return [f"{at}.type: Field required"]
    if schema["type"] != "object":
        return [f"{at}.type: Input should be 'object'"]
    if any(word in schema for word in _COMBINED):
        return [f"{at}: input_schema does not support oneOf, allOf, or anyOf at the top level"]
    keys = schema.get("properties")
    wrong = [key for key in keys if not _KEY.fullmatch(key)] if isinstance(keys, dict) else []
    return [
        f"{at}.properties: Property keys should match pattern '^{_KEY.pattern}$', not {key!r}"
        for key in wrong
    ]


def subset_complaints(schema: Any, at: str) -> list[str]:
    """Keywords that cannot be enforced, objects left open, and what leads round."""
    out = list(_of(schema, at, 0))
    references = {one["$ref"] for one in schemas_in(schema) if isinstance(one.get("$ref"), str)}
    for reference in sorted(references):
        if not reference.startswith("#"):
            out.append(f"{at}: External $ref '{reference}' is not supported")
        elif resolved(schema, reference) is None:
            out.append(f"{at}: $ref '{reference}' points to nothing")
    if references_round(schema):
        out.append(f"{at}: Recursive schemas are not supported")
    return out


def _of(schema: Any, at: str, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        yield f"{at}: Schema is too complex for compilation"
        return
    if isinstance(schema, bool):
        yield f"{at}: boolean schemas are not supported"
        return
    if not isinstance(schema, dict):
        yield f"{at}: Input should be a valid dictionary"
        return
    kinds = schema.get("type")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if "object" in kinds and schema.get("additionalProperties") is not False:
        yield f"{at}: For 'object' type, 'additionalProperties' must be explicitly set to false"
    for word in _REFUSED:
        if word in schema:
            yield f"{at}: For '{kinds[0]}' type, property '{word}' is not supported"
    if schema.get("minItems", 0) not in (0, 1):
        yield f"{at}: For 'array' type, 'minItems' values other than 0 or 1 are not supported"
    if schema.get("format", _FORMATS[0]) not in _FORMATS:
        yield f"{at}: For 'string' type, format '{schema['format']}' is not supported"
    for word, kind in _KINDS.items():
        if word in schema and not isinstance(schema[word], kind):
            yield f"{at}.{word}: Input should be a valid {_NOUNS[kind]}"
            return
    yield from _values(schema, at)
    if any(isinstance(one, dict) and "$ref" in one for one in schema.get("allOf", ())):
        yield f"{at}: 'allOf' with '$ref' is not supported"
    for group in _NAMED:
        for name, inner in schema.get(group, {}).items():
            yield from _of(inner, f"{at}.{group}.{name}", depth + 1)
    if "items" in schema:
        yield from _of(schema["items"], f"{at}.items", depth + 1)
    for group in _COMBINED:
        for index, inner in enumerate(schema.get(group, ())):
            yield from _of(inner, f"{at}.{group}.{index}", depth + 1)


def _values(schema: dict[str, Any], at: str) -> Iterator[str]:
    """What `enum` and `const` name: plain values, all of the one type beside them."""
    values = [*schema.get("enum", ()), *([schema["const"]] if "const" in schema else ())]
    declared = schema.get("type")
    for value in values:
        if isinstance(value, dict | list):
            yield f"{at}: Complex types in 'enum' or 'const' are not supported"
        elif declared is not None and not _is_of(value, declared):
            yield f"{at}: Enum value {value!r} does not match declared type '{declared}'"


def _is_of(value: Any, declared: Any) -> bool:
    if not isinstance(declared, str) or declared not in _TYPES:
        return False  # of a list of types the values cannot be told apart
    if isinstance(value, bool) and declared != "boolean":
        return False
    if declared == "integer" and isinstance(value, float) and value != int(value):
        return False
    return isinstance(value, _TYPES[declared])


def optional_and_union_counts(schema: Any) -> tuple[int, int]:
    """How many properties are optional and how many have several types; both are limited."""
    optional = unions = 0
    for one in schemas_in(schema):
        properties = one.get("properties")
        if isinstance(properties, dict):
            required = one.get("required")
            required = required if isinstance(required, list) else ()
            optional += sum(name not in required for name in properties)
            unions += sum(
                isinstance(inner, dict)
                and (isinstance(inner.get("type"), list) or "anyOf" in inner or "oneOf" in inner)
                for inner in properties.values()
            )
    return optional, unions
