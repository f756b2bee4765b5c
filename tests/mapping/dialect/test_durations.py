"""Points in time as time left, in the words of the other side."""

from __future__ import annotations

import pytest

from aisix.mapping.dialect.durations import left, moment, written


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"), (0.0004, "0s"), (0.012, "12ms"), (0.9996, "1s"), (1.5, "1.5s"), (59.999, "59.999s"),
        (60, "1m0s"), (360, "6m0s"), (3605, "1h0m5s"), (90_061.25, "25h1m1.25s"),
    ],
)  # fmt: skip
def test_durations_are_written_as_go_writes_them(seconds: float, text: str) -> None:
    assert written(seconds) == text


def test_what_is_left_until_a_time() -> None:
    now = 1_764_000_000.0
    assert left(moment(now + 90), now) == "1m30s"
    assert left(moment(now - 90), now) == "0s", "it has come"
    assert left("2025-11-24T18:00:00+02:00", now) == left("2025-11-24T16:00:00", now), (
        "UTC if unsaid"
    )


def test_what_is_no_time_says_nothing() -> None:
    for text in ("", "soon", "12", "2025-13-01T00:00:00Z"):
        assert left(text, 0.0) is None
