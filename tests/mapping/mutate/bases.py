"""Good overlays to make slips in: each a site's folder of files, by path, and what shows it is good.

What shows it are a site's own cases, or the test of a recipe: it is one for whoever takes the recipe.
"""

from __future__ import annotations

import inspect
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from aisix.mapping.mappings import Mappings
from aisix.mapping.parse.files import read_folders
from tests.mapping import test_recipes, test_wishes
from tests.mapping.laid import NAME, shipped

OVERLAYS = Path(__file__).parent.parent / "overlays"
CASES = Path(__file__).parent / "cases"  # of recipes that are a mapping of their own
OF_RECIPE = {"add a new provider dialect": CASES / "acme"}
# What overlays take the last use of a shipped name away.
LAST_USE = re.compile(r"team-|<think>|service_tier|signature_delta\]|no_effort\b")
MINE = f"{NAME}/traits/mine.toml"
Shows = Callable[[Mappings, dict[str, str]], object]  # raises where it is otherwise


@dataclass(frozen=True, slots=True)
class Base:
    """`cases`: the folder on disk that its own cases stand in; `tests`: those of a recipe."""

    name: str
    files: dict[str, str] = field(repr=False)
    cases: Path | None = None
    tests: tuple[Shows, ...] = field(default=(), repr=False)

    def holds(self, mappings: Mappings, files: dict[str, str]) -> bool:
        """Whether the recipe's tests say so of these files."""
        try:
            for test in self.tests:
                test(mappings, files)
        except (Exception, pytest.fail.Exception):
            return False
        return True


def bases() -> Iterator[Base]:
    """All of them, in an order that stays."""
    for title, snippets in test_recipes.recipes().items():
        files: dict[str, str] = {}
        for name, text in snippets:
            path = _path(name)
            files[path] = files.get(path, "") + text
        if files:
            yield Base(f"recipe: {title}", files, OF_RECIPE.get(title), (_of_recipe(title),))
    for title, text in test_wishes.recipes().items():
        yield Base(f"one alias: {title}", _as_trait(text), tests=tuple(_of_wish(title, text)))
    for folder in sorted(OVERLAYS.iterdir()):
        tables = read_folders([folder])[0].files
        yield Base(folder.name, {p: data.decode() for p, data in tables.items()}, folder)
    for path, data in sorted(shipped().files.items()):
        if "/traits/" in path:  # a site's own trait of another name, on a row of its own
            mapping, _, name = path.partition("/traits/")
            mine = f"{mapping}/traits/my-{name}"
            whom = _whom(mapping, data.decode())
            row = f'{whom}\nmore_traits = ["my-{name.removesuffix(".toml")}"]\n'
            yield Base(f"trait: {path}", {mine: data.decode(), f"{mapping}/models.toml": row})


def _path(name: str) -> str:
    """Of a recipe's file, which is named as seen from the mapping."""
    parts = NAME.split("/")
    for word in name.split("/"):
        parts = parts[:-1] if word == ".." else [*parts, word]
    return "/".join(parts)


def _of_recipe(title: str) -> Shows:
    return lambda mappings, _: test_recipes.CHECKS[title](test_recipes.Talk(mappings))


def _of_wish(title: str, text: str) -> Iterator[Shows]:
    """The tests that name it; they take the overlay out of the book."""
    first = re.match(r"(?:^for = .*\n)?", text, re.M)
    for name, test in vars(test_wishes).items():
        if name.startswith("test_") and not inspect.signature(test).parameters:
            if f'recipes()["{title}"]' in inspect.getsource(test):
                yield lambda _, files, test=test: _with_book(
                    {title: (first.group() if first else "") + files.get(MINE, "")}, test
                )


def _with_book(book: dict[str, str], test: Callable[[], object]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(test_wishes, "recipes", lambda: book)
        test()


def _whom(mapping: str, text: str) -> str:
    """All models; one, where shipped names would be used by none of the others."""
    if not LAST_USE.search(text):
        return "[defaults]"
    models = tomllib.loads(shipped().files[f"{mapping}/models.toml"].decode())["model"]
    return f'[model."{next(iter(models))}"]'


def _as_trait(text: str) -> dict[str, str]:
    """An alias's overlay is a trait of one model."""
    own = re.sub(r"^for = .*\n", "", text, flags=re.M)
    return {
        MINE: own,
        f"{NAME}/models.toml": f'{_whom(NAME, text)}\nmore_traits = ["mine"]\n',
    }
