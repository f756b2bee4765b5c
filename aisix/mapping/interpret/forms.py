"""What `compile/` hands over: the functions of one compiled form, and why one gave up.

Whatever a compiled form raises, the interpreter runs the same tables afresh and decides. Why it had
to is never lost: `fallback` says it in one word of REASONS, and a mistake of ours is told apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from aisix.mapping.syntax.paths import Json
from aisix.mapping.verbs.refused import Refused

REASONS = {
    "refused": "a check, a rule or a verb says no: the interpreter knows where and with which text",
    "unusual": "a value the form is not written for",
    "too_deep": "nested beyond what Python's stack holds",
    "too_wide": "more fields than a form is written for",
    "too_many_forms": "no form for these fields: there are as many as are kept",
    "cannot_compile": "a form could not be written; told once, then the tables are interpreted",
    "differs": "a check has found that the form gives something else than the rules: a bug of ours",
    "bug": "a mistake of ours in a form, or in writing one",
}


class Bail(Exception):
    """This one is for the interpreter; "" where that has been told before."""

    def __init__(self, reason: str = "unusual") -> None:
        super().__init__(reason)
        self.reason = reason


class Fallback(NamedTuple):
    """One thing the interpreter did that a compiled form should have done."""

    part: str  # request | stream | plain
    reason: str  # of REASONS
    bug: Exception | None = None  # what was raised, when that is our mistake


def unnoticed(bug: Exception) -> None:
    """Sees every mistake the interpreter makes good: tests put one here that fails them."""


def fallback(part: str, raised: Exception) -> Fallback | None:
    """What to tell of an exception of a compiled form; None when it has been told."""
    match raised:
        case Bail():
            return Fallback(part, raised.reason) if raised.reason else None
        case Refused():
            return Fallback(part, "refused")
        case RecursionError():
            return Fallback(part, "too_deep")
    unnoticed(raised)
    return Fallback(part, "bug", raised)


@dataclass(frozen=True, slots=True)
class StreamForm:
    """The functions of a stream's form; `a` is the Answering whose registers they use."""

    event: Callable[[Any, dict[str, Json], list[bytes]], None]
    finish: Callable[[Any, list[bytes]], None]  # the chunks before the last one
    reason: Callable[[Any], Json]
    chunk: Callable[[Any, Json, Json], dict[str, Json]]  # (a, delta, finish)
    usage: Callable[[Any], dict[str, Json]] | None
    meter: Callable[[dict[str, Json]], dict[str, Json]]
    source: str


@dataclass(frozen=True, slots=True)
class PlainForm:
    """The functions of a plain answer's form."""

    answer: Callable[[Any, dict[str, Json]], dict[str, Json]]  # (a, the upstream's) the caller's
    meter: Callable[[dict[str, Json]], dict[str, Json]]
    source: str


@dataclass(frozen=True, slots=True)
class DeltaForm:
    """The functions of events that hold anything at once; the machine puts what they make in order.

    `event` runs the row of one event and adds deltas, `words` that of a piece, by its word;
    `pieces` takes an event apart into them, with the help of `Pieces`: the first one, which every
    event has, it runs at once and leaves out (then `Pieces.begun` is the event); `acts` are the
    rows that write into blocks, by their id(); where a row begins its block, `gives` finds what it
    gives its chunks and `begins` is the rest of it; `sets` are the registers of a kind; `emits` the
    chunks, by name.
    """

    event: Callable[[Any, dict[str, Json], list[dict[str, Json]]], None]
    pieces: Callable[[Any, dict[str, Json], Any, bool, Any], list[dict[str, Json]]] | None
    words: dict[Json, Callable[[Any, dict[str, Json], list[dict[str, Json]]], None]]
    acts: dict[int, Callable[[Any, dict[str, Json], list[dict[str, Json]]], None]]
    gives: dict[int, Callable[[Any, dict[str, Json]], dict[str, Json]]]
    begins: dict[int, Callable[[Any, dict[str, Json], list[dict[str, Json]]], None]]
    sets: dict[str, Callable[[Any, dict[str, Json]], None]]
    emits: dict[str, Callable[[Any, dict[str, Json], list[dict[str, Json]]], None]]
    reason: Callable[[Any], Json]
    whole: Callable[[Any, Json, Json, Json], dict[str, Json]]  # (a, message, finish, counted)
    counts: Callable[[dict[str, Json]], dict[str, Json]]  # the caller's counters
    meter: Callable[[dict[str, Json]], dict[str, Json]]
    source: str
