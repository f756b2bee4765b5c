"""The interface every limiter has, and the values that go in and out."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from aisix.limits.rules import LimitRule


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose use is counted. `ident` names it for ever ("key:<id>"); rules may change."""

    ident: str
    rules: tuple[LimitRule, ...]


@dataclass(frozen=True, slots=True)
class Level:
    """How full the tightest limit of one kind is: `left` of `most`, full again in `reset` s."""

    counts: Literal["requests", "tokens"]
    most: int
    left: int
    reset: float


@dataclass(frozen=True, slots=True)
class Grant:
    """Leave to go on. It must be settled exactly once, whatever becomes of the request."""

    holders: tuple[Holder, ...]
    levels: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class LimitRefusal:
    """The rule that said no, and in how many seconds it may say yes."""

    holder: Holder
    rule: LimitRule
    wait: float
    levels: tuple[Level, ...]


Verdict = Grant | LimitRefusal


class RateLimiter(Protocol):
    """Counters that hold over all workers.

    Limits are AND-ed: a request must find room under every rule of every holder, and one that is
    refused counts nowhere. A window of `seconds` begins with the first request in it and forgets
    all at its end. Tokens are known only afterwards: whoever finds the window not yet full may go
    on, and what was used is booked at the end. `now` is Unix seconds, the same for all workers.
    """

    def admit(self, holders: Sequence[Holder], now: float) -> Verdict | Awaitable[Verdict]:
        """Whether a request with these holders may go on.

        Counters in memory answer at once, which costs neither a task nor a turn of the loop;
        counters elsewhere give something to await. That ends in its own time, whether or not who
        counts can be reached: only the limiter knows if it rather lets pass or refuses then. If it
        is cancelled, because the caller has left, it counts nowhere. A Fault it raises is told to
        the caller; anything else is a bug. Who waits for it holds no place of the admission yet.
        """

    def settle(self, grant: Grant, tokens: int, now: float) -> None:
        """The request is over: give back its places, book `tokens` it used, once for each grant.

        Never waits and never raises: the caller may have gone. Counters elsewhere are told
        meanwhile, and if that fails it is theirs to tell.
        """

    def sit(self, number: int) -> None:
        """This process is worker `number` now; what a dead predecessor held is given back."""
