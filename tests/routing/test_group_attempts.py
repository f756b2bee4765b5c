"""What a group repeats, and where; by the original's rules."""

from __future__ import annotations

from typing import Any

import pytest

from aisix.errors import UpstreamError
from aisix.routing.balancer import Balancer
from aisix.routing.group_attempts import GroupAttempts, begin
from aisix.routing.groups import NO_HINTS, GroupTurn
from aisix.routing.model_attempts import ModelAttempts
from aisix.routing.model_health import ModelHealth
from aisix.store.resources import AliasGroup, GroupTarget, Model
from aisix.upstream import faults
from tests.routing.targets import make_target

LATE = faults.timed_out("first_byte", 1, was_sent=True)
RESET = UpstreamError("unreachable", why="reset", was_sent=True)
NONSENSE = UpstreamError("bad_response", why="not_http", was_sent=True)
NO_ADDRESS = faults.refused("link-local")


def of_group(*given: Any, limited: bool = False, **group: Any) -> GroupAttempts:
    """Targets "a", ("b", its own retries), ...; those without have the gateway's 2."""
    health, targets = ModelHealth(rows=64), []
    for one in given:
        name, retries = one if isinstance(one, tuple) else (one, None)
        cells = health.of(Model(name, name, "m", "acme", "k"), "key")
        written = retries if retries is not None else group.get("retries")
        more = {"retries": 2 if written is None else written, "stays": written is not None}
        targets.append(make_target(name, cells=cells, **more))
    whole = AliasGroup(tuple(GroupTarget(target.name) for target in targets), **group)
    return GroupAttempts(GroupTurn(whole, targets, limited), 20.0, 0.0)


def walked(attempts: GroupAttempts, failure: UpstreamError | int, **headers: str) -> str:
    """The targets that are asked while every one fails so."""
    names = ""
    while True:
        names += attempts.target.name  # type: ignore[attr-defined]
        if isinstance(failure, int):
            pause = attempts.after_answer("", failure, headers, 0.0)
        else:
            pause = attempts.after_fault(failure, 0.0)
        if pause is None:
            attempts.end()
            return names


@pytest.mark.parametrize(
    ("targets", "group", "failure", "asked"),
    [
        (("a", "b"), {}, 503, "abbb"),  # the last one by the gateway's setting
        (("a", "b"), {}, 529, "abbb"),
        (("a", "b"), {}, 301, "abbb"),
        (("a", "b"), {"retries": 1}, 503, "aabb"),
        (("a", ("b", 0)), {"retries": 1}, 503, "aab"),
        ((("a", 2), "b"), {}, 503, "aaabbb"),
        (("a", "b"), {"retries": 0}, 503, "ab"),
        (("a",), {}, 503, "aaa"),
        (("a", "b"), {}, 429, "a"),
        (("a", "b"), {"retry_on_429": True, "retries": 1}, 429, "aabb"),
        (("a", "b"), {"fallback_on_statuses": (429,), "retries": 0}, 429, "ab"),
        (("a", "b"), {}, 400, "a"),
        (("a", "b"), {}, 401, "a"),
        (("a", "b"), {"fallback_on_statuses": (422,), "retries": 0}, 422, "ab"),
        (("a", "b"), {"fallback_on_statuses": (422,), "retries": 0}, 400, "a"),
        (("a", "b"), {}, LATE, "ab"),  # a budget nobody wrote does not repeat it
        (("a", "b"), {"retries": 1}, LATE, "aabb"),
        (("a", "b"), {}, RESET, "abbb"),
        (("a", "b"), {}, NONSENSE, "abbb"),
        (("a", "b"), {}, NO_ADDRESS, "a"),  # it ends the request
        (("a", "b"), {}, faults.no_files("none"), "ab"),  # ours: it is not repeated
    ],
)
def test_who_is_asked(
    targets: tuple[Any, ...], group: dict[str, Any], failure: UpstreamError | int, asked: str
) -> None:
    assert walked(of_group(*targets, **group), failure) == asked


