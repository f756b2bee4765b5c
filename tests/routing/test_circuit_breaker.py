"""When a target cools down and comes back, and what retries may cost."""

from __future__ import annotations

from aisix.routing.circuit_breaker import BreakerRules, CircuitBreaker
from tests.routing.targets import RULES, fail


def breaker(rules: BreakerRules = RULES) -> CircuitBreaker:
    return CircuitBreaker("key/model", rules)


def test_three_failures_in_a_row_cool_a_target_down() -> None:
    target = breaker()
    fail(target, 1)
    fail(target, 2)
    target.good(False)
    fail(target, 3)
    fail(target, 4)
    assert target.ready(4)
    fail(target, 5)
    assert not target.ready(34.9)
    assert target.wait(15) == 20
    assert target.ready(35)


def test_after_the_cooldown_one_request_is_the_probe() -> None:
    target = breaker()
    for now in (1, 2, 3):
        fail(target, now)
    assert target.enter(True) is True
    assert not target.ready(40), "a second probe at the same time"
    target.good(True)
    target.leave(True)
    assert target.ready(40)
    assert target.failures == 0


def test_a_bad_probe_doubles_the_cooldown_up_to_eight_times() -> None:
    target = breaker()
    for now in (0, 0, 0):
        fail(target, now)
    spells = []
    for _ in range(5):
        now = target.until
        fail(target, now)
        spells.append(target.until - now)
    assert spells == [60, 120, 240, 240, 240]


def test_who_is_asked_although_it_cools_down_may_come_back_but_is_not_sent_away_longer() -> None:
    target = breaker()
    for now in (0, 0, 0):
        fail(target, now)
    for now in (5, 6, 7, 8):
        fail(target, now, told=100)
    assert target.until == 30
    first, second = target.enter(True), target.enter(True)
    assert first and second
    target.leave(first)
    assert not target.ready(31), "the other one is a probe too"
    target.good(second)
    target.leave(second)
    assert target.ready(9)
    assert target.probes == 0


def test_a_probe_whose_caller_leaves_decides_nothing() -> None:
    target = breaker()
    for now in (0, 0, 0):
        fail(target, now)
    probe = target.enter(True)
    target.leave(probe)
    assert target.ready(31)
    assert target.failures == 3


def test_old_requests_neither_end_nor_prolong_a_cooldown() -> None:
    target = breaker()
    old = [target.enter(True) for _ in range(5)]
    for now in (1, 2, 3, 4):
        target.bad(now, old.pop())
    assert target.until == 33
    target.good(old.pop())
    assert not target.ready(10)


def test_a_target_that_names_a_time_is_left_alone_for_it() -> None:
    target = breaker()
    fail(target, 10, told=7)
    assert target.until == 17
    fail(target, 17, told=10_000)
    assert target.until == 17 + 60, "a bad probe: twice as long as usual"
    hour = breaker()
    fail(hour, 0, told=3600)
    assert hour.until == 240, "never longer than eight times"


def test_without_cooldown_secs_nothing_cools_down() -> None:
    target = breaker(BreakerRules(1, 0, 0.2))
    for now in range(9):
        fail(target, now, told=5)
    assert target.ready(9)


def test_retries_are_a_part_of_the_requests_and_a_few() -> None:
    target = breaker()
    assert sum(target.may_retry(0) for _ in range(100)) == 10
    target.requests += 100
    assert sum(target.may_retry(0) for _ in range(100)) == 20
    assert sum(target.may_retry(3) for _ in range(100)) == 3
    assert sum(target.may_retry(1000) for _ in range(100)) == 10
    target.requests += 10**6
    assert sum(target.may_retry(1000) for _ in range(1000)) == 100, "what is saved is bounded"
