"""The files of a mapping's cases: a folder each, or all in the one file a wheel carries."""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from aisix.errors import Complaint, OperatorError
from aisix.mapping.grammar.cases import CASE_FILES
from aisix.mapping.parse.files import CASES, PACKED
from aisix.mapping.parse.meant import near

ABOUT = "case.toml"


def case_files(
    mapping: Path, only: Collection[str] | None = None
) -> Iterator[tuple[Path, dict[str, bytes]]]:
    """(folder of a case, its files by name), of all or of those named; OperatorError for what
    cannot be read."""
    yield from _loose(mapping / CASES, only)
    yield from _packed(mapping / PACKED, only)


def _loose(folder: Path, only: Collection[str] | None) -> Iterator[tuple[Path, dict[str, bytes]]]:
    for case in sorted(folder.glob("*/") if only is None else (folder / name for name in only)):
        if not case.is_dir():
            continue
        files = [path for path in case.iterdir() if not path.name.startswith(".")]
        if files:
            yield case, {path.name: _read(path) if _known(path.name) else b"" for path in files}


def wrong_names(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(name, what is wrong with it) of a case's files; "" stands for the folder."""
    known = [one.name for one in CASE_FILES]
    for name in names:
        if not _known(name):
            yield name, f"no file of a case has this name{near(name, [ABOUT, *known])}"
    if ABOUT not in names:
        yield "", f"{ABOUT} is missing: it says what the case is about"


def _known(name: str) -> bool:
    return name == ABOUT or any(one.fits(name) for one in CASE_FILES)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        text = f"cannot be read: {error.strerror}"
        raise OperatorError([Complaint(str(file), "", text)]) from None


def _packed(file: Path, only: Collection[str] | None) -> Iterator[tuple[Path, dict[str, bytes]]]:
    """Such a folder is in the archive, not on the disk."""
    if not file.exists():
        return
    found: dict[str, dict[str, bytes]] = {}
    try:
        with zipfile.ZipFile(file) as archive:
            for path in archive.namelist():
                name, _, inner = path.partition("/")
                if inner and (only is None or name in only):
                    found.setdefault(name, {})[inner] = archive.read(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise OperatorError([Complaint(str(file), "", f"cannot be read: {error}")]) from None
    for name in sorted(found):
        yield file / name, found[name]
