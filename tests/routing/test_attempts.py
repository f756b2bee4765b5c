"""What is tried again, where, after which pause; and what is not."""

from __future__ import annotations

from aisix.errors import UpstreamError
from aisix.routing.attempts import Attempts
from aisix.routing.balancer import Balancer
from tests.routing.targets import make_target

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
