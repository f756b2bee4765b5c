"""What older drafts, OpenAPI and hasty programs say otherwise, said as draft 2020-12 says it.

    found = normal(schema, "bad_schema")      # or Refused, `at` the path below the schema
    found.schema, found.changed

A keyword that is null is absent, which is no change that is told. Linear in the size of the schema.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from aisix.mapping.syntax.paths import Json, join
from aisix.mapping.verbs.refused import Refused
from aisix.mapping.verbs.schema.keywords import (
    ANYTHING,
    CHOICES,
    DEEPEST,
    MOST,
    NAMED,
    NOTES,
    ONE,
    SEVERAL,
    TYPES,
    Schema,
    TooLarge,
)
from aisix.mapping.verbs.schema.pointers import hoisted, is_plain

GONE = object()  # a keyword that is left out
_encode = msgspec.json.Encoder().encode
_NULL: Schema = {"type": "null"}
_SYNONYMS = {
    **dict.fromkeys(("int", "int32", "int64", "long", "uint"), "integer"),
    **dict.fromkeys(("float", "double", "decimal", "numeric"), "number"),
    **dict.fromkeys(("str", "text", "date", "datetime", "date-time", "uuid", "uri"), "string"),
    **dict.fromkeys(("bool",), "boolean"),
    **dict.fromkeys(("dict", "map", "struct", "record"), "object"),
    **dict.fromkeys(("list", "tuple", "set"), "array"),
    **dict.fromkeys(("none", "nonetype", "nil"), "null"),
}
_FLAGS = {"true": True, "false": False}
_ANCHOR = re.compile(r"[A-Za-z_][-A-Za-z0-9._]*")


class NormalSchema(NamedTuple):
    schema: Json
    changed: bool  # beside nulls


class Unfit(Exception):
    """What stands there cannot be said in draft 2020-12; `steps` is its path, last step first."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.steps: list[str | int] = []


def normal(schema: Json, bad: str) -> NormalSchema:
    """Refused(bad, path, reason=...) for what cannot be converted or is too large to look at."""
    walk = _Walk()
    try:
        made = walk.schema(schema, 0)
        if walk.pointers:
            made = hoisted(schema, made, walk.pointers, lambda found: walk.schema(found, 0))
            walk.changed = True
    except Unfit as unfit:
        at = ""
        for step in reversed(unfit.steps):
            at = f"{at}[{step}]" if type(step) is int else join(at, str(step))
        raise Refused(bad, at, reason=unfit.reason) from None
    except (TooLarge, RecursionError):
        reason = f"it is larger than {MOST} schemas, or deeper than {DEEPEST}"
        raise Refused(bad, reason=reason) from None
    if walk.changed and type(made) is dict and "2020-12" not in str(made.get("$schema", "2020-12")):
        made = {word: value for word, value in made.items() if word != "$schema"}
    return NormalSchema(made, walk.changed)


