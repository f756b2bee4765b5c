"""The interface every limiter has, and the values that go in and out."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from aisix.limits.rules import Counts, LimitRule

# Windows are measured by a clock nobody sets, the same for all processes of the machine; it goes on
# while the machine sleeps, where the system has such a one.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def clock() -> float:
    """The time of limits, in seconds since some moment: no wall clock."""
    return time.clock_gettime(_STEADY)


class Holder(NamedTuple):
    """Whose use is counted. `ident` names it for ever ("key:<id>"); rules may change."""

    ident: str
    rules: tuple[LimitRule, ...]


class Level(NamedTuple):
    """How full a limit is: `left` of `most`, full again in `reset` s (of places: unknown, 0)."""

    counts: Counts
    most: int
    left: int
    reset: float


@dataclass(slots=True, eq=False)
class Grant:
    """Leave to go on. It must be settled exactly once, whatever becomes of the request."""

    holders: tuple[Holder, ...]
    levels: tuple[Level, ...]
    note: Any = None  # the limiter's own: what it has booked so far, and where
    local: bool = False  # of counters of this node alone: those of all nodes were out of reach


class LimitRefusal(NamedTuple):
    """The rule that said no, and in how many seconds it may say yes."""

    holder: Holder
    rule: LimitRule
    wait: float
    levels: tuple[Level, ...]
    local: bool = False  # as a Grant's


Verdict = Grant | LimitRefusal


class RateLimiter(Protocol):
    """Counters that hold over all workers.

    Limits are AND-ed: a request must find room under every rule of every holder, and one that is
    refused counts nowhere. A window of `seconds` begins with the first request in it and forgets
    all at its end. How many tokens a request takes is known only afterwards: whoever finds the
    window not yet full may go on, an estimate is booked at once, and what it has used is put in its
    place while it runs and at its end. `now` is `limits.clock()`, the same for all workers.
    """

    def admit(
        self, holders: Sequence[Holder], now: float, tokens: int = 0
    ) -> Verdict | Awaitable[Verdict]:
        """Whether a request with these holders may go on; if so, `tokens` are booked. A tuple of
        holders that was given before costs less than one made anew.

        Counters in memory answer at once, which costs neither a task nor a turn of the loop;
        counters elsewhere give something to await. That ends in its own time, whether or not who
        counts can be reached: only the limiter knows if it rather lets pass or refuses then. If it
        is cancelled, because the caller has left, its tokens and places are given back; it may stay
        counted as a request. A Fault it raises is told to the caller; anything else is a bug. Who
        waits for it holds no place of the admission yet.
        """

    def book(self, grant: Grant, tokens: int, now: float) -> None:
        """The request is under way and has used `tokens` in all so far, or no more than that.

        What was booked too much is taken back from the window it was booked in, as long as that
        lasts. Never waits and never raises, as `settle`.
        """

    def settle(self, grant: Grant, tokens: int, now: float) -> None:
        """The request is over: give back its places; it has used `tokens` in all. Once for each
        grant.

        Never waits and never raises: the caller may have gone. Counters elsewhere are told
        meanwhile, and if that fails it is theirs to tell.
        """

    def status(self) -> dict[str, Any]:
        """For operators: `backend`, `holders` counted in memory of `room`, `refused` for want of
        it; of counters elsewhere `up`, too."""

    def sit(self, number: int) -> None:
        """This process is worker `number` now; what a dead predecessor held is given back."""

    def free(self, number: int) -> bool:
        """Worker `number` is dead: its places are free, what it booked stays booked. False: not
        now, ask again. Never waits: who calls it looks after all workers."""
