"""A table against its declaration."""

from __future__ import annotations

import pytest

from aisix.mapping.grammar import kinds
from aisix.mapping.grammar.declared import Key, Unit
from aisix.mapping.parse.units import sound

INNER = Unit(
    "inner",
    "a unit",
    (
        Key("strong", kinds.TEXT, "wins", "a"),
        Key("weak", kinds.TEXT, "loses", "a", loses_to=("strong",)),
        Key("needy", kinds.BOOLEAN, "needs one", True, needs=("strong",)),
        Key("word", kinds.WORD_OR_WORDS, "one of two", "x", words=("x", "yes")),
        Key("least", (kinds.NUMBER, kinds.LOOKUP), "a number", 1),
        Key("has_to", kinds.INTEGER, "is needed", 1, required=True),
    ),
    "x = 1",
    elsewhere=(("guard", "only a row has it"),),
    short=Key("word", kinds.TEXT, "one of two", "x", words=("x", "yes")),
)


def told(data: object, ranks: dict[str, int] | None = None) -> tuple[object, list[str]]:
    complaints: list[str] = []
    kept = sound(
        data,
        ("file", "unit"),
        INNER,
        lambda at, text, idle=False: complaints.append(f"{at[-1]}: {text}"),
        lambda at: f"line of {at[-1]}",
        lambda key, other: (ranks or {}).get(key[-1], 0) >= (ranks or {}).get(other[-1], 0),
    )
    return kept, complaints


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"wrod": "x"}, 'wrod: unknown key (did you mean "word"?)'),
        ({"least": "4096"}, "least: expected number or $lookup, found text '4096'"),
        ({"least": True}, "least: expected number or text, found true"),
        ({"word": ["x", "yess"]}, 'word: unknown word "yess" (did you mean "yes"?)'),
        (
            {"strong": "a", "weak": "b"},
            "weak: never acts: `strong` beside it wins (line of strong)",
        ),
        ({"needy": True}, "needy: means nothing without `strong` beside it"),
        ({"guard": {}}, "guard: means nothing here: only a row has it"),
    ],
)
def test_what_is_wrong_is_told_and_left_out(data: dict[str, object], text: str) -> None:
    kept, complaints = told({"has_to": 1, **data})
    assert len(complaints) == 1
    assert complaints[0].startswith(text)
    if "never acts" not in text and "nothing without" not in text:
        assert kept == {"has_to": 1}


def test_what_is_needed_is_told() -> None:
    assert told({}) == ({}, ["unit: needs has_to = 1, or the like"])


def test_who_lays_a_stronger_key_over_a_base_means_it() -> None:
    data = {"has_to": 1, "strong": "a", "weak": "b"}
    assert told(data, {"strong": 1})[1] == []
    assert len(told(data, {"weak": 1})[1]) == 1
    needy = {"has_to": 1, "needy": True}
    assert told(needy, {"has_to": 1})[1] == []


def test_a_stronger_key_that_does_nothing_wins_over_none() -> None:
    assert told({"has_to": 1, "strong": "", "weak": "b"})[1] == []


def test_a_plain_value_is_short_for_a_table() -> None:
    assert told("yes") == ({"word": "yes"}, [])
    assert told("no")[1] == ['unit: unknown word "no" (one of: x, yes)']
    assert told(3)[1] == ["unit: expected text, or table, found number 3"]
