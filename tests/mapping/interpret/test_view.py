"""What is asked of values: their kind, whether they are the same, how many they are."""

from __future__ import annotations

from typing import Any

import pytest

from aisix.mapping.interpret.view import is_kind, same, to_count


def test_true_is_no_number_and_an_integer_is_one() -> None:
    assert is_kind(3, ("number",)) and is_kind(3, ("integer",)) and is_kind(3.5, ("number",))
    assert not is_kind(3.0, ("integer",))
    assert not is_kind(True, ("integer", "number"))
    assert is_kind(None, ("null",)) and not is_kind(None, ("object", "array"))


def test_the_same_is_of_the_same_type() -> None:
    assert same("1", "1") and same([1], [1])
    assert not same(1, True) and not same(1, 1.0) and not same("1", 1)


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (3, 3),
        (-3, 0),
        (2.6, 3),
        (-0.5, 0),
        (float("inf"), 0),
        (float("nan"), 0),
        (True, 0),
        ("3", 3),
        ("-3", 0),
        ("three", 0),
    ],
)
def test_a_count_is_a_whole_number_never_below_zero(value: Any, count: int) -> None:
    assert to_count(value) == count
