"""Which upstream serves a request, and what happens when it fails.

    groups.py           groups of aliases: the order of one request
    model_attempts.py   attempts that tell a model how they went
    group_attempts.py   what a group repeats, and where
    model_health.py     how each model does, for all workers: cooldown, checks, latency, turns
    hash_ring.py        consistent hashing, as the original AISIX has it
    target.py           one target of an alias: URL, credential, tables; settled once
    additions.py        what its provider key adds to a request: headers, fields
    trust.py            whom its certificate must be signed by, and what we show it
    networks.py         addresses of callers, and the networks they lie in
    overlays.py         the tables an alias carries itself: what is wrong with them, the last good
    balancer.py         load balancing: which target of an alias is asked next
    balancers.py        those of every alias, over one configuration
    known_models.py     the models of the tables that aliases with a wildcard serve
    circuit_breaker.py  how a target does: open for a cooldown after failures; its retry budget
    attempts.py         the attempts of one request: retries, and failover to other targets
    doubts.py           what an operator may regret: told, not refused
    key_checks.py       where a provider key leads, and whether its files can be used here
    resource_checks.py  what only the tables know of a model or key an operator writes

Must never know: a handler, a caller, what a request says.
"""
