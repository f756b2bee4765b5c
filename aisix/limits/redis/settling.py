"""What Redis is told beside the requests, and nobody waits for: tokens used, places given back and
held on to. What it cannot be told now is kept, and told when it can be reached again.

    settling = RedisSettling(link, tally, lease_ms)
    settling.book(booked, 7)          # 7 tokens in all so far
    settling.settle(booked, 9)        # once, at its end
    settling.holds(member, places)    # a request that is under way; let_go(member) at its end
    settling.recover()                # Redis can be reached again
    settling.tick()                   # each second
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import hiredis

from aisix.limits.redis import tally as counted
from aisix.limits.redis.link import RedisLink
from aisix.limits.redis.plan import LIMIT, BookedTokens, LimitPlan, command
from aisix.limits.redis.scripts import HOLD, sha
from aisix.limits.redis.tally import BOOK, SETTLE, Tally

MOST_LATE, LATE_SECS = 10_000, 60.0  # calls kept for later, and for how long
AT_ONE_TIME = 32  # of them on their way: requests of callers come in between
MOST_MEMBERS = 500  # of one call that holds places
_hold = sha(HOLD)


class SettlingCall:
    """A call of SETTLE. `over`: the request has ended; else what the answer says is kept."""

    __slots__ = ("booked", "data", "given_up", "more", "over", "owner", "sent")

    def __init__(self, owner: RedisSettling, booked: BookedTokens, more: int, over: bool) -> None:
        self.owner, self.booked, self.more, self.over = owner, booked, more, over
        self.data = booked.plan.settle(booked, more, over)
        self.sent, self.given_up = 0.0, False

    def answered(self, reply: Any) -> None:
        self.owner.told(self, reply)

    def late(self) -> None:
        self.owner.tally.failed(SETTLE if self.over else BOOK, counted.LATE)

    def lost(self) -> None:
        self.owner.untold(self)


class HoldingCall:
    """A call of HOLD; the next one makes up for one that failed."""

    __slots__ = ("data", "given_up", "owner", "sent")

    def __init__(self, owner: RedisSettling, data: bytes) -> None:
        self.owner, self.data, self.sent, self.given_up = owner, data, 0.0, False

    def answered(self, reply: Any) -> None:
        if isinstance(reply, hiredis.ReplyError):
            self.owner.refused(self, counted.HOLD, str(reply))
        else:
            self.owner.answered(counted.HOLD, self.sent)

    def late(self) -> None:
        self.owner.tally.failed(counted.HOLD, counted.LATE)

    def lost(self) -> None:
        self.owner.tally.failed(counted.HOLD, counted.LOST)


@dataclass(slots=True, eq=False)
class HeldPlaces:
    """Of a request that is under way: the sets it has a place in, since when Redis knows it
    for sure; 0: it does not; and whether Redis gave it, not the node's own counters."""

    sets: Sequence[bytes]
    since: float
    given: bool


