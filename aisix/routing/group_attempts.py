"""The attempts of a request to a group: what is repeated, where, and what goes on to another alias.

    begin(balancer, patience, asked, now)     Attempts of any alias

By the original AISIX's rules. A failure that counts as retryable (5xx, a timeout, a broken
connection, nonsense; 429 and other 4xx only where the group says so) is repeated at the same target
as often as that, or the group, has written, then goes to the next one; every other refusal ends the
request. The operator who wrote a second target has taken the risk of paying twice.

Must never know: what an answer looks like.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping

from aisix.errors import UpstreamError
from aisix.routing.attempts import HERE, Attempts, wait_told
from aisix.routing.balancer import Balancer
from aisix.routing.groups import GroupBalancer, GroupTurn, RouteHints
from aisix.routing.target import Target
from aisix.upstream import faults

TOO_MANY = 429
FIRST_PAUSE, LONGEST_PAUSE, JITTER = 0.25, 2.0, 0.25  # s
LONGEST_TOLD = 5.0  # s; told to wait longer, the usual pause holds
SHARE = 0.3  # of the newest in the moving average of latencies


class GroupAttempts(Attempts):
    """Those of one `GroupTurn`."""

    __slots__ = ("_began", "_group", "_here")

    def __init__(self, turn: GroupTurn, patience: float, now: float) -> None:
        super().__init__(turn, patience, now)
        self._group = turn.group
        self._begin_target()

    def good(self) -> None:
        self._measured()
        super().good()

    def begun(self) -> None:
        self._measured()
        super().begun()

    def after_fault(self, error: UpstreamError, now: float) -> float | None:
        self._fault(error)
        if error.values.get("why") == faults.FILES:
            return self._go_on(False, None, now)
        self.broken(now)
        again = error.kind != "timeout" or self.target.stays  # a budget nobody wrote: no timeouts
        return self._go_on(again and error.values.get("why") != faults.ADDRESS, None, now)

    def after_answer(
        self, retry: str, status: int, headers: Mapping[str, str], now: float
    ) -> float | None:
        failed = status >= 400 or bool(retry)
        if not failed:
            return None
        self._refused(status)
        wait = wait_told(headers)
        retryable = (
            status >= 500
            or status < 400  # an error as the first event of a stream
            or status in self._group.fallback_on_statuses
            or (status == TOO_MANY and self._group.retry_on_429)
        )
        if retryable or status == TOO_MANY or retry == HERE:
            self.broken(now, wait)
        return self._go_on(True, wait, now) if retryable else None

    def _go_on(self, here: bool, told: float | None, now: float) -> float | None:
        """Seconds until the next attempt, at `target`; None: there is none."""
        if here and self._here > 0:
            self._here -= 1
            self.count += 1
            self._paused += 1
            pause = min(FIRST_PAUSE * 2.0 ** (self._paused - 1), LONGEST_PAUSE)
            if told is not None and told <= LONGEST_TOLD:
                pause = told
            self._probe = self.target.breaker.again(self._probe)
            return pause + random.random() * JITTER
        return 0.0 if self._elsewhere(now, cooling=False) else None

    def _move(self, target: Target) -> None:
        super()._move(target)
        self._paused = 0
        self._begin_target()

    def next_round(self) -> None:
        super().next_round()
        self._here = self.target.retries if self.target.stays else 0

    def _begin_target(self) -> None:
        """How often this target is asked again: as it or the group says, else only the last one."""
        target, balancer = self.target, self._balancer
        last = balancer is None or balancer.next([*self._tried, target], 0.0) is None
        self._here = target.retries if target.stays or last else 0
        self._began = time.monotonic()

    def _measured(self) -> None:
        """The latency of a success, once for each attempt, in ms."""
        if self._began:
            taken, breaker = (time.monotonic() - self._began) * 1000, self.target.breaker
            before = breaker.latency
            breaker.latency = taken if before < 0 else SHARE * taken + (1 - SHARE) * before
            self._began = 0.0


def begin(
    balancer: Balancer, patience: float, asked: Callable[[], RouteHints], now: float
) -> Attempts:
    """The attempts of a request; `asked()`: of a group. CallerError "no_tag"."""
    if isinstance(balancer, GroupBalancer):
        return GroupAttempts(balancer.turn(asked(), now), patience, now)
    return Attempts(balancer, patience, now)
