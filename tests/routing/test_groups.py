"""The order of a group's targets for one request: tags, tiers, strategies, the cut, health."""

from __future__ import annotations

import math
import time
from typing import Any, cast

import pytest

from aisix.errors import CallerError, Fault
from aisix.routing.groups import COME_BACK, GroupBalancer, Member, RouteHints, price
from aisix.routing.model_health import ModelCells, ModelFailure, ModelHealth
from aisix.routing.target import Target
from aisix.store.resources import AliasGroup, BackgroundCheck, GroupTarget, HashSource, Model

BAD = ModelFailure(status=503)


class FakeTarget:
    """As much of a Target as an order needs."""

    member = None

    def __init__(self, name: str) -> None:
        self.name = name


def balancer(strategy: str = "failover", **given: Any) -> GroupBalancer:
    """targets="a:2,b": names and weights; more of the group by its fields."""
    prices = given.pop("prices", {})
    priorities, tags = given.pop("priorities", {}), given.pop("tags", {})
    rules, members, health = [], [], given.pop("health", None) or ModelHealth(rows=64)
    for one in given.pop("targets", "a,b,c").split(","):
        name, _, weight = one.partition(":")
        rule = GroupTarget(name, int(weight or 1), priorities.get(name, 0), tags.get(name, ()))
        rules.append(rule)
        target = cast(Target, FakeTarget(name))
        cells = health.of(model(name), "key")
        members.append(Member(rule, target, cells, prices.get(name, math.inf)))
    return GroupBalancer("g", AliasGroup(tuple(rules), strategy, **given), members, {}, health)


def model(name: str) -> Model:
    check = BackgroundCheck(True, 5, 10, "q", 8, 90)
    return Model(name, name, "m", "acme", "k", background_model_check=check)


def order(found: GroupBalancer, *tags: str, key: str = "", now: float = 0.0) -> str:
    turn = found.turn(RouteHints(tags, lambda kind, name: key), now)
    return "".join(cast(FakeTarget, one).name for one in turn.targets)


def fail(found: GroupBalancer, *names: str) -> None:
    for name in names:
        cells(found, name).failed(BAD, 0.0)


def cells(found: GroupBalancer, name: str) -> ModelCells:
    [one] = [one for one in found.members if cast(FakeTarget, one.target).name == name]
    return one.cells


def test_failover_goes_by_the_list_and_tiers_before_it() -> None:
    assert order(balancer()) == "abc"
    assert order(balancer(priorities={"a": 0, "b": -1, "c": 7})) == "cab"


def test_a_round_robin_by_weight() -> None:
    found = balancer("round_robin", targets="a:2,b:1")
    assert [order(found) for _ in range(6)] == ["ab", "ba", "ab"] * 2
    assert order(balancer("round_robin", targets="a:0,b:0")) == "ab"  # 0 counts as 1


def test_the_least_busy_by_weight_and_equal_ones_as_written() -> None:
    found = balancer("least_busy", targets="a:3,b:1")
    for expected in ("ab", "ab", "ab", "ba"):
        assert order(found) == expected
        row = cells(found, "a").enter()
    cells(found, "a").leave(row)
    cells(found, "a").leave(row)
    assert order(found) == "ab"


def test_the_quickest_and_before_it_who_was_never_asked() -> None:
    found = balancer("least_latency")
    cells(found, "a").good(120.0)
    cells(found, "b").good(80.0)
    assert order(found) == "cba"
    cells(found, "c").good(300.0)
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
    assert order(found, now=31.0) == "ab"  # they have cooled down
    alone = balancer(max_fallbacks=0)
    fail(alone, "a")
    assert order(alone) == "a"


def test_some_of_the_targets_in_another_form() -> None:
    found = balancer("round_robin", targets="a,b,c")
    some = found.of({0: found.targets[0], 2: found.targets[2]})
    assert (order(some), order(some)) == ("ac", "ca")


def test_none_is_well() -> None:
    now = time.monotonic()
    found = balancer(targets="a,b")
    cells(found, "a").checked(503)
    assert order(found, now=now) == "b"
    cells(found, "b").checked(None)
    with pytest.raises(Fault) as caught:
        order(found, now=now)
    assert (caught.value.kind, caught.value.values) == ("no_candidate", {"retry_after": COME_BACK})
    assert order(found, now=now + 91) == "ab"  # the checks are too old to count
    assert cast(FakeTarget, found.first(now)).name == "a"  # a count of tokens is answered anyway
    fail(found, "b")
    assert order(found) == "b"  # who cools down is that, whatever the checks say
    anyway = balancer(targets="a,b", when_all_unavailable="try_anyway")
    for name in "ab":
        cells(anyway, name).checked(503)
    assert order(anyway, now=now) == "ab"


def test_the_turn_is_one_for_all_workers_and_goes_on_when_configuration_is_written() -> None:
    health = ModelHealth(rows=64)
    workers = [balancer("round_robin", targets="a:2,b:1", health=health) for _ in range(2)]
    assert [order(workers[n % 2])[0] for n in range(6)] == ["a", "b", "a"] * 2
    again = balancer("round_robin", targets="a:2,b:1", health=health)
    assert order(again) == "ab"
    changed = balancer("round_robin", targets="a:1,b:2", health=health)
    assert order(changed) == "ba"


def test_more_targets_than_a_row_has_cells() -> None:
    names = "abcdefghijklmnopqrstuvwxyz"
    found = balancer("round_robin", targets=",".join(names))
    assert "".join(order(found)[0] for _ in range(2 * len(names))) == names * 2
