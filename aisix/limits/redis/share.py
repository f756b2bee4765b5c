"""What holds while Redis cannot be asked: this node's own counters, by the policy of the settings.

local_share   each node lets through its share of every limit, ceil(most / nodes): protects what the
              limits are for, whatever the number of nodes; refuses early where balancing is uneven
fail_open     each node lets through the whole of every limit: nodes times as much in all
fail_closed   nobody with a limit is let through

Shares begin with what Redis told last, divided in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aisix.errors import Fault
from aisix.limits.base import Grant, Holder, LimitRefusal, Verdict
from aisix.limits.redis.plan import Told
from aisix.limits.shared import SharedRateLimiter

LOCAL_SHARE, FAIL_OPEN, FAIL_CLOSED = "local_share", "fail_open", "fail_closed"
POLICIES = LOCAL_SHARE, FAIL_OPEN, FAIL_CLOSED
COME_BACK = 1  # s; what a refused caller is told
KNOWN = 1 << 14  # holders whose share is kept


@dataclass(slots=True, eq=False)
class LocalNote:
    """Of a grant by the node's own counters: the one they gave, and our name for its places."""

    grant: Grant
    member: bytes


class NodeShare:
    """`nodes`: how many share every limit, asked each time."""

    def __init__(self, shared: SharedRateLimiter, policy: str, nodes: Callable[[], int]) -> None:
        self.policy = policy
        self._shared = shared
        self._nodes = nodes
        self._shares: dict[str, tuple[int, Holder, Holder]] = {}

    @property
    def nodes(self) -> int:
        """By how many every limit is divided."""
        return max(1, self._nodes()) if self.policy == LOCAL_SHARE else 1

    def admit(
        self,
        holders: Sequence[Holder],
        told: Sequence[Told],
        now: float,
        tokens: int,
        held: Sequence[int] = (),
    ) -> Verdict:
        """`told`: what Redis told last of each; `held`: places of each that requests under way
        here have from Redis, and that its share has less of. Fault overloaded: nobody is let
        through, or there is no room to count."""
        if self.policy == FAIL_CLOSED:
            raise Fault("overloaded", retry_after=COME_BACK)
        nodes = self.nodes
        shares = [self._share(holder, nodes) for holder in holders]
        for mine, last in zip(shares, told, strict=True):
            if last.seeded != last.at:
                last.seeded = last.at
                windows = last.windows(now)
                counted = [(rule, left, -(-count // nodes)) for rule, left, count in windows]
                if counted:
                    self._shared.begin_with(mine, counted, now)
        if any(held):
            shares = [_less(mine, count) for mine, count in zip(shares, held, strict=True)]
        verdict = self._shared.admit(shares, now, tokens)
        if isinstance(verdict, LimitRefusal):
            return verdict._replace(local=True)
        return Grant(tuple(holders), verdict.levels, verdict, local=True)

    def _share(self, holder: Holder, nodes: int) -> Holder:
        if nodes == 1:
            return holder
        known = self._shares.get(holder.ident)
        if known is None or known[0] != nodes or known[1].rules is not holder.rules:
            if len(self._shares) >= KNOWN:
                self._shares.clear()
            rules = tuple([rule._replace(most=-(-rule.most // nodes)) for rule in holder.rules])
            known = self._shares[holder.ident] = nodes, holder, Holder(holder.ident, rules)
        return known[2]


def _less(holder: Holder, places: int) -> Holder:
    """With so many places less."""
    if not places:
        return holder
    rules = [
        rule._replace(most=max(0, rule.most - places)) if rule.counts == "concurrency" else rule
        for rule in holder.rules
    ]
    return Holder(holder.ident, tuple(rules))
