"""Rate limits: how much a holder (an api key, a model) may use, over all workers of a machine.

    limits = SharedRateLimiter(places=4)                 # before the workers are forked
    limits.sit(2)                                        # in each worker
    verdict = limits.admit([Holder("key:1", rules)], now)     # a Grant, or the LimitRefusal;
                                                         # of counters elsewhere: to be awaited
    limits.settle(grant, tokens, now)                    # once, when the answer has ended

    rules.py    what a `rate_limit` document says, as rules
    base.py     the interface; counters on another machine would be a second implementation
    shared.py   counters in memory the workers share

Must never know: HTTP, Tornado, what a model or a key is.
"""

from aisix.limits.base import Grant, Holder, Level, LimitRefusal, RateLimiter, Verdict
from aisix.limits.rules import LimitRule, rules_of
from aisix.limits.shared import SharedRateLimiter

__all__ = [
    "Grant",
    "Holder",
    "Level",
    "LimitRefusal",
    "LimitRule",
    "RateLimiter",
    "SharedRateLimiter",
    "Verdict",
    "rules_of",
]
