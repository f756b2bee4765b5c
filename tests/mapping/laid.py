"""A site's folder over the shipped tables, and what is said of it, for one model."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from aisix.errors import OperatorError
from aisix.mapping.mappings import load_mappings
from aisix.mapping.parse.files import TableFolder, read_folders
from aisix.mapping.parse.lineage import is_base
from aisix.mapping.verify.check import Checker
from aisix.mapping.verify.kept import Kept
from tests.running import ROOT

SHIPPED = ROOT / "mappings"
NAME = "openai-chat/anthropic-messages"


def laid(tmp_path: Path, files: dict[str, str], name: str = NAME) -> Path:
    """The folder `mine` with these files in a mapping."""
    for path, text in files.items():
        target = tmp_path / "mine" / name / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return tmp_path / "mine"


def said(folder: Path, name: str = NAME) -> list[str]:
    """Every complaint about a mapping's tables for its unknown models."""
    try:
        mappings = load_mappings([SHIPPED, folder])
        mapping = mappings.mappings[name]
        idle = mappings.idle + mapping.effective(mapping.example()).idle
    except OperatorError as error:
        return [str(complaint) for complaint in error.complaints]
    return [str(complaint) for complaint in idle]


@cache
def shipped() -> TableFolder:
    return read_folders([SHIPPED])[0]


def shipped_for(paths: Iterable[str]) -> TableFolder:
    """What files of a site lie over: of the one dialect alone and its bases, whose tables name
    nothing of the other's, where they are all of that one."""
    whole, own = shipped(), "openai-chat/"
    if not all(path.startswith(own) for path in paths):
        return whole
    named = (*_bases(whole, own),)
    files = {
        path: data
        for path, data in whole.files.items()
        if path.startswith(named) or (path.startswith(own) and not is_base(path.rpartition("/")[0]))
    }
    return TableFolder(whole.folder, whole.name, files)


def _bases(table_folder: TableFolder, own: str) -> Iterable[str]:
    """The folders of the bases that a dialect's mappings begin with."""
    for path, data in table_folder.files.items():
        if path.startswith(own) and path.endswith("/mapping.toml"):
            yield from (f"{name}/" for name in tomllib.loads(data.decode()).get("base", ()))


def checked(files: dict[str, str]) -> tuple[list[str], list[str]]:
    """(complaints, notes) of `aisix mappings check` about a site's files, by their whole path."""
    tables = {path: text.encode() for path, text in files.items()}
    checker = Checker(Kept(None), with_cases=False, released=True)
    found = checker.read([shipped_for(files), TableFolder(Path("mine"), "mine", tables)])
    return [str(one) for one in found], [str(one) for one in checker.notes]
