"""What JSON Schema 2020-12 asks of a schema itself: each keyword's own type, at every position.

    keyword_complaints(schema, at) -> ["tools.0...: JSON schema is invalid. ...", ...]
    schemas_in(schema)             -> the schema and those inside it
    references_round(schema)       -> does a $ref lead back to where it stands

By position: a property called "items" is a property. Uses no library: the stand-in runs wherever
the gateway runs; the tests hold it against the metaschema.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

BY_NAME = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
LISTED = ("anyOf", "oneOf", "allOf", "prefixItems")
ONE = (
    "items", "additionalProperties", "unevaluatedProperties", "unevaluatedItems", "contains",
    "propertyNames", "not", "if", "then", "else", "contentSchema",
)  # fmt: skip
TYPES = ("string", "number", "integer", "boolean", "object", "array", "null")
DEEPEST = 100
_WRONG = (
    "JSON schema is invalid. It must match JSON Schema draft 2020-12 "
    "(https://json-schema.org/draft/2020-12)."
)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return _is_number(value) and value >= 0 and value == int(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _is_names(value: Any) -> bool:
    """Texts, each once."""
    return _is_list(value) and all(map(_is_text, value)) and len(set(value)) == len(value)


def _is_type(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and _is_names(value) and set(value) <= set(TYPES)
    return isinstance(value, str) and value in TYPES


def _is_dependencies(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_names, value.values()))


_KEYWORDS: dict[str, Callable[[Any], bool]] = {
    "type": _is_type,
    "required": _is_names,
    "dependentRequired": _is_dependencies,
    "multipleOf": lambda value: _is_number(value) and value > 0,
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _is_number),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), _is_count),
    **dict.fromkeys(("minProperties", "maxProperties", "minContains", "maxContains"), _is_count),
    **dict.fromkeys(("enum", "examples"), _is_list),
    **dict.fromkeys(("uniqueItems", "readOnly", "writeOnly", "deprecated"), _is_flag),
    **dict.fromkeys(("title", "description", "pattern", "format", "$comment"), _is_text),
    **dict.fromkeys(("$ref", "$schema", "$id", "$anchor", "$dynamicRef"), _is_text),
    **dict.fromkeys(("contentEncoding", "contentMediaType"), _is_text),
}


def _below(schema: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The places of schemas right inside one, and what stands there."""
    for word in BY_NAME:
        inner = schema.get(word)
        if isinstance(inner, dict):
            yield from ((f"{word}.{name}", value) for name, value in inner.items())
    for word in LISTED:
        inner = schema.get(word)
        if isinstance(inner, list):
            yield from ((f"{word}.{index}", value) for index, value in enumerate(inner))
    yield from ((word, schema[word]) for word in ONE if word in schema)


def schemas_in(schema: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    """Every schema that is an object, the outermost first."""
    if isinstance(schema, dict) and depth <= DEEPEST:
        yield schema
        for _, inner in _below(schema):
            yield from schemas_in(inner, depth + 1)


def keyword_complaints(schema: Any, at: str, depth: int = 0) -> list[str]:
    """One complaint for each keyword that is not what the draft says."""
    if isinstance(schema, bool) or depth > DEEPEST:
        return []
    if not isinstance(schema, dict):
        return [f"{at}: {_WRONG}"]
    found = [word for word, good in _KEYWORDS.items() if word in schema and not good(schema[word])]
    found += [word for word in BY_NAME if word in schema and not isinstance(schema[word], dict)]
    found += [
        word for word in LISTED if word in schema and not (_is_list(schema[word]) and schema[word])
    ]
    out = [f"{at}.{word}: {_WRONG}" for word in found]
    for place, inner in _below(schema):
        out += keyword_complaints(inner, f"{at}.{place}", depth + 1)
    return out


def resolved(root: Any, reference: str) -> Any:
    """What a local reference points to; None when nothing stands there."""
    node = root
    for step in reference.removeprefix("#").split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        if isinstance(node, list) and step.isdigit() and int(step) < len(node):
            node = node[int(step)]
        elif isinstance(node, dict) and step in node:
            node = node[step]
        else:
            return None
    return node


def references_round(root: Any) -> bool:
    """Whether following references from some schema comes back to it."""
    under_way: set[int] = set()
    done: set[int] = set()

    def comes_back(schema: Any) -> bool:
        if not isinstance(schema, dict) or id(schema) in done:
            return False
        if id(schema) in under_way or len(under_way) > DEEPEST:
            return True
        under_way.add(id(schema))
        inside = [
            inner
            for place, inner in _below(schema)
            if not place.startswith(("$defs", "definitions"))
        ]
        if isinstance(schema.get("$ref"), str):
            inside.append(resolved(root, schema["$ref"]))
        found = any(map(comes_back, inside))
        under_way.discard(id(schema))
        done.add(id(schema))
        return found

    return any(map(comes_back, schemas_in(root)))