class _Walk:
    """One walk over a schema: `changed`, and the references that name no definition."""

    def __init__(self) -> None:
        self.changed = False
        self.left = MOST
        self.pointers: dict[str, None] = {}

    def schema(self, node: Json, depth: int) -> Json:
        if type(node) is not dict:
            if type(node) is bool:
                return node
            return self._odd(node)
        self.left -= 1
        if self.left < 0 or depth > DEEPEST:
            raise TooLarge
        word = ""
        try:
            for word, value in node.items():
                if (value is None and word not in ANYTHING) or (
                    word in OLD and _is_old(word, value)
                ):
                    node = self._converted(node)
                    break
            out = node
            asked: list[str] = []
            for word, value in node.items():
                if word not in HOW:
                    continue
                made = HOW[word](self, value, depth)
                if word == "properties" and made is not value:
                    asked = [name for name, below in value.items() if _is_asked_for(below)]
                if made is not value:
                    out = _copy(out, node)
                    if made is GONE:
                        del out[word]
                    else:
                        out[word] = made
        except Unfit as unfit:
            unfit.steps.append(word)
            raise
        if asked:
            out = _copy(out, node)
            out["required"] = list(dict.fromkeys([*out.get("required", ()), *asked]))
        return out

    def tell(self, value: Json) -> Json:
        """The value, which says otherwise what stood there."""
        self.changed = True
        return value

    def _odd(self, node: Json) -> Json:
        """What stands in a schema's place."""
        if type(node) is str and (kind := self._type(node)):
            return self.tell({"type": kind})
        raise Unfit("a schema must be an object or a boolean")

    # ------------------------------------------------------------------ keywords of older drafts
    def _converted(self, node: Schema) -> Schema:
        out = {word: value for word, value in node.items() if value is not None or word in ANYTHING}
        if not any(word in OLD and _is_old(word, value) for word, value in out.items()):
            return out  # nulls alone
        self.changed = True
        for word, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
            flag = out.get(word)
            flag = _FLAGS.get(flag.lower(), flag) if type(flag) is str else flag
            if type(flag) is bool:
                del out[word]
                if flag and bound in out:
                    out[word] = out.pop(bound)
        if type(out.get("items")) is list:
            first, rest = out.pop("items"), out.pop("additionalItems", None)
            if first and "prefixItems" not in out:
                out["prefixItems"] = first
            if rest is not None:
                out["items"] = rest
        out.pop("additionalItems", None)  # means nothing beside anything else
        if type(out.get("required")) is bool:
            del out["required"]  # the object it is a property of has seen it
        needs = out.pop("dependencies", None)
        if type(needs) is dict:
            for name, need in needs.items():
                word = "dependentRequired" if type(need) in (list, str) else "dependentSchemas"
                out[word] = {name: need, **out.get(word, {})}
        elif needs is not None:
            raise Unfit("`dependencies` must be an object")
        if type(out.get("type")) is list and any(type(kind) is dict for kind in out["type"]):
            parts = [{"type": k} if type(k) is str else k for k in out.pop("type")]
            out = {**out, **({"allOf": [{"anyOf": parts}]} if "anyOf" in out else {"anyOf": parts})}
        nullable = out.pop("nullable", None)
        if nullable is True or str(nullable).lower() == "true":
            return self._nullable(out)
        return out

    def _nullable(self, out: Schema) -> Schema:
        """OpenAPI's word for "or null"."""
        if "$ref" in out or "allOf" in out:
            inner = {word: value for word, value in out.items() if word not in NOTES}
            notes = {word: value for word, value in out.items() if word in NOTES}
            return {**notes, "anyOf": [inner, _NULL]}
        if "type" in out:
            said = self._types(out["type"], 0)
            if said is not GONE:
                listed = said if type(said) is list else [said]
                out["type"] = listed if "null" in listed else [*listed, "null"]
        if type(out.get("enum")) is list:
            out["enum"] = out["enum"] if None in out["enum"] else [*out["enum"], None]
        elif out.get("const") is not None:
            out["enum"] = [out.pop("const"), None]
        for word in CHOICES:
            if type(out.get(word)) is list and _NULL not in out[word]:
                out[word] = [*out[word], _NULL]
        return out

    # ------------------------------------------------------------------ values of keywords
    def _properties(self, value: Json, depth: int) -> Json:
        value = self._no_null(value)
        return self._named(value, depth)

    def _no_null(self, value: Json) -> Json:
        if type(value) is dict and None in value.values():
            return self.tell({k: {} if v is None else v for k, v in value.items()})
        return value

    def _named(self, value: Json, depth: int) -> Json:
        if type(value) is not dict:
            raise Unfit("it must be an object of schemas")
        out = value
        name = ""
        try:
            for name, below in value.items():
                made = self.schema(below, depth + 1)
                if made is not below:
                    out = _copy(out, value)
                    out[name] = made
        except Unfit as unfit:
            unfit.steps.append(name)
            raise
        return out

    def _several(self, value: Json, depth: int) -> Json:
        if type(value) is dict:
            value = self.tell([value])
        if type(value) is not list:
            raise Unfit("it must be a list of schemas")
        if not value:
            return self.tell(GONE)
        out = value
        number = 0
        try:
            for number, below in enumerate(value):
                made = self.schema(below, depth + 1)
                if made is not below:
                    out = list(value) if out is value else out
                    out[number] = made
        except Unfit as unfit:
            unfit.steps.append(number)
            raise
        return out

    def _one(self, value: Json, depth: int) -> Json:
        if type(value) is str and value.lower() in _FLAGS:
            return self.tell(_FLAGS[value.lower()])
        return self.schema(value, depth + 1)

    def _type(self, word: str) -> str | None:
        word = word.lower()
        return word if word in TYPES else _SYNONYMS.get(word)

    def _types(self, value: Json, depth: int) -> Json:
        if type(value) is str:
            if value in TYPES:
                return value
            return self.tell(self._type(value) or GONE)  # "any", and what nobody knows
        if type(value) is not list or not all(type(kind) is str for kind in value):
            raise Unfit("it must be the name of a type, or a list of them")
        if TYPES.issuperset(value) and len(set(value)) == len(value) and value:
            return value
        known = [self._type(kind) for kind in value]
        if None in known or not known:
            return self.tell(GONE)
        return self.tell(list(dict.fromkeys(known)))

    def _number(self, value: Json, depth: int) -> Json:
        if type(value) in (int, float):
            return value
        if type(value) is str:
            try:
                number = float(value)
            except ValueError:
                number = math.nan
            if math.isfinite(number):
                return self.tell(int(number) if number.is_integer() else number)
        raise Unfit("it must be a number")

    def _divisor(self, value: Json, depth: int) -> Json:
        number = self._number(value, depth)
        if number <= 0:
            raise Unfit("it must be greater than 0")
        return number

    def _least(self, value: Json, depth: int) -> Json:
        number = self._whole(value)
        return number if number >= 0 else self.tell(GONE)  # true of everything

    def _most(self, value: Json, depth: int) -> Json:
        number = self._whole(value)
        if number < 0:
            raise Unfit("it must not be below 0")
        return number

    def _whole(self, value: Json) -> int:
        if type(value) is int:
            return value
        number = self._number(value, 0)
        if number != int(number):
            raise Unfit("it must be a whole number")
        self.changed = True
        return int(number)

    def _enum(self, value: Json, depth: int) -> Json:
        if type(value) is list:
            return value
        if type(value) is dict:
            raise Unfit("it must be a list of values")
        return self.tell([value])

    def _required(self, value: Json, depth: int) -> Json:
        if type(value) is str:
            return self.tell([value])
        if type(value) is not list or not all(type(name) is str for name in value):
            raise Unfit("it must be a list of names")
        return value if len(set(value)) == len(value) else self.tell(list(dict.fromkeys(value)))

    def _needed(self, value: Json, depth: int) -> Json:
        if type(value) is not dict:
            raise Unfit("it must be an object of lists of names")
        made = {name: self._required(need, depth) for name, need in value.items()}
        return made if made != value else value

    def _words(self, value: Json, depth: int) -> Json:
        return value if type(value) is str else self.tell(_encode(value).decode())

    def _text(self, value: Json, depth: int) -> Json:
        if type(value) is not str:
            raise Unfit("it must be a text")
        return value

    def _reference(self, value: Json, depth: int) -> Json:
        if type(value) is not str:
            raise Unfit("it must be a text")
        if value.startswith("#/") and not is_plain(value):
            self.pointers[value] = None
        return value

    def _id(self, value: Json, depth: int) -> Json:
        return value if type(value) is str and "#" not in value[:-1] else self.tell(GONE)

    def _anchor(self, value: Json, depth: int) -> Json:
        return value if type(value) is str and _ANCHOR.fullmatch(value) else self.tell(GONE)

    def _flag(self, value: Json, depth: int) -> Json:
        if type(value) is bool:
            return value
        if type(value) is str and value.lower() in _FLAGS:
            return self.tell(_FLAGS[value.lower()])
        raise Unfit("it must be true or false")

    def _examples(self, value: Json, depth: int) -> Json:
        return value if type(value) is list else self.tell([value])


