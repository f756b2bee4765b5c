"""The cases of a folder, known without reading them again: names, settings, digests.

    for entry in entries(folder, kept):      # all, of all mappings
        entry.mapping, entry.name, entry.about, entry.files, entry.digest

What was read is kept under the marks of the files (`parse/files.py`): as long as no file of a case
is written, none is opened. `cases.of_folder(..., only=names)` reads those that are to be run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from aisix.mapping.parse.files import case_folders, case_marks
from aisix.mapping.verify import cases
from aisix.mapping.verify.kept import Kept, engine, hashed


class CaseEntry(msgspec.Struct, frozen=True):
    """One case. `files`: their names; `digest`: over all that is in them."""

    mapping: str
    name: str
    about: dict[str, Any]
    files: tuple[str, ...]
    digest: str


def entries(folder: Path, kept: Kept) -> list[CaseEntry]:
    """Every case of a folder, by mapping and name; OperatorError for one that cannot be read."""
    marks = case_marks(folder)
    name = "cases-" + hashed(marks, engine())
    data = kept.get(name) if marks else None
    if data is not None:
        try:
            return msgspec.msgpack.decode(data, type=list[CaseEntry])
        except msgspec.DecodeError:
            pass  # of another version: read anew
    found = list(_read(folder))
    if found and marks and marks == case_marks(folder):  # nobody wrote meanwhile
        kept.put(name, msgspec.msgpack.encode(found))
    return found


def by_mapping(found: Sequence[CaseEntry]) -> dict[str, list[CaseEntry]]:
    """The same, sorted out."""
    out: dict[str, list[CaseEntry]] = {}
    for entry in found:
        out.setdefault(entry.mapping, []).append(entry)
    return out


def _read(folder: Path) -> Iterator[CaseEntry]:
    for path in case_folders(folder):
        mapping = f"{path.parent.name}/{path.name}"
        for case in cases.of_folder(folder, mapping, 0):
            parts = [part for name in sorted(case.files) for part in (name, case.files[name])]
            digest = hashed(case.name, msgspec.json.encode(case.about), *parts)
            yield CaseEntry(mapping, case.name, case.about, tuple(sorted(case.files)), digest)
