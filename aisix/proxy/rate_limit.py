"""Rate limits of a request: whose they are, and its leave to go on.

    limited(api_key, model)                         # Limited; None: by nothing
    verdict = limits.admit(limited.holders, clock(), estimate)           # or to be awaited
    raise rate_limited(verdict)                     # a LimitRefusal
    reservation = Reservation(limits, verdict)      # a Grant
    reservation.book(tokens, clock())               # now and then, where tokens are limited
    reservation.settle(tokens, clock())             # once, when the answer has ended

Must never know: what a status is called; that stands in the caller dialect's table.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache, partial
from typing import NamedTuple

from aisix.errors import CallerError
from aisix.limits import (
    Grant,
    Holder,
    LimitRefusal,
    RateLimiter,
    rules_of,
)
from aisix.mapping.metering import total
from aisix.store.resources import NO_LIMIT, ApiKey, Model, RateLimit

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
KNOWN = 1 << 14  # pairs of a key and a model whose limits are kept ready


class Limited(NamedTuple):
    """Whose limits a request has; and whether one counts tokens, so that they are estimated before
    there is an answer, and booked while the request is under way."""

    holders: tuple[Holder, ...]
    tokens: bool


def limited(key: ApiKey, model: Model) -> Limited | None:
    """Those of a key and a model; None: neither has any."""
    return _limited(key.id, key.rate_limit, model.id, model.rate_limit)


def limited_by(model: Model) -> Limited | None:
    """Those of a model alone, as the target of a group."""
    return _limited("", NO_LIMIT, model.id, model.rate_limit)


@lru_cache(KNOWN)
def _limited(key: str, of_key: RateLimit, model: str, of_model: RateLimit) -> Limited | None:
    given = (f"{KEY}:{key}", of_key), (f"{MODEL}:{model}", of_model)
    holders = [Holder(ident, rules_of(partial(getattr, limit))) for ident, limit in given]
    found = tuple([holder for holder in holders if holder.rules])
    counts = {rule.counts for holder in found for rule in holder.rules}
    return Limited(found, "tokens" in counts) if found else None


def rate_limited(refusal: LimitRefusal) -> CallerError:
    """What a caller is told of a limit that is reached; the wait it quotes is whole seconds."""
    wait = min(LONGEST, max(1, math.ceil(refusal.wait)))
    rule = refusal.rule
    kind = KEY if refusal.holder.ident.startswith(KEY) else MODEL
    more = {"limit": rule.most, "unit": UNITS[rule.name], "counts": rule.counts, "holder": kind}
    return CallerError("rate_limited", None, retry_after=wait, **more)


class Reservation:
    """A grant that is to be settled when its request is over."""

    __slots__ = ("_grant", "_limits")

    def __init__(self, limits: RateLimiter, grant: Grant) -> None:
        self._limits = limits
        self._grant: Grant | None = grant

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
