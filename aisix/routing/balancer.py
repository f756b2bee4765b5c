"""Load balancing: the targets of an alias, of which `routing` picks the next.

    failover      the first that is ready, in the order of the list
    round_robin   each in turn, by weight
    least_busy    the one with the fewest requests under way for its weight

A target that cools down is passed over; when all do, the least bad is asked all the same: an answer
may still come of it, and a refusal of ours never would.

Must never know: what a target leads to, HTTP.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence

from aisix.routing.target import Target

Pick = Callable[["Balancer", Sequence[Target]], Target]


class Balancer:
    """The targets of one alias. `only`: that of an alias without a list; it never cools down.

    Every `now` is seconds of the event loop's clock.
    """

    __slots__ = ("_credit", "_pick", "_rotation", "only", "targets")

    def __init__(self, targets: Sequence[Target], routing: str | None) -> None:
        self.targets = tuple(targets)
        self.only = self.targets[0] if routing is None else None
        self._pick = _PICK[routing] if routing is not None else _in_order
        self._rotation = 0
        self._credit = [0] * len(targets)

    def first(self, now: float) -> Target:
        """The target of a new request."""
        return self.next((), now) or min(self.targets, key=_until)

    def next(self, tried: Collection[Target], now: float) -> Target | None:
        """Another target that is ready, or None."""
        ready = [t for t in self.targets if t.breaker.ready(now) and t not in tried]
        if len(ready) <= 1:
            return ready[0] if ready else None
        return self._pick(self, ready)

    def least_bad(self, tried: Collection[Target]) -> Target | None:
        """Of the others the one whose cooldown ends first, or None."""
        return min((t for t in self.targets if t not in tried), key=_until, default=None)

    def round_robin(self, ready: Sequence[Target]) -> Target:
        """Smooth weighted round robin: every target earns its weight, the richest pays for all."""
        credit = self._credit
        chosen, most, total = ready[0], -math.inf, 0
        for place, target in enumerate(self.targets):
            if target not in ready:
                continue
            credit[place] += target.weight
            total += target.weight
            if credit[place] > most:
                chosen, most = target, credit[place]
        credit[self.targets.index(chosen)] -= total
        return chosen

    def least_busy(self, ready: Sequence[Target]) -> Target:
        self._rotation += 1  # so that equally idle ones take turns
        places = len(ready)
        order = [ready[(self._rotation + n) % places] for n in range(places)]
        return min(order, key=_load)


def _load(target: Target) -> float:
    return (target.breaker.in_flight + 1) / target.weight if target.weight else math.inf


def _until(target: Target) -> float:
    return target.breaker.until


def _in_order(balancer: Balancer, ready: Sequence[Target]) -> Target:
    return ready[0]


_PICK: dict[str, Pick] = {
    "failover": _in_order,
    "round_robin": Balancer.round_robin,
    "least_busy": Balancer.least_busy,
}
