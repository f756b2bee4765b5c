"""How many of a thing a caller's request may hold, and where they stand in it.

`[request.counts]` of a caller dialect names the lists and objects ("messages[].content"); what is
too many is the operator's word. A body too short to hold so many is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from aisix.errors import CallerError
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.paths import Json, Step

SHORTEST = 3  # bytes of an item and its comma: "{},"


class Counted(NamedTuple):
    """A list or object: `name` of its limit, and the steps to it, cut at every "[]"."""

    name: str
    steps: tuple[tuple[Step, ...], ...]


def parse(rows: Mapping[str, Sequence[str]]) -> tuple[Counted, ...]:
    """ValueError when one is no path."""
    found = []
    for name, texts in rows.items():
        for text in texts:
            cut: list[tuple[Step, ...]] = [()]
            for step in paths.parse(text).steps:
                if step is None:
                    cut.append(())
                else:
                    cut[-1] = (*cut[-1], step)
            found.append(Counted(name, tuple(cut)))
    return tuple(found)


def check(
    counts: Sequence[Counted], limits: Mapping[str, int], body: dict[str, Json], size: int
) -> None:
    """CallerError for the first that holds too many; `size`: bytes of the body."""
    for name, steps in counts:
        most = limits[name]
        if size <= most * SHORTEST:
            continue
        for at, found in _beyond(body, steps, most, ""):
            kind = "too_many" if type(found) is dict else "too_long"
            raise CallerError(kind, at, limit=most, found=len(found))


def _beyond(
    value: Json, steps: tuple[tuple[Step, ...], ...], most: int, at: str
) -> Iterator[tuple[str, Json]]:
    """(path, list or object) of those with more items than that."""
    found = paths.get(value, steps[0])
    if type(found) is not list:
        if len(steps) == 1 and type(found) is dict and len(found) > most:
            yield _at(at, steps[0]), found
    elif len(steps) == 1:
        if len(found) > most:
            yield _at(at, steps[0]), found
    elif len(steps) == 2 and len(steps[1]) == 1:  # a list of every item: what is usual, in one go
        name = steps[1][0]
        below: list[Json] = [item.get(name) if type(item) is dict else None for item in found]
        for number, one in enumerate(below):
            if type(one) in (list, dict) and len(one) > most:
                yield _at(f"{_at(at, steps[0])}[{number}]", steps[1]), one
    else:
        here = _at(at, steps[0])
        for number, item in enumerate(found):
            yield from _beyond(item, steps[1:], most, f"{here}[{number}]")


def _at(at: str, steps: tuple[Step, ...]) -> str:
    for step in steps:
        at = f"{at}[{step}]" if type(step) is int else paths.join(at, str(step))
    return at
