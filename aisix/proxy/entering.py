"""Whether a request may go on: the rate limits of its key and model, and a place among those under
way. What it was given is given back at its end.

Must never know: what becomes of it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from aisix.limits import Grant, Level, LimitRefusal, clock
from aisix.mapping.dialect.estimate import estimate
from aisix.proxy.admission import overloaded
from aisix.proxy.base import ProxyHandler
from aisix.proxy.member_limits import MemberLimits
from aisix.proxy.original_metrics import RequestFacts
from aisix.proxy.rate_limit import Limited, Reservation, limited, rate_limited
from aisix.proxy.route_hints import hints_of
from aisix.routing.attempts import Attempts
from aisix.routing.groups import RouteHints
from aisix.store.resources import Model


class EnteringHandler(ProxyHandler):
    """`_let_in`, then `_tell_levels`; at its end `_reservation` is settled, `_leave_admission`."""

    _admitted = False  # it holds a place of the admission
    _reservation: Reservation | None = None
    members: MemberLimits | None = None  # of a group whose targets have rate limits
    _levels: Sequence[Level] = ()  # of its rate limits, for the headers
    _local = False  # they are of this node alone
    _refused_by: LimitRefusal | None = None

    takes_body = True

    def check_head(self) -> None:
        super().check_head()
        if self.gateway.admission.full:
            raise overloaded()  # before the body is read

    def asked(self) -> RouteHints:
        """Where a group sends it."""
        return hints_of(self.request, self.api_key.id)

    async def _let_in(self, model: Model, caller_body: dict[str, Any]) -> bool:
        """Whether anybody still waits for it when it may go on; CallerError when a rate limit says
        no, Fault "overloaded"."""
        by = limited(self.api_key, model)
        if by is not None:
            await self._within_limits(by, caller_body)
        if self._over:  # it ended as the limiter's answer came
            self.on_finish()  # once more, for what that granted
            return False
        admission = self.gateway.admission
        if not admission.take():
            self._waiting = place = asyncio.get_running_loop().create_future()
            await admission.wait(place)
            if self._over:
                admission.leave()
                self.on_finish()
                return False
        self._admitted = True
        return True

    async def _within_limits(self, by: Limited, caller_body: dict[str, Any]) -> None:
        """CallerError when a rate limit says no; waits only if the limiter does."""
        limits = self.gateway.limits
        tokens = self._takes(caller_body) if by.tokens else 0
        verdict = limits.admit(by.holders, clock(), tokens)
        if not isinstance(verdict, (Grant, LimitRefusal)):
            self._waiting = waiting = asyncio.ensure_future(verdict)
            verdict = await waiting
        self._levels, self._local = verdict.levels, verdict.local
        if isinstance(verdict, LimitRefusal):
            self._refused_by = verdict
            raise rate_limited(verdict)
        self._reservation = Reservation(limits, verdict)
        if by.tokens:
            self.gateway.booking.under_way.add(self)

    async def within_members(self, attempts: Attempts, caller_body: dict[str, Any]) -> None:
        """A place at the first target that has one; CallerError when none has."""
        self.members = members = MemberLimits(self.gateway.limits, self._takes(caller_body))
        self.gateway.booking.under_way.add(self)
        await members.enter(attempts)

    def _takes(self, caller_body: dict[str, Any]) -> int:
        """Tokens of the request, by estimate."""
        how = self.caller.estimate
        return 0 if how is None else estimate(caller_body, how, self._size)

    def facts(self, label: str) -> RequestFacts:
        by, members = self._refused_by, self.members
        refusals = [] if by is None else [by]
        if members is not None:
            refusals += members.refusals
        return super().facts(label)._replace(refusals=refusals)

    def book(self) -> None:
        """What it has used so far, if anything is known of that."""

    def _tell_levels(self) -> None:
        if self._local:
            self.set_header("X-Aisix-Limits", "local")
        now = time.time() if self._levels else 0.0
        for level in self._levels:
            told = self.caller.limits.get(level.counts)
            if told is not None:  # callers are told of the wall clock
                _, most, left, reset = level
                self.set_headers(told.names, told.filled(most, left, reset, now))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        self._tell_levels()
        super().write_error(status_code, **kwargs)

    def _leave_admission(self) -> None:
        if self._admitted:
            self._admitted = False
            self.gateway.admission.leave()
