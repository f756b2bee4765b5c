"""Rate limits: windows, AND, places, and the same counters for several processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from aisix.errors import Fault
from aisix.limits import Grant, Holder, LimitRefusal, SharedRateLimiter, rules_of
from tests.forking import alone

NOW = 1_795_000_000.0


def holder(ident: str = "key:1", **limits: int) -> Holder:
    return Holder(ident, rules_of(limits.get))


def refused(found: Grant | LimitRefusal) -> LimitRefusal:
    assert isinstance(found, LimitRefusal)
    return found


def granted(found: Grant | LimitRefusal) -> Grant:
    assert isinstance(found, Grant)
    return found


@pytest.fixture
def limits() -> SharedRateLimiter:
    return SharedRateLimiter(places=2, rows=8)


def test_a_window_begins_with_its_first_request_and_forgets_all_at_its_end(
    limits: SharedRateLimiter,
) -> None:
    key = [holder(rpm=2)]
    granted(limits.admit(key, NOW))
    granted(limits.admit(key, NOW + 50))
    found = refused(limits.admit(key, NOW + 55))
    assert (found.rule.name, found.wait) == ("rpm", 5.0)
    granted(limits.admit(key, NOW + 60))
    granted(limits.admit(key, NOW + 119))
    assert refused(limits.admit(key, NOW + 119.5)).wait == 0.5


@pytest.mark.parametrize(
    ("name", "seconds"), [("rps", 1), ("rpm", 60), ("rph", 3600), ("rpd", 86400)]
)
def test_each_kind_of_request_limit_has_its_own_window(
    limits: SharedRateLimiter, name: str, seconds: int
) -> None:
    key = [holder(**{name: 1})]
    granted(limits.admit(key, NOW))
    assert refused(limits.admit(key, NOW + seconds - 0.5)).rule.name == name
    granted(limits.admit(key, NOW + seconds))


def test_what_one_limit_refuses_counts_under_no_other(limits: SharedRateLimiter) -> None:
    both = [holder(rpm=100), holder("model:1", rpm=1)]
    granted(limits.admit(both, NOW))
    for _ in range(5):
        assert refused(limits.admit(both, NOW)).rule.most == 1
    alone = granted(limits.admit([both[0]], NOW))
    assert [(level.most, level.left) for level in alone.levels] == [(100, 98)]


def test_the_longest_wait_of_all_that_refuse_is_told(limits: SharedRateLimiter) -> None:
    key = [holder(rps=1, rpm=1)]
    granted(limits.admit(key, NOW))
    assert refused(limits.admit(key, NOW)).rule.name == "rpm"


def test_tokens_are_booked_at_the_end_and_close_the_window_from_then_on(
    limits: SharedRateLimiter,
) -> None:
    key = [holder(tpm=1000)]
    first, second = granted(limits.admit(key, NOW)), granted(limits.admit(key, NOW))
    limits.settle(first, 1500, NOW + 1)
    limits.settle(second, 0, NOW + 1)
    found = refused(limits.admit(key, NOW + 2))
    assert (found.rule.name, found.wait) == ("tpm", 59.0)
    assert [(level.counts, level.left) for level in found.levels] == [("tokens", 0)]
    granted(limits.admit(key, NOW + 61))


def test_a_place_is_held_until_it_is_settled(limits: SharedRateLimiter) -> None:
    key = [holder(concurrency=2)]
    first = granted(limits.admit(key, NOW))
    granted(limits.admit(key, NOW))
    assert refused(limits.admit(key, NOW)).rule.name == "concurrency"
    limits.settle(first, 10, NOW)
    granted(limits.admit(key, NOW))


def test_places_of_a_worker_that_ended_are_given_back(limits: SharedRateLimiter) -> None:
    key = [holder(concurrency=1)]
    limits.sit(1)
    granted(limits.admit(key, NOW))
    limits.sit(0)
    refused(limits.admit(key, NOW))
    limits.sit(1)
    granted(limits.admit(key, NOW))


def test_zero_lets_nothing_through(limits: SharedRateLimiter) -> None:
    for name in ("rps", "rpd", "tpm", "concurrency"):
        assert refused(limits.admit([holder(**{name: 0})], NOW)).rule.name == name


def test_without_rules_nothing_is_counted(limits: SharedRateLimiter) -> None:
    found = granted(limits.admit([holder(), holder("model:1")], NOW))
    assert (found.holders, found.levels) == ((), ())
    limits.settle(found, 5, NOW)


def test_who_looked_at_the_clock_first_and_came_second_is_in_the_same_window(
    limits: SharedRateLimiter,
) -> None:
    key = [holder(rpm=2)]
    granted(limits.admit(key, NOW + 0.25))
    last = granted(limits.admit(key, NOW))
    assert [(level.left, level.reset) for level in last.levels] == [(0, 60.0)]
    assert refused(limits.admit(key, NOW)).wait == 60.0
    assert refused(limits.admit(key, NOW + 60)).wait == 0.25
    granted(limits.admit(key, NOW + 60.25))


def test_a_full_table_refuses_who_is_new_and_forgets_nobody() -> None:
    limits = SharedRateLimiter(rows=8)
    for number in range(8):
        granted(limits.admit([holder(f"key:{number}", rpm=1)], NOW + number))
    with pytest.raises(Fault, match="overloaded"):
        limits.admit([holder("key:new", rpm=1)], NOW + 9)
    for number in range(8):
        refused(limits.admit([holder(f"key:{number}", rpm=1)], NOW + 9))
    assert (limits.holders, limits.room, limits.refused) == (8, 8, 1)


def test_a_row_is_given_up_when_its_windows_have_ended_and_nobody_holds_a_place() -> None:
    limits = SharedRateLimiter(rows=8)
    busy = granted(limits.admit([holder("key:busy", rps=1)], NOW))
    day = granted(limits.admit([holder("key:day", rpd=1)], NOW))
    limits.settle(day, 0, NOW)
    for number in range(6):
        limits.settle(granted(limits.admit([holder(f"key:{number}", rpm=1)], NOW)), 0, NOW)
    for number in range(6, 12):  # each in the place of one of those before
        now = NOW + 60
        limits.settle(granted(limits.admit([holder(f"key:{number}", rpm=1)], now)), 0, now)
    refused(limits.admit([holder("key:day", rpd=1)], NOW + 61))
    refused(limits.admit([holder("key:busy", concurrency=1)], NOW + 61))
    limits.settle(busy, 0, NOW + 61)
    granted(limits.admit([holder("key:last", rpm=1)], NOW + 61))
    assert limits.refused == 0


def test_many_holders_have_each_its_own_counters_and_go_when_they_are_no_more_needed() -> None:
    limits = SharedRateLimiter(places=3)
    keys = [
        [holder(f"key:{number}", rpm=1), holder("model:1", rpd=10**9)] for number in range(9000)
    ]
    for key in keys:
        limits.settle(granted(limits.admit(key, NOW)), 0, NOW)
    for key in keys[::97]:
        refused(limits.admit(key, NOW + 59))
    assert limits.holders == 9001
    for number in range(9000):
        later = [holder(f"later:{number}", rpm=1)]
        limits.settle(granted(limits.admit(later, NOW + 100)), 0, NOW + 100)
    assert limits.holders <= 9010
    assert granted(limits.admit(keys[0], NOW + 100)).levels[0].left == 0


def test_tokens_are_booked_at_once_and_put_right_while_it_runs_and_at_its_end(
    limits: SharedRateLimiter,
) -> None:
    key = [holder(tpm=100)]

    def left(now: float) -> int:
        found = limits.admit(key, now)
        if isinstance(found, Grant):
            limits.settle(found, 0, now)
        return found.levels[0].left

    first = granted(limits.admit(key, NOW, 30))
    assert first.levels[0].left == 100, "what was left before it"
    assert left(NOW) == 70
    limits.book(first, 20, NOW + 1)
    assert left(NOW + 1) == 80
    limits.book(first, 95, NOW + 2)
    limits.book(first, 95, NOW + 3)
    assert left(NOW + 3) == 5
    second = granted(limits.admit(key, NOW + 4, 30))
    assert refused(limits.admit(key, NOW + 5)).wait == 55.0
    limits.settle(second, 1, NOW + 6)
    limits.settle(first, 50, NOW + 7)
    limits.settle(first, 500, NOW + 7)
    limits.book(first, 500, NOW + 7)
    assert left(NOW + 8) == 49


def test_what_was_booked_in_a_window_that_ended_is_not_taken_back_from_the_next(
    limits: SharedRateLimiter,
) -> None:
    key = [holder(tpm=100)]
    first = granted(limits.admit(key, NOW, 80))
    granted(limits.admit(key, NOW + 60, 10))
    limits.book(first, 90, NOW + 61)
    assert granted(limits.admit(key, NOW + 61)).levels[0].left == 80
    limits.settle(first, 1, NOW + 62)
    assert granted(limits.admit(key, NOW + 62)).levels[0].left == 90


def test_no_count_of_tokens_is_too_large(limits: SharedRateLimiter) -> None:
    key = [holder(tpm=100, tpd=10**18)]
    limits.settle(granted(limits.admit(key, NOW, 10**400)), 10**401, NOW)
    assert refused(limits.admit(key, NOW)).rule.name == "tpm"


def test_what_a_dead_worker_booked_stays_and_its_places_are_free(limits: SharedRateLimiter) -> None:
    key = [holder(concurrency=1, tpm=100, rpm=5)]
    limits.sit(1)
    granted(limits.admit(key, NOW, 40))
    limits.sit(0)
    assert refused(limits.admit(key, NOW)).rule.name == "concurrency"
    assert limits.free(1)
    left = {level.counts: level.left for level in granted(limits.admit(key, NOW)).levels}
    assert left == {"tokens": 60, "requests": 3, "concurrency": 0}


@alone
def test_who_frees_places_does_not_wait_for_who_has_the_lock() -> None:
    limits = SharedRateLimiter(places=2)
    ours, theirs = os.pipe()
    pid = os.fork()
    if not pid:
        with limits._lock:
            os.write(theirs, b"x")
            signal.pause()
    os.read(ours, 1)
    assert not limits.free(1)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert limits.free(1)


def in_processes(count: int, run: Callable[[int], int]) -> list[int]:
    """What `run` returns (below 256) in each of several forked processes."""
    children = []
    for number in range(count):
        pid = os.fork()
        if not pid:
            os._exit(run(number))
        children.append(pid)
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]


@alone
def test_several_processes_together_let_through_exactly_as_many_as_one() -> None:
    limits = SharedRateLimiter(places=4)

    def run(number: int) -> int:
        limits.sit(number)
        both = [holder(rpm=150), holder("model:1", rpd=100, concurrency=1000)]
        return sum(isinstance(limits.admit(both, NOW), Grant) for _ in range(200))

    got = in_processes(4, run)
    assert sum(got) == 100
    assert refused(limits.admit([holder("model:1", concurrency=100)], NOW)).rule.most == 100


@alone
def test_a_process_that_dies_inside_takes_no_lock_with_it() -> None:
    limits = SharedRateLimiter(places=2)

    def run(number: int) -> int:
        with limits._lock:
            os._exit(7)

    assert in_processes(1, run) == [7]
    granted(limits.admit([holder(rpm=1)], NOW))
