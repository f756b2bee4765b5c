"""Whose turn it is among the targets of an alias."""

from __future__ import annotations

from typing import Any

import pytest

from aisix.routing.balancer import Balancer
from tests.routing.targets import fail, make_target


def names(balancer: Balancer, number: int) -> str:
    return "".join(balancer.first(0).name for _ in range(number))  # type: ignore[attr-defined]


def test_failover_keeps_to_the_order() -> None:
    balancer = Balancer([make_target("a"), make_target("b")], "failover")
    assert names(balancer, 3) == "aaa"
    for _ in range(3):
        fail(balancer.targets[0].breaker, 0)
    assert names(balancer, 3) == "bbb"


def test_round_robin_goes_by_weight_and_evenly() -> None:
    balancer = Balancer(
        [make_target("a", 3), make_target("b", 1), make_target("c", 0)], "round_robin"
    )
    assert names(balancer, 8) == "aabaaaba"
    for one in balancer.targets[:2]:
        for _ in range(3):
            fail(one.breaker, 0)
    assert names(balancer, 2) == "cc", "of weight 0: only when nobody else is left"


def test_least_busy_counts_requests_under_way_for_their_weight() -> None:
    a, b = make_target("a", 2), make_target("b", 1)
    balancer = Balancer([a, b], "least_busy")
    chosen = ""
    for _ in range(6):
        picked: Any = balancer.first(0)
        picked.breaker.enter(True)
        chosen += picked.name
    assert (chosen.count("a"), chosen.count("b")) == (4, 2)
    idle = Balancer([make_target("a"), make_target("b")], "least_busy")
    assert set(names(idle, 4)) == {"a", "b"}, "equally idle ones take turns"


@pytest.mark.parametrize("routing", ["failover", "round_robin", "least_busy"])
def test_when_all_cool_down_the_one_that_is_due_first_is_asked(routing: str) -> None:
    balancer = Balancer([make_target("a"), make_target("b")], routing)
    for one, now in zip(balancer.targets, (10, 0), strict=True):
        for _ in range(3):
            fail(one.breaker, now)
    a, b = balancer.targets
    assert balancer.next((), 12.5) is None
    assert balancer.first(12.5) is b
    assert balancer.least_bad([b]) is a
    assert balancer.least_bad([a, b]) is None


def test_an_only_target_is_asked_whatever_it_did_and_whoever_probes_it() -> None:
    balancer = Balancer([make_target("a")], "failover")
    breaker = balancer.targets[0].breaker
    for _ in range(3):
        fail(breaker, 0)
    probes = [balancer.first(now).breaker.enter(True) for now in (1, 31, 31)]
    assert probes == [True] * 3
