"""Everything that can be said against a set of tables before it serves: `aisix mappings check`.

    checker = Checker(kept)
    checker.folders([shipped, site])     # every finding; none when all is well
    checker.left_out                     # what was not tried, in words

Loads them (syntax, grammar, names), builds the effective tables of every configuration (overlays
meet there), looks for what nothing uses, and runs the cases. All findings at once.

What has been shown once is not done again (`proofs.py`). Of a site's tables over ours that are
proven, only the configurations and cases are tried that meet what the site writes, rule by rule;
where it is to serve, a few of them in every form. Of cases that were run before nowhere, all rule
by rule and a few (`case_runs.EVERY`) in every form. `thorough` does all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from aisix.errors import Complaint, OperatorError, wrong_among
from aisix.mapping.configurations import Configuration, configurations
from aisix.mapping.mappings import NEEDED, Mapping, Mappings, load_as_told
from aisix.mapping.parse import structure, toml_tree
from aisix.mapping.parse.files import TableFolder, read_folders
from aisix.mapping.parse.lineage import read_parts
from aisix.mapping.syntax.paths import Json
from aisix.mapping.verify import both_forms, cases, touched
from aisix.mapping.verify.case_runs import CaseRuns
from aisix.mapping.verify.hints.found import hints
from aisix.mapping.verify.hints.unshown import unshown
from aisix.mapping.verify.kept import Kept, engine, hashed
from aisix.mapping.verify.liveness.found import MOST_READ, found_dead
from aisix.mapping.verify.liveness.narrowing import narrowed
from aisix.mapping.verify.processes import spread
from aisix.mapping.verify.proofs import Proofs, files_of
from aisix.mapping.verify.told import told
from aisix.mapping.verify.touched import TouchedUnit
from aisix.mapping.verify.unused import offered, tables_without_other, unused

Finding = Complaint


def check(folders: Sequence[Path], with_cases: bool = True) -> list[Finding]:
    """Every complaint about the tables below `folders` (shipped first); empty when all is well."""
    return Checker(with_cases=with_cases).folders(folders)


class Checker:
    """One check. `ran` and `built` count cases and tables.

    `left_out` says what was not tried, `notes` what may well be meant, `unshown` the lines that no
    case of a site that has cases reaches, `bugs` where both forms of tables differ: that is ours,
    no complaint, and the rules are to serve.

    serving: for a gateway. A key that changes nothing, which an upgrade can make of a good one, is
    no reason not to serve: it stands in `warnings`, and is no finding.
    released: the first folder is one that a release has, which is not made unless all of it holds:
    it is not tried, and nothing is found out about it that takes long. processes: what is much is
    shared out among so many; only where there are no threads.
    """

    def __init__(
        self,
        kept: Kept | None = None,
        with_cases: bool = True,
        thorough: bool = False,
        released: bool = False,
        processes: int = 1,
        serving: bool = False,
    ) -> None:
        self.kept = kept or Kept(None)
        self._proofs = Proofs(self.kept)
        self._with_cases = with_cases
        self._thorough = thorough
        self._released = released
        self._processes = processes
        self._serving = serving
        self.warnings: list[Finding] = []
        self._runs = CaseRuns(self._proofs, self.kept, thorough, released, processes, serving)
        self.left_out = self._runs.left_out
        self.bugs = self._runs.bugs
        self.notes: list[Finding] = []
        self._ahead: dict[tuple[int, str], Built] = {}
        self.unshown: list[Finding] = []
        self.built = 0

    @property
    def ran(self) -> int:
        return self._runs.ran

    def folders(self, folders: Sequence[Path]) -> list[Finding]:
        """What there is to say of the tables below these folders, shipped first."""
        return self.read(read_folders(folders))

    def read(self, table_folders: Sequence[TableFolder]) -> list[Finding]:
        """The same, of files that have been read."""
        self._learn(table_folders[0])
        found: list[Finding] = []
        try:
            mappings = load_as_told(table_folders, found)
        except OperatorError as error:
            return list(error.complaints)
        if not wrong_among(found):
            return self.findings(mappings)
        nothing = {one for folder in table_folders if not folder.files for one in folder.complaints}
        if nothing.issuperset(found):  # no such folder: of the others there is nothing to say
            return found
        for mapping in mappings.mappings.values():  # what can be said of the rest all the same
            sites = table_folders[1:]
            mine = not sites or any(any(files_of(mapping, site)) for site in sites)
            if mine and all(mapping.tree.data.get(name) for name in NEEDED):
                found += self._build(mapping, self._wanted(mappings, mapping))[0]
                found += tables_without_other(mapping)
        return self._told(found)

    def findings(self, mappings: Mappings) -> list[Finding]:
        """The same for tables that have been loaded."""
        last = len(mappings.table_folders) - 1
        if last and self._with_cases and not self._thorough and not self._whole(mappings, 0):
            try:
                lower = mappings.up_to(0)
            except OperatorError:  # whole only with a later folder
                lower = mappings
            if lower is not mappings:
                found = self.findings(lower)
                if found:
                    return found
        out: list[Finding] = [*mappings.idle]
        self._build_ahead(mappings)
        for mapping in mappings.mappings.values():
            out += self._mapping(mappings, mapping)
            out += tables_without_other(mapping)
        if last:
            dead = found_dead(mappings, out, None if self._thorough else MOST_READ)
            out += dead.complaints
            self.left_out += dead.left_out
        out = self._told(out)
        if last:
            self.notes = [] if out else narrowed(mappings) + hints(mappings, self.kept)
        if not out and self._with_cases:
            out += self._runs.findings(mappings)
            ours = both_forms.by_rules((bug.mapping, bug.parts) for bug in self.bugs)
            both_forms.keep(self.kept, mappings.digest, ours)
            self.unshown = unshown(mappings, self.kept) if last and not self._serving else []
        self._proofs.save()
        return list(dict.fromkeys(out))

    def _told(self, found: Sequence[Finding]) -> list[Finding]:
        """Each once; for a gateway those that are a reason not to serve, the others as warnings."""
        found = told(list(dict.fromkeys(found)))
        if self._serving:
            self.warnings = [one for one in found if one.idle]
            found = wrong_among(found)
        return found

    def _learn(self, table_folder: TableFolder) -> None:
        """What another process read of the first folder need not be read by two parsers again."""
        if self._released:
            return  # whoever asks has told what it read
        texts = [part for path, data in table_folder.files.items() for part in (path, data)]
        name = "parsed-" + hashed(engine(), *texts)
        data = self.kept.get(name)
        if data is not None:
            toml_tree.learn(data)
        elif self.kept.folder is not None:
            load_as_told([table_folder], [])
            self.kept.put(name, toml_tree.known())

    # ------------------------------------------------------------------ tables
    def _mapping(self, mappings: Mappings, mapping: Mapping) -> list[Finding]:
        last = len(mappings.table_folders) - 1
        whole = self._proofs.of_mapping(mappings, mapping, last)
        quick = hashed(whole, "quick")
        base = self._based(mappings, mapping)
        if self._proofs.known(whole) and not self._thorough:
            return []
        if not base:
            found = self._whole_of(mappings, mapping)
            if not found:
                self._proofs.add(whole)
            return found
        if self._proofs.known(quick):
            return []
        written = touched.units(mappings)[mapping.name]
        found, never_read, names = self._build(mapping, touched.concerned(mapping, written))
        suspects = {name.rpartition(".")[2] for name in names}
        idle = never_read or suspects & _may_be_idle(mappings, mapping, written)
        if idle and not wrong_among(found):
            found = self._whole_of(mappings, mapping)
        if not found:
            self._proofs.add(quick)
        return found

    def _based(self, mappings: Mappings, mapping: Mapping) -> bool:
        """Whether it is a site's over ours that are known to be good: then little is to be done."""
        if self._thorough or len(mappings.table_folders) == 1:
            return False
        known = self._released or self._proofs.known(self._proofs.of_mapping(mappings, mapping, 0))
        return known and self._there(mappings, mapping, 0)

    def _wanted(self, mappings: Mappings, mapping: Mapping) -> Collection[Configuration]:
        """The configurations to build."""
        if self._based(mappings, mapping):
            return touched.concerned(mapping, touched.units(mappings)[mapping.name])
        return tuple(configurations(mapping))

    def _build_ahead(self, mappings: Mappings) -> None:
        """All that is to be built of whole mappings, shared out among processes at once."""
        jobs: list[tuple[Configuration, Mapping]] = []
        for mapping in mappings.mappings.values():
            whole = self._proofs.of_mapping(mappings, mapping, len(mappings.table_folders) - 1)
            known = self._proofs.known(whole) and not self._thorough
            if not known and not self._based(mappings, mapping):
                jobs += [(one, mapping) for one in configurations(mapping)]
        made = spread(jobs, lambda job: _built(*job), self._processes, Built) if jobs else []
        self._ahead = {(id(of), repr(one)): b for (one, of), b in zip(jobs, made, strict=True)}

    def _build(
        self, mapping: Mapping, wanted: Collection[Configuration]
    ) -> tuple[list[Finding], dict[str, Finding], list[str]]:
        """(complaints, about registers nobody reads, names nobody uses)"""
        out: list[Finding] = []
        used: set[str] = set()
        known: set[str] = set()
        registers: dict[str, Finding] = {}
        read: set[str] = set()
        for one in wanted:
            tables = self._ahead.get((id(mapping), repr(one))) or _built(one, mapping)
            self.built += 1
            out += tables.complaints
            used |= tables.used
            known |= tables.known
            registers |= tables.registers
            read |= tables.registers_read
        data = mapping.tree.data
        never_read = {name: said for name, said in registers.items() if name not in read}
        return out, never_read, [n for n in sorted(known - used) if not _is_list(data, n)]

    def _whole_of(self, mappings: Mappings, mapping: Mapping) -> list[Finding]:
        """Every complaint about its configurations; what none uses, where they can serve."""
        out, never_read, names = self._build(mapping, tuple(configurations(mapping)))
        if wrong_among(out):
            return out
        before, before_too = _before(mapping, mappings), set[str]()
        known = set() if before is None else _names_of(before) & {*names}
        if before is not None and known:
            before_too = set(self._build(before, tuple(configurations(before)))[2])
        others = mappings.mappings.values()
        names = [
            name
            for name in names
            if name in known - before_too or not offered(name, mapping, others)
        ]
        idle = [
            unused(mapping, name, None if name in before_too else before, names) for name in names
        ]
        return [*out, *idle, *never_read.values()]

    def _whole(self, mappings: Mappings, layer: int) -> bool:
        """Whether all of the folders up to this one have been shown, with the cases of the last."""
        if layer == 0 and self._released:
            return True
        there = [m for m in mappings.mappings.values() if self._there(mappings, m, layer)]
        built = [self._proofs.of_mapping(mappings, mapping, layer) for mapping in there]
        return all(map(self._proofs.known, built)) and self._runs.held(mappings, layer)

    def _there(self, mappings: Mappings, mapping: Mapping, layer: int) -> bool:
        """Whether the folders up to this one have this mapping, or what it is like."""
        folders = mappings.table_folders[: layer + 1]
        return any(f"{mapping.kin[0]}/mapping.toml" in folder.files for folder in folders)


