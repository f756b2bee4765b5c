"""The limiter whose counters are in Redis: one call for a request, of all rules of all its holders.

    limits = RedisRateLimiter(where, shared, policy="local_share", ...)
    await limits.reached(1.0)      # in a worker, before callers come
    task(limits.run)               # for ever: it looks for Redis, and renews what is held

`admit` gives a future while Redis can be asked, and the answer of the node's own counters at once
while it cannot.
"""

from __future__ import annotations

import asyncio
import os
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import hiredis

from aisix import log
from aisix.errors import Fault
from aisix.limits.base import Grant, Holder, LimitRefusal, Verdict
from aisix.limits.redis import tally as counted
from aisix.limits.redis.link import RedisLink
from aisix.limits.redis.plan import BookedTokens, LimitPlan, Told, bulk, keys_of
from aisix.limits.redis.protocol import MOST_CALLS, RedisConnection
from aisix.limits.redis.settling import RedisSettling
from aisix.limits.redis.share import LOCAL_SHARE, LocalNote, NodeShare
from aisix.limits.redis.tally import ADMIT, Tally
from aisix.limits.redis.topology import RedisTopology
from aisix.limits.redis.where import RedisWhere, show
from aisix.limits.shared import SharedRateLimiter

KNOWN = 1 << 15  # sets of holders whose calls are kept ready, and holders
TICK = 1.0  # s
LAST_SECS, LOOK_SECS = 1.0, 0.005  # for the last answers, and between two looks
EMPTIED = "; it has lost what it had counted: every window begins anew, once"
FULL = "full"  # why nobody waits: too many do
MANY = "limits: %d calls wait for redis: for requests beyond that ratelimit.on_outage holds"


class AdmitCall:
    """One request that waits for its verdict."""

    __slots__ = ("data", "given_up", "member", "now", "owner", "plan", "sent", "tokens", "verdict")

    def __init__(
        self, owner: RedisRateLimiter, plan: LimitPlan, member: bytes, tokens: int, now: float
    ) -> None:
        self.owner, self.plan, self.member, self.tokens = owner, plan, member, tokens
        self.now, self.sent, self.given_up = now, 0.0, False
        self.data = plan.admit(member, owner.lease, tokens)
        self.verdict: asyncio.Future[Verdict] = owner.loop.create_future()

    def answered(self, reply: Any) -> None:
        owner, plan, verdict = self.owner, self.plan, self.verdict
        if isinstance(reply, hiredis.ReplyError):
            if owner.link.refused(self, str(reply)) is not None:
                owner.tally.failed(ADMIT, counted.ERROR)
                self._by_policy(counted.ERROR)
            return
        if not self.given_up:
            owner.tally.answered(ADMIT, owner.clock() - self.sent)
        levels = plan.levels(reply)  # first: what it cannot be made of is not kept
        plan.take(reply, self.now)
        if reply[0]:
            booked = plan.booked(reply, self.member, self.tokens)
            if verdict.done():  # the caller has left, or was answered without us
                owner.settling.settle(booked, 0)
                return
            if self.member:
                owner.settling.holds(self.member, plan.places, True)
            verdict.set_result(Grant(plan.holders, levels, booked))
        elif not verdict.done():
            holder = plan.holders[reply[1] - 1]
            rule, wait = holder.rules[reply[2] - 1], reply[3] / 1000
            verdict.set_result(LimitRefusal(holder, rule, wait, levels))

    def late(self) -> None:
        self.owner.tally.failed(ADMIT, counted.LATE)
        self._by_policy(counted.LATE)

    def lost(self) -> None:
        if not self.given_up:
            self.owner.tally.failed(ADMIT, counted.LOST)
        self.owner.settling.give_back(self.plan, self.member)
        self._by_policy(counted.LOST)

    def _by_policy(self, why: str) -> None:
        if self.verdict.done():
            return
        try:
            found = self.owner.by_policy(self.plan, self.now, self.tokens, why)
        except Fault as fault:
            self.verdict.set_exception(fault)
        else:
            self.verdict.set_result(found)


