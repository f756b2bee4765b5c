"""The ways an alias can be served: one route, or several of which `routing` picks the next.

    failover      the first that is ready, in the order of the list
    round_robin   each in turn, by weight
    least_busy    the one with the fewest requests under way for its weight

A target that cools down is passed over; when all do, the caller is told when to come back.

Must never know: what a route leads to, HTTP.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence

from aisix.config.settings import Settings
from aisix.errors import CallerError, UpstreamError
from aisix.mapping.mappings import Mappings
from aisix.routing.circuit_breaker import CircuitBreaker, CircuitBreakers
from aisix.routing.target import Target, make_targets
from aisix.store.snapshot import Snapshot

MOST = 4096  # aliases kept; wildcards make as many as callers think of

Pick = Callable[["Balancer", Sequence[Target]], Target]


class Balancer:
    """See the module. `only` is the route of an alias without targets: it never cools down."""

    __slots__ = ("_credit", "_pick", "_turn", "only", "routes")

    def __init__(self, routes: Sequence[Target], routing: str | None) -> None:
        self.routes = tuple(routes)
        self.only = self.routes[0] if routing is None else None
        self._pick = _PICK[routing] if routing is not None else _in_order
        self._turn = 0
        self._credit = [0] * len(routes)

    def first(self, now: float) -> Target:
        """The route of a new request; UpstreamError when no target is ready."""
        route = self.next((), now)
        if route is None:
            wait = min(route.standing.wait(now) for route in self.routes)
            raise UpstreamError(
                "no_target", why="no_target", sent=False, retry_after=max(1, math.ceil(wait))
            )
        return route

    def next(self, tried: Collection[Target], now: float) -> Target | None:
        """Another route that is ready, or None."""
        ready = [r for r in self.routes if r.standing.ready(now) and r not in tried]
        if len(ready) <= 1:
            return ready[0] if ready else None
        return self._pick(self, ready)

    def in_turn(self, ready: Sequence[Target]) -> Target:
        """Smooth weighted round robin: every route earns its weight, the richest pays for all."""
        credit = self._credit
        chosen, most, total = ready[0], -math.inf, 0
        for place, route in enumerate(self.routes):
            if route not in ready:
                continue
            credit[place] += route.weight
            total += route.weight
            if credit[place] > most:
                chosen, most = route, credit[place]
        credit[self.routes.index(chosen)] -= total
        return chosen

    def least_busy(self, ready: Sequence[Target]) -> Target:
        self._turn += 1  # so that equally idle ones take turns
        places = len(ready)
        order = [ready[(self._turn + n) % places] for n in range(places)]
        return min(order, key=_load)


def _load(route: Target) -> float:
    return (route.standing.in_flight + 1) / route.weight if route.weight else math.inf


def _in_order(ways: Balancer, ready: Sequence[Target]) -> Target:
    return ready[0]


_PICK: dict[str, Pick] = {
    "failover": _in_order,
    "round_robin": Balancer.in_turn,
    "least_busy": Balancer.least_busy,
}


class Balancers:
    """The ways of every alias, over one snapshot and one set of tables."""

    def __init__(
        self, settings: Settings, snapshot: Snapshot, mappings: Mappings, standings: CircuitBreakers
    ) -> None:
        self.snapshot = snapshot
        self.mappings = mappings
        self.standings = standings
        self._settings = settings
        self._ways: dict[tuple[str, str], Balancer] = {}

    def find(self, dialect: str, alias: str) -> Balancer:
        """CallerError when there is no such alias, OperatorError when it cannot work."""
        ways = self._ways.get((dialect, alias))
        if ways is None:
            model = self.snapshot.model(alias)
            if model is None:
                raise CallerError("no_such_model", None, alias=alias)
            if len(self._ways) >= MOST:
                self._ways.clear()
            routes = make_targets(
                dialect, model, self.snapshot, self.mappings, self._settings, self.standings
            )
            ways = Balancer(routes, model.routing if model.targets else None)
            self._ways[dialect, alias] = ways
        return ways

    def standings_now(self) -> list[CircuitBreaker]:
        """How the targets do of all aliases that have several, for a status page."""
        several = (ways for ways in self._ways.values() if ways.only is None)
        found = {id(r.standing): r.standing for ways in several for r in ways.routes}
        return list(found.values())