class Built(NamedTuple):
    """What there is to know of one configuration's tables, and the complaints about them."""

    complaints: tuple[Finding, ...]
    used: frozenset[str]
    known: frozenset[str]
    registers: dict[str, Finding]
    registers_read: frozenset[str]


def _built(one: Configuration, mapping: Mapping) -> Built:
    try:
        tables = one.build(mapping)
    except OperatorError as error:
        return Built(tuple(error.complaints), frozenset(), frozenset(), {}, frozenset())
    return Built(tables.idle, tables.used, tables.known, tables.registers, tables.registers_read)


def _may_be_idle(
    mappings: Mappings, mapping: Mapping, written: Collection[TouchedUnit]
) -> set[str]:
    """Of names that all is well with in the first folder, those a site may have made idle.

    They are named by what it writes, or by what stood there before.
    """
    words = touched.words_of(mapping, written)
    units = {(unit.file, unit.keys) for unit in written}
    for folder in mapping.line:
        for file in ("request", "answer"):
            part = read_parts(mappings.table_folders[0], f"{folder}/{file}.toml", [], [])
            if part is not None:
                before = [u for u in touched.of(part, f"{file}.toml") if (file, u.keys) in units]
                words |= touched.words_at(part, before)
    return words


def _names_of(mapping: Mapping) -> set[str]:
    """What its tables have a name for, in the base or in a trait."""
    trees = mapping.tree, *mapping.traits.values()
    return {name for tree in trees for name in structure.named(tree.data)}


def _is_list(data: dict[str, Json], name: str) -> bool:
    """A list of values.toml: a site that has one of its own is not told of ours."""
    section, _, key = name.partition(".")
    return section == "values" and isinstance((data.get(section) or {}).get(key), list)


def _before(mapping: Mapping, mappings: Mappings) -> Mapping | None:
    """The same mapping without the last folder; None where there is none, or not a whole one."""
    layer = len(mappings.table_folders) - 2
    if layer < 0:
        return None
    try:
        return mappings.up_to(layer).mappings.get(mapping.name)
    except OperatorError:
        return None


def changed_cases(mappings: Mappings) -> Iterator[str]:
    """Cases of earlier folders that come out otherwise with all folders: fine when it is meant."""
    last = len(mappings.table_folders) - 1
    for layer in range(last):
        try:
            lower = mappings.up_to(layer)
        except OperatorError:
            continue
        for name, mapping in lower.mappings.items():
            whole = mappings.mappings[name]
            if whole.digest == mapping.digest:
                continue
            for case in cases.find(mapping.folders, name):
                if case.layer == layer and cases.run(replace(case, compiled=False), whole):
                    yield f"{name}/{case.name}"
