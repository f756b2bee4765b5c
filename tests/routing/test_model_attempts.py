"""What a model is told of each attempt, also of a call to its alias itself."""

from __future__ import annotations

import time
from typing import Any

import pytest

from aisix.errors import UpstreamError
from aisix.routing.balancer import Balancer
from aisix.routing.group_attempts import begin
from aisix.routing.groups import NO_HINTS
from aisix.routing.model_attempts import MeasuredAttempts, ModelAttempts, of_answer, of_error
from aisix.routing.model_health import BROKEN, IN_BAND, LATE, NONSENSE, ModelFailure, ModelHealth
from aisix.store.resources import Model
from aisix.upstream import faults
from tests.routing.targets import make_target

MODEL = Model("m1", "small", "m-large", "acme", "k")


def begun(watched: bool = True, **more: Any) -> ModelAttempts:
    cells = ModelHealth(rows=64).of(MODEL, "key", watched)
    target = make_target("a", cells=cells, **more)
    attempts = begin(Balancer([target], None), 20.0, lambda: NO_HINTS, time.monotonic())
    assert isinstance(attempts, MeasuredAttempts if watched else ModelAttempts)
    return attempts


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (faults.timed_out("idle", 1, was_sent=True), ModelFailure(why=LATE)),
        (UpstreamError("unreachable", why="connect", was_sent=False), ModelFailure(why=BROKEN)),
        (UpstreamError("unreachable", why="tls", was_sent=False), ModelFailure(why=BROKEN)),
        (UpstreamError("bad_response", why="truncated"), ModelFailure(why=BROKEN)),
        (UpstreamError("interrupted", why="no_end"), ModelFailure(why=BROKEN)),
        (UpstreamError("bad_response", why="not_http"), ModelFailure(why=NONSENSE)),
        (UpstreamError("bad_response"), ModelFailure(why=NONSENSE)),
        (faults.refused("link-local"), None),
        (faults.no_files("none left"), None),
        (UpstreamError("unreachable", why="signer"), None),
    ],
)
def test_why_an_attempt_failed(error: UpstreamError, expected: ModelFailure | None) -> None:
    assert of_error(error) == expected


def test_what_an_answer_says() -> None:
    told = {"retry-after": " 7 "}
    assert of_answer(429, told) == ModelFailure(429, told=7)
    assert of_answer(503, {"retry-after": "Fri, 31 Dec 1999 23:59:59 GMT"}) == ModelFailure(503)
    assert of_answer(503, {"retry-after": "1.5"}) == ModelFailure(503)
    assert of_answer(400, {}) == ModelFailure(400, retryable=False)
    assert of_answer(200, told, 529) == ModelFailure(529, in_band=True)
    assert of_answer(200, {}, 400) == ModelFailure(400, in_band=True, retryable=False)
    assert of_answer(302, {}) == ModelFailure(302)
    assert of_answer(200, {}) == ModelFailure(0, IN_BAND, in_band=True)


def test_a_call_to_the_alias_itself_cools_its_model_down_and_is_repeated_as_before() -> None:
    attempts = begun()
    cells, now = attempts.target.cells, time.monotonic()
    assert cells is not None and cells.under_way == 1
    assert attempts.after_answer("here", 503, {}, now) is not None
    assert cells.state().status_reason == "upstream_server_error"
    attempts.good()
    attempts.end()
    assert cells.state().status == "healthy" and cells.under_way == 0
    assert cells.latency >= 0.0
    assert attempts.cooled == [attempts.target]


def test_a_refusal_that_is_not_repeated_cools_too_and_is_no_success() -> None:
    attempts = begun()
    cells, now = attempts.target.cells, time.monotonic()
    assert cells is not None
    assert attempts.after_answer("", 401, {}, now) is None
    attempts.good()  # said of every answer that errors.toml does not call a failure
    assert cells.state().status_reason == "upstream_auth_failure"


def test_a_stream_is_a_success_when_it_begins_and_a_failure_when_it_breaks() -> None:
    attempts = begun()
    cells, now = attempts.target.cells, time.monotonic()
    assert cells is not None
    attempts.begun()
    assert cells.latency >= 0.0
    attempts.broke(UpstreamError("interrupted", why="no_end"), now)
    attempts.good()
    assert cells.state().status_reason == "transport_error"


def test_where_no_group_goes_by_it_nothing_is_measured() -> None:
    attempts = begun(watched=False)
    cells = attempts.target.cells
    assert cells is not None and cells.under_way == 0
    attempts.good()
    attempts.end()
    assert cells.latency == -1.0


def test_an_error_in_a_stream_that_is_not_repeated_is_no_success_either() -> None:
    attempts = begun()
    cells, now = attempts.target.cells, time.monotonic()
    assert cells is not None
    assert attempts.after_answer("", 200, {}, now, 401) is None
    attempts.good()
    assert cells.state().status_reason == "upstream_auth_failure"
