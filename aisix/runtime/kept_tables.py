"""The tables that served before those of now: one set, with which a roll-back needs nothing else.

    kept = KeptTables.of(mappings, since, followed_by=files)     what serves, before others do
    kept.holds(files)       whether these files were rolled back from, and are as they were
    begin(files, kept)      what to serve with at a start: (files, what stays kept)
    to_disk(data_dir, kept); from_disk(data_dir)

The workers find it in `Generation.kept`; a copy on disk outlives a restart. After a roll-back the
set serves, and the same object remembers which files it was rolled back from: whoever reads the
folders without having been asked for just that (a signal, a watch, a start) leaves them alone until
they change.

Must never know: what a table says.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from aisix.mapping.mappings import Mappings
from aisix.mapping.parse.files import TableFolder, pack, shipped_of, unpack
from aisix.mapping.verify.kept import Kept, hashed
from aisix.workers.generation import Generation

FOLDER, NAME = "tables", "previous"  # of the data directory


class KeptTables(msgspec.Struct, frozen=True):
    """One set of tables that has served. Times are Unix seconds."""

    digest: str
    files: bytes  # `pack` of them
    differs: dict[str, list[str]]  # Mappings.differs
    warnings: list[str]
    since: int  # when they began to serve
    followed_by: str  # digest of the very files that came after them
    left: str = ""  # the digest of the tables that were rolled back from; "": they serve
    left_at: int = 0

    @classmethod
    def of(
        cls,
        mappings: Mappings,
        since: int,
        warnings: Sequence[str],
        followed_by: Sequence[TableFolder],
    ) -> KeptTables:
        files, after = pack(mappings.table_folders), very_files(followed_by)
        return cls(mappings.digest, files, mappings.differs, list(warnings), since, after)

    def holds(self, table_folders: Sequence[TableFolder]) -> bool:
        return bool(self.left) and very_files(table_folders) == self.followed_by

    def previous(self) -> dict[str, Any] | None:
        """What a status says of it; None when it serves itself."""
        return None if self.left else {"digest": self.digest, "since": self.since}

    def held(self) -> dict[str, Any] | None:
        """What a status says of the tables that were rolled back from."""
        return {"digest": self.left, "at": self.left_at} if self.left else None


def very_files(table_folders: Sequence[TableFolder]) -> str:
    return hashed(pack(table_folders))


def begin(
    table_folders: Sequence[TableFolder], kept: KeptTables | None
) -> tuple[Sequence[TableFolder], KeptTables | None]:
    """What to serve with where `table_folders` lie on disk; and `kept` if it belongs to them.

    It does not when they have changed since, or when the tables that came with the program have:
    those of another version are not for this one.
    """
    if kept is None or very_files(table_folders) != kept.followed_by:
        return table_folders, None
    files = unpack(kept.files)
    ours, theirs = ([one.files for one in shipped_of(of)] for of in (table_folders, files))
    if ours != theirs:
        return table_folders, None
    return (files if kept.left else table_folders), kept


# ---------------------------------------------------------------- where it lies
def shared(generation: Generation) -> KeptTables | None:
    """What all workers know."""
    return _decoded(generation.kept())


def share(generation: Generation, kept: KeptTables | None) -> None:
    """OSError when the disk is full."""
    generation.keep(_encoded(kept))


def from_disk(data_dir: Path) -> KeptTables | None:
    """None when there is nothing sound of ours."""
    return _decoded(Kept(data_dir / FOLDER).get(NAME) or b"")


def to_disk(data_dir: Path, kept: KeptTables | None) -> bool:
    """Whether it lies there now, and a restart will find it."""
    place = Kept(data_dir / FOLDER)
    if kept is None and place.get(NAME) is None:
        return True
    place.put(NAME, _encoded(kept))
    return bool(place.made)


def _encoded(kept: KeptTables | None) -> bytes:
    return b"" if kept is None else msgspec.msgpack.encode(kept)


def _decoded(data: bytes) -> KeptTables | None:
    try:
        return msgspec.msgpack.decode(data, type=KeptTables) if data else None
    except msgspec.DecodeError:  # of another version
        return None
