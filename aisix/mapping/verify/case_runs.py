"""The cases of every folder, run as far as they are not known to hold.

    runs = CaseRuns(proofs, kept, thorough=False, released=False, processes=2)
    runs.findings(mappings)              # of each folder's cases: with its tables, and with all
    runs.held(mappings, layer)           # whether those of one folder are known to hold
    runs.ran, runs.left_out, runs.bugs

A case is a promise of its folder: it holds with the tables of that folder and those before. Later
folders may change what comes out, on purpose; then nothing may break all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from aisix.errors import Complaint, OperatorError
from aisix.mapping.mappings import Mapping, Mappings
from aisix.mapping.parse.files import CASES, TableFolder
from aisix.mapping.verify import case_index, cases, coverage, touched
from aisix.mapping.verify.both_forms import FormsDiffer, Tried, both_forms_agree, breaks
from aisix.mapping.verify.case_index import CaseEntry, by_mapping
from aisix.mapping.verify.kept import Kept, engine, hashed
from aisix.mapping.verify.processes import spread
from aisix.mapping.verify.proofs import AGREE, ANSWERS, BREAKS_NOT, BY_RULES, THOROUGH, Proofs

MOST_ALIKE = 3  # bugs of the same parts of one mapping: one mistake shows in many cases
REQUESTS = ("request", "models", "mapping")  # files that compiled answers are not made of
EVERY = 64  # of cases run for the first time, one in so many in every form and every cut

Todo = dict[str, tuple[str, bool]]  # case -> the proof it gives, whether it is run in every form


class CaseRuns:
    """Those of one check. `left_out` says what was not tried; `ran` counts cases.

    `bugs` are of aisix: where both forms of the tables differ. They are no finding, whoever wrote
    the tables, and nothing is proven by a case that shows one.
    """

    def __init__(
        self,
        proofs: Proofs,
        kept: Kept,
        thorough: bool,
        released: bool,
        processes: int,
        serving: bool = False,
    ) -> None:
        self._proofs = proofs
        self._kept = kept
        self._thorough = thorough
        self._released = released
        self._processes = processes
        self._serving = serving
        self._indexed: dict[Path, list[CaseEntry]] = {}
        self.left_out: list[str] = []
        self.bugs: list[FormsDiffer] = []
        self.ran = 0

    def held(self, mappings: Mappings, layer: int) -> bool:
        """Whether the cases of a folder are known to hold with the tables up to it."""
        if layer == 0 and self._released:
            return True
        try:
            names = [self._set(mappings, layer, how) for how in (THOROUGH, BY_RULES)]
        except OperatorError:  # a case that cannot be read
            return False
        return any(map(self._proofs.known, names))

    def findings(self, mappings: Mappings) -> Iterator[Complaint]:
        """What does not hold, of the cases of every folder."""
        last = len(mappings.table_folders) - 1
        for layer, table_folder in enumerate(mappings.table_folders):
            try:
                self._entries(table_folder)
            except OperatorError as error:  # a case that cannot be read
                yield from error.complaints
                continue
            try:
                again = self._thorough and not (layer == 0 and self._released)
                if again or not self.held(mappings, layer):
                    found = list(self._own(mappings.up_to(layer), layer))
                    yield from found
                    if not found and not self.bugs:
                        how = THOROUGH if self._thorough else BY_RULES
                        self._proofs.add(self._set(mappings, layer, how))
                if layer == last and not self._proofs.known(self._set(mappings, layer, THOROUGH)):
                    self._tell_sampled(self._entries(table_folder))
                if layer < last:
                    yield from self._later(mappings, table_folder, layer)
            except OperatorError as error:
                if layer == last:
                    yield from error.complaints
                # else: a folder that is whole only with a later one has its cases there

    def _set(self, mappings: Mappings, layer: int, how: str) -> str:
        """The proof that the cases of a folder hold with the tables up to it."""
        folders = mappings.table_folders
        parts: list[str | bytes] = [engine(), "cases", how]
        for table_folder in folders[: layer + 1]:
            for path, data in table_folder.files.items():
                parts += (path, data)
        parts += [entry.digest for entry in self._entries(folders[layer])]
        return hashed(*parts)

    def _entries(self, table_folder: TableFolder) -> list[CaseEntry]:
        found = self._indexed.get(table_folder.folder)
        if found is None:
            found = case_index.entries(table_folder.folder, self._kept)
            self._indexed[table_folder.folder] = found
        return found

    def _own(self, mappings: Mappings, layer: int) -> Iterator[Complaint]:
        """Cases with the tables they are written for."""
        table_folder = mappings.table_folders[layer]
        todo: list[tuple[Mapping, Todo]] = []
        for name, entries in by_mapping(self._entries(table_folder)).items():
            mapping = mappings.mappings.get(name)
            if mapping is not None:
                sample = _sample(entries)
                todo.append((mapping, self._todo(entries, mapping, THOROUGH, BY_RULES, sample)))
        yield from self._run(table_folder, layer, todo, later=False)

    def _later(
        self, mappings: Mappings, table_folder: TableFolder, layer: int
    ) -> Iterator[Complaint]:
        """Cases of an earlier folder with all tables: whatever comes out, nothing breaks."""
        written = touched.units(mappings, layer + 1)
        left = alone = 0
        for name, entries in by_mapping(self._entries(table_folder)).items():
            mapping, units = mappings.mappings[name], written.get(name)
            if not units:
                continue
            chosen = entries
            if not self._thorough:
                given = mappings, name, layer, entries, self._kept
                reached = coverage.of(*given, make=not self._released)
                chosen, met = coverage.chosen(entries, reached, units)
                left += met - len(chosen)
            answers = any(unit.file not in REQUESTS for unit in units)
            sample = _sample(chosen, answers) if self._serving else set()
            todo = self._todo(chosen, mapping, AGREE, BREAKS_NOT, sample)
            yield from self._run(table_folder, layer, [(mapping, todo)], later=True)
            full = [self._proofs.of_case(entry, mapping, AGREE) for entry in chosen]
            alone += sum(not self._proofs.known(proof) for proof in full)
        if left:
            self.left_out.append(
                f"{left} more cases of {table_folder.name} meet what later folders write"
            )
        if alone:
            self.left_out.append(f"the compiled form of {alone} cases that meet it")

    def _todo(
        self,
        entries: Sequence[CaseEntry],
        mapping: Mapping,
        whole: str,
        quick: str,
        sample: set[int],
    ) -> Todo:
        """Of these cases those not proven.

        sample: numbers of those to be run in every form; of others it is done by `thorough` only.
        """
        todo: Todo = {}
        for number, entry in enumerate(entries):
            full, some = (self._proofs.of_case(entry, mapping, how) for how in (whole, quick))
            all_forms = self._thorough or number in sample
            proven = self._proofs.known(full) or (not all_forms and self._proofs.known(some))
            if self._thorough or not proven:
                todo[entry.name] = full if all_forms else some, all_forms
        return todo

    def _run(
        self,
        table_folder: TableFolder,
        layer: int,
        todo: Sequence[tuple[Mapping, Todo]],
        later: bool,
    ) -> Iterator[Complaint]:
        """Complaints about these; those without one are proven. Cases of one model go together."""
        jobs: list[tuple[cases.Case, Mapping, str, bool]] = []
        for mapping, wanted in todo:
            given = table_folder.folder, mapping.name, layer, list(wanted)
            for case in sorted(cases.of_folder(*given) if wanted else (), key=_model):
                jobs.append((case, mapping, *wanted[case.name]))
        told = spread(
            jobs,
            lambda job: _tried(job[0], job[1], job[3], later),
            processes=self._processes,
            kind=Tried,
        )
        self.ran += len(jobs)
        for (case, _, proof, _), (texts, bug) in zip(jobs, told, strict=True):
            about = "with the later folders" if later else ""
            yield from (Complaint(_place(table_folder, case), about, text) for text in texts)
            if not texts and not self._ours(bug):
                self._proofs.add(proof)

    def _ours(self, bug: FormsDiffer | None) -> bool:
        """Whether it is a bug of aisix; it is kept for `bugs`."""
        if bug is None:
            return False
        alike = [one for one in self.bugs if (one.mapping, one.parts) == (bug.mapping, bug.parts)]
        if len(alike) < MOST_ALIKE and bug.case not in [one.case for one in alike]:
            self.bugs.append(bug)
        return True

    def _tell_sampled(self, entries: Sequence[CaseEntry]) -> None:
        some = by_mapping(entries).values()
        by_rules = len(entries) - sum(len(_sample(one)) for one in some)
        if by_rules:
            text = f"{by_rules} of {len(entries)} cases are run rule by rule alone, the others"
            self.left_out.append(f"{text} compiled and with streams in pieces too")


def _tried(case: cases.Case, mapping: Mapping, all_forms: bool, later: bool) -> Tried:
    """With the tables it is written for, or with later ones, where nothing may break."""
    texts = cases.run(case, mapping) if not later else [] if all_forms else breaks(case, mapping)
    return (texts, None) if texts or not all_forms else both_forms_agree(case, mapping)


def _sample(entries: Sequence[CaseEntry], answers: bool = True) -> set[int]:
    """Numbers of those to be run in every form; `answers`: at least one answer of either kind."""
    chosen = set(range(0, len(entries), EVERY))
    for kind in ANSWERS if answers else ():
        having = (n for n, entry in enumerate(entries) if f"upstream-{kind}" in _stems(entry))
        chosen.update(islice(having, 1))
    return chosen


def _stems(entry: CaseEntry) -> set[str]:
    return {name.partition(".")[0] for name in entry.files}


def _model(case: cases.Case) -> str:
    """What its effective tables depend on."""
    about = case.about
    return repr([about.get(key) for key in ("model", "version", "options", "traits")])


def _place(table_folder: TableFolder, case: cases.Case) -> str:
    mapping = "/".join(case.folder.parts[-4:-2])
    return f"{table_folder.where(mapping)}/{CASES}/{case.name}"
