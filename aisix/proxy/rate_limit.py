"""Rate limits of a request: whose they are, its leave to go on, and the headers that tell of them.

    verdict = ask(limits, api_key, model, clock())    # None: no limit; or it is to be awaited
    raise rate_limited(verdict)                   # a LimitRefusal
    reservation = Reservation(limits, verdict)    # a Grant
    headers(verdict.levels, caller, time.time())      # callers are told of the wall clock
    reservation.settle(tokens, clock())             # once, when the answer has ended

Must never know: what a header or a status is called; that stands in the caller dialect's table.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Mapping, Sequence
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


def ask(
    limits: RateLimiter, key: ApiKey, model: Model, now: float
) -> Verdict | Awaitable[Verdict] | None:
    """What the limits of a key and a model say; None when neither has one."""
    mine, shared = _rules(key.rate_limit), _rules(model.rate_limit)
    if not mine and not shared:
        return None
    holders = (Holder(f"{KEY}:{key.id}", mine), Holder(f"{MODEL}:{model.id}", shared))
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

    __slots__ = ("_grant", "_limits")

    def __init__(self, limits: RateLimiter, grant: Grant) -> None:
        self._limits = limits
        self._grant: Grant | None = grant

    def settle(self, tokens: Mapping[str, int], now: float) -> None:
        """Give the places back and book `tokens` by their counters: all but those told twice.
        Only the first time counts."""
        grant = self._grant
        if grant is not None:
            used = sum(count for name, count in tokens.items() if name not in INSIDE)
            self._limits.settle(grant, used, now)
            self._grant = None


INSIDE = frozenset({"reasoning"})  # counters that are part of another one


def headers(levels: Sequence[Level], caller: CallerDialect, now: float) -> dict[str, str]:
    """The headers that tell of `levels`, by the caller dialect's names; `now` is Unix seconds."""
    out: dict[str, str] = {}
    for level in levels:
        out |= caller.limit_headers(level.counts, level.most, level.left, level.reset, now)
    return out


@lru_cache(1024)
def _rules(limit: RateLimit) -> tuple[LimitRule, ...]:
    return rules_of(partial(getattr, limit))
