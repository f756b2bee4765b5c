"""The attempts of one request: whether there is another one, at which target, and when.

Only before the caller has seen anything, and only what cannot have been billed twice: a request of
which not one byte left, or one the upstream answered with an error that errors.toml marks with
`retry`; a timeout too, where the alias takes that risk. Another target of the alias is asked at
once; the same one after a pause, at most `retries` times in all, while its budget lasts, and as it
says itself (`retry-after`, `x-should-retry`). Who comes first: an alias with a number of its own
(`Target.stays`) has said that the same one is worth it, for others the next target is quicker. Last
come the targets that cool down, each for a retry of its budget.

Must never know: what an answer looks like; which status is worth a retry is the tables'.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from aisix.errors import UpstreamError
from aisix.routing.balancer import Balancer
from aisix.routing.target import Target
from aisix.upstream import faults

HERE = "here"
# Failed here, before any byte could leave: it says nothing of the target.
NOT_REACHED = frozenset((faults.FILES, faults.ADDRESS, faults.UNFIT, "url", "closed"))
IN_STREAM = "in_stream"  # an error as the first event
FIRST_PAUSE = 0.25  # s; doubled for each further attempt, with up to a quarter of jitter
LONGEST_PAUSE = 8.0


class FailedAttempt(NamedTuple):
    """One that failed. why: a word of upstream/faults.py, or a status; reached: it was on its way,
    it did not fail here, before any byte could leave."""

    target: Target
    why: str
    reached: bool = True


class Attempts:
    """`target` is that of the attempt under way, `count` how many were made; `failed`: those of
    them that failed before the caller saw anything; `cooled`: who began to cool down by one.

    `patience`: seconds; told to wait longer, we do not. Every `now` is the loop's time.
    """

    __slots__ = (
        "_balancer",
        "_entered",
        "_left",
        "_patience",
        "_paused",
        "_probe",
        "_several",
        "_tried",
        "cooled",
        "count",
        "failed",
        "limited",
        "target",
    )

    def __init__(self, balancer: Balancer, patience: float, now: float) -> None:
        self._balancer: Balancer | None = balancer
        self._patience = patience
        self._tried: list[Target] = []
        self.target = balancer.only or balancer.first(now)
        self.count = 1
        self.failed: list[FailedAttempt] = []
        self.cooled: list[Target] = []
        self.limited = False  # targets may have rate limits of their own
        self._left = self.target.retries
        self._paused = 0
        self._several = balancer.only is None
        self._probe = self._entered = False
        self._enter(self.target)

    @property
    def faults(self) -> list[str]:
        """Why attempts failed."""
        return [one.why for one in self.failed]

    def good(self) -> None:
        """The upstream has answered, to the end, what is no failure of its own."""
        if self._several:
            self.target.breaker.good(self._probe)

    def begun(self) -> None:
        """The upstream's stream has begun: who was on probation is not kept waiting for its end."""
        if self._probe:
            self.target.breaker.good(True)

    def broken(self, now: float, told: float | None = None) -> None:
        """The upstream failed; `told`: the seconds after which it wants to be asked again."""
        if self._several:
            breaker = self.target.breaker
            before = breaker.until
            breaker.bad(now, self._probe, told)
            if breaker.until > max(before, now):
                self.cooled.append(self.target)

    def broke(self, error: UpstreamError, now: float) -> None:
        """The answer that had begun broke off, or was none: nothing is tried again."""
        self.broken(now)

    def after_fault(self, error: UpstreamError, now: float) -> float | None:
        """Seconds to wait before the next attempt, at `target`; or None: give up."""
        self._fault(error)
        if error.values.get("why") not in (faults.FILES, faults.UNFIT):
            self.broken(now)
        late = error.kind == "timeout" and self.target.retry_on_timeout
        if error.values.get("was_sent", True) and not late:
            return None
        here = error.values.get("why") not in (faults.ADDRESS, faults.UNFIT)
        return self._next(here, None, now)

    def after_answer(
        self, retry: str, status: int, headers: Mapping[str, str], now: float, in_band: int = 0
    ) -> float | None:
        """The same after an answer; `retry` is what errors.toml says of it ("": not a failure);
        in_band: of an error with a good status, the one it stands for, if that is known."""
        if status >= 400 or retry:
            self._refused(status)
        told = headers.get("x-should-retry")
        if not retry and (told != "true" or status < 300):
            return None
        wait = wait_told(headers)
        self.broken(now, wait)
        return self._next((retry == HERE or told == "true") and told != "false", wait, now)

    def after_nonsense(self, error: UpstreamError, now: float) -> float | None:
        """The same after an answer that cannot be understood, of which the caller has seen
        nothing. It may have been billed."""
        self.broke(error, now)
        return None

    def over_limit(self, now: float) -> bool:
        """This target has no room for the request, by its own rate limit: whether another is asked
        instead. Only where `limited`."""
        return False

    def pass_over(self, now: float) -> bool:
        """This target cannot take the request: go on to another one, if there is one."""
        self.count -= 1
        assert self._balancer is not None
        self._tried.append(self.target)
        other = self._balancer.next(self._tried, now)
        if other is not None:
            self._move(other)
        return other is not None

    def next_round(self) -> None:
        """What follows continues this answer: it belongs to this target."""
        self._balancer = None
        self._left = self.target.retries
        self._paused = 0

    def _fault(self, error: UpstreamError) -> None:
        why = str(error.values.get("why") or error.values.get("phase"))
        self.failed.append(FailedAttempt(self.target, why, why not in NOT_REACHED))

    def _refused(self, status: int) -> None:
        why = str(status) if status >= 300 else IN_STREAM
        self.failed.append(FailedAttempt(self.target, why))

    def end(self) -> None:
        """The request is over, whatever became of it."""
        if self._entered:
            self._entered = False
            self.target.breaker.leave(self._probe)

    def _next(self, here: bool, told: float | None, now: float) -> float | None:
        here = here and self._left > 0 and (told is None or told <= self._patience)
        stays = self.target.stays
        pause = self._stay(told, now) if here and stays else None
        if pause is not None:
            return pause
        if self._elsewhere(now, cooling=False):
            return 0.0
        pause = self._stay(told, now) if here and not stays else None
        if pause is None and self._elsewhere(now, cooling=True):
            return 0.0
        return pause

    def _stay(self, told: float | None, now: float) -> float | None:
        """Seconds until the same target is asked again, or None."""
        breaker = self.target.breaker
        pause: float = min(FIRST_PAUSE * 2**self._paused, LONGEST_PAUSE)
        pause = max(pause * (1 - random.random() / 4), told or 0.0)
        if (self._several and breaker.until > now + pause) or not breaker.may_retry(now):
            return None
        self._left -= 1
        self.count += 1
        self._paused += 1
        if self._several:
            self._probe = breaker.again(self._probe)
        return pause

    def _elsewhere(self, now: float, cooling: bool) -> bool:
        """Whether another target is asked next, one that is ready or one that cools down."""
        balancer = self._balancer
        if balancer is None or not self._several:
            return False
        tried = self._tried
        if self.target not in tried:
            tried.append(self.target)
        other = balancer.least_bad(tried) if cooling else balancer.next(tried, now)
        if other is None or (cooling and not other.breaker.may_retry(now)):
            return False
        self._move(other)
        return True

    def _move(self, target: Target) -> None:
        self.end()
        self.target = target
        self.count += 1
        self._enter(target)

    def _enter(self, target: Target) -> None:
        self._probe = target.breaker.enter(self._several)
        self._entered = True


def wait_told(headers: Mapping[str, str]) -> float | None:
    """Seconds the upstream asks for: a number, or a date."""
    for name, scale in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        said = headers.get(name, "")
        try:
            return min(max(0.0, float(said) / scale), 1e9)
        except ValueError:
            pass  # a date, or nonsense
        try:
            return max(0.0, parsedate_to_datetime(said).timestamp() - time.time())
        except (ValueError, OverflowError):
            continue
    return None
