"""Rate limits: how much a holder (an api key, a model) may use, over all workers of a machine.

    limits = SharedRateLimiter(places=4)                 # before the workers are forked
    limits.sit(2)                                        # in each worker
    verdict = limits.admit([Holder("key:1", rules)], clock(), estimate)   # a Grant, or the
                                             # LimitRefusal; of counters elsewhere: to be awaited
    limits.book(grant, tokens, clock())                    # what it has used so far
    limits.settle(grant, tokens, clock())                  # once, when the answer has ended
    limits.free(2)                                       # in the parent, when worker 2 has died

    rules.py    what a `rate_limit` document says, as rules
    base.py     the interface, the clock
    shared.py   counters in memory the workers share
    table.py    its rows, found by the holder's name
    outages.py  what workers know together of an outage of counters elsewhere
    redis/      counters in Redis or Valkey, for many machines

Must never know: HTTP, Tornado, what a model or a key is.
"""

from aisix.limits.base import Grant, Holder, Level, LimitRefusal, RateLimiter, Verdict, clock
from aisix.limits.outages import OutageBoard
from aisix.limits.rules import LimitRule, rules_of
from aisix.limits.shared import SharedRateLimiter

__all__ = [
    "Grant",
    "Holder",
    "Level",
    "LimitRefusal",
    "LimitRule",
    "OutageBoard",
    "RateLimiter",
    "SharedRateLimiter",
    "Verdict",
    "clock",
    "rules_of",
]