class RedisSettling:
    """`lease`: seconds for which a place is held without a word."""

    def __init__(self, link: RedisLink, tally: Tally, lease: float) -> None:
        self._link = link
        self.tally = tally
        self._lease = lease
        self._now = asyncio.get_running_loop().time
        self._kept: deque[tuple[float, BookedTokens, int]] = deque()  # until Redis can be reached
        self._on_their_way = 0  # of those
        self._held: dict[bytes, HeldPlaces] = {}  # by member
        # In an outage, by set: places of requests under way here that Redis gave before it.
        self.taken: dict[bytes, int] = {}

    # ------------------------------------------------------------------ tokens
    def book(self, booked: BookedTokens, tokens: int) -> None:
        if not booked.plan.tokens or tokens == booked.tokens:
            return
        if booked.busy:
            booked.wanted = tokens
        elif self._link.connection is not None:  # else the end of the request tells it all
            booked.busy = True
            self._send(booked, min(tokens, LIMIT) - booked.tokens, False)

    def settle(self, booked: BookedTokens, tokens: int) -> None:
        if booked.member:
            held = self._held.pop(booked.member, None)
            if held is not None and self.taken:
                for one in held.sets:
                    self.taken[one] = max(0, self.taken.get(one, 0) - 1)
        if booked.busy:
            booked.wanted, booked.over = tokens, True
            return
        more = min(tokens, LIMIT) - booked.tokens if booked.plan.tokens else 0
        if more or booked.member:
            self._send(booked, more, True)

    def spent(self, plan: LimitPlan, tokens: int) -> None:
        """Tokens of a request that Redis was not asked about."""
        if plan.tokens and tokens:
            self._send(BookedTokens(plan, b"", 0, [0, 0] * plan.tokens), min(tokens, LIMIT), True)

    def _send(self, booked: BookedTokens, more: int, over: bool) -> None:
        connection = self._link.connection
        if connection is not None and not connection.full:
            # A place is given back at once: somebody may have been refused for want of it.
            soon = over and bool(booked.member)
            connection.send(SettlingCall(self, booked, more, over), soon)
        else:
            self._keep(booked, more)

    def told(self, call: SettlingCall, reply: Any) -> None:
        kind, booked = SETTLE if call.over else BOOK, call.booked
        if isinstance(reply, hiredis.ReplyError):
            self.refused(call, kind, str(reply))
            return
        if not call.over and [type(one) for one in reply] != [int] * len(booked.windows):
            raise ValueError("no windows")
        self.answered(kind, call.sent)
        if call.over:
            self._go_on()
            return
        booked.tokens += call.more
        booked.windows = reply
        self._after(booked)

    def untold(self, call: SettlingCall) -> None:
        """The connection ended before the answer. It may have been done: told twice rather than
        never."""
        self.tally.failed(SETTLE if call.over else BOOK, counted.LOST)
        self._failed(call)

    def _failed(self, call: SettlingCall) -> None:
        if call.over:
            self._keep(call.booked, call.more)
            self._on_their_way = max(0, self._on_their_way - 1)
        else:
            self._after(call.booked)

    def _after(self, booked: BookedTokens) -> None:
        """A booking has ended: what was wanted meanwhile."""
        booked.busy = False
        wanted, booked.wanted = booked.wanted, -1
        if wanted < 0:
            return
        if booked.over:
            self.settle(booked, wanted)
        else:
            self.book(booked, wanted)

    def answered(self, kind: str, sent: float) -> None:
        self.tally.answered(kind, self._now() - sent)

    def refused(self, call: SettlingCall | HoldingCall, kind: str, text: str) -> None:
        """Redis answered with an error."""
        again = self._link.refused(call, text)
        if again is None:
            return
        self.tally.failed(kind, counted.ERROR)
        if isinstance(call, SettlingCall):
            if again:
                self._failed(call)
            else:  # it would say so again
                self._drop(call.more)
                if call.over:
                    self._go_on()
                else:
                    self._after(call.booked)

    # ------------------------------------------------------------------ for later
    def _keep(self, booked: BookedTokens, more: int) -> None:
        if len(self._kept) >= MOST_LATE:
            self._drop(self._kept.popleft()[2])
        self._kept.append((self._now(), booked, more))

    def give_back(self, plan: LimitPlan, member: bytes) -> None:
        """Places that may have been taken: the answer never came."""
        if member:
            self._keep(BookedTokens(plan, member, 0, [0, 0] * plan.tokens), 0)

    def _drop(self, tokens: int) -> None:
        self.tally.dropped += max(0, tokens)

    def recover(self) -> None:
        """First the places of what is under way, before anybody else takes them."""
        self.taken.clear()
        self._on_their_way = 0
        self._hold(list(self._held))
        oldest = self._now() - LATE_SECS
        while self._kept and self._kept[0][0] < oldest:
            self._drop(self._kept.popleft()[2])
        self._go_on(0)

    def _go_on(self, done: int = 1) -> None:
        """Tell more of what was kept: a few at a time."""
        if not self._on_their_way and not self._kept:
            return
        self._on_their_way = max(0, self._on_their_way - done)
        while self._kept and self._on_their_way < AT_ONE_TIME:
            connection = self._link.connection
            if connection is None or connection.full:
                return
            _, booked, more = self._kept.popleft()
            self._on_their_way += 1
            connection.send(SettlingCall(self, booked, more, True))

    def give_up(self) -> None:
        """Nothing more will be told."""
        while self._kept:
            self._drop(self._kept.popleft()[2])

    @property
    def kept(self) -> int:
        """Calls that wait for Redis."""
        return len(self._kept)

    # ------------------------------------------------------------------ places
    def holds(self, member: bytes, sets: Sequence[bytes], known: bool) -> None:
        """A request has a place in these sets; `known`: Redis has given it."""
        self._held[member] = HeldPlaces(sets, self._now() if known else 0.0, known)

    def count_places(self) -> None:
        """An outage begins: the share of a limit is of these, too."""
        self.taken.clear()
        for held in self._held.values():
            if held.given:
                for one in held.sets:
                    self.taken[one] = self.taken.get(one, 0) + 1

    def let_go(self, member: bytes, plan: LimitPlan) -> None:
        """Of a request Redis was not asked about; it may have been told there since."""
        held = self._held.pop(member, None)
        if held is not None and held.since:
            self._send(BookedTokens(plan, member, 0, [0, 0] * plan.tokens), 0, True)

    def tick(self) -> None:
        """Renew what has been held for a third of its lease."""
        before = self._now() - self._lease / 3
        self._hold([member for member, held in self._held.items() if held.since < before])
        if self._kept and not self._on_their_way:
            self._go_on(0)

    def _hold(self, members: Iterable[bytes]) -> None:
        connection, now = self._link.connection, self._now()
        if connection is None:
            return
        pairs: list[tuple[bytes, bytes]] = []
        for member in members:
            held = self._held[member]
            held.since = now
            pairs += [(one, member) for one in held.sets]
        pairs.sort()
        for at in range(0, len(pairs), MOST_MEMBERS):
            by_set: dict[bytes, list[bytes]] = {}
            for one, member in pairs[at : at + MOST_MEMBERS]:
                by_set.setdefault(one, []).append(member)
            words = [b"%d" % (self._lease * 1000)]
            for some in by_set.values():
                words += [b"%d" % len(some), *some]
            data = command(b"EVALSHA", _hold, b"%d" % len(by_set), *by_set, *words)
            connection.send(HoldingCall(self, data))
