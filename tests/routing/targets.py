"""Targets without an upstream: what the balancer, the breaker and the attempts know of one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from aisix.routing.circuit_breaker import BreakerRules, CircuitBreaker

RULES = BreakerRules(failures=3, secs=30, earned=0.2)


def fail(target: CircuitBreaker, now: float, told: float | None = None) -> None:
    """One request that the target failed."""
    probe = target.enter(True)
    target.bad(now, probe, told)
    target.leave(probe)


def make_target(name: str, weight: int = 1, retries: int = 2, **more: Any) -> Any:
    values = {"stays": False, "retry_on_timeout": False, **more}
    breaker = CircuitBreaker(name, RULES)
    return SimpleNamespace(name=name, weight=weight, retries=retries, breaker=breaker, **values)
