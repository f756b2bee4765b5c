"""Headers that tell a caller of a limit, as a dialect's rows write them."""

from __future__ import annotations

from aisix.mapping.dialect.limit_headers import LimitHeaders


def test_every_word_is_filled_in_and_all_else_stands_as_it_is_written() -> None:
    row = {"x-most": "{most}", "x-left": "{left} of {most}, 100% ", "x-full": "in {reset}"}
    headers = LimitHeaders(row)
    assert headers.names == ("x-most", "x-left", "x-full")
    assert headers.filled(10, 7, 61.5, 0.0) == ["10", "7 of 10, 100% ", "in 1m1.5s"]


def test_a_point_in_time_is_told_by_the_wall_clock() -> None:
    headers = LimitHeaders({"x-at": "{reset_at}"})
    assert headers.filled(1, 0, 30.0, 30.0) == ["1970-01-01T00:01:00Z"]


def test_whole_seconds_are_rounded_up() -> None:
    headers = LimitHeaders({"x-full": "{reset_secs}s"})
    assert [headers.filled(1, 0, reset, 0.0) for reset in (0.0, 0.2, 60.0)] == [
        ["0s"],
        ["1s"],
        ["60s"],
    ]
