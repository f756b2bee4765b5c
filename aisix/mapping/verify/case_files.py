"""The files of a mapping's cases: a folder each, or all in the one file a wheel carries."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

from aisix.errors import Complaint, OperatorError
from aisix.mapping.parse.files import CASES, PACKED

ABOUT = "case.toml"
SUFFIXES = (".json", ".sse", ".txt")


def case_files(mapping: Path) -> Iterator[tuple[Path, dict[str, bytes]]]:
    """(folder of a case, its files by name); OperatorError for what cannot be read."""
    yield from _loose(mapping / CASES)
    yield from _packed(mapping / PACKED)


def _loose(folder: Path) -> Iterator[tuple[Path, dict[str, bytes]]]:
    for about in sorted(folder.glob(f"*/{ABOUT}")):
        files = [p for p in about.parent.iterdir() if p.suffix in SUFFIXES]
        yield about.parent, {p.name: _read(p) for p in (about, *files)}


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        text = f"cannot be read: {error.strerror}"
        raise OperatorError([Complaint(str(file), "", text)]) from None


def _packed(file: Path) -> Iterator[tuple[Path, dict[str, bytes]]]:
    """Such a folder is in the archive, not on the disk."""
    if not file.exists():
        return
    found: dict[str, dict[str, bytes]] = {}
    try:
        with zipfile.ZipFile(file) as archive:
            for path in archive.namelist():
                name, _, inner = path.partition("/")
                if inner:
                    found.setdefault(name, {})[inner] = archive.read(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise OperatorError([Complaint(str(file), "", f"cannot be read: {error}")]) from None
    for name in sorted(found):
        yield file / name, found[name]
