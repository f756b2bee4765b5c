"""read_head(): from header lines to a status and a dict."""

from __future__ import annotations

import pytest

from aisix.upstream.head import read_head


def test_names_are_lower_case_and_values_are_trimmed() -> None:
    lines = [b"HTTP/2 200 \r\n", b"X-Request-ID:  req_1 \r\n", b"empty:\r\n", b"\r\n"]
    assert read_head(lines) == (200, {"x-request-id": "req_1", "empty": ""})


def test_bytes_outside_ascii_are_kept() -> None:
    assert read_head([b"HTTP/1.1 200 \xe9\r\n", b"x: \xff:\x85\r\n", b"\r\n"]) == (
        200,
        {"x": "\xff:\x85".strip()},
    )


@pytest.mark.parametrize("cut", range(1, 7))
def test_a_head_is_only_complete_with_its_blank_line(cut: int) -> None:
    lines = [b"HTTP/1.1 103 Hints\r\n", b"a: 1\r\n", b"\r\n", b"HTTP/1.1 200 OK\r\n", b"b: 2\r\n"]
    lines += [b"\r\n"]
    assert read_head(lines[:cut]) == ((200, {"b": "2"}) if cut == 6 else None)


def test_what_follows_the_head_is_not_looked_at() -> None:
    lines = [b"HTTP/1.1 200 OK\n", b"\n", b"x-trailer: 1\n", b"\n"]
    assert read_head(lines) == (200, {})
