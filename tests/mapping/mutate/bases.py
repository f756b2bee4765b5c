"""Good overlays to make slips in: each a site's folder of files, by path."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from aisix.mapping.parse.files import TableFolder, read_folders
from tests.mapping.laid import NAME, SHIPPED
from tests.mapping.test_recipes import recipes
from tests.mapping.test_wishes import recipes as wishes

OVERLAYS = Path(__file__).parent.parent / "overlays"


@dataclass(frozen=True, slots=True)
class Base:
    """`cases`: the folder on disk that its own cases stand in, if it has any."""

    name: str
    files: dict[str, str] = field(repr=False)
    cases: Path | None = None

    @property
    def dialects(self) -> set[str]:
        return {path.partition("/")[0] for path in self.files}


@cache
def shipped() -> TableFolder:
    return read_folders([SHIPPED])[0]


def bases() -> Iterator[Base]:
    """All of them, in an order that stays."""
    for title, snippets in recipes().items():
        files: dict[str, str] = {}
        for name, text in snippets:
            path = _path(name)
            files[path] = files.get(path, "") + text
        if files:
            yield Base(f"recipe: {title}", files)
    for title, text in wishes().items():
        yield Base(f"one alias: {title}", _as_trait(text))
    for folder in sorted(OVERLAYS.iterdir()):
        tables = read_folders([folder])[0].files
        yield Base(folder.name, {p: data.decode() for p, data in tables.items()}, folder)
    for path, data in sorted(shipped().files.items()):
        if "/traits/" in path:  # a site's own trait of another name, on a row of its own
            mapping, _, name = path.partition("/traits/")
            mine = f"{mapping}/traits/my-{name}"
            row = f'[defaults]\nmore_traits = ["my-{name.removesuffix(".toml")}"]\n'
            yield Base(f"trait: {path}", {mine: data.decode(), f"{mapping}/models.toml": row})


def _path(name: str) -> str:
    """Of a recipe's file, which is named as seen from the mapping."""
    parts = NAME.split("/")
    for word in name.split("/"):
        parts = parts[:-1] if word == ".." else [*parts, word]
    return "/".join(parts)


def _as_trait(text: str) -> dict[str, str]:
    """An alias's overlay is a trait of one model: here of all that have no other."""
    own = re.sub(r"^for = .*\n", "", text, flags=re.M)
    return {
        f"{NAME}/traits/mine.toml": own,
        f"{NAME}/models.toml": '[defaults]\nmore_traits = ["mine"]\n',
    }
