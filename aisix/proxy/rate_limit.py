"""Rate limits of a request: whose they are, its leave to go on, and the headers that tell of them.

    verdict = ask(limits, api_key, model, clock(), estimate)   # None: no limit; or to be awaited
    raise rate_limited(verdict)                     # a LimitRefusal
    reservation = Reservation(limits, verdict)      # a Grant
    headers(verdict.levels, caller, time.time())    # callers are told of the wall clock
    reservation.book(tokens, clock())               # now and then, where tokens are limited
    reservation.settle(tokens, clock())             # once, when the answer has ended

Must never know: what a header or a status is called; that stands in the caller dialect's table.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache, partial

from aisix.errors import CallerError
from aisix.limits import (
    Grant,
    Holder,
    Level,
    LimitRefusal,
    LimitRule,
    RateLimiter,
    Verdict,
    rules_of,
)
from aisix.mapping.dialect.upstream_errors import CallerDialect
from aisix.mapping.metering import total
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


def limited(key: ApiKey, model: Model) -> bool:
    """Whether one of them has limits."""
    return bool(_rules(key.rate_limit) or _rules(model.rate_limit))


def ask(
    limits: RateLimiter,
    key: ApiKey,
    model: Model,
    now: float,
    estimate: Callable[[], int] | None = None,
) -> Verdict | Awaitable[Verdict] | None:
    """What the limits of a key and a model say; None when neither has one. `estimate`: how many
    tokens the request takes before there is an answer, asked where tokens are limited."""
    mine, shared = _rules(key.rate_limit), _rules(model.rate_limit)
    if not mine and not shared:
        return None
    holders = (Holder(f"{KEY}:{key.id}", mine), Holder(f"{MODEL}:{model.id}", shared))
    if estimate is not None and (_tokens(key.rate_limit) or _tokens(model.rate_limit)):
        return limits.admit(holders, now, estimate())
    return limits.admit(holders, now)


def rate_limited(refusal: LimitRefusal) -> CallerError:
    """What a caller is told of a limit that is reached; the wait it quotes is whole seconds."""
    wait = min(LONGEST, max(1, math.ceil(refusal.wait)))
    rule = refusal.rule
    kind = KEY if refusal.holder.ident.startswith(KEY) else MODEL
    more = {"limit": rule.most, "unit": UNITS[rule.name], "holder": kind}
    return CallerError("rate_limited", None, retry_after=wait, **more)


class Reservation:
    """A grant that is to be settled when its request is over."""

    __slots__ = ("_grant", "_limits", "tokens")

    def __init__(self, limits: RateLimiter, grant: Grant) -> None:
        self._limits = limits
        self._grant: Grant | None = grant
        # Whether a limit counts tokens, so that they are booked while the request is under way.
        self.tokens = any(rule.counts == "tokens" for one in grant.holders for rule in one.rules)

    def book(self, tokens: Mapping[str, int], now: float) -> None:
        """What it has used so far."""
        if self._grant is not None:
            self._limits.book(self._grant, total(tokens), now)

    def settle(self, tokens: Mapping[str, int], now: float) -> None:
        """Give the places back and book `tokens` by their counters: all but those told twice.
        Only the first time counts."""
        grant = self._grant
        if grant is not None:
            used = 0
            try:
                used = total(tokens)
            finally:  # a mistake in the counting keeps no place
                self._limits.settle(grant, used, now)
                self._grant = None


def headers(levels: Sequence[Level], caller: CallerDialect, now: float) -> dict[str, str]:
    """The headers that tell of `levels`, by the caller dialect's names; `now` is Unix seconds."""
    out: dict[str, str] = {}
    for level in levels:
        out |= caller.limit_headers(level.counts, level.most, level.left, level.reset, now)
    return out


@lru_cache(1024)
def _rules(limit: RateLimit) -> tuple[LimitRule, ...]:
    return rules_of(partial(getattr, limit))


def _tokens(limit: RateLimit) -> bool:
    return limit.tpm is not None or limit.tpd is not None
