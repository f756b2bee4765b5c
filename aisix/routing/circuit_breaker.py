"""How a target has done lately: does it cool down, how busy is it, what may retries still cost it.

One `CircuitBreaker` per provider key and upstream model in each worker, shared by all aliases that
lead there and kept when configuration is written. A target is *ready*, or it *cools down* (the
breaker is open) and others are asked instead, and after that one request at a time is its *probe*
(half open): a good one makes it ready again, a bad one lets it cool down twice as long. Where there
is no other to ask it is asked all the same: what ends well then makes it ready too, what does not
says nothing new.

Must never know: a request, a wire name. Times are seconds of the event loop's clock.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from aisix import log

AT_FIRST = 10.0  # retries that need no earning; spent, they come back at one a second
SAVED = 100.0  # retries that can be saved up
LONGEST = 8  # times the first cooldown
MOST = 4096  # breakers kept; wildcards make as many upstream models as callers think of


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """After how many failures in a row, for how long, and retries earned by one request."""

    failures: int
    secs: float
    earned: float


class CircuitBreaker:
    """`enter` when an attempt begins, `leave` when it is over, between them `good` or `bad`."""

    __slots__ = (
        "_at",
        "_cooldowns",
        "_counted",
        "_left",
        "_rules",
        "failures",
        "in_flight",
        "name",
        "probes",
        "requests",
        "until",
    )

    def __init__(self, name: str, rules: BreakerRules) -> None:
        self.name = name  # "anthropic-prod/some-model", as callers and the log see it
        self.requests = 0
        self.in_flight = 0
        self.failures = 0  # in a row
        self.until = 0.0  # cools down until then; 0: it does not
        self.probes = 0  # requests under way that were begun since it began to cool down
        self._rules = rules
        self._cooldowns = 0  # in a row
        self._left = AT_FIRST
        self._counted = 0  # of `requests`, those that have earned
        self._at = 0.0

    def ready(self, now: float) -> bool:
        """Whether it may be asked; when it has cooled down, by one request at a time."""
        return not self.until or (now >= self.until and not self.probes)

    def wait(self, now: float) -> float:
        """Seconds until it may be asked again."""
        return max(0.0, self.until - now)

    def enter(self, may_probe: bool) -> bool:
        """An attempt begins; whether it is a probe (tell `good`, `bad` and `leave`)."""
        self.requests += 1
        self.in_flight += 1
        return may_probe and self.again(False)

    def again(self, probe: bool) -> bool:
        """The same request is going to ask it once more; whether it is a probe now."""
        if self.until and not probe:
            self.probes += 1
            return True
        return probe

    def leave(self, probe: bool) -> None:
        self.in_flight -= 1
        self.probes -= probe

    def good(self, probe: bool) -> None:
        """It answered, be it with a refusal that is the caller's own fault."""
        if not self.failures or (self.until and not probe):
            return  # an old request that ends well says nothing of now
        if self.until:
            log.often((self.name, "back"), "target %s is back", self.name, level=logging.INFO)
        self.failures = self._cooldowns = 0
        self.until = 0.0

    def bad(self, now: float, probe: bool, told: float | None = None) -> None:
        """It failed; `told`: the seconds after which it wants to be asked again."""
        self.failures += 1
        rules = self._rules
        if not rules.secs or (self.until and not probe) or now < self.until:
            return
        if self.failures < rules.failures and not self.until and not told:
            return
        longest = rules.secs * LONGEST
        secs: float = min(rules.secs * 2**self._cooldowns, longest)
        if told and not self._cooldowns:
            secs = min(told, longest)
        self._cooldowns = min(self._cooldowns + 1, LONGEST)
        self.until = now + secs
        text = "target %s cools down for %.1f s after failure %d"
        log.often((self.name, "cools"), text, self.name, secs, self.failures)

    def may_retry(self, now: float) -> bool:
        """Take one retry from the budget; False when it is spent."""
        left = self._left + (self.requests - self._counted) * self._rules.earned
        self._counted = self.requests
        if left < AT_FIRST:
            left = min(AT_FIRST, left + now - self._at)
        self._at = now
        spend = left >= 1
        self._left = min(left, SAVED) - spend
        return spend


class CircuitBreakers:
    """All of one worker."""

    def __init__(self, rules: BreakerRules) -> None:
        self._rules = rules
        self._kept: dict[tuple[str, int, str], CircuitBreaker] = {}

    def find(self, key_id: str, revision: int, model_name: str, name: str) -> CircuitBreaker:
        """The breaker of a provider key as it was last written: a new secret, a new chance."""
        breaker = self._kept.get((key_id, revision, model_name))
        if breaker is None:
            if len(self._kept) >= MOST:
                self._kept.clear()  # targets keep those they use
            breaker = self._kept[key_id, revision, model_name] = CircuitBreaker(name, self._rules)
        return breaker
