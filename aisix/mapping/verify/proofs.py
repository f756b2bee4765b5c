"""What has been shown of tables and cases, by digest of everything it depends on.

    proofs = Proofs(kept)
    name = proofs.of_mapping(mappings, mapping, layer)     # all files it is made of, up to a folder
    name = proofs.of_case(entry, mapping, how)             # only what this case's model uses
    proofs.known(name); proofs.add(name); proofs.save()

A proof is a digest, and knowing it means: with exactly this there was nothing to complain about.
The engine is part of each: a changed engine proves everything anew.

Must never know: what a table says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from aisix.mapping.mappings import Mapping, Mappings
from aisix.mapping.parse.files import CALLER, TableFolder, case_marks, pack
from aisix.mapping.syntax.paths import Json
from aisix.mapping.verify.case_index import CaseEntry
from aisix.mapping.verify.kept import Kept, engine, hashed

MOST_PROOFS = 50_000  # the latest are kept: 32 letters each
ANSWERS = ("response", "stream")  # behind upstream- or caller- in names of files
THOROUGH, BY_RULES = "thorough", "by rules"  # how a case was run with the tables it is written for
AGREE, BREAKS_NOT = "agree", "breaks not"  # and with those of later folders


class Proofs:
    """Those kept, and those of this process."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self._name = f"proofs-{engine()}"
        self._known: dict[str, None] = {}
        self._more = False
        self._digests: dict[tuple[int, str], str] = {}  # (id of a mapping, what of it)
        self._asked: dict[int, Mapping] = {}  # whose ids those are
        for data in kept.every(self._name):
            self._known |= dict.fromkeys(data.decode("ascii", "replace").split("\n"))

    def known(self, name: str) -> bool:
        return name in self._known

    def add(self, name: str) -> None:
        self._more = self._more or name not in self._known
        self._known[name] = None

    def save(self) -> None:
        """Keep them for the next process."""
        if self._more:
            latest = list(self._known)[-MOST_PROOFS:]
            self._kept.put(self._name, "\n".join(latest).encode())
            self._more = False

    # ------------------------------------------------------------------ what they are of
    def of_mapping(self, mappings: Mappings, mapping: Mapping, layer: int) -> str:
        """That its tables, as they are with the folders up to `layer`, can all be built."""
        parts: list[str | bytes] = [engine(), "built"]
        for table_folder in mappings.table_folders[: layer + 1]:
            for path in files_of(mapping, table_folder):
                parts += (path, table_folder.files[path])
        return hashed(*parts)

    def of_case(self, entry: CaseEntry, mapping: Mapping, how: str) -> str:
        """That this case holds with what its model's tables are now."""
        about = entry.about
        row = mapping.row_for(str(about.get("model") or mapping.example()))
        given = about.get("options") or {}
        settled = mapping.settled(row, about.get("version"), given, about.get("traits", ()))
        facts = (row, mapping.example(), *settled[:4], mapping.upstream, mapping.was_traits)
        files = ["request", "values"]
        if any(name.partition("-")[2].startswith(ANSWERS) for name in entry.files):
            files += ["answer", "errors"]
        used = [self._data(mapping, file, mapping.tree.data.get(file)) for file in files]
        used += [
            self._data(mapping, f"trait {trait}", mapping.traits[trait].data)
            for trait in settled.traits
            if trait in mapping.traits
        ]
        caller = self._data(mapping, "caller", mapping.caller.data)
        return hashed(engine(), how, entry.digest, caller, _bytes(facts), *used)

    def _data(self, mapping: Mapping, name: str, data: Json) -> str:
        found = self._digests.get((id(mapping), name))
        if found is None:
            self._asked[id(mapping)] = mapping
            found = self._digests[id(mapping), name] = hashed(_bytes(data))
        return found


def of_files(table_folders: Sequence[TableFolder]) -> str:
    """Of the very files, and of a site's cases: what a reload finds unchanged.

    "" while something of it may still be written, or cannot be read.
    """
    if any(table_folder.complaints for table_folder in table_folders):
        return ""
    marks = [case_marks(table_folder.folder) for table_folder in table_folders[1:]]
    return hashed(engine(), pack(table_folders), *marks) if all(marks) else ""


def files_of(mapping: Mapping, table_folder: TableFolder) -> Iterator[str]:
    """The files of a folder that a mapping is made of."""
    dialect = mapping.name.partition("/")[0]
    folders = tuple(f"{name}/" for name in mapping.line)
    lent = {f"{dialect}/{CALLER}", *(f"{name}/models.toml" for name in mapping.lender)}
    for path in sorted(table_folder.files):
        if path in lent or path.startswith(folders):
            yield path


def _bytes(data: Json) -> bytes:
    """The same bytes for the same data in the same order."""
    try:
        return msgspec.json.encode(data)
    except (TypeError, OverflowError):
        return repr(data).encode()
