"""An object at the root of a schema: choices, references and conditions there merged into it.

Who takes arguments wants one object. What several branches allow is merged so that whatever one of
them accepts is accepted: all their properties, of the names they require only those that all do.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import msgspec

from aisix.mapping.syntax.budget import Budget
from aisix.mapping.syntax.paths import Json
from aisix.mapping.verbs.schema.keywords import (
    CHOICES,
    DEEPEST,
    Schema,
    TooLarge,
    described,
    is_any,
    kinds,
    names,
)
from aisix.mapping.verbs.schema.pointers import target

MERGED = frozenset({"anyOf", "oneOf", "allOf", "$ref", "if", "then", "else"})
_OURS = MERGED | {"type", "properties", "required", "additionalProperties", "patternProperties"}
_MOST = 4_000_000  # bytes of JSON laid together: what is shared is written several times
_STEP = 16  # of those, or of properties, are a step of the budget
_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class ObjectParts:
    """What a schema says of an object that can be merged with what another one says."""

    properties: dict[str, Json] = field(default_factory=dict)
    required: dict[str, None] = field(default_factory=dict)
    patterns: dict[str, Json] = field(default_factory=dict)
    additional: Json = None  # None: nothing said
    partial: set[str] = field(default_factory=set)  # said of in some branches, open in others


def object_root(schema: Schema, budget: Budget | None = None) -> Schema | None:
    """An object schema without MERGED at its root; None when it can be no object. TooLarge."""
    merge = _Merge(schema, budget or Budget())
    parts = merge.of(schema, frozenset(), 0)
    if parts is None:
        return None
    out: Schema = {
        "type": "object",
        **{word: value for word, value in schema.items() if word not in _OURS},
        "properties": parts.properties,
    }
    if out.get("unevaluatedProperties") is False:
        parts.additional = False if parts.additional is None else parts.additional
        del out["unevaluatedProperties"]
    required = [name for name in parts.required if name in parts.properties or _open(parts)]
    if required:
        out["required"] = required
    if parts.patterns:
        out["patternProperties"] = parts.patterns
    if parts.additional is not None:
        out["additionalProperties"] = parts.additional
    for text in merge.texts[:1]:
        out.setdefault("description", text)
    lost = _required_by_branch(schema)
    if lost:
        described(out, lost)
    return out


def _open(parts: ObjectParts) -> bool:
    return parts.additional is not False


def _required_by_branch(schema: Schema) -> str:
    """What a choice at the root asks for, in words, where its branches differ in that."""
    for word in CHOICES:
        branches = schema.get(word)
        if type(branches) is list and 1 < len(branches) <= 20:
            asked = [names(b.get("required")) if type(b) is dict else [] for b in branches]
            if any(each != asked[0] for each in asked):
                said = [{"required": each} for each in asked]
                return f"{{{word}: {_encode(said).decode()}}}".replace('"', "")
    return ""


class _Merge:
    def __init__(self, root: Schema, budget: Budget) -> None:
        self.root = root
        self.budget = budget
        self.left = _MOST
        self.owed = 0
        self.known: dict[str, ObjectParts | None] = {}  # by reference
        self.texts: list[str] = []  # descriptions of what the root refers to
        self.sizes: dict[int, tuple[Json, int]] = {}  # by id, of what is held here

    def of(self, schema: Json, seen: frozenset[str], depth: int) -> ObjectParts | None:
        """What a schema says of an object; None when none fits it."""
        if type(schema) is not dict:
            return None if schema is False else ObjectParts()
        if depth > DEEPEST:
            raise TooLarge
        named = kinds(schema)
        if named and "object" not in named:
            return None
        held = schema.get("properties")
        patterns = schema.get("patternProperties")
        parts = ObjectParts(
            dict(held) if type(held) is dict else {},
            dict.fromkeys(names(schema.get("required"))),
            dict(patterns) if type(patterns) is dict else {},
            schema.get("additionalProperties"),
        )
        self._spend(len(parts.properties) + 1)
        more: list[ObjectParts | None] = []
        if type(schema.get("$ref")) is str:
            more.append(self._referred(schema["$ref"], seen, depth))
        listed = schema.get("allOf")
        for part in listed if type(listed) is list else ():
            more.append(self.of(part, seen, depth + 1))
        for word in CHOICES:
            listed = schema.get(word)
            if type(listed) is list:
                more.append(self._either([self.of(part, seen, depth + 1) for part in listed]))
        if "if" in schema:
            ways = [schema.get("then", True), schema.get("else", True)]
            more.append(self._either([self.of(part, seen, depth + 1) for part in ways]))
        sure = [one for one in more if one is not None]
        if len(sure) < len(more):
            return None
        return self._all([parts, *sure]) if sure else parts

    def _referred(self, name: str, seen: frozenset[str], depth: int) -> ObjectParts | None:
        if name in seen or name == "#":  # says of itself what it says
            return ObjectParts()
        if name not in self.known:
            found = target(self.root, name)
            if type(found) is dict and type(found.get("description")) is str and depth < 2:
                self.texts.append(found["description"])
            self.known[name] = (
                ObjectParts() if found is None else self.of(found, seen | {name}, depth + 1)
            )
        return self.known[name]

    def _spend(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise TooLarge
        self.owed += count
        if self.owed >= _STEP:
            self.budget.spend(self.owed // _STEP)
            self.owed %= _STEP

    def _all(self, several: list[ObjectParts]) -> ObjectParts:
        """What fits all of them."""
        self._spend(sum(len(one.properties) + len(one.required) + 1 for one in several))
        said: dict[str, list[Json]] = {}  # by those that are sure about a name
        properties: dict[str, Json] = {}
        required: dict[str, None] = {}
        patterns: dict[str, Json] = {}
        additional: Json = None
        for one in several:
            for name, schema in one.properties.items():
                properties[name] = schema
                if name not in one.partial:
                    said.setdefault(name, []).append(schema)
            required |= one.required
            patterns |= one.patterns
            other = one.additional
            if additional is None or other is False:
                additional = other
            elif other is not None and additional is not False and other != additional:
                additional = True
        # A name that some of them are partial about is as sure as the others make it.
        partial = {name for name in properties if name not in said}
        properties |= {name: self._and(schemas) for name, schemas in said.items()}
        return ObjectParts(properties, required, patterns, additional, partial)

    def _either(self, branches: list[ObjectParts | None]) -> ObjectParts | None:
        """What fits one of them at least."""
        able = [branch for branch in branches if branch is not None]
        if not able:
            return None
        found: dict[str, list[Json]] = {}
        patterns: dict[str, Json] = {}
        for branch in able:
            self._spend(len(branch.properties) + len(branch.required) + 1)
            for name, schema in branch.properties.items():
                found.setdefault(name, []).append(schema)
            self._spend(len(branch.patterns) + len(branch.partial))
            patterns |= branch.patterns
        open_ = [branch for branch in able if branch.additional is not False]
        said_in_open = Counter(name for branch in open_ for name in branch.properties)
        partial = {name for name in found if said_in_open[name] < len(open_)}
        return ObjectParts(
            {name: self._or(schemas) for name, schemas in found.items()},
            {n: None for n in able[0].required if all(n in b.required for b in able)},
            patterns,
            None if open_ else False,
            partial.union(*(branch.partial for branch in able)),
        )

    def _size(self, schema: Json) -> int:
        if id(schema) not in self.sizes:
            self.sizes[id(schema)] = schema, len(_encode(schema))
        return self.sizes[id(schema)][1]

    def _made(self, schema: Json, *parts: Json) -> Json:
        """A schema out of others: what it will be on the wire is counted before it is written."""
        size = sum(map(self._size, parts))
        self._spend(size)
        self.sizes[id(schema)] = schema, size
        return schema

    def _and(self, schemas: list[Json]) -> Json:
        """A schema for what fits all of them."""
        whole, mine = schemas[0], False  # mine: nothing else holds it
        more: dict[int, Json] = {}  # what cannot be said in one with it
        for other in schemas[1:]:
            if other is whole or is_any(other):
                continue
            if is_any(whole):
                whole = other
            elif not more and self._agree(whole, other):
                if not mine:
                    self._spend(self._size(whole))
                    whole, mine = dict(whole), True
                self._spend(self._size(other))
                whole |= other
            else:
                more[id(other)] = other
        return (
            self._made({"allOf": [whole, *more.values()]}, whole, *more.values()) if more else whole
        )

    def _agree(self, one: Json, other: Json) -> bool:
        """Whether both can be said in one, word beside word."""
        if type(one) is not dict or type(other) is not dict:
            return False
        if not MERGED.isdisjoint(one) or not MERGED.isdisjoint(other):
            return False
        return all(one[word] == value for word, value in other.items() if word in one)

    def _or(self, schemas: list[Json]) -> Json:
        """A schema for what fits one of them at least."""
        different: dict[bytes, Json] = {}
        for schema in schemas:
            if schema is not False:
                self._spend(self._size(schema))
                different[_encode(schema)] = schema
        if not different:
            return False
        if len(different) == 1:
            return next(iter(different.values()))
        return self._made({"anyOf": [*different.values()]}, *different.values())
