"""The half of a schema that says what is wrong: one complaint for one slip, at its key.

A table that a site lays over a shipped one holds only what differs. So nothing is asked for that
is not there, and a table without a source may be a part of a rule or an object of rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from aisix.mapping.editor.json_types import ANYTHING, TABLE, Schema, of_kinds, typed, types_of
from aisix.mapping.editor.options import VERB, options
from aisix.mapping.grammar.kinds import ValueKind
from aisix.mapping.grammar.tables import UNITS, Key, Unit
from aisix.mapping.parse.overlays import BEFORE, DROP

# Behind a unit's name: a table of which it is known that it is no object of rules.
CLOSED = "-whole"
_IDLE = {"enum": [False, "", [], {}]}  # what does nothing, whatever stands beside it


def refuse(why: str) -> Schema:
    """What no value is: the editor shows `why` at the key."""
    return {"enum": [f"({why})"]}


def refer(unit: str) -> Schema:
    return {"$ref": f"#/definitions/{unit}"}


def definitions(names: Iterable[str]) -> dict[str, Schema]:
    """Of each of these units, and of those they hold: what a table of it may be.

    Of anything but a table a definition says nothing; what may stand in the table's place says the
    key it stands at.
    """
    found: dict[str, Schema] = {}
    ahead = [*names]
    while ahead:
        name = ahead.pop()
        unit = UNITS[name]
        if name in found:
            continue
        found[name] = _marked(unit) if unit.marks else _table(unit)
        if unit.marks:
            found[name + CLOSED] = _table(unit)
        held = (*unit.keys, *([unit.free] if unit.free else ()))
        ahead += [below for key in held for below in (key.below, key.below_each) if below]
    return dict(sorted(found.items()))


# ---------------------------------------------------------------- tables
def _marked(unit: Unit) -> Schema:
    """With a source it is a rule. Without, its keys may as well be names of an object."""
    loose = {
        key.name: ANYTHING
        for key in unit.keys
        if TABLE in types_of(key.kinds) and key.name not in unit.marks
    }
    free = value(unit.free) if unit.free else ANYTHING
    return {
        "if": {"anyOf": [{"required": [mark]} for mark in unit.marks]},
        "then": {"allOf": [refer(unit.name + CLOSED), *_needing(unit)]},
        "else": {"properties": loose, "additionalProperties": free},
    }


def _table(unit: Unit) -> Schema:
    """A table with the keys of a unit."""
    keys = {
        **_laid(unit),
        **{key.name: value(key) for key in unit.keys},
        **{name: refuse(f"means nothing here: {why}") for name, why in unit.elsewhere},
    }
    if DROP in unit.by_name:
        keys[DROP] = ANYTHING  # the unit's own, or the word of whoever lays something over it
    if unit.verbs:
        return {"allOf": [{"properties": keys}, *_options(unit), *_vain(unit)]}
    rest = value(unit.own) if unit.own else refuse(f"no such key; one of: {_listed(unit.names)}")
    table: Schema = {"properties": keys, "additionalProperties": rest}
    vain = [*_vain(unit)]
    return {"allOf": [table, *vain]} if vain else table


def _laid(unit: Unit) -> Schema:
    """Words of whoever lays tables over others: take this one away, put it before another."""
    if unit.own:  # there, they may be names of the writer's own as well
        return {DROP: ANYTHING, BEFORE: ANYTHING}
    return {DROP: {"type": "boolean"}, BEFORE: {"type": "string"}}


def _vain(unit: Unit) -> Iterator[Schema]:
    """Keys that do nothing beside a stronger one."""
    losers: dict[str, list[str]] = {}
    for key in unit.keys:
        for winner in key.loses_to:
            losers.setdefault(winner, []).append(key.name)
    for winner, names in losers.items():
        lost = {"if": {"not": _IDLE}, "then": refuse(f"never acts: `{winner}` beside it wins")}
        yield {
            "if": {"required": [winner], "properties": {winner: {"not": _IDLE}}},
            "then": {"properties": dict.fromkeys(names, lost)},
        }


def _needing(unit: Unit) -> Iterator[Schema]:
    """Keys that mean nothing with the source that is there."""
    for key in unit.keys:
        if key.needs and set(key.needs) <= set(unit.marks):
            words = " or ".join(f"`{name}`" for name in key.needs)
            yield {
                "if": {"not": {"anyOf": [{"required": [name]} for name in key.needs]}},
                "then": {"properties": {key.name: refuse(f"means nothing without {words}")}},
            }


def _options(unit: Unit) -> Iterator[Schema]:
    """The options of a verb beside the keys of its table."""
    verbs = options(unit.verbs)
    beside = dict.fromkeys((*unit.names, DROP, BEFORE, *dict(unit.elsewhere)), ANYTHING)
    every = {name: ANYTHING for known in verbs.values() for name in known}
    yield {
        "if": {"required": [VERB]},
        "then": {"properties": {VERB: {"enum": [*verbs]}}},
        "else": {
            "properties": every | beside,
            "additionalProperties": refuse("no verb has such an option"),
        },
    }
    for verb, known in verbs.items():
        has = f"one of: {_listed(known)}" if known else "it has none"
        yield {
            "if": {"required": [VERB], "properties": {VERB: {"const": verb}}},
            "then": {
                "properties": {name: value(key) for name, key in known.items()} | beside,
                "additionalProperties": refuse(f"no option of {verb}; {has}"),
            },
        }


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


# ---------------------------------------------------------------- values
def value(key: Key) -> Schema:
    """What a key may hold."""
    if key.below:
        return _table_or(UNITS[key.below], key.kinds)
    schema = of_kinds(key.kinds, key.words)
    if key.below_each:
        schema["additionalProperties"] = _table_or(UNITS[key.below_each])
    return schema


def _table_or(unit: Unit, kinds: tuple[ValueKind, ...] = ()) -> Schema:
    """A table of a unit, or what may stand in its place: its short form, else what `kinds` are."""
    if unit.short:
        plain = of_kinds(unit.short.kinds, unit.short.words)
        if "type" in plain:
            plain |= typed(list(dict.fromkeys([*types_of(unit.short.kinds), TABLE])))
        plain.pop("additionalProperties", None)
    else:
        plain = typed(types_of(kinds)) if kinds else {"type": TABLE}
    return {"allOf": [plain, refer(unit.name)]} if plain else refer(unit.name)
