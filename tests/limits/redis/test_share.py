"""What holds while Redis cannot be asked: shares, the whole, or nothing; what was told last counts."""

from __future__ import annotations

import pytest

from aisix.errors import Fault
from aisix.limits import Grant, Holder, LimitRefusal, SharedRateLimiter
from aisix.limits.redis.plan import Told
from aisix.limits.redis.share import FAIL_CLOSED, FAIL_OPEN, LOCAL_SHARE, NodeShare
from tests.limits.counting import holder

NOW = 1000.0


def admitted(
    share: NodeShare, holders: list[Holder], told: list[Told], tries: int, now: float = NOW
) -> int:
    found = [share.admit(holders, told, now, 0) for _ in range(tries)]
    assert all(one.local for one in found)
    return sum(isinstance(one, Grant) for one in found)


def told(holder: Holder, answer: list[int], at: float) -> Told:
    """What was answered at a time: now there in ms, then count and begin of each rule."""
    last = Told()
    last.answer, last.at, last.first, last.rules = [1, 0, 0, 0, *answer], at, 5, holder.rules
    return last


@pytest.mark.parametrize(
    ("nodes", "most", "share"), [(3, 10, 4), (1, 10, 10), (4, 2, 1), (3, 0, 0)]
)
def test_each_node_lets_through_its_share(nodes: int, most: int, share: int) -> None:
    one = NodeShare(SharedRateLimiter(rows=8), LOCAL_SHARE, lambda: nodes)
    assert admitted(one, [holder(rpm=most)], [Told()], 20) == share
    assert one.nodes == nodes


def test_the_whole_where_it_fails_open_and_nothing_where_it_fails_closed() -> None:
    one = NodeShare(SharedRateLimiter(rows=8), FAIL_OPEN, lambda: 3)
    assert admitted(one, [holder(rpm=10)], [Told()], 20) == 10
    closed = NodeShare(SharedRateLimiter(rows=8), FAIL_CLOSED, lambda: 3)
    with pytest.raises(Fault, match="overloaded") as caught:
        closed.admit([holder(rpm=10)], [Told()], NOW, 0)
    assert caught.value.values == {"retry_after": 1}


def test_a_share_begins_with_what_was_told_last_of_windows_that_go_on() -> None:
    key = holder(rpm=30, rpd=300)
    # 21 of this minute, which began 20 s before; 30 of this day
    last = told(key, [50_000, 21, 30_000, 30, 1], at=NOW - 10)
    share = NodeShare(SharedRateLimiter(rows=8), LOCAL_SHARE, lambda: 3)
    assert admitted(share, [key], [last], 20) == 10 - 7
    found = share.admit([key], [last], NOW, 0)
    assert isinstance(found, LimitRefusal)
    assert (found.rule.name, found.wait) == ("rpm", 60 - 20 - 10)
    assert admitted(share, [key], [last], 20, NOW + 31) == 10, "that minute has ended"


def test_what_was_told_of_windows_that_have_ended_is_no_more() -> None:
    key = holder(rpm=30)
    last = told(key, [50_000, 30, 30_000], at=NOW - 41)
    share = NodeShare(SharedRateLimiter(rows=8), LOCAL_SHARE, lambda: 3)
    assert admitted(share, [key], [last], 20) == 10


def test_what_is_counted_here_already_is_not_forgotten_for_it() -> None:
    key = holder(rpm=30)
    shared = SharedRateLimiter(rows=8)
    share = NodeShare(shared, LOCAL_SHARE, lambda: 3)
    assert admitted(share, [key], [Told()], 8) == 8
    assert admitted(share, [key], [told(key, [50_000, 6, 30_000], at=NOW)], 20) == 2


def test_a_grant_is_of_the_holders_as_they_are_and_rules_may_change() -> None:
    share = NodeShare(SharedRateLimiter(rows=8), LOCAL_SHARE, lambda: 2)
    key = holder(rpm=4, tpm=100, concurrency=3)
    found = share.admit([key], [Told()], NOW, 10)
    assert isinstance(found, Grant) and found.holders == (key,)
    assert admitted(share, [holder(rpm=40)], [Told()], 30) == 19
