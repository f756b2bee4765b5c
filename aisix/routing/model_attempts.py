"""Attempts at aliases of one upstream model each, whose model is told how they went.

    ModelAttempts(balancer, patience, now)     of a direct alias: what it repeats is as for others

How a model does matters to groups alone; the alias itself is always asked.

Must never know: what an answer looks like.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from aisix.errors import UpstreamError
from aisix.routing.attempts import NOT_REACHED, Attempts
from aisix.routing.balancer import Balancer
from aisix.routing.model_health import BROKEN, IN_BAND, LATE, NONSENSE, RATE_LIMITED, ModelFailure
from aisix.routing.target import Target

# Words of upstream/faults.py: what breaks on the way.
BREAKS = frozenset(("dns", "connect", "tls", "reset", "curl", "truncated", "no_end"))


class ModelAttempts(Attempts):
    """Those of any alias or group but one of our own shape with `targets`."""

    __slots__ = ("_over",)

    def __init__(self, balancer: Balancer, patience: float, now: float) -> None:
        self._over = False  # how the attempt of now went is told
        super().__init__(balancer, patience, now)

    # ------------------------------------------------------------------ how it went
    def good(self) -> None:
        """Once for each attempt: of a stream as it begins. What comes later is another matter."""
        if not self._over:
            self._over = True
            cells = self.target.cells
            if cells is not None:
                cells.good()

    def begun(self) -> None:
        self.good()

    def broke(self, error: UpstreamError, now: float) -> None:
        self._note(of_error(error), now)

    def after_fault(self, error: UpstreamError, now: float) -> float | None:
        self._note(of_error(error), now)
        return super().after_fault(error, now)

    def after_answer(
        self, retry: str, status: int, headers: Mapping[str, str], now: float, in_band: int = 0
    ) -> float | None:
        if status < 300 and not retry and not in_band:
            return super().after_answer(retry, status, headers, now)
        self._note(of_answer(status, headers, in_band), now)
        return super().after_answer(retry, status, headers, now)

    def _note(self, failure: ModelFailure | None, now: float) -> None:
        """The attempt has failed; None: by a fault of our own."""
        self._over = True
        if failure is None:
            return
        cells = self.target.cells
        if cells is not None and cells.failed(failure, now):
            self.cooled.append(self.target)

    # ------------------------------------------------------------------ another one
    def _again(self, pause: float) -> None:
        """An attempt at the target of now begins, in so many seconds."""
        self._over = False

    def _enter(self, target: Target) -> None:
        super()._enter(target)
        self._over = False

    def _next(self, here: bool, told: float | None, now: float) -> float | None:
        pause = super()._next(here, told, now)
        if pause is not None:
            self._again(pause)
        return pause

    def next_round(self) -> None:
        super().next_round()
        self._again(0.0)


class MeasuredAttempts(ModelAttempts):
    """Those at models that a group goes by: how long they take, and who is under way."""

    __slots__ = ("_began", "_row")

    def __init__(self, balancer: Balancer, patience: float, now: float) -> None:
        self._began, self._row = 0.0, 0
        super().__init__(balancer, patience, now)

    def good(self) -> None:
        if not self._over:
            self._over = True
            cells = self.target.cells
            if cells is not None:
                cells.good((time.monotonic() - self._began) * 1000)

    def _again(self, pause: float) -> None:
        super()._again(pause)
        self._began = time.monotonic() + pause

    def _enter(self, target: Target) -> None:
        super()._enter(target)
        self._began = time.monotonic()
        if target.cells is not None:
            self._row = target.cells.enter()

    def end(self) -> None:
        if self._entered and self._row and self.target.cells is not None:
            self.target.cells.leave(self._row)
            self._row = 0
        super().end()


def of_error(error: UpstreamError) -> ModelFailure | None:
    """What a broken exchange says of the model; None: it is ours to blame.

    >>> of_error(UpstreamError("unreachable", why="address")) is None
    True
    """
    why = str(error.values.get("why"))
    if error.kind == "timeout":
        return ModelFailure(why=LATE)
    if why in NOT_REACHED:
        return None
    if why in BREAKS:
        return ModelFailure(why=BROKEN)
    # Where a name is not known here: a signer's, which is of our credentials, or nonsense.
    return ModelFailure(why=NONSENSE) if error.kind in ("bad_response", "interrupted") else None


def of_answer(status: int, headers: Mapping[str, str], in_band: int = 0) -> ModelFailure:
    """The same of an answer; in_band: the status that an error in a stream, or in an answer with a
    good status, stands for; 0: it says none."""
    if status < 300:
        retryable = not in_band or _retryable(in_band)
        return ModelFailure(in_band, 0 if in_band else IN_BAND, None, True, retryable)
    return ModelFailure(status, told=_whole_seconds(headers), retryable=_retryable(status))


def _retryable(status: int) -> bool:
    return status < 400 or status >= 500 or status == RATE_LIMITED


def _whole_seconds(headers: Mapping[str, str]) -> int | None:
    said = headers.get("retry-after", "").strip()
    return int(said) if said.isascii() and said.isdigit() and len(said) < 10 else None
