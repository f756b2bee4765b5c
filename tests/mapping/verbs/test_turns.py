"""Items of which each is a piece of a turn: answers find their calls, thoughts stay whole or go."""

from __future__ import annotations

from typing import Any

import pytest

from aisix.mapping.verbs.passes import PASSES
from aisix.mapping.verbs.refused import Refused

Items = list[dict[str, Any]]


class Call:
    """What a pass may ask."""

    def __init__(self) -> None:
        self.state: dict[str, Any] = {}
        self.told: list[str] = []

    def tell(self, how: str) -> None:
        self.told.append(how)

    def tell_quietly(self, how: str) -> None:
        pass


def run(name: str, items: Items, asked: Call | None = None, **options: Any) -> Items:
    of = PASSES[name]
    options = {"list": "parts", "kind": "kind", **options}
    return of.run(items, of.read(options), lambda item: item["who"] == "me", asked or Call())


def gathered(items: Items, call: Call | None = None) -> list[str]:
    options = {"call": "call", "call_id": "id", "answer": "answer", "answer_id": "of"}
    out = run("gather", items, call, orphan="orphan", twice="twice", **options)
    return [str(item["as"]) for item in out]


def calls(ident: str) -> dict[str, Any]:
    return {"who": "me", "as": f"?{ident}", "parts": [{"kind": "call", "id": ident}]}


def answers(ident: str, name: str = "") -> dict[str, Any]:
    part = {"kind": "answer", "of": ident}
    return {"who": "you", "as": f"!{name or ident}", "parts": [part]}


def says(who: str, text: str) -> dict[str, Any]:
    return {"who": who, "as": text, "parts": [{"kind": "text"}]}


def test_answers_stand_behind_the_turn_of_their_calls_in_their_order() -> None:
    items = [
        says("you", "q"),
        calls("1"),
        calls("2"),
        says("you", "hurry"),
        says("me", "soon"),
        answers("2"),
        says("you", "?"),
        answers("1"),
    ]
    assert gathered(items) == ["q", "?1", "?2", "!1", "!2", "hurry", "soon", "?"]


def test_an_id_that_comes_again_after_its_answer_is_another_call() -> None:
    items = [calls("1"), answers("1", "a"), says("you", "x"), calls("1"), answers("1", "b")]
    call = Call()
    assert gathered(items, call) == ["?1", "!a", "x", "?1", "!b"]
    assert call.told == []


def test_of_two_answers_the_last_counts_and_is_told() -> None:
    call = Call()
    assert gathered([calls("1"), answers("1", "a"), answers("1", "b")], call) == ["?1", "!b"]
    assert call.told == ["rewritten"]


def test_an_answer_without_a_call_and_a_call_twice_are_refused() -> None:
    for items, kind in (
        ([answers("1"), calls("1")], "orphan"),
        ([says("you", "x"), answers("1")], "orphan"),
        ([calls("1"), calls("1"), answers("1")], "twice"),
        ([calls("1"), says("you", "x"), calls("1"), answers("1")], "twice"),
    ):
        with pytest.raises(Refused) as raised:
            gathered(items)
        assert (raised.value.kind, raised.value.values) == (kind, {"ids": ["1"]})


def test_an_answer_beside_words_leaves_them_where_they_are() -> None:
    both = {"who": "you", "as": "both", "parts": [{"kind": "text"}, *answers("1")["parts"]]}
    items = [calls("1"), says("you", "x"), both]
    out = run(
        "gather",
        items,
        call="call",
        call_id="id",
        answer="answer",
        answer_id="of",
        orphan="orphan",
        twice="twice",
    )
    assert [[part["kind"] for part in item["parts"]] for item in out] == [
        ["call"],
        ["answer"],
        ["text"],
        ["text"],
    ]


def of_kinds(*kinds: str) -> Items:
    return [{"who": "me", "parts": [{"kind": kind}]} for kind in kinds]


def kinds_left(items: Items, **options: Any) -> list[str]:
    out = run("whole_or_none", items, kinds=["thought", "closed"], lost="lost", **options)
    return [part["kind"] for item in out for part in item["parts"]]


@pytest.mark.parametrize(
    ("kinds", "options", "left"),
    [
        (["thought", "text"], {}, ["thought", "text"]),
        (["thought", "text", "lost", "call"], {}, ["text", "call"]),
        (["lost"], {}, []),
        (["text", "thought"], {}, ["text", "thought"]),
        (["thought", "text", "closed"], {"followed": True}, ["text"]),
        (["thought", "text"], {"followed": True}, ["thought", "text"]),
        (["text", "thought", "call"], {"leading": True}, ["text", "call"]),
        (["closed", "thought", "call"], {"leading": True}, ["closed", "thought", "call"]),
    ],
)
def test_thoughts_of_a_turn_stay_together_or_go(
    kinds: list[str], options: dict[str, Any], left: list[str]
) -> None:
    assert kinds_left(of_kinds(*kinds), **options) == left


def test_each_turn_is_looked_at_by_itself() -> None:
    items = [*of_kinds("thought", "text"), says("you", "x"), *of_kinds("lost", "thought", "text")]
    assert kinds_left(items) == ["thought", "text", "text", "text"]
