"""JSON Schema cut down to what a stricter reader accepts.

Knows JSON Schema's own vocabulary (a public standard), never a provider's: which keywords are
put into a description, which formats stay and how much is too much are options of a
`[convert.*]` table.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import msgspec

from aisix.mapping.syntax.paths import Json, Step, get
from aisix.mapping.verbs.refused import Refused

_encode = msgspec.json.Encoder().encode
_LISTS = ("anyOf", "allOf")
_MAPS = ("properties", "$defs", "definitions")
_COMBINATORS = frozenset({"anyOf", "oneOf", "allOf"})
_VALUES = frozenset({"enum", "const", "default", "examples", "example"})
_SILENT = ("$schema", "$id", "$comment")
_KINDS = {**dict.fromkeys((*_LISTS, "required", "enum"), list), **dict.fromkeys(_MAPS, dict)}
_DEEPEST = 60


def object_schema(schema: Json, options: dict[str, Json], tell: Callable[[str], None]) -> Json:
    """A schema whose root is an object: `{}` gets properties, a missing type is added."""
    if schema is None or schema == {}:
        return {"type": "object", "properties": {}}
    bad = options["bad"]
    if type(schema) is not dict:
        raise Refused(bad, value=schema)
    if schema.get("type", "object") != "object":
        raise Refused(bad, value=schema.get("type"))
    if not _COMBINATORS.isdisjoint(schema):
        tell("rewritten")
        return _flatten_root(schema)
    if "type" not in schema:
        return {"type": "object", **schema}
    return schema


def _said(node: Json, depth: int) -> Json:
    """A keyword that is null is one that is not there, but for those that are any value."""
    if type(node) is list:
        if not any(type(item) is dict for item in node) or depth > _DEEPEST:
            return node
        items = [_said(item, depth + 1) for item in node]
        return items if any(map(operator.is_not, items, node)) else node
    if type(node) is not dict or depth > _DEEPEST:
        return node
    out: dict[str, Json] = {}
    same = True
    for word, value in node.items():
        if value is None and word not in ("const", "default"):
            same = False
        elif word in _VALUES:
            out[word] = value
        else:
            said = out[word] = _said(value, depth + 1)
            same = same and said is value
    return node if same else out


def _flatten_root(schema: dict[str, Json]) -> dict[str, Json]:
    """`allOf` of objects is merged, other combinators at the root go."""
    out = {"type": "object", **{k: v for k, v in schema.items() if k not in _COMBINATORS}}
    if type(out.get("properties")) is not dict:
        out["properties"] = {}
    parts = schema.get("allOf")
    for part in parts if type(parts) is list else ():
        part = _local(schema, part)
        if type(part) is not dict or part.get("type", "object") != "object":
            continue
        below = part.get("properties")
        out["properties"] = {**out["properties"], **(below if type(below) is dict else {})}
        required = [*_names(out.get("required")), *_names(part.get("required"))]
        if required:
            out["required"] = list(dict.fromkeys(required))
    return out


def _local(schema: dict[str, Json], part: Json) -> Json:
    """What a reference to the schema's own definitions stands for."""
    ref = part.get("$ref") if type(part) is dict else None
    steps = ref.split("/") if type(ref) is str else []
    if len(steps) == 3 and steps[0] == "#" and steps[1] in ("$defs", "definitions"):
        return get(schema, (steps[1], steps[2]))
    return part


