"""The names of tables that are there already, for the schema of what is laid over them."""

from __future__ import annotations

from dataclasses import dataclass

from aisix.mapping.editor import judging
from aisix.mapping.editor.json_types import Schema
from aisix.mapping.grammar.declared import TRAIT
from aisix.mapping.grammar.tables import FILES, UNITS, Key, Unit
from aisix.mapping.parse.structure import in_toml
from aisix.mapping.parse.toml_tree import Keys, Tree
from aisix.mapping.syntax.paths import Json

LONGEST = 120  # characters shown of what stands there


@dataclass(frozen=True, slots=True)
class KnownNames:
    """What a schema gets on top: of the half that judges, and of the one that is shown."""

    judged: Schema
    shown: Schema


def names(kind: str, tree: Tree) -> KnownNames:
    """Of one kind of file, what a mapping's tables have there now; of traits, all they may have."""
    if kind == TRAIT:
        below = [key.name for key in UNITS[FILES[TRAIT].unit].keys]
        held = {name: names(name, tree) for name in below}
        return KnownNames(
            {"properties": {name: one.judged for name, one in held.items() if one.judged}},
            {"properties": {name: one.shown for name, one in held.items()}},
        )
    data = tree.data.get(kind) or {}
    unit = UNITS[FILES[kind].unit]
    return KnownNames(_judged(data, unit), _shown(data, (kind,), tree))


def _judged(data: Json, unit: Unit) -> Schema:
    """Which tables are rules: where a source is now, a table without one is part of a rule."""
    if not isinstance(data, dict):
        return {}
    properties = {}
    for name, value in data.items():
        key = unit.find(name, data)
        below = _below(value, key) if key is not None else {}
        if below:
            properties[name] = below
    own: Schema = {"properties": properties} if properties else {}
    if unit.marks and any(mark in data for mark in unit.marks):
        rule = judging.refer(unit.name + judging.CLOSED)
        return {"allOf": [rule, own]} if own else rule
    return own


def _below(value: Json, key: Key) -> Schema:
    if key.below:
        return _judged(value, UNITS[key.below])
    if not key.below_each or not isinstance(value, dict):
        return {}
    each = {name: _judged(one, UNITS[key.below_each]) for name, one in value.items()}
    found = {name: one for name, one in each.items() if one}
    return {"properties": found} if found else {}


def _shown(value: Json, at: Keys, tree: Tree) -> Schema:
    """Each name that is there, with what it holds and where that was written."""
    if not isinstance(value, dict):
        return {"description": _said(value, at, tree)}
    below = {name: _shown(one, (*at, name), tree) for name, one in value.items()}
    return {"properties": below}


def _said(value: Json, at: Keys, tree: Tree) -> str:
    text = in_toml(value)
    cut = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    return f"Now: `{cut}`, {tree.where(at)}."
