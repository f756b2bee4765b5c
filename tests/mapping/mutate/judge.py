"""What becomes of one slip: who tells it, and if nobody does, what it changes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from aisix.errors import Complaint, OperatorError
from aisix.mapping.mappings import Mappings, load_as_told
from aisix.mapping.parse.files import TableFolder
from aisix.mapping.verify import case_index, cases, coverage, touched
from aisix.mapping.verify.cases import Case
from aisix.mapping.verify.check import Checker
from aisix.mapping.verify.hints.unshown import unshown
from aisix.mapping.verify.kept import Kept
from aisix.mapping.verify.liveness.narrowing import narrowed
from tests.mapping.laid import shipped, shipped_for
from tests.mapping.mutate.bases import Base
from tests.mapping.mutate.edits import Edit
from tests.mapping.mutate.programs import same

TOLD, HINTED, CASE = "told", "hinted at", "changes a case"
PROGRAM, SILENT = "program only", "silent"
CLASSES = (TOLD, HINTED, CASE, PROGRAM, SILENT)
MOST_CASES = 40  # of the shipped ones, for one edit


@dataclass(frozen=True, slots=True)
class Outcome:
    """`at_line`: what is told stands at the line that was edited."""

    edit: Edit
    kind: str  # one of CLASSES
    words: str = ""
    at_line: bool = True

    def __str__(self) -> str:
        return f"{self.edit}" + (f"\n        {self.words}" if self.words else "")


@dataclass(slots=True)
class Judge:
    """Of the edits of one base."""

    base: Base
    shipped: TableFolder = field(init=False)
    good: Mappings = field(init=False)
    alarms: list[Complaint] = field(init=False)  # about the base itself, which is good
    own_notes: set[str] = field(init=False)
    _kept: Kept = field(init=False, default_factory=lambda: Kept(None))

    def __post_init__(self) -> None:
        self.shipped = shipped_for(self.base.files)
        found, notes, mappings = self._told(self.base.files)
        assert mappings is not None, found
        self.good = mappings
        meant = narrowed(mappings)  # what such a note says is so
        self.alarms = found + [one for one in notes if one not in meant]
        self.own_notes = {one.text for one in notes}
        assert self.base.holds(mappings, self.base.files), self.base.name
        for name in mappings.mappings:
            for case in _cases(self.base.cases, name):
                assert _run(case, mappings) == [], f"{name}/{case.name}"

    def _told(
        self, files: dict[str, str]
    ) -> tuple[list[Complaint], list[Complaint], Mappings | None]:
        """(complaints, notes, the tables when there are none)"""
        site = TableFolder(self.base.cases or Path("mine"), "mine", _bytes(files))
        found: list[Complaint] = []
        try:
            mappings = load_as_told([self.shipped, site], found)
        except OperatorError as error:
            return list(error.complaints), [], None
        if found:
            return found, [], None
        checker = Checker(Kept(None), with_cases=False, released=True)
        found = checker.findings(mappings)
        shown = unshown(mappings, self._kept) if self.base.cases and not found else []
        return found, checker.notes + shown, mappings

    def sort(self, edit: Edit) -> Outcome:
        found, notes, mappings = self._told({**self.base.files, edit.path: edit.text})
        if found or mappings is None:
            return _said(TOLD, edit, found)
        hinted = [one for one in notes if one.text not in self.own_notes]
        if hinted:
            return _said(HINTED, edit, hinted)
        if same(self.good, mappings):
            return Outcome(edit, SILENT)
        failed = self._failed(edit, mappings)
        if failed:
            return Outcome(edit, CASE, failed)
        return Outcome(edit, PROGRAM)

    def _failed(self, edit: Edit, mappings: Mappings) -> str:
        """A case that comes out otherwise than with the good tables; "" when all are as before."""
        for name, mapping in mappings.mappings.items():
            before = self.good.mappings[name]
            if before.digest == mapping.digest:
                continue
            for case in _cases(self.base.cases, name) + self._met(mappings, name):
                if _run(case, mappings) != _run(case, self.good):
                    return f"{name}/{case.name}"
        if not self.base.holds(mappings, {**self.base.files, edit.path: edit.text}):
            return self.base.name
        return ""

    def _met(self, mappings: Mappings, name: str) -> tuple[Case, ...]:
        """Shipped cases that meet what the site writes."""
        if not any(path.startswith(f"{name}/") for path in shipped().files):
            return ()
        reached, numbered = _reached(name)
        numbers: set[int] = set()
        for unit in touched.units(mappings)[name]:
            numbers |= next(
                (set(reached[one]) for one in coverage._names(unit) if reached.get(one)), set()
            )
        some = sorted(numbers)
        step = max(1, len(some) // MOST_CASES)
        return tuple(numbered[number] for number in some[::step][:MOST_CASES])


def _bytes(files: dict[str, str]) -> dict[str, bytes]:
    return {path: text.encode() for path, text in files.items()}


def _said(kind: str, edit: Edit, found: list[Complaint]) -> Outcome:
    at_line = any(one.where == f"mine/{edit.path}:{edit.line}" for one in found)
    return Outcome(edit, kind, str(found[0]) if found else "", at_line)


def _run(case: Case, mappings: Mappings) -> list[str]:
    name = "/".join(case.folder.parts[-4:-2])
    return cases.run(replace(case, compiled=False), mappings.mappings[name])


@cache
def _cases(folder: Path | None, name: str) -> tuple[Case, ...]:
    return tuple(cases.of_folder(folder, name, 1)) if folder else ()


@cache
def _reached(name: str) -> tuple[coverage.Reached, list[Case]]:
    """The units that the shipped cases of a mapping reach, and the cases by number."""
    every = case_index.entries(shipped().folder, Kept(None))
    entries = [entry for entry in every if entry.mapping == name]
    found = {case.name: case for case in cases.of_folder(shipped().folder, name, 0)}
    reached = coverage.of(load_as_told([shipped()], []), name, 0, entries, Kept(None))
    return reached, [found[entry.name] for entry in entries]
