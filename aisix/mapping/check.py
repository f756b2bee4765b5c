"""Everything that can be said against a set of tables before it serves: `aisix mappings check`.

Loads them (syntax, grammar, names), builds the effective tables of every model row, version and
option value (overlays meet there), looks for what nothing uses, and runs the cases. All findings
at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from aisix.errors import Complaint, OperatorError
from aisix.mapping import cases
from aisix.mapping.loader import Mapping, Mappings, load_mappings
from aisix.mapping.paths import Json

Finding = Complaint


def check(folders: Sequence[Path], with_cases: bool = True) -> list[Finding]:
    """Every complaint about the tables below `folders` (shipped first); empty when all is well."""
    try:
        mappings = load_mappings(folders)
    except OperatorError as error:
        return list(error.complaints)
    return findings(mappings, with_cases)


def findings(mappings: Mappings, with_cases: bool = True) -> list[Finding]:
    """The same for tables that have been loaded."""
    out: list[Finding] = []
    for mapping in mappings.mappings.values():
        built = _build_all(mapping)
        out += built
        out += _tables_without_other(mapping)
        if not built and with_cases:
            out += _cases(mapping)
    return list(dict.fromkeys(out))


def _build_all(mapping: Mapping) -> list[Finding]:
    out: list[Finding] = []
    data = mapping.tree.data
    rows = (data.get("models") or {}).get("model", {})
    versions = data["mapping"].get("versions", {}).get("known", {})
    used: set[str] = set()
    known: set[str] = set()
    for model in [*rows, None]:
        for version in [*versions, None]:
            try:
                tables = mapping.effective(mapping.example(model), version)
                used |= tables.used
                known |= tables.known
            except OperatorError as error:
                out += error.complaints
    for name, row in data["mapping"].get("option", {}).items():
        for word, traits in row.get("traits", {}).items():
            value: Json = {"true": True, "false": False}.get(word, word)
            try:
                tables = mapping.effective("", None, {name: value})
                used |= tables.used
                known |= tables.known
            except OperatorError as error:
                out += error.complaints
            del traits
    return out + [_unused(mapping, name) for name in sorted(known - used)]


def _unused(mapping: Mapping, name: str) -> Finding:
    where = mapping.tree.where(tuple(name.split(".")))
    return Complaint(where, name, "nothing uses it")


def _tables_without_other(mapping: Mapping) -> Iterator[Finding]:
    """A value table must say what becomes of a word nobody knew when it was written."""
    for name, table in (mapping.tree.data.get("values") or {}).items():
        if isinstance(table, dict) and "*" not in table:
            yield Complaint(
                mapping.tree.where(("values", name)),
                f"{name}",
                'a value table needs a row "*" for words it does not list',
            )


def _cases(mapping: Mapping) -> Iterator[Finding]:
    try:
        for case in cases.find(mapping.folders, mapping.name):
            for text in cases.run(case, mapping):
                yield Complaint(f"{mapping.name}/cases/{case.name}", "", text)
    except OperatorError as error:
        yield from error.complaints
