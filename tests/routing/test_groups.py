"""The order of a group's targets for one request: tags, tiers, strategies, the cut, health."""

from __future__ import annotations

import math
from typing import Any, cast

import pytest

from aisix.errors import CallerError
from aisix.routing.circuit_breaker import BreakerRules, CircuitBreaker
from aisix.routing.groups import GroupBalancer, Member, RouteHints, price
from aisix.routing.target import Target
from aisix.store.resources import AliasGroup, GroupTarget, HashSource

RULES = BreakerRules(failures=1, secs=30.0, earned=0.2)


class FakeTarget:
    """As much of a Target as an order needs."""

    def __init__(self, name: str) -> None:
        self.name, self.breaker = name, CircuitBreaker(name, RULES)


def balancer(strategy: str = "failover", **given: Any) -> GroupBalancer:
    """targets="a:2,b": names and weights; more of the group by its fields."""
    prices = given.pop("prices", {})
    priorities, tags = given.pop("priorities", {}), given.pop("tags", {})
    rules, members = [], []
    for one in given.pop("targets", "a,b,c").split(","):
        name, _, weight = one.partition(":")
        rule = GroupTarget(name, int(weight or 1), priorities.get(name, 0), tags.get(name, ()))
        rules.append(rule)
        target = cast(Target, FakeTarget(name))
        members.append(Member(rule, target, prices.get(name, math.inf)))
    return GroupBalancer(AliasGroup(tuple(rules), strategy, **given), members, {})


def order(found: GroupBalancer, *tags: str, key: str = "", now: float = 0.0) -> str:
    turn = found.turn(RouteHints(tags, lambda kind, name: key), now)
    return "".join(cast(FakeTarget, one).name for one in turn.targets)


def fail(found: GroupBalancer, *names: str) -> None:
    for one in found.targets:
        if cast(FakeTarget, one).name in names:
            one.breaker.bad(0.0, False)


def breaker(found: GroupBalancer, name: str) -> CircuitBreaker:
    [one] = [one for one in found.targets if cast(FakeTarget, one).name == name]
    return one.breaker


def test_failover_goes_by_the_list_and_tiers_before_it() -> None:
    assert order(balancer()) == "abc"
    assert order(balancer(priorities={"a": 0, "b": -1, "c": 7})) == "cab"


def test_a_round_robin_by_weight() -> None:
    found = balancer("round_robin", targets="a:2,b:1")
    assert [order(found) for _ in range(6)] == ["ab", "ba", "ab"] * 2
    assert order(balancer("round_robin", targets="a:0,b:0")) == "ab"  # 0 counts as 1


def test_the_least_busy_by_weight_and_equal_ones_as_written() -> None:
    found = balancer("least_busy", targets="a:3,b:1")
    breaker(found, "a").in_flight = 2
    assert order(found) == "ab"
    breaker(found, "a").in_flight = 3
    assert order(found) == "ba"


def test_the_quickest_and_before_it_who_was_never_asked() -> None:
    found = balancer("least_latency")
    breaker(found, "a").latency, breaker(found, "b").latency = 120.0, 80.0
    assert order(found) == "cba"
    breaker(found, "c").latency = 300.0
    assert order(found) == "bac"


def test_the_cheapest_and_last_who_has_no_price() -> None:
    assert order(balancer("least_cost", prices={"b": 2.0, "c": 1.0})) == "cba"
    assert price(1.0, 2.0) == 3.0 and price(None, 1.0) == math.inf


def test_one_key_has_one_order() -> None:
    found = balancer("consistent_hash", hash_on=(HashSource("header", "x-k"),))
    orders = {key: order(found, key=key) for key in ("1", "2", "3", "4", "5", "6", "7", "8")}
    assert {key: order(found, key=key) for key in orders} == orders
    assert len({one[0] for one in orders.values()}) > 1


def test_the_first_source_that_has_a_text() -> None:
    sources = (HashSource("header", "a"), HashSource("cookie", "b"), HashSource("client_ip"))
    found = balancer("consistent_hash", hash_on=sources)
    texts = {"header": " ", "cookie": "x", "client_ip": "10.0.0.1"}
    turn = found.turn(RouteHints((), lambda kind, name: texts[kind]), 0.0)
    expected = order(balancer("consistent_hash", hash_on=sources), key="x")
    assert "".join(cast(FakeTarget, one).name for one in turn.targets) == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [((), "c"), (("eu",), "a"), (("eu", "us"), "ab"), (("gone",), "c"), (("gone", "us"), "b")],
)
def test_tags(asked: tuple[str, ...], expected: str) -> None:
    tags = {"a": ("eu",), "b": ("us",), "c": ("default",)}
    assert order(balancer(targets="a,b,c,d", tags=tags), *asked) == expected


def test_tags_that_nobody_has() -> None:
    found = balancer(tags={"a": ("eu",)})
    assert order(found) == "abc"
    with pytest.raises(CallerError) as caught:
        order(found, "us")
    assert caught.value.kind == "no_tag"
    assert order(balancer(), "us") == "abc"  # nobody has any


def test_the_cut_comes_before_the_health() -> None:
    tiers = {"a": 0, "b": -1, "c": -1}
    found = balancer(priorities=tiers, max_fallbacks=1)
    assert order(found) == "ab"
    fail(found, "a")
    assert order(found) == "b"
    fail(found, "b")
    assert order(found) == "ab"  # all cool down: they are asked anyway, c never
    alone = balancer(max_fallbacks=0)
    fail(alone, "a")
    assert order(alone) == "a"


def test_some_of_the_targets_in_another_form() -> None:
    found = balancer("round_robin", targets="a,b,c")
    some = found.of({0: found.targets[0], 2: found.targets[2]})
    assert (order(some), order(some)) == ("ac", "ca")
