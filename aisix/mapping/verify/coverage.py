"""Which cases reach which unit of the tables, so that an overlay runs those it touches.

    reached = of(mappings, name, layer, entries, kept)    # {"field.max_tokens of request": [0, 3]}
    some, met = chosen(entries, reached, units)           # at most EACH for every unit
    notes = missed(mappings, kept)                        # what no case of a site's own reaches

Each case is run rule by rule once, with a trace: the units of every rule that had a value and of
every row of a value table that was looked up. That is kept under the digest of tables and cases.

Must never know: what a table says.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

import msgspec

from aisix.errors import CallerError, Complaint, OperatorError
from aisix.mapping.interpret import request
from aisix.mapping.interpret.scope import Scope
from aisix.mapping.interpret.trace import RuleTrace
from aisix.mapping.mappings import Mapping, Mappings
from aisix.mapping.parse.toml_tree import Tree
from aisix.mapping.syntax.budget import Budget
from aisix.mapping.verify import case_index, cases
from aisix.mapping.verify.case_index import CaseEntry
from aisix.mapping.verify.kept import Kept, engine, hashed
from aisix.mapping.verify.proofs import files_of
from aisix.mapping.verify.touched import TouchedUnit
from aisix.mapping.verify.touched import of as units_of
from aisix.mapping.verify.touched import units as written_by

EACH = 8  # cases for one unit
MOST = 24  # for all that a site writes into one mapping
# Sections of which a run shows whether they are reached.
SEEN = {
    "request": ("accept", "let", "check", "field", "shape", "adjust", "header"),
    "answer": ("event", "chunk"),
    "errors": ("upstream",),
}
Reached = dict[str, list[int]]  # a unit, or a trait, row or file -> numbers of cases


def of(
    mappings: Mappings,
    name: str,
    layer: int,
    entries: Sequence[CaseEntry],
    kept: Kept,
    make: bool = True,
) -> Reached:
    """Of the cases of one folder and mapping, with the tables up to that folder.

    make: when it is not kept it is made, which takes seconds; else every case may reach anything.
    """
    parts: list[str | bytes] = [engine()]
    for table_folder in mappings.table_folders[: layer + 1]:
        for path in files_of(mappings.mappings[name], table_folder):
            parts += (path, table_folder.files[path])
    kept_as = "coverage-" + hashed(name, *parts, *(entry.digest for entry in entries))
    data = kept.get(kept_as)
    if data is not None:
        with contextlib.suppress(msgspec.DecodeError):
            return msgspec.msgpack.decode(data, type=Reached)
    if not make:
        return {"": list(range(len(entries)))}
    lower = mappings.up_to(layer)
    found: Reached = {}
    if name in lower.mappings:
        folder = mappings.table_folders[layer].folder
        numbers = {entry.name: number for number, entry in enumerate(entries)}
        for case in cases.of_folder(folder, name, layer):
            for unit in dict.fromkeys(_reached(case, lower.mappings[name])):
                found.setdefault(unit, []).append(numbers[case.name])
    kept.put(kept_as, msgspec.msgpack.encode(found))
    return found


def chosen(
    entries: Sequence[CaseEntry], reached: Reached, written: Collection[TouchedUnit]
) -> tuple[list[CaseEntry], int]:
    """(cases to run for what is written, how many there are that meet it)"""
    some: dict[int, None] = {}
    met: set[int] = set()
    for unit in written:
        numbers = next((reached[name] for name in _names(unit) if reached.get(name)), [])
        met.update(numbers)
        room = EACH - sum(number in some for number in numbers)
        fresh = [number for number in numbers if number not in some]
        room = min(room, len(fresh))
        some |= dict.fromkeys(fresh[number * len(fresh) // room] for number in range(room))
    return [entries[number] for number in sorted(list(some)[:MOST])], len(met)


def missed(
    mappings: Mappings, kept: Kept, of_mappings: Collection[str] | None = None
) -> list[Complaint]:
    """Of what a site's folders write, the units that none of their own cases reaches.

    of_mappings: only what is part of one of these.
    """
    sites = mappings.table_folders[1:]
    own = [case_index.by_mapping(case_index.entries(site.folder, kept)) for site in sites]
    met: dict[tuple[str, TouchedUnit], bool] = {}  # of a `like` mapping either one's cases count
    for name, written in written_by(mappings).items():
        if of_mappings is not None and name not in of_mappings:
            continue
        reached: set[str] = set()
        for layer, entries in enumerate(own, 1):
            if name in entries:
                reached |= of(mappings, name, layer, entries[name], kept).keys()
        for unit in filter(_seen, written):
            at = unit.where, unit
            met[at] = met.get(at, False) or _shown_by(unit) in reached
    text = "no case of yours reaches it"
    return [
        Complaint(where, ".".join((unit.file, *unit.keys)), text)
        for (where, unit), one in met.items()
        if not one
    ]


def _seen(unit: TouchedUnit) -> bool:
    """Whether a run shows that it is reached: of a value table each word, of others by section."""
    if unit.file == "values":
        return len(unit.keys) > 1
    return unit.keys[0] in SEEN.get(unit.file, ())


def _shown_by(unit: TouchedUnit) -> str:
    """What it is in `Reached`; a field within a field is known by the outer one."""
    if unit.trait:
        return f"trait {unit.trait}"
    section, *names = unit.keys
    if section == "accept":
        names = [re.split(r"[.\[]", names[0])[0]]
    return _name(unit.file, (section, *names))


def _names(unit: TouchedUnit) -> Iterator[str]:
    """What a written unit is in `Reached`, the nearest first."""
    if unit.trait:
        yield f"trait {unit.trait}"
        return
    if unit.file == "models" and unit.keys[0] == "model":
        yield f"row {unit.keys[-1]}"
    yield _name(unit.file, unit.keys)
    if unit.file == "values":
        yield _name(unit.file, (unit.keys[0], "*"))
        yield _name(unit.file, unit.keys[:1])
    yield unit.file
    yield ""


def _name(file: str, keys: tuple[str, ...]) -> str:
    return f"{'.'.join(keys)} of {file}"


# ---------------------------------------------------------------- one case
def _reached(case: cases.Case, mapping: Mapping) -> Iterator[str]:
    case = replace(case, compiled=False)
    try:
        talk = cases.exchange(case, mapping)
    except OperatorError:
        return
    yield ""
    yield f"row {talk.tables.row}"
    yield from (f"trait {trait}" for trait in talk.tables.traits)
    tree, body = talk.tables.tree, case.request(mapping.caller)
    yield from (_name("request", ("accept", key)) for key in body)
    headers = cases.caller_headers(case)
    scope = Scope(talk.facts, body, headers=headers, trace=RuleTrace(), budget=Budget())
    try:
        request.translate(talk.tables.request, scope)
        request.headers(talk.tables.request, scope)
        yield "request"
    except CallerError as error:
        yield from (
            _name("request", ("check", name))
            for name, row in (tree.data["request"].get("check") or {}).items()
            if isinstance(row, dict) and error.kind in row.values()
        )
    assert scope.trace is not None
    yield from _units(scope.trace, tree, "request")
    yield from _of_answers(case, mapping, tree)


def _of_answers(case: cases.Case, mapping: Mapping, tree: Tree) -> Iterator[str]:
    for given, streamed in (("upstream-response.", False), ("upstream-stream.", True)):
        files = [name for name in case.files if name.startswith(given)]
        if not files:
            continue
        talk = cases.exchange(case, mapping)
        try:
            talk.request(case.request(mapping.caller, streamed), {})
        except CallerError:
            continue
        scope = talk.traced_answer(RuleTrace()).scope
        about = case.about
        with contextlib.suppress(CallerError, KeyError):
            if streamed:
                talk.receive(case.files[files[0]])
                talk.end()
            else:
                status, shown = about.get("upstream_status", 200), about.get("upstream_headers", {})
                talk.response(status, shown, case.files[files[0]])
        yield "answer"
        assert scope.trace is not None
        yield from _units(scope.trace, tree, "answer")
        if talk.error is not None:
            yield "errors"
            yield _name("errors", tuple(talk.error.kind.split(".", 1)))


@lru_cache(8)  # cases of one model have the same tree
def _known_by_place(tree: Tree, file: str) -> dict[str, str]:
    """A place's dotted keys -> its unit."""
    return {
        ".".join(unit.keys): _name(name, unit.keys)
        for name in ("values", file)
        for unit in units_of(Tree(tree.data.get(name) or {}), f"{name}.toml")
    }


def _units(trace: RuleTrace, tree: Tree, file: str) -> Iterator[str]:
    """The units of what a trace has seen: a place is known by the dotted keys of its file."""
    known = _known_by_place(tree, file)
    for name in {place.name for place in trace.reached}:
        words = name.split(".")
        for length in range(2, len(words) + 1):
            unit = known.get(".".join(words[:length]))
            if unit is not None:
                yield unit
                break
        yield _name("values", (words[0],))
