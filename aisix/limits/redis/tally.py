"""What is counted of the calls, until somebody takes it: cheap, as it is done for every request."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

ADMIT, BOOK, SETTLE, HOLD = "admit", "book", "settle", "hold"
PROBE, EMPTIED = "probe", "emptied"  # it came back, and had lost all it counted
OK, LATE, LOST, ERROR = "ok", "late", "lost", "error"


class Tally:
    """`calls` by (call, result), `fallbacks` by (policy, why); of each call its times: how many
    took at most so many seconds each, by the `bounds`, how many longer, and the sum."""

    def __init__(self, bounds: Sequence[float] = ()) -> None:
        self._bounds = bounds
        self.calls: dict[tuple[str, str], int] = {}
        self.fallbacks: dict[tuple[str, str], int] = {}
        self.dropped = 0  # tokens that were used and could not be told
        self.times = {call: [0.0] * (len(bounds) + 2) for call in (ADMIT, BOOK, SETTLE, HOLD)}

    def answered(self, call: str, secs: float) -> None:
        times = self.times[call]
        times[bisect_left(self._bounds, secs)] += 1.0
        times[-1] += secs

    def failed(self, call: str, result: str) -> None:
        self.calls[call, result] = self.calls.get((call, result), 0) + 1

    def fell_back(self, policy: str, why: str) -> None:
        self.fallbacks[policy, why] = self.fallbacks.get((policy, why), 0) + 1

    def take(self) -> Tally:
        """What was counted since; it begins anew."""
        taken = Tally(self._bounds)
        self.__dict__, taken.__dict__ = taken.__dict__, self.__dict__
        for call, times in taken.times.items():
            count = int(sum(times[:-1]))
            if count:
                taken.calls[call, OK] = count
        return taken
