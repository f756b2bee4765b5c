"""Trees put together: the parts of one file, and overlays laid over bases.

Must never know: what a table says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from aisix.errors import Complaint
from aisix.mapping.grammar.rule import SOURCES
from aisix.mapping.grammar.tables import UNITS
from aisix.mapping.parse.meant import meant
from aisix.mapping.parse.toml_tree import Keys, Tree
from aisix.mapping.syntax.paths import Json, get


def join(base: Tree, part: Tree) -> list[Complaint]:
    """Add to `base` what another part of the same file says, behind what is there.

    A key that both give is a complaint, as it is within a file; the first stays. An empty table
    keeps a place in the order for what a later part says.
    """
    twice: list[Complaint] = []

    def add(into: dict[str, Any], given: dict[str, Any], at: Keys) -> None:
        for key, value in given.items():
            here = (*at, key)
            there = into.get(key)
            if key not in into:
                into[key] = value
            elif there == {} and isinstance(value, dict):
                into[key] = value
                base.lines.pop(here, None)
            elif isinstance(there, dict) and isinstance(value, dict):
                add(there, value, here)
            else:
                told = f"is there twice (first at {base.where(here)})"
                twice.append(Complaint(part.where(here), ".".join(here), told))

    add(base.data, part.data, ())
    for keys, line in part.lines.items():
        base.lines.setdefault(keys, line)
    base.index()
    base.ranks.update(part.ranks)
    base.removed |= part.removed
    base.missed |= part.missed
    base.brought_back |= part.brought_back
    return twice


# ---------------------------------------------------------------- overlays
def lay_over(base: Tree, overlay: Tree, at: Keys = ()) -> Tree:
    """A new tree: `overlay` over `base` by key; a rule's source replaces the base's."""
    out = base.copied()
    _merge(out.data, overlay.data, at)
    for section in REST if not at else ():
        _keep_conditions(base.data, overlay.data, out.data, section)
    for section in ACCEPT if not at else ():
        _keep_word(base.data, overlay.data, out.data, section)
    out.removed |= {at + keys: line for keys, line in overlay.removed.items()}
    missed = {at + keys: line for keys, line in overlay.missed.items()}
    out.missed = base.missed | {k: line for k, line in missed.items() if get(base.data, k) is None}
    out.brought_back |= {at + keys: line for keys, line in overlay.brought_back.items()}
    out.laid({at + keys: line for keys, line in overlay.lines.items() if keys})
    above = max(base.ranks.values(), default=-1) + 1
    out.ranks = base.ranks | {file: above + rank for file, rank in overlay.ranks.items()}
    return out


def _merge(base: dict[str, Any], above: dict[str, Any], at: Keys) -> None:
    for key in at:
        base[key] = dict(base.get(key) or {})
        base = base[key]
    named = [key for key in SOURCES if key in above]
    if named:
        scalar = any(not isinstance(above[key], dict) for key in named)
        for key in SOURCES:
            if key in base and key not in above and (scalar or not isinstance(base[key], dict)):
                del base[key]
    if _is_row(above) and _is_row(base):  # a row of a value table is one thing
        base.clear()
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            base[key] = dict(base[key])
            _merge(base[key], value, ())
        else:
            base[key] = value


# Where fields and their policies stand: in request.toml by itself, and in a trait.
REST: tuple[Keys, ...] = (("rest",), ("request", "rest"))
ACCEPT: tuple[Keys, ...] = (("accept",), ("request", "accept"))


def _keep_conditions(base: Json, above: Json, out: Json, section: Keys) -> None:
    """A policy that is one word says what, not when: the row below keeps its conditions."""
    for key in section:
        base, above, out = (
            (n.get(key) if isinstance(n, dict) else None) for n in (base, above, out)
        )
    for name, word in above.items() if isinstance(above, dict) else ():
        row = base.get(name) if isinstance(base, dict) else None
        if isinstance(word, str) and isinstance(row, dict):
            asked = {key: row[key] for key in ("when", "unless") if key in row}
            if asked:
                out[name] = {"policy": word, **asked}


def _keep_word(base: Json, above: Json, out: Json, section: Keys) -> None:
    """A table over one word says more about it: the word stays, under the key it is short for."""
    short = UNITS[section[-1]].short
    base, above, out = (get(node, section) for node in (base, above, out))
    for name, row in above.items() if isinstance(above, dict) and isinstance(base, dict) else ():
        word = base.get(name)
        if short and isinstance(row, dict) and row and isinstance(word, str):
            out[name] = {short.name: word, **out[name]}


ROW = frozenset(("to", "omit", "same", "reject"))


def _is_row(table: dict[str, Any]) -> bool:
    """Whether it is the long form of a value table's row: what a word becomes, in a table."""
    return bool(ROW & table.keys()) and table.keys() <= ROW | {"told"}


