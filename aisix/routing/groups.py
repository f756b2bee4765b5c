"""Groups: aliases that lead to other aliases, in an order that is made anew for each request.

    balancer.turn(RouteHints(tags=("eu",), key="session-7"), now)     a Balancer of this one request

By tags, then tiers of priority, in each of them by the strategy, cut to `max_fallbacks`, and of
those the ready ones; where none is, those that cool down. The meaning is the original AISIX's; an
alias with `targets` of its own has the simpler one of `balancer.py`.

Must never know: HTTP, a wire name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from aisix.errors import CallerError
from aisix.routing.balancer import Balancer
from aisix.routing.hash_ring import HashRing
from aisix.routing.target import Target
from aisix.store.resources import AliasGroup, GroupTarget

DEFAULT_TAG = "default"
MOST_STATES = 64  # sets of targets of one group whose turn, or ring, is kept


@dataclass(frozen=True, slots=True)
class RouteHints:
    """What a request says of where it goes. key: finds the text for one rule of `hash_on`."""

    tags: tuple[str, ...] = ()
    key: Callable[[str, str], str] = lambda kind, name: ""


NO_HINTS = RouteHints()


@dataclass(frozen=True, slots=True)
class Member:
    """A target as its group lists it."""

    rule: GroupTarget
    target: Target
    price: float  # math.inf: nobody said

    @property
    def weight(self) -> int:
        return max(1, self.rule.weight)


class GroupBalancer(Balancer):
    """The targets of one group; `skipped`: aliases that cannot be asked, and why."""

    __slots__ = ("_members", "_rings", "_turns", "group", "skipped")

    def __init__(
        self, group: AliasGroup, members: Sequence[Member], skipped: Mapping[str, str]
    ) -> None:
        super().__init__([one.target for one in members], "failover")
        self.group, self.skipped = group, skipped
        self._members = tuple(members)
        self._turns: dict[tuple[int, ...], list[int]] = {}
        self._rings: dict[tuple[int, ...], HashRing] = {}

    def first(self, now: float) -> Target:
        """Of who does not say where: as for a count of tokens."""
        return self.turn(NO_HINTS, now).targets[0]

    def of(self, targets: Mapping[int, Target]) -> GroupBalancer:
        """The same over other forms of some of the targets, by their places."""
        members = [
            replace(self._members[place], target=target) for place, target in targets.items()
        ]
        return GroupBalancer(self.group, members, self.skipped)

    def turn(self, asked: RouteHints, now: float) -> GroupTurn:
        """The order of one request; CallerError when no target has one of its tags."""
        listed = self._tagged(asked.tags)
        if not listed:
            raise CallerError("no_tag")
        ordered: list[int] = []
        by_tier = sorted(listed, key=lambda place: -self._members[place].rule.priority)
        for _, tier in groupby(by_tier, key=lambda place: self._members[place].rule.priority):
            ordered += self._by_strategy([*tier], asked)
        if self.group.max_fallbacks is not None:
            ordered = ordered[: self.group.max_fallbacks + 1]
        chosen = [self._members[place].target for place in ordered]
        ready = [target for target in chosen if target.breaker.ready(now)]
        return GroupTurn(self.group, ready or chosen)

    def _tagged(self, asked: Collection[str]) -> list[int]:
        """The places that the tags leave; a target without tags is for who asks for none."""
        every = [*range(len(self._members))]
        if not any(one.rule.tags for one in self._members):
            return every

        def having(tags: Collection[str]) -> list[int]:
            return [p for p in every if not set(tags).isdisjoint(self._members[p].rule.tags)]

        if asked:
            return having(asked) or having((DEFAULT_TAG,))
        return having((DEFAULT_TAG,)) or every

    def _by_strategy(self, tier: list[int], asked: RouteHints) -> list[int]:
        members, strategy = self._members, self.group.strategy
        if len(tier) == 1 or strategy == "failover":
            return tier
        if strategy == "round_robin":
            return self._rotated(tier)
        if strategy == "consistent_hash":
            return [tier[place] for place in self._ring(tier).order(self._key(asked))]
        measures: dict[str, Callable[[Member], float]] = {
            "least_busy": lambda one: (one.target.breaker.in_flight + 1) / one.weight,
            "least_latency": lambda one: one.target.breaker.latency,
            "least_cost": lambda one: one.price,
        }
        measure = measures[strategy]
        return sorted(tier, key=lambda place: measure(members[place]))  # equal: as written

    def _rotated(self, tier: list[int]) -> list[int]:
        """Smooth weighted rotation: all earn their weight, the richest goes first and pays."""
        kept = tuple(tier)
        if kept not in self._turns and len(self._turns) >= MOST_STATES:
            self._turns.clear()
        credit = self._turns.setdefault(kept, [0] * len(tier))
        weights = [self._members[place].weight for place in tier]
        for at, weight in enumerate(weights):
            credit[at] += weight
        chosen = max(range(len(tier)), key=lambda at: credit[at])  # of equals the first
        credit[chosen] -= sum(weights)
        return tier[chosen:] + tier[:chosen]

    def _ring(self, tier: list[int]) -> HashRing:
        kept = tuple(tier)
        if kept not in self._rings:
            if len(self._rings) >= MOST_STATES:
                self._rings.clear()
            rules = [self._members[place] for place in tier]
            self._rings[kept] = HashRing([(one.rule.model, one.weight) for one in rules])
        return self._rings[kept]

    def _key(self, asked: RouteHints) -> str:
        found = (asked.key(one.type, one.name).strip() for one in self.group.hash_on)
        return next(filter(None, found), "")


class GroupTurn(Balancer):
    """The targets of one request, in their order: no other ones come."""

    __slots__ = ("group",)

    def __init__(self, group: AliasGroup, targets: Sequence[Target]) -> None:
        super().__init__(targets, "failover")
        self.group = group

    def first(self, now: float) -> Target:
        return self.targets[0]

    def next(self, tried: Collection[Target], now: float) -> Target | None:
        return next((one for one in self.targets if one not in tried), None)

    def least_bad(self, tried: Collection[Target]) -> Target | None:
        return None  # those that cool down are in the order, where there is no other


def price(input_per_1k: float | None, output_per_1k: float | None) -> float:
    """What targets are compared by; infinite where one part is unknown."""
    if input_per_1k is None or output_per_1k is None:
        return math.inf
    return input_per_1k + output_per_1k
