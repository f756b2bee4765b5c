"""What is tried again, where, after which pause; and what is not."""

from __future__ import annotations

import pytest

from aisix.errors import UpstreamError
from aisix.routing.attempts import Attempts
from aisix.routing.balancer import Balancer
from tests.routing.targets import fail, make_target

UNSENT = UpstreamError("unreachable", why="connect", was_sent=False)

SENT = UpstreamError("unreachable", why="reset", was_sent=True)
LATE = UpstreamError("timeout", phase="first_byte", was_sent=True)


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
    for error in (SENT, LATE):
        attempts = Attempts(Balancer([make_target("a"), make_target("b")], "failover"), 10, 0)
        assert attempts.after_fault(error, 0) is None


def test_an_alias_may_take_the_risk_for_what_was_late() -> None:
    made = [make_target(name, retry_on_timeout=True) for name in "ab"]
    attempts = Attempts(Balancer(made, "failover"), 10, 0)
    assert attempts.after_fault(LATE, 0) == 0
    assert attempts.target is made[1]
    assert attempts.after_fault(SENT, 0) is None
    alone = Attempts(Balancer(made[:1], None), 10, 0)
    assert [alone.after_fault(LATE, 0) is not None for _ in range(3)] == [True, True, False]


def test_an_alias_with_its_own_retries_asks_the_same_target_first() -> None:
    made = [make_target(name, retries=2, stays=True) for name in "abc"]
    attempts = Attempts(Balancer(made, "failover"), 10, 0)
    asked, pauses = ["a"], []
    while (pause := attempts.after_answer("here", 529, {}, len(asked))) is not None:
        asked.append(attempts.target.breaker.name)
        pauses.append(pause > 0)
    assert "".join(asked) == "aaabc"
    assert pauses == [True, True, False, False], "so many pauses in all"
    attempts.end()
    assert not any(one.breaker.in_flight or one.breaker.probes for one in made)
    attempts = Attempts(Balancer(made, "failover"), 10, 9)
    assert attempts.target is made[1], "the first one cools down by now"


def test_the_next_target_comes_first_where_the_same_one_would_say_the_same() -> None:
    made = [make_target(name, stays=True) for name in "ab"]
    for retry, headers in (
        ("elsewhere", {}),
        ("here", {"retry-after": "11"}),
        ("here", {"x-should-retry": "false"}),
    ):
        attempts = Attempts(Balancer(made, "failover"), 10, 0)
        was = attempts.target
        assert attempts.after_answer(retry, 429, headers, 0) == 0
        assert attempts.target is not was
        attempts.end()


@pytest.mark.parametrize("stays", [False, True])
def test_a_target_that_names_a_time_is_asked_again_after_it(stays: bool) -> None:
    made = [make_target("a", stays=stays)]
    attempts = Attempts(Balancer(made, "failover"), 10, 0)
    assert attempts.after_answer("here", 429, {"retry-after": "3"}, 0) == 3
    assert made[0].breaker.probes == 1
    attempts.good()
    attempts.end()
    assert (made[0].breaker.until, made[0].breaker.probes) == (0, 0)


def test_targets_that_cool_down_come_last_and_cost_of_their_budget() -> None:
    made = [make_target(name, retries=0) for name in "abc"]
    for one in made:
        for _ in range(3):
            fail(one.breaker, 0)
    attempts = 0
    for _ in range(100):
        one_of = Attempts(Balancer(made, "failover"), 10, 1)
        while one_of.after_answer("here", 529, {}, 1) is not None:
            pass
        attempts += one_of.count
        one_of.end()
    assert 100 < attempts <= 100 + 2 * (10 + 20)
    assert not any(one.breaker.in_flight or one.breaker.probes for one in made)


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