# Tables whose rows are tried or run in the order they stand in.
ORDERED = frozenset(key.name for unit in UNITS.values() for key in unit.keys if key.ordered)
BEFORE = "before"
DROP = "drop"


def settle(
    node: Json,
    at: Keys = (),
    strays: list[Keys] | None = None,
    placed: set[Keys] | None = None,
    settled: Collection[int] = (),
) -> Json:
    """Without the tables that say `drop = true`, and with those that say `before` moved there.

    A table with nothing to settle is given back itself. `strays` gets the place of every `before`
    that names no sibling, or stands where rows have no order; `placed` the other rows. `settled`:
    ids of tables that are known to be so (`without_orders`).
    """
    if not isinstance(node, dict) or id(node) in settled:
        return node
    out: dict[str, Json] = {}
    moved: list[tuple[str, str]] = []
    for key, value in node.items():
        if isinstance(value, dict):
            if value.get(DROP) is True:
                continue
            if at and at[-1] in ORDERED and isinstance(value.get(BEFORE), str):
                moved.append((key, value[BEFORE]))
                value = {k: v for k, v in value.items() if k != BEFORE}
            elif strays is not None and len(at) > 1 and _names_sibling(value, key, node):
                strays.append((*at, key, BEFORE))
                value = {k: v for k, v in value.items() if k != BEFORE}
            out[key] = settle(value, (*at, key), strays, placed, settled)
        elif key != DROP or not isinstance(value, bool):
            out[key] = value
    for key, sibling in moved:
        if sibling not in out or sibling == key:
            if strays is not None:
                strays.append((*at, key, BEFORE))
            continue
        if placed is not None:
            placed.add((*at, key))
        value = out.pop(key)
        rows = list(out.items())
        place = list(out).index(sibling)
        out = dict([*rows[:place], (key, value), *rows[place:]])
    if not moved and len(out) == len(node) and all(out[key] is node[key] for key in out):
        return node
    return out


def without_orders(trees: Iterable[Json]) -> set[int]:
    """Ids of the tables in which, however deep, nothing says `drop` or `before`."""

    def walk(node: dict[str, Json]) -> bool:
        said = BEFORE in node or DROP in node
        below = [walk(value) for value in node.values() if isinstance(value, dict)]
        free = not said and all(below)
        if free:
            found.add(id(node))
        return free

    found: set[int] = set()
    for tree in trees:
        walk(tree)
    return found


def _names_sibling(table: dict[str, Json], key: str, rows: dict[str, Json]) -> bool:
    """Whether a table without an order says that it stands before one beside it."""
    said = table.get(BEFORE)
    return isinstance(said, str) and said != key and said in rows


# ---------------------------------------------------------------- taken away, brought back
def mark_removed(tree: Tree) -> None:
    """Note in a tree that was just read which tables it takes away, and which it brings back."""

    def walk(node: dict[str, Any], at: Keys) -> None:
        said = node.get(DROP)
        if isinstance(said, bool):
            noted = tree.removed if said else tree.brought_back
            noted[at] = tree.where((*at, DROP))
            if said:
                tree.missed[at] = noted[at]
        for key, below in node.items():
            if isinstance(below, dict):
                walk(below, (*at, key))

    walk(tree.data, ())


def dropped_in_vain(tree: Tree, traits: dict[str, Tree]) -> list[Complaint]:
    """Who takes away or brings back what an option decides about, or what nothing takes away."""
    taken = {keys for one in (tree, *traits.values()) for keys in one.removed}
    told = []
    for one in (tree, *traits.values()):
        for keys, line in (*one.removed.items(), *one.brought_back.items()):
            asked = _option_asked(tree.data, keys)
            if asked:
                text = f"its condition asks for {asked}, which says whether it is there: take this"
                text += " line out, and see [option.*] in mapping.toml"
            elif keys not in taken:
                text = "nothing takes this away"
            else:
                continue
            told.append(Complaint(line, ".".join((*keys[1:], DROP)), text, idle=True))
    for one in (tree, *traits.values()):
        others = [other.data for other in (tree, *traits.values()) if other is not one]
        for keys, line in one.missed.items():
            if all(get(data, keys) is None for data in others):
                rows = get(tree.data, keys[:-1])
                known = [name for name in rows or () if name != keys[-1]]
                text = f'there is nothing "{keys[-1]}" to take away ({meant(keys[-1], known)})'
                told.append(Complaint(line, ".".join((*keys[1:], DROP)), text, idle=True))
    return told


def _option_asked(node: Json, keys: Keys) -> str:
    """The option that a rule's own condition asks for."""
    found = get(node, keys)
    rule = found if isinstance(found, dict) else {}
    for table in (rule, rule.get("guard")):
        for word in ("when", "unless"):
            tests = table.get(word) if isinstance(table, dict) else None
            for path in tests if isinstance(tests, dict) else ():
                if path.startswith("$option."):
                    return str(path)
    return ""
