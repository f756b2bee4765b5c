"""Rate limits of the targets of a group: each is asked before each attempt there.

    members = MemberLimits(limits, estimate)
    await members.enter(attempts)    # may go on to another target; CallerError: none has room
    following = await members.following(call, upstream_request)     # the next attempt's request
    members.book(tokens); members.settle(tokens)     # of the attempt under way; once, at the end

A target over its limit is passed over as one that has answered 429, without a call. What is counted
there is one count with that of calls to the alias itself.

Must never know: the caller's connection.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from aisix.errors import Fault
from aisix.limits import Grant, LimitRefusal, RateLimiter, clock
from aisix.mapping.exchange import UpstreamRequest
from aisix.mapping.metering import Tokens
from aisix.mapping.syntax.budget import Spent
from aisix.proxy.call import Call
from aisix.proxy.rate_limit import Reservation, limited_by, rate_limited
from aisix.routing.attempts import Attempts
from aisix.routing.target import Target


class Following(NamedTuple):
    """What is sent next; `refusal`: why nothing is; elsewhere: to another target than before."""

    request: UpstreamRequest | None
    refusal: Fault | None = None
    elsewhere: bool = False


class MemberLimits:
    """Those of one request; `estimate`: tokens it takes, before anybody has counted; `refusals`: of
    targets that had no room."""

    def __init__(self, limits: RateLimiter, estimate: int) -> None:
        self._limits, self._estimate = limits, estimate
        self._reservation: Reservation | None = None
        self._entered: Target | None = None
        self._over = False
        self.refusals: list[LimitRefusal] = []

    async def enter(self, attempts: Attempts) -> None:
        """Before an attempt at its target, or at the first behind that which has room."""
        self.settle({}, over=False)
        loop = asyncio.get_running_loop()
        while True:
            target = attempts.target
            by = None if target.member is None else limited_by(target.member)
            if by is None:
                break
            verdict = self._limits.admit(by.holders, clock(), self._estimate if by.tokens else 0)
            if not isinstance(verdict, (Grant, LimitRefusal)):
                verdict = await verdict
            if isinstance(verdict, Grant):
                self._reservation = Reservation(self._limits, verdict)
                break
            self.refusals.append(verdict)
            if not attempts.over_limit(loop.time()):
                raise rate_limited(verdict)
        self._entered = target
        if self._over:  # the request ended meanwhile
            self.settle({})

    async def following(
        self, call: Call, upstream_request: UpstreamRequest, anew: bool = False
    ) -> UpstreamRequest | None:
        """As `Call.next_request`, where the target that takes it has room as well."""
        call.out = None  # the attempt before is over; as in `next_request`
        await self.enter(call.attempts)
        while True:
            try:
                following = call.next_request(upstream_request, anew)
            except Spent:
                following = await call.next_request_beside(upstream_request, anew)
            if following is None or call.attempts.target is self._entered:
                return following
            await self.enter(call.attempts)  # the one before did not take it
            upstream_request, anew = following, False

    async def within(
        self, call: Call, upstream_request: UpstreamRequest, anew: bool = False
    ) -> Following:
        """The same, and how it came about; never raises a Fault."""
        before = call.target
        try:
            request = await self.following(call, upstream_request, anew)
        except Fault as refusal:  # also of a limiter that has no room for a holder
            return Following(None, refusal)
        return Following(request, elsewhere=call.target is not before)

    def book(self, tokens: Tokens) -> None:
        """What the attempt under way has used so far."""
        if self._reservation is not None:
            self._reservation.book(tokens, clock())

    def settle(self, tokens: Tokens, over: bool = True) -> None:
        """The attempt is over, or with `over` the request; only the first time counts."""
        self._over = self._over or over
        reservation, self._reservation = self._reservation, None
        if reservation is not None:
            reservation.settle(tokens, clock())
