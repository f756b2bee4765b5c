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
from dataclasses import replace

from aisix.config.settings import Settings
from aisix.errors import OperatorError
from aisix.mapping.mappings import Mappings
from aisix.routing.circuit_breaker import CircuitBreaker, CircuitBreakers
from aisix.routing.known_models import known_models
from aisix.routing.overlays import LastGood
from aisix.routing.target import Target, make_targets
from aisix.store.resources import ApiKey, Model
from aisix.store.snapshot import Snapshot

MOST = 4096  # aliases kept; wildcards make as many as callers think of

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


class Balancers:
    """The balancer of each alias, over one snapshot and one set of tables."""

    def __init__(
        self,
        settings: Settings,
        snapshot: Snapshot,
        mappings: Mappings,
        breakers: CircuitBreakers,
        last_good: LastGood | None = None,
    ) -> None:
        self.snapshot = snapshot
        self.mappings = mappings
        self.breakers = breakers
        self.last_good = last_good or LastGood()
        self._settings = settings
        # What does not work either is found out once: its tables are read for nothing.
        self._known: list[Model] | None = None  # looked for when somebody asks
        self._found: dict[tuple[str, str], Balancer | OperatorError] = {}
        self._passing: dict[tuple[str, str, str], Balancer | None] = {}

    def find(self, dialect: str, alias: str) -> Balancer | None:
        """None when there is no such alias, OperatorError when it cannot work."""
        found = self._found.get((dialect, alias))
        if found is None:
            model = self.snapshot.model(alias)
            if model is None:
                return None
            if len(self._found) >= MOST:
                self._found.clear()
            found = self._found[dialect, alias] = self._made(dialect, model)
        if isinstance(found, OperatorError):
            raise _afresh(found)
        return found

    def passing(self, dialect: str, alias: str, name: str) -> Balancer | None:
        """Those of its targets that take requests of [pass.NAME] as they are; None when none does,
        or there is no such alias. OperatorError as `find`."""
        whole = self.find(dialect, alias)
        place = dialect, alias, name
        if place not in self._passing:
            if len(self._passing) >= MOST:
                self._passing.clear()
            told = [t for t in whole.targets if name in t.pass_urls] if whole is not None else []
            targets = [replace(target, url=target.pass_urls[name]) for target in told]
            routing = targets[0].model.routing if targets and targets[0].model.targets else None
            self._passing[place] = Balancer(targets, routing) if targets else None
        return self._passing[place]

    def _made(self, dialect: str, model: Model) -> Balancer | OperatorError:
        given = dialect, model, self.snapshot, self.mappings, self._settings, self.breakers
        try:
            targets = make_targets(*given, self.last_good)
        except OperatorError as error:
            return _afresh(error)
        return Balancer(targets, model.routing if model.targets else None)

    def models_for(self, api_key: ApiKey) -> list[Model]:
        """What the key may call, by name: aliases, names it lists that a wildcard answers to, and
        of wildcards the models that the tables know."""
        if self._known is None:
            self._known = known_models(self.snapshot, self.mappings)
        found = {model.display_name: model for model in self.snapshot.models_for(api_key)}
        for model in self._known:
            if model.display_name not in found and api_key.may_use(model.display_name):
                found[model.display_name] = model
        return [found[name] for name in sorted(found)]

    def in_use(self) -> list[CircuitBreaker]:
        """How the targets do of all aliases that have several, for a status page."""
        known = [one for one in self._found.values() if isinstance(one, Balancer)]
        several = (balancer for balancer in known if balancer.only is None)
        found = {id(t.breaker): t.breaker for balancer in several for t in balancer.targets}
        return list(found.values())


def _afresh(error: OperatorError) -> OperatorError:
    """The same without where it was raised, which would hold on to a request."""
    return type(error)(error.complaints)
