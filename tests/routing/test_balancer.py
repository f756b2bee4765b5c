"""Whose turn it is among the targets of an alias."""

from __future__ import annotations

from typing import Any

import pytest

from aisix.errors import UpstreamError
from aisix.routing.balancer import Balancer
from tests.routing.targets import fail, route


def names(ways: Balancer, number: int) -> str:
    return "".join(ways.first(0).name for _ in range(number))  # type: ignore[attr-defined]


def test_failover_keeps_to_the_order() -> None:
    ways = Balancer([route("a"), route("b")], "failover")
    assert names(ways, 3) == "aaa"
    for _ in range(3):
        fail(ways.routes[0].standing, 0)
    assert names(ways, 3) == "bbb"


def test_round_robin_goes_by_weight_and_evenly() -> None:
    ways = Balancer([route("a", 3), route("b", 1), route("c", 0)], "round_robin")
    assert names(ways, 8) == "aabaaaba"
    for one in ways.routes[:2]:
        for _ in range(3):
            fail(one.standing, 0)
    assert names(ways, 2) == "cc", "of weight 0: only when nobody else is left"


def test_least_busy_counts_requests_under_way_for_their_weight() -> None:
    a, b = route("a", 2), route("b", 1)
    ways = Balancer([a, b], "least_busy")
    chosen = ""
    for _ in range(6):
        picked: Any = ways.first(0)
        picked.standing.enter(True)
        chosen += picked.name
    assert (chosen.count("a"), chosen.count("b")) == (4, 2)
    idle = Balancer([route("a"), route("b")], "least_busy")
    assert set(names(idle, 4)) == {"a", "b"}, "equally idle ones take turns"


def test_when_all_cool_down_the_caller_is_told_when_to_come_back() -> None:
    ways = Balancer([route("a"), route("b")], "failover")
    for one, now in zip(ways.routes, (0, 10), strict=True):
        for _ in range(3):
            fail(one.standing, now)
    with pytest.raises(UpstreamError) as caught:
        ways.first(12.5)
    assert (caught.value.kind, caught.value.values["retry_after"]) == ("no_target", 18)
