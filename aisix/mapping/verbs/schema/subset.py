"""A schema cut to what constrained answers can be held to, and what that cost."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import msgspec

from aisix.mapping.syntax.paths import Json
from aisix.mapping.verbs.schema.drafts import HOW
from aisix.mapping.verbs.schema.enums import consistent
from aisix.mapping.verbs.schema.keywords import (
    CHOICES,
    NAMED,
    NOTES,
    Schema,
    described,
    kinds,
    names,
)
from aisix.mapping.verbs.schema.pointers import is_circular

DEEPEST = 60  # schemas in one another that can be held to
_encode = msgspec.json.Encoder().encode
_SILENT = frozenset({"$schema", "$id", "$comment", "$anchor", "$dynamicAnchor", "$vocabulary"})
_MERGED = frozenset({"anyOf", "oneOf", "allOf"})
_SAYS_A_TYPE = ("type", "$ref", "enum", "const", *_MERGED, "properties")


class CutSchema(NamedTuple):
    schema: Json
    fits: bool  # all of it can be held to, save what went into descriptions
    relaxed: bool  # something that constrains went into descriptions
    changed: bool  # something is said otherwise
    optional: int  # properties that need not be there
    unions: int  # places with a choice of types


def cut(schema: Json, keep: Collection[str], formats: Collection[str]) -> CutSchema:
    """`schema` is a normal one. `keep`: the keywords that stay, others go into the description;
    `formats`: the values of `format` that stay."""
    one = _Cut(keep, formats)
    if type(schema) is dict and is_circular(schema):
        one.fits = False
    made = one.cut(schema, 0)
    return CutSchema(made, one.fits, one.relaxed, one.changed, one.optional, one.unions)


class _Cut:
    def __init__(self, keep: Collection[str], formats: Collection[str]) -> None:
        self.keep = keep
        self.formats = formats
        self.fits = True
        self.relaxed = self.changed = False
        self.optional = self.unions = 0

    def cut(self, schema: Json, depth: int) -> Json:
        if type(schema) is not dict or not schema or depth > DEEPEST:
            self.fits = False  # `true` and `{}` allow anything, which cannot be said there
            return schema
        schema = self._said_plainly(schema)
        out: Schema = {}
        notes: list[str] = []
        for word, value in schema.items():
            if word in _SILENT:
                continue
            if word in CHOICES:
                self.fits = self.fits and not ("oneOf" in schema and "anyOf" in schema)
                out["anyOf"] = [self.cut(part, depth + 1) for part in value]
                self.unions += 1
            elif word in NAMED and word in self.keep:
                out[word] = {name: self.cut(part, depth + 1) for name, part in value.items()}
            elif word == "items":
                out[word] = self.cut(value, depth + 1)
            elif word == "additionalProperties":
                self.fits = self.fits and value is False
            elif word in ("patternProperties", "allOf"):
                self.fits = False
            elif self._stays(word, value):
                out[word] = value
            else:
                self.relaxed = self.relaxed or (word in HOW and word not in NOTES)
                notes.append(f"{word}: {_encode(value).decode()}".replace('"', ""))
        self._types(schema, out)
        if notes:
            described(out, "{" + ", ".join(notes) + "}")
        return out

    def _stays(self, word: str, value: Json) -> bool:
        if word == "minItems":
            return word in self.keep and value in (0, 1)
        if word == "format":
            return word in self.keep and value in self.formats
        return word in self.keep

    def _said_plainly(self, schema: Schema) -> Schema:
        """Without `allOf`, and with a type that agrees with the values that are listed."""
        said = schema
        if type(schema.get("allOf")) is list:
            found = _together(schema)
            if found is None:
                self.fits = False
            else:
                said = found
        if "enum" in said or "const" in said:
            agreed = consistent(said)
            if agreed is None:
                self.fits = False
            else:
                said = agreed
        self.changed = self.changed or said is not schema
        return said

    def _types(self, schema: Schema, out: Schema) -> None:
        kind = schema.get("type")
        if type(kind) is list:
            self.unions += len(kind) > 1
        elif kind is None and not any(word in schema for word in _SAYS_A_TYPE):
            self.fits = False
        if "object" in kinds(schema) or "properties" in schema:
            out["additionalProperties"] = False
            properties = schema.get("properties")
            if type(properties) is not dict:
                # Any object at all: closing it would allow only {}.
                self.fits = self.fits and schema.get("additionalProperties") is False
                return
            self.optional += len(properties.keys() - set(names(schema.get("required"))))
            if not properties.keys() >= set(names(schema.get("required"))):
                self.fits = False  # it asks for what, once closed, nobody could send


def _together(schema: Schema) -> Schema | None:
    """A schema without `allOf` that says the same; None where that is not plain to see."""
    parts = schema["allOf"]
    out = {word: value for word, value in schema.items() if word != "allOf"}
    if len(parts) == 1 and type(parts[0]) is dict and "$ref" in parts[0]:
        beside = {**parts[0], **out}
        return beside if beside.keys() <= NOTES | {"$ref", "$defs"} else None
    fields = [schema, *parts]
    if any(type(part) is not dict or "$ref" in part or _MERGED & part.keys() for part in parts):
        return None
    # Every part closed for itself would forbid what the others ask for.
    several = sum("properties" in part for part in fields) > 1
    if "$ref" in schema or (several and any("additionalProperties" in part for part in fields)):
        return None
    said: dict[str, list[str]] = {}  # texts and names that are put end to end
    mine: Schema = {}  # properties, where they are ours
    for part in parts:
        for word, value in part.items():
            if word not in out or (word not in said and out[word] == value):
                out[word] = value
            elif word == "required":
                said.setdefault(word, [*out[word]]).extend(value)
            elif word == "properties" and all(
                out[word].get(name, below) == below for name, below in value.items()
            ):
                mine = out[word] = mine or {**out[word]}
                mine |= value
            elif word == "description":
                said.setdefault(word, [out[word]]).append(value)
            elif word not in NOTES:
                return None
    if "required" in said:
        out["required"] = [*dict.fromkeys(said["required"])]
    if "description" in said:
        out["description"] = "\n\n".join(said["description"])
    return out
