"""What older drafts, OpenAPI and hasty programs say otherwise, said as draft 2020-12 says it.

    found = normal(schema, "bad_schema")      # or Refused, `at` the path below the schema
    found.schema, found.changed

A keyword that is null is absent, which is no change that is told. Linear in the size of the schema.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

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
    Schema,
    TooLarge,
)
from aisix.mapping.verbs.schema.pointers import hoisted
from aisix.mapping.verbs.schema.values import FLAGS, GONE, KeywordValues, Unfit

_NULL: Schema = {"type": "null"}


class NormalSchema(NamedTuple):
    schema: Json
    changed: bool  # beside nulls


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


class _Walk(KeywordValues):
    """One walk over a schema."""

    def __init__(self) -> None:
        super().__init__()
        self.left = MOST

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

    def _odd(self, node: Json) -> Json:
        """What stands in a schema's place."""
        if type(node) is str and (kind := self.type(node)):
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
            flag = FLAGS.get(flag.lower(), flag) if type(flag) is str else flag
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
            split: dict[str, Schema] = {"dependentRequired": {}, "dependentSchemas": {}}
            for name, need in needs.items():
                word = "dependentRequired" if type(need) in (list, str) else "dependentSchemas"
                split[word][name] = need
            for word, found in split.items():
                if found:
                    out[word] = {**dict(reversed(found.items())), **out.get(word, {})}
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
            said = self.types(out["type"], 0)
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
        if type(value) is str and value.lower() in FLAGS:
            return self.tell(FLAGS[value.lower()])
        return self.schema(value, depth + 1)


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
    **dict.fromkeys(("minimum", "maximum"), KeywordValues.number),
    **dict.fromkeys(("exclusiveMinimum", "exclusiveMaximum"), KeywordValues.number),
    "multipleOf": KeywordValues.divisor,
    **dict.fromkeys(("minLength", "minItems", "minProperties", "minContains"), KeywordValues.least),
    **dict.fromkeys(("maxLength", "maxItems", "maxProperties", "maxContains"), KeywordValues.most),
    "type": KeywordValues.types,
    "enum": KeywordValues.enum,
    "required": KeywordValues.required,
    "dependentRequired": KeywordValues.needed,
    **dict.fromkeys(("title", "description", "$comment"), KeywordValues.words),
    **dict.fromkeys(
        ("pattern", "format", "contentEncoding", "contentMediaType"), KeywordValues.text
    ),
    **dict.fromkeys(("$schema", "$dynamicRef", "$recursiveRef"), KeywordValues.text),
    "$ref": KeywordValues.reference,
    "$id": KeywordValues.id,
    **dict.fromkeys(("$anchor", "$dynamicAnchor", "$recursiveAnchor"), KeywordValues.anchor),
    **dict.fromkeys(("uniqueItems", "deprecated", "readOnly", "writeOnly"), KeywordValues.flag),
    "examples": KeywordValues.examples,
}
