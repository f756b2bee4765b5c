"""Tokens of a request, estimated: bytes of text, and flat counts for what is none."""

from __future__ import annotations

from typing import Any

from aisix.mapping.dialect.estimate import estimate

HOW: dict[str, Any] = {
    "fields": ["said", "tools"],
    "by": "kind",
    "flat": {"picture": 1000},
    "bytes": 4,
}


def test_text_counts_by_its_bytes_rounded_up() -> None:
    assert estimate({"said": "x" * 9}, HOW) == 3
    assert estimate({"said": "ä" * 4}, HOW) == 2
    assert estimate({"said": "\ud800"}, HOW) == 1, "half a character is no error"


def test_at_least_one_and_only_what_counts() -> None:
    assert estimate({}, HOW) == 1
    assert estimate({"other": "x" * 4000}, HOW) == 1


def test_what_is_no_text_counts_flat_at_any_depth() -> None:
    picture = {"kind": "picture", "data": "x" * 100_000}
    assert estimate({"said": [{"part": [picture, picture]}]}, HOW) == 2000 + 1


def test_keys_and_numbers_count_as_they_are_written() -> None:
    assert estimate({"tools": [{"abcd": 1234, "kind": ["unhashable"]}]}, HOW) == 6
