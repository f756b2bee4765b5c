"""Which upstream serves a request, and what happens when it fails.

    target.py           one target of an alias: URL, credential, tables; settled once
    overlays.py         the tables an alias carries itself: what is wrong with them, the last good
    balancer.py         load balancing: which target of an alias is asked next
    known_models.py     the models of the tables that aliases with a wildcard serve
    circuit_breaker.py  how a target does: open for a cooldown after failures; its retry budget
    attempts.py         the attempts of one request: retries, and failover to other targets
    doubts.py           what an operator may regret: told, not refused
    key_checks.py       where a provider key leads, and whether its files can be used here
    resource_checks.py  what only the tables know of a model or key an operator writes

Must never know: a handler, a caller, what a request says.
"""
