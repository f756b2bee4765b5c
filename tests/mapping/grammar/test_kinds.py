"""What a key may hold."""

from __future__ import annotations

import pytest

from aisix.mapping.grammar.kinds import ValueKind


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (ValueKind("n", (int,)), 1, True),
        (ValueKind("n", (int, float)), 1.5, "1"),
        (ValueKind("b", (bool,)), False, 0),
        (ValueKind("t", (str,), filled=True), "a", ""),
        (ValueKind("l", (list,), str), ["a"], ["a", 1]),
        (ValueKind("d", (dict,), int), {"a": 1}, {"a": "1"}),
        (ValueKind("p", (str, list), str), "a", [["a"]]),
    ],
)
def test_a_value_of_another_type_is_wrong(kind: ValueKind, good: object, bad: object) -> None:
    assert not kind.wrong(good)
    assert kind.wrong(bad)
