"""The part of JSON Schema that constrained answers (output format, strict tools) can be held to."""

from __future__ import annotations

from typing import Any

_REFUSED = (
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength",
    "maxLength", "maxItems", "uniqueItems", "minProperties", "maxProperties", "patternProperties",
    "contains", "not", "if", "then", "else", "dependentSchemas", "propertyNames", "prefixItems",
)  # fmt: skip
_COMBINED = ("anyOf", "oneOf", "allOf")
_NAMED = ("properties", "$defs", "definitions")
_DEEPEST = 60
_KINDS: dict[str, type] = {
    **dict.fromkeys((*_COMBINED, "required", "enum"), list),
    **dict.fromkeys(_NAMED, dict),
}
_NOUNS: dict[type, str] = {list: "list", dict: "dictionary"}


def root_complaints(schema: dict[str, Any], at: str) -> list[str]:
    """What every tool's schema must be at its root, strict or not."""
    if "type" not in schema:
        return [f"{at}.type: Field required"]
    if schema["type"] != "object":
        return [f"{at}.type: Input should be 'object'"]
    if any(word in schema for word in _COMBINED):
        return [f"{at}: input_schema does not support oneOf, allOf, or anyOf at the top level"]
    return []


def subset_complaints(schema: Any, at: str, depth: int = 0) -> list[str]:
    """Keywords that cannot be enforced, and objects left open."""
    if depth > _DEEPEST:
        return [f"{at}: Schema is too complex for compilation"]
    if isinstance(schema, bool):
        return [f"{at}: boolean schemas are not supported"]
    if not isinstance(schema, dict):
        return [f"{at}: Input should be a valid dictionary"]
    out: list[str] = []
    kinds = schema.get("type")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if "object" in kinds and schema.get("additionalProperties") is not False:
        out.append(
            f"{at}: For 'object' type, 'additionalProperties' must be explicitly set to false"
        )
    for word in _REFUSED:
        if word in schema:
            out.append(f"{at}: For '{kinds[0]}' type, property '{word}' is not supported")
    if schema.get("minItems", 0) not in (0, 1):
        out.append(f"{at}: For 'array' type, 'minItems' values other than 0 or 1 are not supported")
    reference = schema.get("$ref")
    if isinstance(reference, str) and not reference.startswith("#"):
        out.append(f"{at}: External $ref '{reference}' is not supported")
    for word, kind in _KINDS.items():
        if word in schema and not isinstance(schema[word], kind):
            return [*out, f"{at}.{word}: Input should be a valid {_NOUNS[kind]}"]
    for group in _NAMED:
        for name, inner in (schema.get(group) or {}).items():
            out += subset_complaints(inner, f"{at}.{group}.{name}", depth + 1)
    if "items" in schema:
        out += subset_complaints(schema["items"], f"{at}.items", depth + 1)
    for group in _COMBINED:
        for index, inner in enumerate(schema.get(group) or ()):
            out += subset_complaints(inner, f"{at}.{group}.{index}", depth + 1)
    return out


def optional_and_union_counts(schema: Any) -> tuple[int, int]:
    """How many properties are optional and how many have several types; both are limited."""
    optional = unions = 0
    if isinstance(schema, dict):
        properties = schema.get("properties")
        if isinstance(properties, dict):
            required = schema.get("required")
            required = required if isinstance(required, list) else ()
            optional += sum(name not in required for name in properties)
            unions += sum(
                isinstance(inner, dict)
                and (isinstance(inner.get("type"), list) or "anyOf" in inner or "oneOf" in inner)
                for inner in properties.values()
            )
        for inner in schema.values():
            below = optional_and_union_counts(inner)
            optional, unions = optional + below[0], unions + below[1]
    elif isinstance(schema, list):
        for inner in schema:
            below = optional_and_union_counts(inner)
            optional, unions = optional + below[0], unions + below[1]
    return optional, unions
