"""A small valid value for a JSON Schema: what a model would answer, without the model.

>>> value({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]})
{'n': 1}
"""

from __future__ import annotations

from typing import Any

_FORMATS = {
    "date": "2026-11-24",
    "date-time": "2026-11-24T10:00:00Z",
    "time": "10:00:00Z",
    "duration": "PT1H",
    "email": "someone@example.com",
    "hostname": "example.com",
    "uri": "https://example.com/",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uuid": "123e4567-e89b-12d3-a456-426614174000",
}
_PLAIN: dict[Any, Any] = {"string": "text", "integer": 1, "number": 1.5, "boolean": True}


def value(schema: Any, root: Any = None, depth: int = 0) -> Any:
    """Something the schema accepts; every property is filled in, down to a sane depth."""
    root = schema if root is None else root
    if not isinstance(schema, dict) or depth > 12:
        return None
    if "$ref" in schema:
        return value(_at(root, str(schema["$ref"])), root, depth + 1)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for word in ("anyOf", "oneOf", "allOf"):
        if schema.get(word):
            return value(schema[word][0], root, depth + 1)
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if kind == "object" or "properties" in schema:
        fields = schema.get("properties") or {}
        return {name: value(below, root, depth + 1) for name, below in fields.items()}
    if kind == "array":
        return [value(schema.get("items", {}), root, depth + 1)] * (schema.get("minItems", 1) or 1)
    if kind == "string":
        return _FORMATS.get(schema.get("format", ""), "text")
    return _PLAIN.get(kind)


def _at(root: Any, ref: str) -> Any:
    node = root
    for step in ref.removeprefix("#").strip("/").split("/"):
        node = node.get(step, {}) if step and isinstance(node, dict) else node
    return node
