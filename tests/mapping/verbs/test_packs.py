"""What is packed comes back as it was, and nothing else does."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aisix.mapping.syntax.budget import Budget, Held, Spent
from aisix.mapping.verbs.conversions import VERBS

FORMS: dict[str, Any] = {
    "prefix": "x1.",
    "by": "t",
    "forms": {"a": ["p", "t", "k", "s"], "b": ["p", "t", "v"]},
    "fixed": {"p": "here"},
    "filled": ["s"],
    "lists": ["v"],
}
GOOD = {"p": "here", "t": "a", "k": "Hmm", "s": "S=="}


class Call:
    """What a verb may ask."""

    def __init__(self, held: Held | None = None) -> None:
        self.budget = Budget() if held is None else Budget(held=held)
        self.told: list[str] = []

    def tell(self, how: str) -> None:
        self.told.append(how)


def run(verb: str, value: Any, call: Any = None, **options: Any) -> Any:
    declared = VERBS[verb]
    return declared.run(value, declared.read(options), call or Call())


def packed(value: Any, prefix: str = "x1.") -> str:
    data = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    return prefix + base64.urlsafe_b64encode(data).rstrip(b"=").decode()


texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(texts, texts.filter(bool))
def test_what_is_packed_comes_back(text: str, sign: str) -> None:
    whole = {"p": "here", "t": "a", "k": text, "s": sign}
    made = run("pack", whole, prefix="x1.")
    assert made.isascii() and "=" not in made
    call = Call()
    assert run("unpack", made, call, **FORMS) == whole and call.told == []


@settings(max_examples=300)
@given(st.data())
def test_one_changed_byte_gives_nothing_or_another_whole_object(data: st.DataObject) -> None:
    made = run("pack", GOOD, prefix="x1.")
    number = data.draw(st.integers(0, len(made) - 1))
    other = data.draw(st.characters(exclude_categories=["Cs"]).filter(lambda c: c != made[number]))
    call = Call()
    found = run("unpack", made[:number] + other + made[number + 1 :], call, **FORMS)
    if found is None:
        assert call.told == ["dropped"]
    else:
        assert found != GOOD and [*found] == [*GOOD]
        assert (found["p"], found["t"]) == ("here", "a")


@pytest.mark.parametrize(
    "odd",
    [
        "gAAAAABm",
        "",
        7,
        ["x1."],
        "x1.",
        "x1.!!!!",
        "x1.\ud800",
        packed([1]),
        packed({}),
        packed({**GOOD, "p": "elsewhere"}),
        packed({**GOOD, "t": "c"}),
        packed({**GOOD, "t": ["a"]}),
        packed({**GOOD, "s": ""}),
        packed({**GOOD, "k": None}),
        packed({**GOOD, "more": ""}),
        packed({"t": "a", "p": "here", "k": "Hmm", "s": "S=="}),
        packed({"p": "here", "t": "a", "k": "Hmm"}),
        packed({"p": "here", "t": "b", "v": "no list"}),
        packed(GOOD) + "=",
        packed(GOOD, "x2."),
        "x1." + base64.urlsafe_b64encode(json.dumps(GOOD).encode()).rstrip(b"=").decode(),
        "x1." + base64.urlsafe_b64encode(b'{"p":"here","t":"a","k":"\\ud800","s":"x"}').decode(),
    ],
    ids=str,
)
def test_anything_else_is_left_out_and_told(odd: Any) -> None:
    call = Call()
    assert run("unpack", odd, call, **FORMS) is None
    assert call.told == ["dropped"]


def test_a_list_comes_back_where_a_form_has_one() -> None:
    whole = {"p": "here", "t": "b", "v": [{"x": 1}, "y"]}
    assert run("unpack", run("pack", whole, prefix="x1."), **FORMS) == whole


def test_a_longer_one_is_neither_made_nor_opened() -> None:
    made = run("pack", GOOD, prefix="x1.")
    assert run("pack", GOOD, prefix="x1.", longest=len(made)) == made
    assert run("pack", GOOD, prefix="x1.", longest=len(made) - 1) is None
    assert run("unpack", made, longest=len(made), **FORMS) == GOOD
    assert run("unpack", made, longest=len(made) - 1, **FORMS) is None


def test_one_that_holds_too_much_is_not_decoded() -> None:
    made = packed({"p": "here", "t": "b", "v": [0] * 100})
    with pytest.raises(Spent):
        run("unpack", made, Call(Held(values=50)), **FORMS)
