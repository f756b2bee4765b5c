"""What a mapping's tables come to: the forms of its units for some traits, and which count.

    program.form(unit, traits)          # of one unit, whether anything reaches it or not
    program.reached(traits)             # of all that something reaches: equal where all is the same
    other = program.changed({("", unit): data})
    differ(program, other, traits)      # whether anything that is reached differs

Units are merged and parsed one by one, and each but once; another program shares what it does not
change. What an option or a model decides stays in the forms (`domain.py`), so a configuration is
its traits, in their order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from aisix.mapping.effective import Mapping
from aisix.mapping.grammar.tables import UNITS
from aisix.mapping.parse import overlays
from aisix.mapping.parse.toml_tree import Tree
from aisix.mapping.syntax.paths import Json, get
from aisix.mapping.verify.liveness.canonical import Canonical, Form, Ref
from aisix.mapping.verify.liveness.domain import Domain
from aisix.mapping.verify.liveness.units import (
    FILES,
    Data,
    Unit,
    UnitReader,
    is_rows,
    nested,
    units_of,
)

Traits = tuple[str, ...]
Layer = str  # the name of a trait; "": the base
# Sections that count only where something names what stands there.
NAMED = {
    "request": ("let", "shape", "convert", "remember"),
    "answer": ("shape", "convert", "chunk", "list", "rest", "block_kind"),
}
ENVELOPES = ("chunk", "usage", "whole")  # those that are asked for
SECTION_OF = {"let": "request", "chunk": "answer", "list": "answer", "rest": "answer"} | {
    "block_kind": "answer",
    "event": "answer",
}
# Sections of which every row reads what it asks for, whether anything names it or not.
READING = tuple(("request", section) for section in ("field", "let", "check", "header", "local"))
ORDERED = tuple((file, key.name) for file in FILES for key in UNITS[file].keys if key.ordered)


class UnitForm(NamedTuple):
    """One unit parsed; `form` None: it is not there, or for what cannot be."""

    form: Form
    refs: frozenset[Ref]
    reads: frozenset[str]  # fields of the caller's
    wrong: frozenset[tuple[str, str]]  # complaints: (path, text)
    speaks: bool  # it acts though nobody asks for its value


NOTHING = UnitForm(None, frozenset(), frozenset(), frozenset(), False)


class Reached(NamedTuple):
    """All that counts with some traits."""

    forms: dict[Unit, Form]
    asked: frozenset[Ref]  # facts, options and faults that are named
    remembered: frozenset[str]
    known: dict[str, int]  # fields of the caller's that something reads, and how many units do
    order: tuple[tuple[str, ...], ...]

    def same(self, other: Reached) -> bool:
        """Whether the tables do the same."""
        alike = self.known.keys() == other.known.keys() and self.order == other.order
        return alike and self.forms == other.forms and self[1:3] == other[1:3]


@dataclass(slots=True)
class Program:
    mapping: Mapping
    domain: Domain
    reader: UnitReader
    layers: dict[Layer, dict[Unit, Json]]
    trees: dict[Layer, Tree]  # what those were written in
    below: Program | None = None  # the program this one is a change of
    changes: frozenset[Unit] = frozenset()
    pieces: bool = False  # events are taken apart: then those count that are named by a piece
    _made: dict[tuple[Unit, Traits], UnitForm] = field(default_factory=dict)
    _reached: dict[Traits, Reached] = field(default_factory=dict)

    @classmethod
    def of(cls, mapping: Mapping, above: dict[Layer, Tree] | None = None) -> Program:
        """`above`: further trees that may be laid over, as traits are."""
        trees = {"": mapping.tree, **mapping.traits, **(above or {})}
        facts = {
            "option": dict.fromkeys(mapping.known_options),
            "fault": mapping.caller.data.get("fault", {}),
        }
        layers = {name: dict(units_of(tree.data)) for name, tree in trees.items()}
        reader = UnitReader(_names(trees.values()), facts)
        pieces = any(unit[:2] == ("answer", "piece") for unit in layers[""])
        return cls(mapping, Domain.of(mapping), reader, layers, trees, pieces=pieces)

    def changed(self, changes: dict[tuple[Layer, Unit], Json]) -> Program:
        """The same with other data in these units (None: without them)."""
        layers = dict(self.layers)
        for (layer, unit), data in changes.items():
            if layers[layer] is self.layers[layer]:
                layers[layer] = dict(layers[layer])
            if data is None:
                layers[layer].pop(unit, None)
            else:
                layers[layer][unit] = data
        units = frozenset(unit for _, unit in changes)
        return replace(self, layers=layers, below=self, changes=units, _made={}, _reached={})

    # ------------------------------------------------------------------ one unit
    def touching(self, unit: Unit, traits: Traits) -> Traits:
        """Those of the traits that write it."""
        return tuple(name for name in traits if unit in self.layers[name])

    def data(self, unit: Unit, traits: Traits) -> Json:
        """What the tables say there, traits laid over; None when nothing does."""
        base = self.layers[""].get(unit)
        touching = self.touching(unit, traits)
        tree = Tree({} if base is None else nested(unit, base))
        for name in touching:
            tree = overlays.lay_over(tree, Tree(nested(unit, self.layers[name][unit])))
        return get(overlays.settle(tree.data), unit)

    def form(self, unit: Unit, traits: Traits) -> UnitForm:
        if self.below is not None and unit not in self.changes:
            return self.below.form(unit, traits)
        key = unit, self.touching(unit, traits)
        if key not in self._made:
            self._made[key] = self.read(unit, self.data(unit, traits))
        return self._made[key]

    def read(self, unit: Unit, data: Json) -> UnitForm:
        """The form of some data as this unit."""
        if data is None:
            return NOTHING
        syntax, reads, complaints = self.reader.read(unit, data)
        canonical = Canonical(self.domain.fold)
        form = canonical.unit(syntax)
        wrong = frozenset((one.path, one.text) for one in complaints)
        return UnitForm(form, frozenset(canonical.refs), reads, wrong, canonical.speaks)

    def reader_of(self, field: str, traits: Traits) -> str:
        """A rule of the request that reads a field of the caller's, whatever an option says:
        "field.limit"; "" when none does."""
        if field in self.mapping.caller.reads:
            return "[request] of caller.toml"
        names = dict.fromkeys(unit for layer in ("", *traits) for unit in self.layers[layer])
        for unit in sorted((unit for unit in names if unit[:2] in READING), key=_by_section):
            made = self.form(unit, traits)
            if field in made.reads and made.form is not None and not _asks_an_option(made):
                return ".".join(unit[1:])
        return ""

    # ------------------------------------------------------------------ all that is reached
    def reached(self, traits: Traits) -> Reached:
        if traits not in self._reached:
            self._reached[traits] = self._reach(traits)
        return self._reached[traits]

    def _reach(self, traits: Traits) -> Reached:
        names = dict.fromkeys(unit for layer in ("", *traits) for unit in self.layers[layer])
        lets = [unit for unit in names if unit[:2] == ("request", "let")]
        waiting = [unit for unit in names if _is_root(unit, self.pieces)]
        seen: set[Unit] = set()
        waiting += [unit for unit in lets if self.form(unit, traits).speaks]
        words = self._remember(traits)
        forms: dict[Unit, Form] = {}
        asked: set[Ref] = set()
        remembered: set[str] = set()
        known = dict.fromkeys(self.mapping.caller.reads, 2)
        while waiting:
            unit = waiting.pop()
            if unit in seen or unit not in names:
                continue
            seen.add(unit)
            made = self.form(unit, traits)
            _count(made.reads, known)
            if made.form is None:
                continue
            forms[unit] = made.form
            for kind, name in made.refs:
                if kind == "let" and unit[:2] == (
                    "request",
                    "local",
                ):  # asked when all else is over
                    remembered |= {word for word in words if name == _last(word)}
                if kind in ("fact", "option", "fault"):
                    asked.add((kind, name))
                elif kind == "values":
                    waiting.append(("values", name))
                elif kind == "remembered":
                    remembered |= {word for word in words if name in ("", _last(word))}
                    waiting += [("request", "let", word) for word in words if name in ("", word)]
                elif kind == "let" and not name:
                    waiting += lets
                else:
                    waiting.append((SECTION_OF.get(kind, unit[0]), kind, name))
        for unit in lets:  # what is parsed reads a field, whether it ever runs or not
            if unit not in seen:
                _count(self.form(unit, traits).reads, known)
        asked |= {
            ("fact", default.removeprefix("$model."))
            for kind, name in list(asked)
            if kind == "option"
            for default in [(self.domain.options.get(name) or {}).get("default")]
            if isinstance(default, str) and default.startswith("$model.")
        }
        order = tuple(self._order(section, names, traits, forms) for section in ORDERED)
        return Reached(forms, frozenset(asked), frozenset(remembered), known, order)

    def _remember(self, traits: Traits) -> list[str]:
        data = self.data(("request", "remember"), traits)
        given = data if isinstance(data, list) else [data]
        return [word for word in given if isinstance(word, str)]

    def _order(
        self, section: Unit, names: dict[Unit, None], traits: Traits, forms: dict[Unit, Form]
    ) -> tuple[str, ...]:
        """The rows of a section that count, in the order they are tried."""
        rows = [unit for unit in names if unit[:2] == section and unit in forms]
        where = {}
        for unit in rows:
            for layer in ("", *self.touching(unit, traits)):
                row = self.layers[layer].get(unit)
                if isinstance(row, dict) and overlays.BEFORE in row:
                    where[unit[-1]] = row[overlays.BEFORE]
        if not where:
            return tuple(unit[-1] for unit in rows)
        # A row may stand before one that does not count.
        every = [unit[-1] for unit in names if unit[:2] == section]
        skeleton = {name: {overlays.BEFORE: where[name]} if name in where else {} for name in every}
        settled = get(overlays.settle(nested(section, skeleton)), section)
        kept = {unit[-1] for unit in rows}
        return tuple(name for name in settled if name in kept)


def may_differ(one: Program, other: Program, traits: Traits) -> bool:
    """Whether the units that `other`, a change of `one`, changes are not the same."""
    for unit in other.changes:
        before, after = one.form(unit, traits), other.form(unit, traits)
        same = before.form == after.form and before.reads == after.reads
        if not same or after.wrong - before.wrong or _placed(one, other, unit):
            return True
    return False


def differ(one: Program, other: Program, traits: Traits) -> bool:
    """Whether what is reached differs; `other` is a change of `one`."""
    units = other.changes
    before = {unit: one.form(unit, traits) for unit in units}
    after = {unit: other.form(unit, traits) for unit in units}
    if any(after[unit].wrong - before[unit].wrong for unit in units):
        return True
    changed = [unit for unit in units if before[unit].form != after[unit].form]
    if any(_is_root(unit, one.pieces) for unit in changed):
        return True
    reached = one.reached(traits)
    if any(unit in reached.forms for unit in changed):
        return True
    if (
        changed
        or any(_reads_otherwise(before[unit].reads, after[unit].reads, reached) for unit in units)
        or any(_placed(one, other, unit) for unit in units)
    ):
        return not reached.same(other.reached(traits))
    return False


def _placed(one: Program, other: Program, unit: Unit) -> bool:
    """Whether it may stand elsewhere among its like, or is remembered."""
    if unit == ("request", "remember"):
        return True
    if unit[:2] not in ORDERED:
        return False
    return any(
        _before(one.layers[layer].get(unit)) != _before(other.layers[layer].get(unit))
        for layer in one.layers
    )


def _before(row: Json) -> Json:
    return row.get(overlays.BEFORE) if isinstance(row, dict) else None


def _reads_otherwise(before: frozenset[str], after: frozenset[str], reached: Reached) -> bool:
    """Whether a field may be read that was not, or is not any more."""
    gained = any(name not in reached.known for name in after - before)
    return gained or any(reached.known.get(name) == 1 for name in before - after)


def _by_section(unit: Unit) -> int:
    return READING.index(unit[:2])


def _asks_an_option(made: UnitForm) -> bool:
    return any(kind == "option" for kind, _ in made.refs)


def _count(names: Iterable[str], known: dict[str, int]) -> None:
    for name in names:
        known[name] = known.get(name, 0) + 1


def _is_root(unit: Unit, pieces: bool) -> bool:
    if unit[0] == "values" or unit[1] in NAMED.get(unit[0], ()):
        return False
    if unit[:2] == ("answer", "event"):
        return not pieces
    return unit[:2] != ("answer", "envelope") or unit[-1] in ENVELOPES


def _last(word: str) -> str:
    return word.removeprefix("state.")


def _names(trees: Iterable[Tree]) -> Data:
    """Every name that a unit may ask for, those of traits too; what stands there does not count."""
    names: Data = {}
    for tree in trees:
        for file, data in tree.data.items():
            if not isinstance(data, dict):
                continue
            known = names.setdefault(file, {})
            for section, rows in data.items():
                if isinstance(rows, dict) and is_rows(file, section):
                    known[section] = {**(known.get(section) or {}), **rows}
                else:
                    known.setdefault(section, rows)
    return names
