"""What a worker counts of a request that ended as most do, by the original AISIX's names."""

from __future__ import annotations

from typing import Any

from aisix.config.settings import load_settings
from aisix.limits import Level
from aisix.proxy.original_metrics import OriginalCounter
from aisix.telemetry.metrics import Metrics
from aisix.workers.scoreboard import Scoreboard
from tests.telemetry.original.asking import samples, value
from tests.telemetry.original.test_counting import ASKED


def test_what_is_left_of_places_is_no_number_of_tokens() -> None:
    board = Scoreboard(1)
    counter = OriginalCounter(load_settings(None, {}), Metrics(board.claim()))
    asked = ASKED._replace(auth=("api_key", "none", True), left=(9, 40))
    counter.counts.finished(asked)
    cells = counter.counts.usual_cells(asked)
    assert cells is not None
    key: Any = counter.entered("/v1/chat/completions", "openai-chat"), None, "k-1", False, "small"
    counter._usual[key] = cells, "small", None
    levels = [Level("requests", 10, 8, 9.0), Level("tokens", 100, 30, 9.0)]
    places = Level("concurrency", 4, 3, 0.0)
    assert counter.usual(key, "", [*levels, places], {"ms": 1.0, "status": 200})
    page = samples(counter.page(board, {}).decode())
    left = {
        what: value(page, f"aisix_ratelimit_remaining_{what}") for what in ("requests", "tokens")
    }
    assert left == {"requests": 8, "tokens": 30}
