"""Groups: aliases that lead to other aliases, in an order that is made anew for each request.

    balancer.turn(RouteHints(tags=("eu",)), now)     a Balancer of this one request

By tags, by where the caller must come from, then tiers of priority, in each of them by the
strategy, cut to `max_fallbacks`, and of those the healthy ones; where none is, those that cool
down. How a model does is known to all workers together (`model_health.py`). The meaning is the
original AISIX's; an alias with `targets` of its own has the simpler one of `balancer.py`.

Must never know: HTTP, a wire name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from aisix.errors import CallerError, Fault
from aisix.routing.balancer import Balancer
from aisix.routing.hash_ring import HashRing
from aisix.routing.model_health import COOLS, WELL, ModelCells, ModelHealth
from aisix.routing.networks import within
from aisix.routing.target import Target
from aisix.store.resources import NO_LIMIT, AliasGroup, GroupTarget, Model, Network

DEFAULT_TAG = "default"
TRY_ANYWAY = "try_anyway"
MOST_STATES = 64  # sets of targets of one group whose ring, or name of a turn, is kept
COME_BACK = 30  # s; what a caller is told when no target is well


@dataclass(frozen=True, slots=True)
class RouteHints:
    """What a request says of where it goes. key: finds the text for one rule of `hash_on`."""

    tags: tuple[str, ...] = ()
    key: Callable[[str, str], str] = lambda kind, name: ""
    address: str = ""  # of the caller


NO_HINTS = RouteHints()


@dataclass(frozen=True, slots=True)
class Member:
    """A target as its group lists it."""

    rule: GroupTarget
    target: Target
    cells: ModelCells
    price: float  # math.inf: nobody said
    cidrs: tuple[Network, ...] | None = None  # whom it lets in; None: everybody

    @property
    def weight(self) -> int:
        return max(1, self.rule.weight)


class GroupBalancer(Balancer):
    """The targets of one group; `skipped`: aliases that cannot be asked, and why."""

    __slots__ = ("_health", "_id", "_rings", "_turns", "group", "limited", "members", "skipped")

    def __init__(
        self,
        group_id: str,
        group: AliasGroup,
        members: Sequence[Member],
        skipped: Mapping[str, str],
        health: ModelHealth,
    ) -> None:
        super().__init__([one.target for one in members], "failover")
        self.group, self.skipped = group, skipped
        self._id, self._health = group_id, health
        self.members = tuple(members)
        own = [one.target.member for one in members]
        self.limited = any(one is not None and one.rate_limit != NO_LIMIT for one in own)
        self._turns: dict[tuple[int, ...], str] = {}
        self._rings: dict[tuple[int, ...], HashRing] = {}

    def first(self, now: float) -> Target:
        """Of who does not say where: as for a count of tokens."""
        chosen = self._ordered(NO_HINTS)
        return (self._healthy(chosen, now) or chosen)[0].target

    def of(self, targets: Mapping[int, Target]) -> GroupBalancer:
        """The same over other forms of some of the targets, by their places."""
        members = [replace(self.members[place], target=target) for place, target in targets.items()]
        return GroupBalancer(self._id, self.group, members, self.skipped, self._health)

    def turn(self, asked: RouteHints, now: float) -> GroupTurn:
        """The order of one request; CallerError "no_tag" when no target has one of its tags,
        "ip_not_allowed" when all that do let in callers from elsewhere, Fault "no_candidate" when
        all are known not to be well."""
        chosen = self._ordered(asked)
        found = self._healthy(chosen, now)
        if not found:
            if self.group.when_all_unavailable != TRY_ANYWAY:
                raise Fault("no_candidate", retry_after=COME_BACK)
            found = chosen
        return GroupTurn(self.group, [one.target for one in found], self.limited)

    def _healthy(self, chosen: Sequence[Member], now: float) -> list[Member]:
        """Those that are well, else those that cool down; none: all fail at their checks."""
        conditions = [one.cells.condition(now) for one in chosen]
        for wanted in (WELL, COOLS):
            if wanted in conditions:
                return [m for m, one in zip(chosen, conditions, strict=True) if one == wanted]
        return []

    def _ordered(self, asked: RouteHints) -> list[Member]:
        listed = self._tagged(asked.tags)
        if not listed:
            raise CallerError("no_tag")
        listed = [place for place in listed if self._lets_in(place, asked.address)]
        if not listed:
            raise CallerError("ip_not_allowed")
        ordered: list[int] = []
        by_tier = sorted(listed, key=lambda place: -self.members[place].rule.priority)
        for _, tier in groupby(by_tier, key=lambda place: self.members[place].rule.priority):
            ordered += self._by_strategy([*tier], asked)
        if self.group.max_fallbacks is not None:
            ordered = ordered[: self.group.max_fallbacks + 1]
        return [self.members[place] for place in ordered]

    def _lets_in(self, place: int, address: str) -> bool:
        cidrs = self.members[place].cidrs
        return cidrs is None or within(address, cidrs)

    def _tagged(self, asked: Collection[str]) -> list[int]:
        """The places that the tags leave; a target without tags is for who asks for none."""
        every = [*range(len(self.members))]
        if not any(one.rule.tags for one in self.members):
            return every

        def having(tags: Collection[str]) -> list[int]:
            return [p for p in every if not set(tags).isdisjoint(self.members[p].rule.tags)]

        if asked:
            return having(asked) or having((DEFAULT_TAG,))
        return having((DEFAULT_TAG,)) or every

    def _by_strategy(self, tier: list[int], asked: RouteHints) -> list[int]:
        members, strategy = self.members, self.group.strategy
        if len(tier) == 1 or strategy == "failover":
            return tier
        if strategy == "round_robin":
            return self._rotated(tier)
        if strategy == "consistent_hash":
            return [tier[place] for place in self._ring(tier).order(self._key(asked))]
        measures: dict[str, Callable[[Member], float]] = {
            "least_busy": lambda one: (one.cells.under_way + 1) / one.weight,
            "least_latency": lambda one: one.cells.latency,
            "least_cost": lambda one: one.price,
        }
        measure = measures[strategy]
        return sorted(tier, key=lambda place: measure(members[place]))  # equal: as written

    def _rotated(self, tier: list[int]) -> list[int]:
        """From the one whose turn it is onward; the turn is kept for these targets and weights."""
        kept = tuple(tier)
        weights = [self.members[place].weight for place in tier]
        name = self._turns.get(kept)
        if name is None:
            if len(self._turns) >= MOST_STATES:
                self._turns.clear()
            said = [(self.members[p].rule.model, w) for p, w in zip(tier, weights, strict=True)]
            name = self._turns[kept] = repr((self._id, said))
        chosen = self._health.turn(name, weights)
        return tier[chosen:] + tier[:chosen]

    def _ring(self, tier: list[int]) -> HashRing:
        kept = tuple(tier)
        if kept not in self._rings:
            if len(self._rings) >= MOST_STATES:
                self._rings.clear()
            rules = [self.members[place] for place in tier]
            self._rings[kept] = HashRing([(one.rule.model, one.weight) for one in rules])
        return self._rings[kept]

    def _key(self, asked: RouteHints) -> str:
        found = (asked.key(one.type, one.name).strip() for one in self.group.hash_on)
        return next(filter(None, found), "")


class GroupTurn(Balancer):
    """The targets of one request, in their order: no other ones come."""

    __slots__ = ("group", "limited")

    def __init__(self, group: AliasGroup, targets: Sequence[Target], limited: bool) -> None:
        super().__init__(targets, "failover")
        self.group, self.limited = group, limited

    def first(self, now: float) -> Target:
        return self.targets[0]

    def next(self, tried: Collection[Target], now: float) -> Target | None:
        return next((one for one in self.targets if one not in tried), None)

    def least_bad(self, tried: Collection[Target]) -> Target | None:
        return None  # those that cool down are in the order, where there is no other


def unfit_member(other: Model | None) -> str:
    """Why a group cannot ask an alias; "": it can."""
    if other is None:
        return "there is no such alias"
    if other.group is not None:
        return "is a group itself"
    return "has several upstream models" if other.targets else ""


def price(input_per_1k: float | None, output_per_1k: float | None) -> float:
    """What targets are compared by; infinite where one part is unknown."""
    if input_per_1k is None or output_per_1k is None:
        return math.inf
    return input_per_1k + output_per_1k
