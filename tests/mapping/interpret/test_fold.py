"""Deltas put together as SDKs do, and written at paths."""

from __future__ import annotations

from typing import Any

from aisix.mapping.interpret.fold import add_up, fold, put, written
from aisix.mapping.interpret.scope import NULL


def folded(*deltas: dict[str, Any]) -> dict[str, Any]:
    whole: dict[str, Any] = {}
    for delta in deltas:
        fold(whole, delta)
    return whole


def test_texts_are_joined_and_types_replaced() -> None:
    assert folded({"type": "a", "text": "Hel"}, {"type": "b", "text": "lo"}) == {
        "type": "b",
        "text": "Hello",
    }


def test_items_of_one_index_are_merged_and_others_follow() -> None:
    first = {"calls": [{"index": 0, "name": "f", "args": "{"}]}
    second = {"calls": [{"index": 0, "args": "}"}, {"index": 1, "name": "g"}]}
    assert folded(first, second)["calls"] == [
        {"index": 0, "name": "f", "args": "{}"},
        {"index": 1, "name": "g"},
    ]
    assert first["calls"][0]["args"] == "{", "what came in is not changed"


def test_null_takes_nothing_away() -> None:
    assert folded({"a": 1, "b": {"c": "x"}}, {"a": None, "b": {"c": None}}) == {
        "a": 1,
        "b": {"c": "x"},
    }


def test_a_path_makes_what_is_missing_on_its_way() -> None:
    target: dict[str, Any] = {}
    put(target, ("choices", 1, "delta", "text"), "x")
    put(target, ("usage",), NULL)
    assert target == {"choices": [None, {"delta": {"text": "x"}}], "usage": None}


def test_counters_are_added_at_every_depth() -> None:
    one = {"in": 1, "more": {"cached": 2}, "tier": "a"}
    other = {"in": 4, "out": 5, "more": {"cached": 1}, "tier": "b", "none": None}
    assert add_up(one, other) == {"in": 5, "out": 5, "more": {"cached": 3}, "tier": "b"}
    assert one == {"in": 1, "more": {"cached": 2}, "tier": "a"}


def test_a_null_that_tables_write_is_null_for_the_encoder() -> None:
    assert written({"a": [NULL, {"b": NULL}], "c": 1}) == {"a": [None, {"b": None}], "c": 1}