def test_a_refusal_that_ends_the_request_cools_its_model_down_all_the_same() -> None:
    attempts = of_group("a", "b")
    cells = attempts.target.cells
    assert cells is not None
    assert attempts.after_answer("elsewhere", 429, {"retry-after": "99"}, 0.0) is None
    assert cells.condition(98.0) and not cells.condition(100.0)


def test_pauses() -> None:
    attempts = of_group("a", retries=4)
    found = [attempts.after_answer("", 503, {}, 0.0) for _ in range(4)]
    for pause, least in zip(found, (0.25, 0.5, 1.0, 2.0), strict=True):
        assert pause is not None and least <= pause <= least + 0.25
    told = [
        (pause, of_group("a", retries=1).after_answer("", 503, {"retry-after": pause}, 0.0))
        for pause in ("3", "5", "6")
    ]
    for said, pause in told:
        least = float(said) if said != "6" else 0.25  # who says more is not waited for
        assert pause is not None and least <= pause <= least + 0.25


def test_the_next_target_is_asked_at_once() -> None:
    assert of_group("a", "b").after_answer("", 503, {"retry-after": "3"}, 0.0) == 0.0


def test_an_error_as_the_first_event_goes_by_the_status_it_stands_for() -> None:
    assert of_group("a", "b").after_answer("elsewhere", 200, {}, 0.0, 529) == 0.0
    assert of_group("a", "b").after_answer("elsewhere", 200, {}, 0.0) == 0.0
    assert of_group("a", "b").after_answer("elsewhere", 200, {}, 0.0, 429) is None
    assert of_group("a", "b").after_answer("", 200, {}, 0.0, 400) is None


def test_a_first_event_that_ends_the_request_is_told_the_model_by_its_status() -> None:
    for status, reason in ((401, "upstream_auth_failure"), (503, "upstream_server_error")):
        attempts = of_group("a", "b")
        cells = attempts.target.cells
        assert cells is not None
        pause = attempts.after_answer("" if status == 401 else "here", 200, {}, 0.0, status)
        assert pause == (None if status == 401 else 0.0)
        assert cells.state().status_reason == reason


def test_a_redirect_goes_on_and_cools_nobody() -> None:
    attempts = of_group("a", "b")
    cells = attempts.target.cells
    assert attempts.after_answer("", 302, {}, 0.0) == 0.0
    assert cells is not None and not cells.condition(1.0)


def test_retries_that_nobody_has_written_come_out_of_a_budget() -> None:
    def asked(**group: Any) -> list[int]:
        attempts = of_group("a", **group)
        return [len(walked(begun(attempts), 503)) for _ in range(8)]

    def begun(attempts: GroupAttempts) -> GroupAttempts:
        turn = GroupTurn(attempts._group, [attempts.target], False)
        return GroupAttempts(turn, 20.0, 0.0)

    assert sum(asked()) < 8 * 3 and asked()[0] == 3
    assert asked(retries=2) == [3] * 8


def test_nonsense_goes_on_as_well() -> None:
    assert of_group("a", "b").after_nonsense(NONSENSE, 0.0) == 0.0


def test_a_target_over_its_own_limit_is_passed_over_and_does_not_cool_down() -> None:
    attempts = of_group("a", "b", limited=True)
    first = attempts.target.cells
    assert attempts.limited and attempts.over_limit(0.0)
    assert attempts.target.name == "b"  # type: ignore[attr-defined]
    assert not attempts.over_limit(0.0)
    assert first is not None and first.state().status == "healthy"
    assert attempts.faults == ["429", "429"]


def test_what_continues_an_answer_goes_nowhere_else() -> None:
    attempts = of_group("a", "b", retries=2)
    attempts.next_round()
    assert walked(attempts, 503) == "a"


def test_whose_attempts() -> None:
    def asked() -> Any:
        raise AssertionError("only a group is asked of")

    target = make_target("a", cells=None)
    assert type(begin(Balancer([target], None), 1.0, asked, 0.0)) is ModelAttempts
    several = begin(Balancer([target, make_target("b")], "failover"), 1.0, asked, 0.0)
    assert not isinstance(several, ModelAttempts) and not several.limited
    assert NO_HINTS.tags == ()