class RedisRateLimiter:
    """`shared`: the node's own counters, for outages; `number`: which of its workers this is;
    `lease`: seconds for which a place is held without a word; `env`: whose keys these are;
    `nodes`: how many nodes share the limits; `tell` is given what was counted each second, times
    by `bounds`.
    """

    def __init__(
        self,
        where: RedisWhere,
        shared: SharedRateLimiter,
        *,
        policy: str = LOCAL_SHARE,
        timeout: float = 0.008,
        lease: float = 30.0,
        nodes: Callable[[], int] = lambda: 1,
        env: str = "",
        number: int = 0,
        bounds: Sequence[float] = (),
        tell: Callable[[Tally], None] = lambda tally: None,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.clock = self.loop.time
        self.lease = bulk(b"%d" % (lease * 1000))
        self.tally, self._tell = Tally(bounds), tell
        self.link = RedisLink(RedisTopology(where, env), timeout, self._up, self._down)
        self.settling = RedisSettling(self.link, self.tally, lease)
        self._shared, self._outages, self._number = shared, shared.outages, number
        self._share = NodeShare(shared, policy, nodes)
        self._env = env
        self._plans: dict[tuple[Holder, ...], LimitPlan] = {}
        self._told: dict[str, Told] = {}
        self._why = ""  # of the outage under way; "": there is none
        self._operator = False  # it was told that somebody must put something right
        # Ours among those of all workers of all nodes; a number for each request comes behind it.
        self._name = b64encode(os.urandom(9)) + b"."
        self._count = 0

    # ------------------------------------------------------------------ the interface
    def admit(
        self, holders: Sequence[Holder], now: float, tokens: int = 0
    ) -> Verdict | Awaitable[Verdict]:
        plan = self._plan(tuple(holders))
        if not plan.holders:
            return Grant((), ())
        connection = self.link.connection
        if connection is None or connection.full:
            if connection is not None:
                log.often("limits full", MANY, MOST_CALLS, level=log.ERROR)
            return self.by_policy(plan, now, tokens, self._why or FULL)
        member = b""
        if plan.places:
            self._count += 1
            member = b"%b%d" % (self._name, self._count)
        call = AdmitCall(self, plan, member, tokens, now)
        connection.send(call)
        return call.verdict

    def book(self, grant: Grant, tokens: int, now: float) -> None:
        note = grant.note
        if isinstance(note, BookedTokens):
            self.settling.book(note, tokens)
        elif note is not None:
            self._shared.book(note.grant, tokens, now)

    def settle(self, grant: Grant, tokens: int, now: float) -> None:
        note, grant.note = grant.note, None
        if isinstance(note, BookedTokens):
            self.settling.settle(note, tokens)
        elif note is not None:
            self._shared.settle(note.grant, tokens, now)
            plan = self._plan(grant.holders)
            if note.member:
                self.settling.let_go(note.member, plan)
            if not self._why:  # it goes on here: those of all nodes are to know
                self.settling.spent(plan, tokens)

    def sit(self, number: int) -> None:
        self._shared.sit(number)

    def free(self, number: int) -> bool:
        return self._shared.free(number)

    # ------------------------------------------------------------------ while Redis is away
    def by_policy(self, plan: LimitPlan, now: float, tokens: int, why: str) -> Verdict:
        """What the node's own counters say. Fault overloaded."""
        self.tally.fell_back(self._share.policy, why)
        taken = self.settling.taken
        if taken and plan.places:
            held = [taken.get(keys_of(self._env, one.ident)[1], 0) for one in plan.holders]
            found = self._share.admit(plan.holders, plan.told, now, tokens, held)
        else:
            found = self._share.admit(plan.holders, plan.told, now, tokens)
        if isinstance(found, Grant):
            member = b""
            if plan.places:
                self._count += 1
                member = b"%b%d" % (self._name, self._count)
                self.settling.holds(member, plan.places, False)
            found.note = LocalNote(found.note, member)
        return found

    def _up(self) -> None:
        self._why, self._operator = "", False
        self.settling.recover()
        emptied = self.link.topology.emptied
        if emptied:
            self.tally.failed(counted.PROBE, counted.EMPTIED)
        since = self._outages.since
        if self._outages.end(self._number):
            secs, what = time.time() - since, EMPTIED if emptied else ""
            text = "limits: redis at %s counts again, after %.1f s%s"
            level = log.ERROR if emptied else log.INFO
            log.often("limits up", text, self._at(), secs, what, level=level)

    def _down(self, why: str, text: str, operator: bool) -> None:
        new = not self._why
        if new:
            self.settling.count_places()
        self._why = why
        first = self._outages.begin(self._number) if new else False
        if first or (operator and not self._operator):
            share = f"1/{self._share.nodes} of each limit here"
            policy = self._share.policy
            what = f"on_outage: {policy}" + (f", {share}" if policy == LOCAL_SHARE else "")
            told = "limits: redis cannot be asked: %s; %s"
            log.often("limits down", told, text, what, level=log.ERROR)
        self._operator = self._operator or operator

    def _at(self) -> str:
        return show(self.link.topology.address)

    # ------------------------------------------------------------------ a worker's
    async def reached(self, secs: float) -> None:
        """Wait until it is known whether Redis can be asked, at most so long; `run` is running."""
        await self.link.reached(secs)

    async def run(self) -> None:
        """For ever."""
        async with asyncio.TaskGroup() as tasks:  # one that fails ends the other, too
            tasks.create_task(self.link.run())
            tasks.create_task(self._ticks())

    async def _ticks(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            self.settling.tick()
            self._tell(self.tally.take())

    async def close(self) -> None:
        """What was told last is waited for, a moment. What could not be told is counted as lost."""
        end = self.clock() + LAST_SECS
        connection = self.link.connection
        while connection is not None and connection.busy and self.clock() < end:
            await asyncio.sleep(LOOK_SECS)
        self.link.close()
        self.settling.give_up()
        self._tell(self.tally.take())
        self._outages.end(self._number)

    def status(self) -> dict[str, Any]:
        """For operators. `share`: of each limit, while `up` is false."""
        since = self._outages.since
        return {
            **self._shared.status(),
            "backend": "redis",
            "at": self._at(),
            "up": not since,
            "since": int(since) or None,
            "policy": self._share.policy,
            "share": f"1/{self._share.nodes}",
        }

    # ------------------------------------------------------------------ holders
    def _plan(self, holders: tuple[Holder, ...]) -> LimitPlan:
        plan = self._plans.get(holders)
        if plan is None:
            if len(self._plans) >= KNOWN:
                self._plans.clear()
            if len(self._told) >= KNOWN:
                self._told.clear()
            asked = tuple([holder for holder in holders if holder.rules])
            told = [self._told.setdefault(holder.ident, Told()) for holder in asked]
            plan = self._plans[holders] = LimitPlan(asked, self._env, told)
        return plan


async def probed(where: RedisWhere, timeout: float) -> str:
    """Where it takes our writes now. Unreachable."""
    topology = RedisTopology(where, "")
    made = await topology.reach(lambda: RedisConnection(timeout, lambda _: None, lambda _: None))
    made.abort()
    return show(topology.address)
