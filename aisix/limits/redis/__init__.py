"""Counters in Redis or Valkey, for the workers of many machines; needs `hiredis`.

    limits = RedisRateLimiter(where, shared)   # in a worker; shared: the node's own counters
    await limits.reached(1.0); task(limits.run)

    where.py       what is reached and how: addresses, credentials, TLS, times
    scripts.py     what runs inside: one script per request, for all rules of all its holders
    plan.py        holders as keys and arguments; answers as verdicts
    protocol.py    one connection: calls of a turn in one write, answers in order, late ones
    topology.py    who takes writes now: alone, by sentinels, of a cluster
    link.py        the connection of now, looked for anew while there is none; the breaker
    limiter.py     RedisRateLimiter
    settling.py    what is told beside the requests: what they used, their places
    share.py       what holds while it cannot be asked
    tally.py       what is counted of all this, until somebody takes it

Never imported unless the settings say so.
"""