class _Cut:
    """One walk over a schema: what it became, and what was lost on the way."""

    def __init__(self, options: dict[str, Json]) -> None:
        self.described = frozenset(options["describe"])
        self.formats = frozenset(options["formats"])
        self.fits = True
        self.relaxed = False
        self.optional = 0
        self.unions = 0
        self.definitions: dict[str, Json] = {}

    def root(self, schema: Json) -> Json:
        if type(schema) is dict:
            for word in ("$defs", "definitions"):
                found = schema.get(word)
                if type(found) is dict:
                    for name, schema_ in found.items():
                        self.definitions[f"#/{word}/{name}"] = schema_
            if self._recursive(schema, frozenset(), 0):
                self.fits = False
        return self.cut(schema, 0)

    def _recursive(self, node: Json, open_: frozenset[str], depth: int) -> bool:
        if depth > _DEEPEST:
            return True
        if type(node) is list:
            return any(self._recursive(item, open_, depth + 1) for item in node)
        if type(node) is not dict:
            return False
        ref = node.get("$ref")
        if type(ref) is str:
            if ref in open_ or ref not in self.definitions:
                return True
            if self._recursive(self.definitions[ref], open_ | {ref}, depth + 1):
                return True
        return any(
            self._recursive(value, open_, depth + 1)
            for key, value in node.items()
            if key not in ("$ref", "enum", "const", "default", "examples")
        )

    def cut(self, schema: Json, depth: int) -> Json:
        if type(schema) is not dict or not schema or depth > _DEEPEST:
            self.fits = False  # `true` and `{}` allow anything, which cannot be said there
            return schema
        out: dict[str, Json] = {}
        described: list[str] = []
        for word, value in schema.items():
            if word == "oneOf":
                word = "anyOf"
                self.fits = self.fits and "anyOf" not in schema  # one list only can be said
            if word in _SILENT:
                continue
            if word == "allOf" and type(value) is list and (value[1:] or "properties" in schema):
                # Every part closed for itself would forbid what the others ask for.
                self.fits = self.fits and not any(map(self._names_fields, value))
            if type(value) is not _KINDS.get(word, type(value)):
                self.fits = False
            if word in _LISTS and type(value) is list:
                out[word] = [self.cut(part, depth + 1) for part in value]
                self.unions += word == "anyOf"
            elif word in _MAPS and type(value) is dict:
                out[word] = {name: self.cut(part, depth + 1) for name, part in value.items()}
            elif word == "items":
                out[word] = self.cut(value, depth + 1)
            elif word == "additionalProperties":
                self.fits = self.fits and value is False
            elif word == "patternProperties":
                self.fits = False
            elif self._describes(word, value):
                self.relaxed = self.relaxed or word not in ("default", "examples")
                described.append(f"{word}: {_encode(value).decode()}".replace('"', ""))
            else:
                out[word] = value
        self._types(schema, out)
        if described:
            note = "{" + ", ".join(described) + "}"
            before = out.get("description")
            out["description"] = f"{before}\n\n{note}" if before else note
        return out

    def _names_fields(self, schema: Json) -> bool:
        if type(schema) is dict and type(schema.get("$ref")) is str:
            schema = self.definitions.get(schema["$ref"], schema)
        return type(schema) is dict and "properties" in schema

    def _describes(self, word: str, value: Json) -> bool:
        if word == "minItems":
            return value not in (0, 1)
        if word == "format":
            return type(value) is not str or value not in self.formats
        return word in self.described

    def _types(self, schema: dict[str, Json], out: dict[str, Json]) -> None:
        kind = schema.get("type")
        if type(kind) is list:
            self.unions += len(kind) > 1
        elif kind is None and not any(
            word in schema for word in ("$ref", "enum", "const", *_COMBINATORS, "properties")
        ):
            self.fits = False
        if kind == "object" or (type(kind) is list and "object" in kind) or "properties" in schema:
            out["additionalProperties"] = False
            properties = schema.get("properties")
            if type(properties) is not dict:
                # Any object at all: closing it would allow only {}.
                self.fits = self.fits and schema.get("additionalProperties") is False
                return
            required = _names(schema.get("required"))
            self.optional += len(properties.keys() - set(required))


def _names(value: Json) -> list[str]:
    """The texts of a list that should hold nothing else."""
    return [name for name in value if type(name) is str] if type(value) is list else []


def _root(schema: Json) -> Json:
    """The type at the root, when nothing but a type says what may stand there."""
    if type(schema) is not dict or not _COMBINATORS.isdisjoint(schema) or "$ref" in schema:
        return None
    return schema.get("type", "object")


def subset(schema: Json, options: dict[str, Json]) -> dict[str, Any]:
    """{schema, whole, root, fits, relaxed, optional, unions}: the cut and what it cost."""
    schema = _said(schema, 0)
    cut = _Cut(options)
    out = cut.root(schema)
    fits = (
        cut.fits and cut.optional <= options["max_optional"] and cut.unions <= options["max_unions"]
    )
    return {
        "schema": out,
        "whole": schema,
        "root": _root(schema),
        "fits": fits,
        "relaxed": cut.relaxed,
        "optional": cut.optional,
        "unions": cut.unions,
    }


def fit_together(
    items: Json, options: dict[str, Json], steps: tuple[Step, ...], beside: Json = None
) -> bool:
    """Whether the schemas of all items, and one beside, stay inside the limits of their sum."""
    if len(items) > options["max_items"]:
        return False
    optional = unions = 0
    for schema in [*(get(item, steps) for item in items), *([] if beside is None else [beside])]:
        found = subset(schema, options)
        if found["fits"]:
            optional += found["optional"]
            unions += found["unions"]
    return bool(optional <= options["max_optional"] and unions <= options["max_unions"])


def every_property_required(node: Json) -> bool:
    """Whether every object at every depth is closed and requires all its properties."""
    if type(node) is list:
        return all(map(every_property_required, node))
    if type(node) is not dict:
        return True
    properties = node.get("properties")
    if node.get("type") == "object" or type(properties) is dict:
        names = properties.keys() if type(properties) is dict else ()
        if node.get("additionalProperties") is not False or not {*names} <= {
            *_names(node.get("required"))
        }:
            return False
    return all(
        every_property_required(value) if key not in _MAPS else _all_of(value)
        for key, value in node.items()
        if key not in ("enum", "const", "default", "examples")
    )


def _all_of(schemas: Json) -> bool:
    """Of a table of schemas by name: a property may itself be called `properties`."""
    return type(schemas) is not dict or all(map(every_property_required, schemas.values()))
