"""The attempts of a request to a group: what is repeated, where, and what goes on to another alias.

    begin(balancer, patience, asked, now)     Attempts of any alias

By the original AISIX's rules. A failure that counts as retryable (5xx, a timeout, a broken
connection, nonsense; 429 and other 4xx only where the group says so) is repeated at the same target
as often as that, or the group, has written, then goes to the next one; every other refusal ends the
request. A target over its own rate limit is passed over. The operator who wrote a second target has
taken the risk of paying twice. Retries that nobody has written come out of the upstream's budget.

Must never know: what an answer looks like.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from aisix.errors import UpstreamError
from aisix.routing.attempts import Attempts, FailedAttempt, wait_told
from aisix.routing.balancer import Balancer
from aisix.routing.groups import GroupBalancer, GroupTurn, RouteHints
from aisix.routing.model_attempts import MeasuredAttempts, ModelAttempts, of_answer, of_error
from aisix.routing.model_health import RATE_LIMITED
from aisix.routing.target import Target
from aisix.upstream import faults

FIRST_PAUSE, LONGEST_PAUSE, JITTER = 0.25, 2.0, 0.25  # s
LONGEST_TOLD = 5.0  # s; told to wait longer, the usual pause holds


class GroupAttempts(MeasuredAttempts):
    """Those of one `GroupTurn`."""

    __slots__ = ("_group", "_here")

    def __init__(self, turn: GroupTurn, patience: float, now: float) -> None:
        super().__init__(turn, patience, now)
        self._group, self.limited = turn.group, turn.limited
        self._begin_target()

    def after_fault(self, error: UpstreamError, now: float) -> float | None:
        self._fault(error)
        failure = of_error(error)
        self._note(failure, now)
        if failure is None and error.values.get("why") != faults.FILES:
            return None  # another target would not be for this
        again = error.kind != "timeout" or self.target.stays  # a budget nobody wrote: no timeouts
        return self._go_on(again and failure is not None, None, now)

    def after_answer(
        self, retry: str, status: int, headers: Mapping[str, str], now: float, in_band: int = 0
    ) -> float | None:
        failed = status >= 300 or bool(retry) or in_band > 0
        if not failed:
            return None
        self._refused(status)
        self._note(of_answer(status, headers, in_band), now)
        seen = in_band or status
        retryable = (
            seen >= 500
            or seen < 400  # an error as the first event of a stream
            or seen in self._group.fallback_on_statuses
            or (seen == RATE_LIMITED and self._group.retry_on_429)
        )
        return self._go_on(True, wait_told(headers), now) if retryable else None

    def after_nonsense(self, error: UpstreamError, now: float) -> float | None:
        return self.after_fault(error, now)

    def over_limit(self, now: float) -> bool:
        self.failed.append(FailedAttempt(self.target, str(RATE_LIMITED), reached=False))
        return self._elsewhere(now, cooling=False)

    def broken(self, now: float, told: float | None = None) -> None:
        pass  # the model is told, by what it was

    def _go_on(self, here: bool, told: float | None, now: float) -> float | None:
        """Seconds until the next attempt, at `target`; None: there is none."""
        if self._balancer is None:  # it continues an answer
            return None
        target = self.target
        if here and self._here > 0 and (target.stays or target.breaker.may_retry(now)):
            self._here -= 1
            self.count += 1
            self._paused += 1
            pause = min(FIRST_PAUSE * 2.0 ** (self._paused - 1), LONGEST_PAUSE)
            if told is not None and told <= LONGEST_TOLD:
                pause = told
            pause += random.random() * JITTER
            self._again(pause)
            return pause
        return 0.0 if self._elsewhere(now, cooling=False) else None

    def _move(self, target: Target) -> None:
        super()._move(target)
        self._paused = 0
        self._begin_target()

    def _begin_target(self) -> None:
        """How often this target is asked again: as it or the group says, else only the last one."""
        target, balancer = self.target, self._balancer
        last = balancer is None or balancer.next([*self._tried, target], 0.0) is None
        self._here = target.retries if target.stays or last else 0


def begin(
    balancer: Balancer, patience: float, asked: Callable[[], RouteHints], now: float
) -> Attempts:
    """The attempts of a request; `asked()`: of a group. CallerError "no_tag", Fault
    "no_candidate"."""
    if isinstance(balancer, GroupBalancer):
        return GroupAttempts(balancer.turn(asked(), now), patience, now)
    if balancer.only is not None:
        cells = balancer.only.cells
        kind = MeasuredAttempts if cells is not None and cells.watched else ModelAttempts
        return kind(balancer, patience, now)
    return Attempts(balancer, patience, now)
