"""How a model does: cooldown, checks, latency, who is under way, over all workers."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import Any

import pytest

from aisix.routing.model_health import (
    BROKEN,
    COOLS,
    IN_BAND,
    LATE,
    MODELS,
    NONSENSE,
    UNWELL,
    WELL,
    ModelCells,
    ModelFailure,
    ModelHealth,
)
from aisix.store.resources import BackgroundCheck, Cooldown, Model
from tests.forking import alone

MODEL = Model("m1", "small", "m-large", "acme", "k")
CHECK = BackgroundCheck(True, 5, 10, "are you there", 8, 90)
BAD = ModelFailure(status=503)


def cells(health: ModelHealth | None = None, key: str = "k", **more: Any) -> ModelCells:
    return (health or ModelHealth(rows=64)).of(replace(MODEL, **more), key)


def cooled(failure: ModelFailure, **rules: Any) -> tuple[float, str | None]:
    """(seconds, reason) of what one failure does; 0: nothing."""
    one, now = cells(cooldown=Cooldown(**rules)), time.monotonic()
    one.failed(failure, now)
    state = one.state()
    if state.cooldown_until is None:
        assert state.status == "healthy" and state.status_reason is None
        return 0, None
    assert state.status == "cooldown" and abs(state.cooldown_until - time.time()) < 3600
    secs = next(n for n in range(9000) if one.condition(now + n + 0.5) == WELL)
    return secs, state.status_reason


@pytest.mark.parametrize(
    ("failure", "rules", "expected"),
    [
        (ModelFailure(401), {}, (30, "upstream_auth_failure")),
        (ModelFailure(408), {}, (30, "upstream_request_timeout")),
        (ModelFailure(429), {}, (30, "upstream_rate_limited")),
        (ModelFailure(429, told=180), {}, (180, "upstream_rate_limited")),
        (ModelFailure(429, told=9000), {}, (600, "upstream_rate_limited")),
        (ModelFailure(429, told=180), {"max_seconds": 60}, (60, "upstream_rate_limited")),
        (ModelFailure(429, told=180), {"honor_retry_after": False}, (30, "upstream_rate_limited")),
        (ModelFailure(500), {"default_seconds": 7}, (7, "upstream_server_error")),
        (ModelFailure(529), {}, (0, None)),
        (ModelFailure(529), {"trigger_statuses": (529,)}, (30, "upstream_server_error")),
        (ModelFailure(418), {"trigger_statuses": (418,)}, (30, "upstream_status_failure")),
        (ModelFailure(400), {}, (0, None)),
        (ModelFailure(503), {"enabled": False}, (0, None)),
        (ModelFailure(503), {"default_seconds": 0}, (0, None)),
        (ModelFailure(503, told=99), {"default_seconds": 0}, (0, None)),
        (ModelFailure(503, told=99, in_band=True), {}, (30, "upstream_server_error")),
        (ModelFailure(why=IN_BAND), {}, (30, "upstream_in_band_error")),
        (ModelFailure(why=IN_BAND), {"trigger_on_transport": False}, (0, None)),
        (ModelFailure(why=LATE), {}, (30, "request_timeout")),
        (ModelFailure(why=LATE), {"trigger_on_timeout": False}, (0, None)),
        (ModelFailure(why=BROKEN), {"trigger_on_timeout": False}, (30, "transport_error")),
        (ModelFailure(why=BROKEN), {"trigger_on_transport": False}, (0, None)),
        (ModelFailure(why=NONSENSE), {}, (30, "upstream_decode_error")),
        (ModelFailure(why=NONSENSE), {"trigger_on_transport": False}, (0, None)),
    ],
)
def test_what_cools_a_model_down(
    failure: ModelFailure, rules: dict[str, Any], expected: tuple[float, str | None]
) -> None:
    assert cooled(failure, **rules) == expected


def test_a_failure_while_it_cools_sets_the_end_anew_and_any_success_ends_it() -> None:
    one = cells()
    assert one.failed(BAD, 0.0)
    assert not one.failed(BAD, 20.0)  # it was cooling already
    assert one.condition(49.0) == COOLS
    assert one.state().failures == 2
    one.good()
    assert one.condition(21.0) == WELL and one.state() == cells().state()


def test_background_checks() -> None:
    one, now = cells(background_model_check=CHECK), time.monotonic()
    one.checked(429, ignored=True)
    state = one.state()
    assert (state.status, state.last_check_status) == ("healthy", 429)
    assert state.status_reason == "ignored_transient_error"
    one.checked(None)
    state = one.state()
    assert (state.status, state.last_check_status) == ("unhealthy", None)
    assert state.status_reason == "background_check_failed"
    assert state.last_checked_at is not None and abs(state.last_checked_at - time.time()) < 60
    assert one.condition(now) == UNWELL and one.condition(now + 100) == WELL
    one.check_passed()
    assert one.state().status == "healthy" and one.state().status_reason is None
    one.checked(503)
    one.good(5.0)
    assert one.condition(now) == WELL  # a success of a call says more
    one.checked(503)
    one.failed(BAD, now)
    assert one.condition(now) == COOLS
    one.check_passed()
    assert one.condition(now) == COOLS  # what calls see is another matter


def test_a_check_that_was_switched_off_counts_no_more() -> None:
    health = ModelHealth(rows=64)
    off = cells(health, background_model_check=replace(CHECK, enabled=False))
    off.checked(503)
    assert off.condition(time.monotonic()) == WELL


def test_the_same_document_keeps_what_is_known_and_a_change_begins_anew() -> None:
    health = ModelHealth(rows=64)
    cells(health).failed(BAD, 0.0)
    assert cells(health, created_at=7).condition(1.0) == COOLS
    assert cells(health, key="another secret").condition(1.0) == WELL
    assert cells(health, timeout=5).condition(1.0) == WELL
    assert cells(health, id="m2").condition(1.0) == WELL


def test_latency_is_a_moving_average() -> None:
    one = cells()
    assert one.latency == -1.0
    one.good(100.0)
    one.good(200.0)
    assert one.latency == pytest.approx(130.0)
    one.good()  # not measured
    assert one.latency == pytest.approx(130.0)


@alone
def test_who_is_under_way_in_all_workers() -> None:
    health = ModelHealth(places=3, rows=64)
    one = cells(health)
    row = one.enter()
    pid = os.fork()
    if not pid:
        health.sit(1)
        one.enter()
        one.failed(BAD, 0.0)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    assert one.under_way == 2 and one.condition(1.0) == COOLS  # it was seen there
    assert health.free(1)
    assert one.under_way == 1
    one.leave(row)
    one.leave(row)
    assert one.under_way == 0


def test_there_is_room_for_so_many_and_who_has_none_counts_as_well() -> None:
    health = ModelHealth(rows=2)
    first, second, third = (cells(health, id=name) for name in "abc")
    first.failed(BAD, time.monotonic())
    second.leave(second.enter())
    third.failed(BAD, time.monotonic())  # it takes the place of the second: nothing is lost
    assert [one.state().status for one in (first, third)] == ["cooldown", "cooldown"]
    assert second.state().status == "healthy" and second.latency == -1.0
    assert second.enter() == 0
    second.leave(0)
    second.good(5.0)
    assert not second.failed(BAD, 0.0)
    second.checked(503)
    second.check_passed()
    assert health.turn("g", (1, 1)) == 0
    assert MODELS >= 10_000
