"""What a roll-out looks at: requests that tables could have spoiled, and those they did."""

from __future__ import annotations

import pytest

from aisix.telemetry.metrics import Metrics
from aisix.telemetry.traffic import traffic
from aisix.workers.scoreboard import Scoreboard


@pytest.mark.parametrize("status", [400, 404, 422, 500, 502, 503, 529])
def test_what_tables_can_spoil_is_failed(status: int) -> None:
    board = Scoreboard(1)
    Metrics(board.claim()).finished("chat", "a", {"status": status, "ms": 1, "error": "x"})
    assert traffic(board) == {"requests": 1, "failed": 1, "fallbacks": 0}


@pytest.mark.parametrize("status", [200, 401, 403, 413, 429, 499])
def test_rights_limits_and_callers_who_left_are_not(status: int) -> None:
    board = Scoreboard(1)
    record = {"status": status, "ms": 1} | ({"error": "x"} if status > 200 else {})
    Metrics(board.claim()).finished("chat", "a", record)
    assert traffic(board) == {"requests": 1, "failed": 0, "fallbacks": 0}


def test_it_adds_up_workers_streams_that_broke_and_fallbacks_without_probes() -> None:
    board = Scoreboard(2)
    one, other = Metrics(board.claim()), Metrics(board.claim())
    one.finished("chat", "a", {"status": 200, "ms": 1, "error": "overloaded"}, stream=True)
    other.finished("chat", "a", {"status": 200, "ms": 1})
    other.finished("health", "", {"status": 503, "ms": 1, "error": "x"})
    other.finished("none", "", {"status": 400, "ms": 1, "error": "bad_request"})
    other.add("aisix_translation_fallbacks_total", "a/b", "request", "too deep")
    assert traffic(board) == {"requests": 2, "failed": 1, "fallbacks": 1}
