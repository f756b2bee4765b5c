"""Everything that can be said against a set of tables before it serves: `aisix mappings check`.

Loads them (syntax, grammar, names), builds the effective tables of every model row, version and
option value (overlays meet there), looks for what nothing uses, and runs the cases. All findings
at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aisix.errors import Complaint, OperatorError
from aisix.mapping.mappings import NEEDED, Mapping, Mappings, load_as_told
from aisix.mapping.parse.files import CASES, TableFolder, case_marks, pack, read_folders
from aisix.mapping.parse.options import words_of
from aisix.mapping.syntax.paths import Json
from aisix.mapping.verify import cases
from aisix.mapping.verify.unused import unused

Finding = Complaint


def check(
    folders: Sequence[Path], with_cases: bool = True, proven: Container[str] = ()
) -> list[Finding]:
    """Every complaint about the tables below `folders` (shipped first); empty when all is well."""
    return check_shelves(read_folders(folders), with_cases, proven)


def check_shelves(
    table_folders: Sequence[TableFolder],
    with_cases: bool = True,
    proven: Container[str] = (),
    every: int = 1,
) -> list[Finding]:
    """The same, of files that have been read.

    proven: names of jobs that need not be done; every: of the cases that other tables were written
    for, only one in so many is tried.
    """
    found: list[Finding] = []
    try:
        mappings = load_as_told(table_folders, found)
    except OperatorError as error:
        return list(error.complaints)
    if not found:
        return findings(mappings, with_cases, proven, every)
    for mapping in mappings.mappings.values():  # what can be said of the rest all the same
        if all(mapping.tree.data.get(name) for name in NEEDED):
            found += _build_all(mapping, mappings)
            found += _tables_without_other(mapping)
    return list(dict.fromkeys(found))


def findings(
    mappings: Mappings, with_cases: bool = True, proven: Container[str] = (), every: int = 1
) -> list[Finding]:
    """The same for tables that have been loaded."""
    out: list[Finding] = []
    for mapping in mappings.mappings.values():
        out += _build_all(mapping, mappings)
        out += _tables_without_other(mapping)
    if not out and with_cases:
        for job in jobs(mappings.table_folders):
            if job.name not in proven:
                out += _done(job, mappings, every)
    return list(dict.fromkeys(out))


def _build_all(mapping: Mapping, mappings: Mappings) -> list[Finding]:
    """Every complaint about its configurations; and if there is none, what none of them uses."""
    out, never_read, names = _built(mapping)
    if out or not names:
        return out or never_read
    before, before_too = _before(mapping, mappings), set[str]()
    if before is not None:
        before_too = set(_built(before)[2])
    told = [unused(mapping, name, None if name in before_too else before) for name in names]
    return told + never_read


def _before(mapping: Mapping, mappings: Mappings) -> Mapping | None:
    """The same mapping without the last folder; None where there is none, or not a whole one."""
    layer = len(mappings.table_folders) - 2
    if layer < 0:
        return None
    try:
        return mappings.up_to(layer).mappings.get(mapping.name)
    except OperatorError:
        return None


def _built(mapping: Mapping) -> tuple[list[Finding], list[Finding], list[str]]:
    """(complaints about its configurations, about registers nobody reads, names nobody uses)."""
    out: list[Finding] = []
    data = mapping.tree.data
    rows = (data.get("models") or {}).get("model", {})
    versions = data["mapping"].get("versions", {}).get("known", {})
    used: set[str] = set()
    known: set[str] = set()
    registers: dict[str, Complaint] = {}
    read: set[str] = set()
    brought: set[str] = set()

    def build(*asked: Json) -> None:
        try:
            tables = mapping.effective(*asked)
        except OperatorError as error:
            out.extend(error.complaints)
            return
        used.update(tables.used)
        known.update(tables.known)
        registers.update(tables.registers)
        read.update(tables.registers_read)
        brought.update(tables.traits)

    for model in [*rows, None]:
        for version in versions or [None]:
            build(mapping.example(model), version)
    for name, row in data["mapping"].get("option", {}).items():
        for value in words_of(row):
            if value == row.get("default"):
                continue  # which has been built for every model
            build("", None, {name: value})
    for trait in mapping.traits:
        if trait not in brought:  # an alias's
            build("", None, None, (trait,))
    never_read = [registers[name] for name in registers if name not in read]
    return out, never_read, [name for name in sorted(known - used) if not _is_list(data, name)]


def _is_list(data: dict[str, Json], name: str) -> bool:
    """A list of values.toml: a site that has one of its own is not told of ours."""
    section, _, key = name.partition(".")
    return section == "values" and isinstance((data.get(section) or {}).get(key), list)


def _tables_without_other(mapping: Mapping) -> Iterator[Finding]:
    """A value table must say what becomes of a word nobody knew when it was written."""
    for name, table in (mapping.tree.data.get("values") or {}).items():
        if isinstance(table, dict) and "*" not in table:
            yield Complaint(
                mapping.tree.where(("values", name)),
                f"{name}",
                'a value table needs a row "*" for words it does not list',
            )


# ---------------------------------------------------------------- cases
@dataclass(frozen=True, slots=True)
class Job:
    """The cases of one folder with the tables up to another; the name says what was looked at.

    A case is a promise of its folder: it holds with the tables of that folder and those before.
    Later folders may change what comes out, on purpose; then nothing may break all the same.
    """

    name: str
    cases: int  # number of the folder
    tables: int


def jobs(table_folders: Sequence[TableFolder]) -> list[Job]:
    """What there is to run. A job of the same name has the same cases and the same tables."""
    out = []
    last = len(table_folders) - 1
    for number, table_folder in enumerate(table_folders):
        for tables in sorted({number, last}):
            whole = hashlib.sha256(pack(table_folders[: tables + 1]))
            whole.update(repr(sorted(case_marks(table_folder.folder).items())).encode())
            out.append(Job(whole.hexdigest()[:32], number, tables))
    return out


def _done(job: Job, mappings: Mappings, every: int) -> Iterator[Finding]:
    """What the cases of a job have to say."""
    own = job.cases == job.tables
    try:
        lower, upper = mappings.up_to(job.cases), mappings.up_to(job.tables)
    except OperatorError:
        return  # a folder that is whole only with a later one has its cases there
    for name, mapping in lower.mappings.items():
        later = upper.mappings[name]
        if not own and later.digest == mapping.digest:
            continue
        try:
            found = [c for c in cases.find(mapping.folders, name) if c.layer == job.cases]
            for case in found[:: 1 if own else every]:
                where = f"{mappings.table_folders[job.cases].where(name)}/{CASES}/{case.name}"
                if own:
                    yield from (Complaint(where, "", text) for text in cases.run(case, mapping))
                else:
                    for text in cases.both_forms_agree(case, later):
                        yield Complaint(where, "with the later folders", text)
        except OperatorError as error:
            yield from error.complaints


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
