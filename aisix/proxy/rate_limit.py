"""Rate limits of a request: whose they are, its leave to go on, and the headers that tell of them.

    allowance = Reservation.ask(limits, api_key, model, now)     # raises the Fault that says no
    allowance.headers(caller, now)
    allowance.settle(tokens, now)                              # once, when the answer has ended

Must never know: what a header or a status is called; that stands in the caller dialect's table.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial

from aisix.errors import CallerError
from aisix.limits import Grant, Holder, Level, LimitRefusal, LimitRule, RateLimiter, rules_of
from aisix.mapping.dialect.upstream_errors import CallerDialect
from aisix.store.resources import ApiKey, Model, RateLimit

LONGEST = 120  # s; told to wait longer, clients do not try again at all
UNITS = {
    "rps": "requests per second",
    "rpm": "requests per minute",
    "rph": "requests per hour",
    "rpd": "requests per day",
    "tpm": "tokens per minute",
    "tpd": "tokens per day",
    "concurrency": "requests at one time",
}
KEY, MODEL = "key", "model"


class RateLimited(CallerError):
    """A limit is reached; `levels` are for the headers."""

    def __init__(self, refusal: LimitRefusal) -> None:
        wait = min(LONGEST, max(1, math.ceil(refusal.wait)))
        rule = refusal.rule
        kind = KEY if refusal.holder.ident.startswith(KEY) else MODEL
        more = {"limit": rule.most, "unit": UNITS[rule.name], "holder": kind}
        super().__init__("rate_limited", None, retry_after=wait, **more)
        self.levels = refusal.levels


class Reservation:
    """See the module."""

    __slots__ = ("_grant", "_limits", "levels")

    def __init__(self, limits: RateLimiter, grant: Grant) -> None:
        self._limits = limits
        self._grant: Grant | None = grant
        self.levels = grant.levels

    @classmethod
    def ask(cls, limits: RateLimiter, key: ApiKey, model: Model, now: float) -> Reservation | None:
        """None when neither has a limit."""
        mine, shared = _rules(key.rate_limit), _rules(model.rate_limit)
        if not mine and not shared:
            return None
        holders = (Holder(f"{KEY}:{key.id}", mine), Holder(f"{MODEL}:{model.id}", shared))
        found = limits.admit(holders, now)
        if isinstance(found, LimitRefusal):
            raise RateLimited(found)
        return cls(limits, found)

    def settle(self, tokens: Mapping[str, int], now: float) -> None:
        """Gives the places back and books what was used: all tokens but those told twice."""
        grant = self._grant
        if grant is not None:
            used = sum(count for name, count in tokens.items() if name not in INSIDE)
            self._limits.settle(grant, used, now)
            self._grant = None


INSIDE = frozenset({"reasoning"})  # counters that are part of another one


def headers(levels: Sequence[Level], caller: CallerDialect, now: float) -> dict[str, str]:
    out: dict[str, str] = {}
    for level in levels:
        out |= caller.limit_headers(level.counts, level.most, level.left, level.reset, now)
    return out


@lru_cache(1024)
def _rules(limit: RateLimit) -> tuple[LimitRule, ...]:
    return rules_of(partial(getattr, limit))
