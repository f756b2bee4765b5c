"""Folders of tables as they are at one moment: every table file's bytes, read once.

A reload checks these bytes, hands these bytes to every worker and serves from them: a file that is
saved meanwhile belongs to the next reload. `pack` and `unpack` make one piece of bytes of them.

Must never know: what a table says.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path

import msgspec

from aisix.errors import Complaint
from aisix.mapping.parse.meant import near

CALLER, MAPPING = "caller.toml", "mapping.toml"
# Folders of a dialect that are no mappings: what its mappings share on one side (lineage.py).
UPSTREAM = "upstream"
HALVES = ("caller", UPSTREAM)
# In the first folder: folders laid over it where the settings ask for one of these names.
OVERLAYS = "overlays"
OTHER_FORMATS = frozenset(("yaml", "yml", "json", "tml"))  # that people write tables in
FILES = ("mapping", "values", "request", "answer", "errors", "models")
NAMES = tuple(f"{name}.toml" for name in FILES)
# A table file that may be a folder of parts instead, or both; joined in this order.
PARTS = {
    "request": (
        *("accept", "names", "fields", "messages", "parts", "tools", "checks", "adjust", "rest"),
    ),
}
TRAITS, CASES = "traits", "cases"
PACKED = f"{CASES}.zip"  # in a wheel: thousands of small files take many times their size
LARGEST = 4 << 20  # bytes of one table file
SETTLED = 2 * 10**9  # ns after which a file's times tell of every change


@dataclass(frozen=True, slots=True)
class TableFolder:
    """One folder. `name` begins every file's name in a complaint."""

    folder: Path
    name: str
    files: dict[str, bytes] = field(repr=False)  # "openai-chat/caller.toml" -> what is in it
    complaints: tuple[Complaint, ...] = ()

    def where(self, path: str) -> str:
        return f"{self.name}/{path}"

    def parts(self, path: str) -> tuple[str, ...]:
        """Those of the files that together are `path` which are here, in their order.

        >>> files = {"a/b/request/rest.toml": b"", "a/b/request/accept.toml": b""}
        >>> TableFolder(Path("/a"), "a", files).parts("a/b/request.toml")
        ('a/b/request/accept.toml', 'a/b/request/rest.toml')
        """
        stem = path.removesuffix(".toml")
        names = PARTS.get(stem.rpartition("/")[2], ()) if path.count("/") == 2 else ()
        known = (path, *(f"{stem}/{name}.toml" for name in names))
        return tuple(file for file in known if file in self.files)

    def below(self, prefix: str) -> Iterator[str]:
        """The names that stand right below `prefix/`."""
        seen = dict.fromkeys(
            path[len(prefix) :].split("/")[0] for path in self.files if path.startswith(prefix)
        )
        yield from seen


def folder_names(folders: Sequence[Path]) -> list[tuple[str, Path]]:
    """Each folder behind what begins its files' names in complaints: its last word (of one in
    OVERLAYS both), or where an earlier one has that, its path as it is given, or from the root.

    >>> [name for name, _ in folder_names([Path("/a/x"), Path("/b/x"), Path("y")])]
    ['x', '/b/x', 'y']
    """
    named: list[tuple[str, Path]] = []
    for folder in map(Path, folders):
        taken = {known for known, _ in named}
        short = f"{OVERLAYS}/{folder.name}" if folder.parent.name == OVERLAYS else folder.name
        names = (short or str(folder), str(folder))
        free = (name for name in names if name not in taken)
        named.append((next(free, str(folder.absolute())), folder))
    return named


def read_folders(folders: Sequence[Path]) -> tuple[TableFolder, ...]:
    """Every folder, shipped first. What cannot be read is a complaint of its folder."""
    named = folder_names(folders)
    return tuple(_read(folder, name, not at) for at, (name, folder) in enumerate(named))


def shipped_of(table_folders: Sequence[TableFolder]) -> Sequence[TableFolder]:
    """Those that came with the program: the first, and what lies in it."""
    first = table_folders[0].folder
    return [one for one in table_folders if one.folder.is_relative_to(first)]


def _read(folder: Path, name: str, first: bool) -> TableFolder:
    files: dict[str, bytes] = {}
    complaints: list[Complaint] = []
    if not folder.is_dir():
        why = "is a file, not a folder" if folder.exists() else "no such folder"
        return TableFolder(folder, name, files, (Complaint(str(folder), "", why),))
    for path in sorted(_table_files(folder, "", complaints, name, first)):
        wrong = _misplaced(path)
        if wrong:
            complaints.append(Complaint(f"{name}/{path}", "", wrong))
            continue
        try:
            with open(folder / path, "rb", opener=_at_once) as file:
                plain = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
                data = file.read(LARGEST + 1) if plain else None
        except OSError as error:
            text = f"cannot be read: {error.strerror}"
            complaints.append(Complaint(f"{name}/{path}", "", text))
            continue
        if data is None:
            complaints.append(Complaint(f"{name}/{path}", "", "cannot be read: not a file"))
        elif len(data) > LARGEST:
            text = f"larger than {LARGEST} bytes, which no table is"
            complaints.append(Complaint(f"{name}/{path}", "", text))
        elif not data.strip():
            text = "the file is empty; write a table or a comment, or delete it"
            complaints.append(Complaint(f"{name}/{path}", "", text))
        else:
            files[path] = data
    return TableFolder(folder, name, files, tuple(complaints))


def _at_once(path: str, flags: int) -> int:
    """Opens a pipe without waiting for somebody who writes into it."""
    return os.open(path, flags | os.O_NONBLOCK)