def _copy(out: Schema, node: Schema) -> Schema:
    return dict(node) if out is node else out


def _is_asked_for(schema: Json) -> bool:
    return type(schema) is dict and schema.get("required") is True


# What a keyword holds in older drafts only: its types there.
_ANY_TYPE = frozenset({dict, list, str, int, float, bool})
OLD: dict[str, frozenset[type]] = {
    **dict.fromkeys(("exclusiveMinimum", "exclusiveMaximum"), frozenset({bool, str})),
    **dict.fromkeys(("nullable", "dependencies", "additionalItems"), _ANY_TYPE),
    "items": frozenset({list}),
    "required": frozenset({bool}),
    "type": frozenset({list}),
}


def _is_old(word: str, value: Json) -> bool:
    if word == "type":
        return type(value) is list and any(type(kind) is dict for kind in value)
    return type(value) in OLD[word]


HOW: dict[str, Callable[[_Walk, Json, int], Json]] = {
    "properties": _Walk._properties,
    **dict.fromkeys(NAMED - {"properties"}, _Walk._named),
    **dict.fromkeys(SEVERAL, _Walk._several),
    **dict.fromkeys(ONE, _Walk._one),
    **dict.fromkeys(("minimum", "maximum"), _Walk._number),
    **dict.fromkeys(("exclusiveMinimum", "exclusiveMaximum"), _Walk._number),
    "multipleOf": _Walk._divisor,
    **dict.fromkeys(("minLength", "minItems", "minProperties", "minContains"), _Walk._least),
    **dict.fromkeys(("maxLength", "maxItems", "maxProperties", "maxContains"), _Walk._most),
    "type": _Walk._types,
    "enum": _Walk._enum,
    "required": _Walk._required,
    "dependentRequired": _Walk._needed,
    **dict.fromkeys(("title", "description", "$comment"), _Walk._words),
    **dict.fromkeys(("pattern", "format", "contentEncoding", "contentMediaType"), _Walk._text),
    **dict.fromkeys(("$schema", "$dynamicRef", "$recursiveRef"), _Walk._text),
    "$ref": _Walk._reference,
    "$id": _Walk._id,
    **dict.fromkeys(("$anchor", "$dynamicAnchor", "$recursiveAnchor"), _Walk._anchor),
    **dict.fromkeys(("uniqueItems", "deprecated", "readOnly", "writeOnly"), _Walk._flag),
    "examples": _Walk._examples,
}
