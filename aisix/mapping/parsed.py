"""What was parsed of one mapping's tables, so that a further kind of model costs what it changes.

    laid = parsed.laid(base, traits, names, overlays)    # laid over each other, and settled
    part = parsed.part("answer", laid, facts)            # parsed, or the very one parsed before

A part is parsed of certain sections alone, and of the values of the options and facts that its
rules have asked for. Where the sections are the very same tables and the values are the same, so is
the part. What there is to complain about is parsed, and told, each time.

Must never know: a field or event by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from aisix.errors import Complaint
from aisix.mapping.dialect.upstream_errors import ErrorTables
from aisix.mapping.parse import overlays, schema, structure
from aisix.mapping.parse.answer import AnswerParser
from aisix.mapping.parse.inline import Inline
from aisix.mapping.parse.registers import Registers
from aisix.mapping.parse.request import RequestParser
from aisix.mapping.parse.toml_tree import Keys, Tree
from aisix.mapping.parse.units import Sounds
from aisix.mapping.syntax.paths import Json

MOST_LAID = 256  # sets of traits whose tables are kept
MOST_PARTS = 256  # of each kind
REQUEST, ANSWER, ERRORS = "request", "answer", "errors"
BESIDE = ("values", "mapping", "models")  # what an answer's rules may look into
OF_REQUEST = ("accept", "let", "remember")  # and of the request's

Facts = dict[str, Json]


class Laid(NamedTuple):
    """The tables of one set of traits and overlays."""

    tree: Tree
    placed: set[Keys]
    removed: dict[Keys, str]
    known: frozenset[str]  # what rules may name
    complaints: tuple[Complaint, ...]


class ParsedPart(NamedTuple):
    """One parsed section. `registers`: those it sets, and names of those it reads."""

    tables: Any  # RequestTables, AnswerTables or ErrorTables
    used: frozenset[str]
    registers: Registers
    complaints: tuple[Complaint, ...]


class _Known(NamedTuple):
    seen: tuple[Json, ...]
    asked: dict[tuple[str, str], str]
    part: ParsedPart

    def holds(self, seen: tuple[Json, ...], facts: Facts) -> bool:
        if not all(mine is other for mine, other in zip(self.seen, seen, strict=True)):
            return False
        return all(repr(facts[of].get(name)) == text for (of, name), text in self.asked.items())


class _SettledFile(NamedTuple):
    """One file of the base, settled; `node`: as it was."""

    node: Json
    data: dict[str, Json]
    strays: list[Keys]
    placed: set[Keys]
    complaints: list[Complaint]


class Parsed:
    """Of one mapping, whose base and traits stay as they are."""

    def __init__(self) -> None:
        self._sounds: Sounds | None = None
        self._settled: set[int] = set()
        self._files: dict[str, _SettledFile] = {}
        self._laid: dict[tuple[str, ...], Laid] = {}
        self._parts: dict[str, list[_Known]] = {REQUEST: [], ANSWER: [], ERRORS: []}

    # ------------------------------------------------------------------ laid over each other
    def laid(
        self,
        base: Tree,
        traits: dict[str, Tree],
        names: tuple[str, ...],
        inlines: Sequence[Inline],
    ) -> Laid:
        """The base with these traits, and then the overlays of an alias, over it."""
        found = None if inlines else self._laid.get(names)
        if found is None:
            if self._sounds is None:
                trees = base.data, *(one.data for one in traits.values())
                self._settled = overlays.without_orders(trees)
                self._sounds = Sounds(trees)
            found = self._lay(base, [*(traits[name] for name in names), *(i.tree for i in inlines)])
            if not inlines:
                if len(self._laid) >= MOST_LAID:
                    self._laid.clear()
                self._laid[names] = found
        return found

    def _lay(self, base: Tree, above: Sequence[Tree]) -> Laid:
        whole = base
        for one in above:
            whole = overlays.lay_over(whole, one)
        data: dict[str, Json] = {}
        strays: list[Keys] = []
        placed: set[Keys] = set()
        complaints: list[Complaint] = []
        for name, node in whole.data.items():
            file = self._files.get(name)
            if file is None or file.node is not node:
                file = self._file(name, node, whole)
                if node is base.data.get(name):
                    self._files[name] = file
            data.update(file.data)
            strays += file.strays
            placed |= file.placed
            complaints += file.complaints
        complaints = [schema.stray(whole, keys) for keys in strays] + complaints
        tree, known = whole.with_data(data), frozenset(structure.named(data))
        return Laid(tree, placed, whole.removed, known, tuple(complaints))

    def _file(self, name: str, node: Json, whole: Tree) -> _SettledFile:
        strays: list[Keys] = []
        placed: set[Keys] = set()
        complaints: list[Complaint] = []
        data: dict[str, Json] = overlays.settle({name: node}, (), strays, placed, self._settled)
        structure.sound(data, whole.where, complaints)
        return _SettledFile(node, data, strays, placed, complaints)

    # ------------------------------------------------------------------ parsed
    def part(self, name: str, laid: Laid, facts: Facts, keep: bool) -> ParsedPart:
        """`facts`: what a parser takes, with "model" and "option"; `keep`: for others to share."""
        data = laid.tree.data
        if name == REQUEST:
            seen: tuple[Json, ...] = (data,)
        else:
            data, seen = _seen_by(name, data)
        for known in self._parts[name]:
            if known.holds(seen, facts):
                return known.part
        asked: dict[tuple[str, str], str] = {}
        noting = {**facts, "asked": asked, "sounds": self._sounds}
        part = READ[name](data, laid.tree.where, noting)
        if keep and not part.complaints:
            if len(self._parts[name]) >= MOST_PARTS:
                self._parts[name].clear()
            self._parts[name].append(_Known(seen, asked, part))
        return part


def _seen_by(name: str, data: dict[str, Json]) -> tuple[dict[str, Json], tuple[Json, ...]]:
    """(the tables that the rules of an answer or error see, and nothing else; each of them)"""
    own = {file: data[file] for file in (name, *BESIDE) if file in data}
    asked = data.get(REQUEST) or {}
    of_request = {key: asked[key] for key in OF_REQUEST if key in asked}
    seen = [own.get(file) for file in (name, *BESIDE)]
    return {**own, REQUEST: of_request}, (*seen, *(of_request.get(key) for key in OF_REQUEST))


Where = Callable[[Keys], str]


def _request(tables: dict[str, Json], where: Where, facts: Facts) -> ParsedPart:
    parser = RequestParser(tables, where, facts)
    parser.read |= facts["reads"]
    made = parser.request()
    return ParsedPart(made, frozenset(parser.used), parser.registers(), tuple(parser.complaints))


def _answer(tables: dict[str, Json], where: Where, facts: Facts) -> ParsedPart:
    parser = AnswerParser(tables, where, facts)
    made = parser.answer()
    return ParsedPart(made, frozenset(parser.used), parser.registers(), tuple(parser.complaints))


def _errors(tables: dict[str, Json], where: Where, facts: Facts) -> ParsedPart:
    complaints: list[Complaint] = []
    made = ErrorTables.parse(tables, where, complaints, facts)
    return ParsedPart(made, made.used, Registers({}, frozenset()), tuple(complaints))


READ = {REQUEST: _request, ANSWER: _answer, ERRORS: _errors}
