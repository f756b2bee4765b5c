"""What a verb is, and the register of all of them; `conversions.py` and `text.py` fill it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from aisix.mapping.syntax.paths import Json


class VerbContext(Protocol):
    """What a verb may ask of the exchange it runs in."""

    @property
    def body(self) -> dict[str, Json]: ...

    item: Json

    def tell(self, how: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Verb:
    run: Callable[[Json, dict[str, Json], VerbContext], Json]
    summary: str
    options: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()  # those of them that have to be given
    example: tuple[Json, dict[str, Json], Json] = (None, {}, None)
    prepare: Callable[[dict[str, Json]], dict[str, Json]] = dict  # its options, read once
    takes: type | None = None  # the kind of value it is for; any other is refused
    gives: type | None = None  # the kind of every answer, when it is always one and never None
    leaves: type | None = None  # a kind that stays as it is
    keeps: bool = False  # every answer is the value itself
    asks: bool = False  # it may tell the caller something
    asks_item: bool = False  # it looks at the item the value is part of


VERBS: dict[str, Verb] = {}


def options_of(words: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(every option, those that have to be given); one that need not is written with "?".

    >>> options_of(("path", "bad?"))
    (('path', 'bad'), ('path',))
    """
    needed = tuple(word for word in words if not word.endswith("?"))
    return tuple(word.removesuffix("?") for word in words), needed


def verb(
    summary: str,
    *options: str,
    example: tuple[Json, dict[str, Json], Json] = (None, {}, None),
    prepare: Callable[[dict[str, Json]], dict[str, Json]] = dict,
    takes: type | None = None,
    gives: type | None = None,
    leaves: type | None = None,
    keeps: bool = False,
    asks: bool = False,
    asks_item: bool = False,
) -> Callable[..., Callable[..., Json]]:
    known, needed = options_of(options)

    def register(run: Callable[..., Json]) -> Callable[..., Json]:
        name = run.__name__.rstrip("_")
        VERBS[name] = Verb(
            *(run, summary, known, needed, example, prepare, takes, gives, leaves, keeps, asks),
            asks_item,
        )
        return run

    return register
