"""Deltas put together as SDKs do, and written at paths."""

from __future__ import annotations

from typing import Any

from aisix.mapping.interpret.fold import Numbers, add_up, fold, put, written
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


class Word(str):
    """A text that counts how often it is compared with another."""

    compared = 0
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        Word.compared += 1
        return str.__eq__(self, other)


def test_items_of_text_keys_that_interleave_are_found_and_not_searched() -> None:
    many, rounds = 300, 3
    whole: dict[str, Any] = {}
    numbers, Word.compared = Numbers(), 0
    for _ in range(rounds):
        for n in range(many):
            fold(whole, {"calls": [{"index": Word(f"id-{n}"), "args": "x"}]}, numbers)
    assert [item["args"] for item in whole["calls"]] == ["x" * rounds] * many
    assert Word.compared < 10 * many * rounds  # and not many times that


def test_numbers_in_any_order_and_what_is_no_number() -> None:
    def item(index: Any, text: str) -> dict[str, Any]:
        return {"calls": [{"index": index, "t": text}]}

    keys = [7, "a", 2, "b", 7, "a", 0, 2, True, 1, 2.0]
    whole, numbers = dict[str, Any](), Numbers()
    for number, key in enumerate(keys):
        fold(whole, item(key, str(number)), numbers)
    assert [one["t"] for one in whole["calls"]] == ["04", "15", "2710", "3", "6", "89"]
    odd = folded(item({}, "a"), item({}, "b"), item([1], "c"), item("z", "d"), item([1], "e"))
    assert [one["t"] for one in odd["calls"]] == ["a", "b", "c", "d", "e"]


def test_a_list_that_takes_another_value_s_place_stays_as_it_was_and_does_not_fold_into_itself() -> (
    None
):
    constant = {"content": [{"x": 1}]}  # of a table: the same in every delta, of every answer
    whole = folded({"content": ""}, constant, constant, constant)
    assert whole["content"] == [{"x": 1}] * 3
    assert constant == {"content": [{"x": 1}]}