def _table_files(
    folder: Path, below: str, complaints: list[Complaint], name: str, first: bool
) -> Iterator[str]:
    """Relative paths of every .toml that is no case's; hidden files are an editor's own. `first`:
    it may hold overlays, each a folder by itself."""
    try:
        entries = list(os.scandir(folder / below))
    except OSError as error:
        text = f"cannot be read: {error.strerror}"
        complaints.append(Complaint(f"{name}/{below}".rstrip("/"), "", text))
        return
    skipped = (OVERLAYS,) if first else ()
    for entry in entries:
        path = f"{below}{entry.name}"
        if entry.name.startswith("."):
            continue
        if entry.name.endswith(".toml"):
            yield path
        elif _meant_as_table(below, entry.name):
            text = "is not read: the name of a table file ends in .toml"
            complaints.append(Complaint(f"{name}/{path}", "", text, idle=True))
        elif path in skipped or (entry.name == CASES and below.count("/") == 2):
            continue
        elif os.path.isdir(entry) and below.count("/") < 4:  # isdir: no link can make it fail
            yield from _table_files(folder, f"{path}/", complaints, name, first)


def _meant_as_table(below: str, file: str) -> bool:
    """Whether a file that is no .toml looks like a table: its name, or where it stands.

    >>> [_meant_as_table("a/b/", name) for name in ("request.TOML", "values.yaml", "notes.yaml")]
    [True, True, False]
    """
    stem, _, ending = file.rpartition(".")
    folders = below.split("/")[:-1]
    parts = len(folders) == 3 and folders[2] in (*PARTS, TRAITS)
    known = parts or (len(folders) == 2 and f"{stem}.toml" in NAMES)
    return ending.lower() == "toml" or (known and ending.lower() in OTHER_FORMATS)


def _misplaced(path: str) -> str:
    """What is wrong with where a file stands; "" when it stands right."""
    parts = path.split("/")
    match parts:
        case [_, file] if file == CALLER:
            return ""
        case [_, _, file] if file in NAMES:
            return ""
        case [_, _, folder, _] if folder == TRAITS:
            return ""
        case [_, _, folder, file] if folder in PARTS:
            parts = [f"{name}.toml" for name in PARTS[folder]]
            hint = near(file, parts)
            return "" if file in parts else f"no part of {folder}.toml has this name{hint}"
        case [_, _, file]:
            return f"no table file has this name{near(file, NAMES)}"
        case [_, _, folder, _]:
            return f'no folder "{folder}" here{near(folder, (*PARTS, TRAITS, CASES))}'
    return (
        f"stands at the wrong place: <caller>/{CALLER}, <caller>/<upstream>/<table>.toml,"
        f" <caller>/<upstream>/request/<part>.toml or <caller>/<upstream>/{TRAITS}/<trait>.toml"
    )


# ---------------------------------------------------------------- one piece of bytes
def pack(table_folders: Sequence[TableFolder]) -> bytes:
    """
    >>> folder = TableFolder(Path("/a"), "a", {"x/caller.toml": b"format = 1"})
    >>> unpack(pack([folder])) == (folder,)
    True
    """
    return msgspec.msgpack.encode([(str(s.folder), s.name, s.files) for s in table_folders])


def unpack(data: bytes) -> tuple[TableFolder, ...]:
    kind = list[tuple[str, str, dict[str, bytes]]]
    found = msgspec.msgpack.decode(data, type=kind)
    return tuple(TableFolder(Path(folder), name, files) for folder, name, files in found)


# ---------------------------------------------------------------- changes
Marks = dict[str, tuple[int, int, int]]


def marks(folders: Sequence[Path]) -> Marks:
    """What changes when a table is written: (inode, ns, size) of every file. Reads no file."""
    out: Marks = {}
    for number, folder in enumerate(map(Path, folders)):
        for path in _table_files(folder, "", [], "", not number):
            _mark(folder / path, out)
    return out


def case_marks(folder: Path) -> bytes:
    """The same for the cases of a folder, as one digest; b"" while one may still be written.

    A file that was changed less than SETTLED ago may change again within the same tick of its time.
    """
    whole, newest = hashlib.sha256(), 0
    for mapping in case_folders(folder):
        for path, found in sorted(_below(str(mapping / CASES)), key=itemgetter(0)):
            name = path.removeprefix(str(folder))
            said = found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size
            whole.update(f"{name} {said}\n".encode("utf-8", "surrogateescape"))
            newest = max(newest, found.st_ctime_ns, found.st_mtime_ns)
        with contextlib.suppress(OSError):  # the one file of a wheel: as fast to read
            packed = (mapping / PACKED).read_bytes()
            whole.update(f"{mapping.name} {hashlib.sha256(packed).hexdigest()}\n".encode())
    return b"" if time.time_ns() - newest < SETTLED else whole.digest()


def case_folders(folder: Path) -> Iterator[Path]:
    """The folders of mappings that may have cases, in order."""
    yield from sorted(path for path in folder.glob("*/*") if path.is_dir())


def _below(place: str) -> Iterator[tuple[str, os.stat_result]]:
    """Every file of cases and what the system knows of it."""
    try:
        for case in list(os.scandir(place)):
            if case.is_dir():
                for file in list(os.scandir(case.path)):
                    yield file.path, file.stat()
    except OSError:
        return  # gone, or never there: reading them will tell


def _mark(file: Path, out: Marks) -> None:
    try:
        try:
            found = os.stat(file)
        except OSError:
            found = os.lstat(file)  # a link that leads nowhere is news too
    except OSError:
        return  # gone between the list and the look: it is not there
    out[str(file)] = (found.st_ino, found.st_mtime_ns, found.st_size)


def digest(parts: list[bytes]) -> str:
    """Eight hex digits over everything that was read, in order."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "big"))
        whole.update(part)
    return whole.hexdigest()[:8]
