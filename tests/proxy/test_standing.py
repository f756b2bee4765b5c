"""When a target cools down and comes back, what retries may cost, and whose turn it is."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from aisix.errors import Fault, UpstreamError
from aisix.proxy.admission import Admission
from aisix.routing.attempts import Attempts
from aisix.routing.balancer import Balancer
from aisix.routing.circuit_breaker import BreakerRules, CircuitBreaker

RULES = BreakerRules(failures=3, secs=30, earned=0.2)


def breaker(rules: BreakerRules = RULES) -> CircuitBreaker:
    return CircuitBreaker("key/model", rules)


def fail(target: CircuitBreaker, now: float, told: float | None = None) -> None:
    probe = target.enter(True)
    target.bad(now, probe, told)
    target.leave(probe)


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


# ---------------------------------------------------------------- whose turn
def make_target(name: str, weight: int = 1, retries: int = 2) -> Any:
    return SimpleNamespace(
        name=name, weight=weight, retries=retries, breaker=CircuitBreaker(name, RULES)
    )


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


def test_when_all_cool_down_the_caller_is_told_when_to_come_back() -> None:
    balancer = Balancer([make_target("a"), make_target("b")], "failover")
    for one, now in zip(balancer.targets, (0, 10), strict=True):
        for _ in range(3):
            fail(one.breaker, now)
    with pytest.raises(UpstreamError) as caught:
        balancer.first(12.5)
    assert (caught.value.kind, caught.value.values["retry_after"]) == ("no_target", 18)


# ---------------------------------------------------------------- attempts
UNSENT = UpstreamError("unreachable", why="connect", was_sent=False)
SENT = UpstreamError("unreachable", why="reset", was_sent=True)


def test_another_target_is_asked_at_once_then_the_last_one_again_after_a_pause() -> None:
    balancer = Balancer([make_target("a"), make_target("b")], "failover")
    attempts = Attempts(balancer, 10, 0)
    assert attempts.after_fault(UNSENT, 0) == 0
    assert attempts.target is balancer.targets[1]
    pause = attempts.after_answer("here", 529, {}, 0)
    assert pause is not None and 0.18 < pause <= 0.25
    pause = attempts.after_answer("here", 529, {}, 0)
    assert pause is not None and 0.37 < pause <= 0.5
    assert attempts.after_answer("here", 529, {}, 0) is None
    assert attempts.count == 4
    assert [one.breaker.in_flight for one in balancer.targets] == [0, 1]
    attempts.end()
    attempts.end()
    assert [one.breaker.in_flight for one in balancer.targets] == [0, 0]


def test_what_may_have_been_billed_is_not_sent_again() -> None:
    attempts = Attempts(Balancer([make_target("a"), make_target("b")], "failover"), 10, 0)
    assert attempts.after_fault(SENT, 0) is None


def test_what_the_upstream_says_of_retries_is_obeyed() -> None:
    def pause(retry: str, status: int, **headers: str) -> float | None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        balancer = Balancer([make_target("a")], None)
        return Attempts(balancer, 10, 0).after_answer(retry, status, named, 0)

    assert pause("here", 529, x_should_retry="false") is None
    assert pause("", 400) is None
    assert pause("", 400, x_should_retry="true") is not None
    assert pause("", 200, x_should_retry="true") is None
    assert pause("elsewhere", 401) is None
    assert pause("here", 429, retry_after="3") == 3
    assert pause("here", 429, retry_after="3", retry_after_ms="1500") == 1.5
    assert pause("here", 429, retry_after="11") is None
    assert pause("here", 429, retry_after="Fri, 01 Jan 2100 00:00:00 GMT") is None
    past = pause("here", 429, retry_after="Thu, 01 Jan 1970 00:00:00 GMT")
    assert past is not None and past < 1
    for nonsense in ("soon", "", "nan", "-5"):
        said = pause("here", 429, retry_after=nonsense)
        assert said is not None and said < 1


def test_a_round_that_continues_an_answer_stays_with_its_target() -> None:
    balancer = Balancer([make_target("a"), make_target("b")], "failover")
    attempts = Attempts(balancer, 10, 0)
    attempts.next_round()
    assert attempts.after_fault(UNSENT, 0) is not None
    assert attempts.target is balancer.targets[0]


def test_an_outage_is_not_multiplied() -> None:
    target = make_target("a", retries=2)
    made = 0
    for _ in range(1000):
        attempts = Attempts(Balancer([target], None), 10, 0)
        while attempts.after_answer("here", 529, {}, 0) is not None:
            pass
        made += attempts.count
        attempts.end()
    assert 1000 < made <= 1000 + 10 + 200


# ---------------------------------------------------------------- the gate
def test_who_waits_longest_is_let_in_first() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        gate = Admission(1, 2, 5)
        assert gate.take() and not gate.take()
        order = []

        async def come(name: str) -> None:
            await gate.wait(loop.create_future())
            order.append(name)

        tasks = [asyncio.ensure_future(come(name)) for name in "ab"]
        await asyncio.sleep(0)
        assert gate.full
        with pytest.raises(Fault) as caught:
            await gate.wait(loop.create_future())
        assert (caught.value.kind, caught.value.values) == ("overloaded", {"retry_after": 1})
        gate.leave()
        await tasks[0]
        assert (order, gate.taken, gate.waiting) == (["a"], 1, 1)
        gate.leave()
        await tasks[1]
        gate.leave()
        assert (order, gate.taken, gate.waiting) == (["a", "b"], 0, 0)

    asyncio.run(run())


def test_who_waits_too_long_or_leaves_takes_no_place() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        gate = Admission(1, 2, 0.01)
        assert gate.take()
        with pytest.raises(Fault):
            await gate.wait(loop.create_future())
        turn = loop.create_future()
        waiting = asyncio.ensure_future(gate.wait(turn))
        await asyncio.sleep(0)
        turn.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert gate.waiting == 0
        gate.leave()
        assert gate.take()

    asyncio.run(run())
