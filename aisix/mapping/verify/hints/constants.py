"""A constant that looks like a lookup, or like a rule, where nothing is looked up.

Must never know: what a table says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from aisix.errors import Complaint
from aisix.mapping.grammar import kinds
from aisix.mapping.grammar.kinds import ValueKind
from aisix.mapping.grammar.roots import ROOTS
from aisix.mapping.grammar.rule import SOURCES
from aisix.mapping.grammar.tables import UNITS, Unit, steps
from aisix.mapping.parse.files import TRAITS
from aisix.mapping.parse.toml_tree import Keys, Tree
from aisix.mapping.parse.verb_options import option_kind
from aisix.mapping.syntax.paths import Json, get

LOOKUP = re.compile(r"\$[A-Za-z_][\w-]*(?:\.[\w-]+|\[\d*\])*")
NULL = "$null"  # some constants have it
FILES = ("request", "answer", "errors", "values")  # whose constants are sent, or compared
CONSTANTS = {kinds.VALUE, kinds.LIST, kinds.OBJECT, kinds.ITEM_FIELDS, kinds.ITEM_LIKE}
# A text by itself is looked up there, or is one's name; none in a list, or further below.
BY_ITSELF = {kinds.LOOKUP: 0, kinds.CONDITION: 1, kinds.VALUES_BY_PATH: 1}


class _Place(NamedTuple):
    """The key a place is of, and how many words stand behind that."""

    name: str
    kinds: tuple[ValueKind, ...]
    unit: Unit | None
    below: int


def odd_constants(path: str, tree: Tree) -> Iterator[Complaint]:
    """Of one file."""
    if f"/{TRAITS}/" in path:
        named: list[tuple[str, Keys]] = [(file, (file,)) for file in FILES]
    else:
        stem = path.rpartition("/")[2].removesuffix(".toml")
        named = [(stem, ())] if stem in FILES else []
    for file, above in named:
        data = get(tree.data, above)
        for keys, value, listed in _all(data if isinstance(data, dict) else {}, (), False):
            text = _odd(file, keys, value, listed, data)
            if text:
                here = (*above, *keys)
                yield Complaint(tree.where(here), ".".join(here), text)


def _all(node: Json, at: Keys, listed: bool) -> Iterator[tuple[Keys, Json, bool]]:
    """(place, what stands there, whether in a list) of all that a table holds."""
    if isinstance(node, dict):
        for key, below in node.items():
            yield (*at, key), below, listed
            yield from _all(below, (*at, key), listed)
    elif isinstance(node, list):
        for item in node:
            if not isinstance(item, dict):
                yield at, item, True
            yield from _all(item, at, True)


def _odd(file: str, keys: Keys, value: Json, listed: bool, data: Json) -> str:
    asks = isinstance(value, str) and value != NULL and LOOKUP.fullmatch(value) is not None
    ruled = isinstance(value, dict) and not listed and _is_rule(value)
    if not asks and not ruled:
        return ""
    place = _place(file, keys, data)
    if place is None:
        return ""
    if ruled:
        written = place.kinds == (kinds.VALUES_BY_PATH,) and place.below == 1
        text = "the object itself would be written, which no rule can make here: write a $lookup,"
        return f'{text} such as "$let.NAME"' if written else ""
    if not _is_constant(place, listed):
        return ""
    if place.name == "value" and not listed and not place.below:
        known = value[1:].partition(".")[0] in ROOTS
        write = value if known else value[1:]
        return f'a constant is not looked up: write from = "{write}", if that is meant'
    return f'"{value}" is taken as it stands: nothing is looked up in a constant'


def _is_rule(table: dict[str, Json]) -> bool:
    """Whether it says nothing but what a rule may say, and where to look."""
    known = UNITS["rule"].by_name
    sourced = any(key in SOURCES and key != "value" for key in table)
    return sourced and all(key in known and not known[key].wrong(table[key]) for key in table)


def _is_constant(place: _Place, listed: bool) -> bool:
    """Whether a text there is one, however it looks."""
    if place.unit is UNITS["rule"]:  # itself: a text is looked up
        return listed
    for kind, below in BY_ITSELF.items():
        if kind in place.kinds:
            return listed or place.below > below
    return CONSTANTS.issuperset(place.kinds)


def _place(file: str, keys: Keys, data: Json) -> _Place | None:
    """None: nothing is declared there."""
    found: _Place | None = None
    for number, spot in enumerate(steps(file, keys, data)):
        if spot.key is None:
            return _option(keys, number, found)
        found = _Place(spot.key.name, spot.key.kinds, spot.unit, len(keys) - number - 1)
    return found


def _option(keys: Keys, number: int, around: _Place | None) -> _Place | None:
    """The place of an option beside a verb; else it is below the last key there is."""
    unit = around.unit if around else None
    if unit is None or not unit.verbs:
        return around
    kind = option_kind(unit.verbs, keys[number])
    return _Place(keys[number], (kind,), None, len(keys) - number - 1) if kind else None
