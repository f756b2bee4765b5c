"""Verbs for texts: what is made of names and ids the other side would refuse."""

from __future__ import annotations

import re
from typing import Any

import pytest

from aisix.mapping.verbs.conversions import VERBS

SHORT = {"matches": "[a-zA-Z0-9_-]{1,64}", "allowed": "a-zA-Z0-9_-", "longest": 64, "into": "names"}


class Call:
    """What a verb may ask."""

    body: dict[str, Any]
    item = None

    def __init__(self) -> None:
        self.state: dict[str, Any] = {}
        self.told: list[str] = []

    def tell(self, how: str) -> None:
        self.told.append(how)


def run(verb: str, value: Any, call: Any = None, **options: Any) -> Any:
    declared = VERBS[verb]
    return declared.run(value, declared.read(options), call)


@pytest.mark.parametrize(
    "text",
    [
        "a" * 65,
        "a" * 128,
        "a" * 300,
        "a.b",
        "a b",
        "",
        "käse",
        "工具",
        "\ud800",
        "a\nb",
        "a" * 64 + "\n",
    ],
)
def test_what_does_not_fit_is_made_fit_and_told_and_can_be_brought_back(text: str) -> None:
    call = Call()
    made = run("shortened", text, call, **SHORT)
    assert re.fullmatch(SHORT["matches"], made)
    assert call.told == ["rewritten"]
    assert call.state == {"names": {made: text}}
    again = Call()
    assert run("shortened", text, again, **SHORT) == made
    assert run("shortened", made, again, **SHORT) == made  # once is enough
    table = {"name": made, "names": call.state["names"]}
    assert run("looked_up", table, word="name", table="names") == text


def test_what_fits_stays_and_nothing_is_told() -> None:
    call = Call()
    for text in ("a", "a" * 64, "mcp__server__tool-1"):
        assert run("shortened", text, call, **SHORT) == text
    assert (call.state, call.told) == ({}, [])


def test_names_that_differ_only_behind_the_cut_stay_distinct() -> None:
    texts = ["n" * 60 + f"{number:05}" for number in range(2000)]
    call = Call()
    assert len({run("shortened", text, call, **SHORT) for text in texts}) == len(texts)


def test_a_word_that_was_never_changed_is_what_it_is() -> None:
    def back(word: Any, names: Any) -> Any:
        return run("looked_up", {"w": word, "t": names}, word="w", table="t")

    assert back("f", {"g": "h"}) == "f"
    assert back("f", None) == "f"
    assert back(None, {"g": "h"}) is None
    assert back(["f"], {"g": "h"}) == ["f"]


def test_a_beginning_goes_only_where_it_is_the_beginning() -> None:
    def cut(text: str) -> tuple[Any, list[str]]:
        call = Call()
        return run("without_start", text, call, matches="(?i)(\\s*x-b:[^\\n]*(\\n+|$))+"), call.told

    assert cut("x-b: 1\nYou are") == ("You are", ["dropped"])
    assert cut("\n X-B: 1\nx-b: 2\n\nYou are\nx-b: 3") == ("You are\nx-b: 3", ["dropped"])
    assert cut("x-b: 1") == (None, ["dropped"])
    for text in ("", "You are", "You are\nx-b: 1", "x-bc", " "):
        assert cut(text) == (text, [])


def test_a_safe_id_may_have_a_length_too() -> None:
    def safe(text: str, **more: Any) -> Any:
        return run("safe_id", text, allowed="a-z", blank="id", **more)

    assert safe("a" * 200) == "a" * 200
    assert len(safe("a" * 129, longest=128)) == 128
    assert safe("a" * 129, longest=128) != safe("a" * 130, longest=128)
    assert safe("a" * 128, longest=128) == "a" * 128
    assert safe("a:b", longest=128) == safe("a:b")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "<a>"),
        (["a", "b"], '<["a","b"]>'),
        ({"value": {"x": [True, None]}}, '<{"x":[true,null]}>'),
        (True, "<true>"),
        (3, "<3>"),
        (0.5, "<0.5>"),
        ({"value": None}, "<>"),
        ({}, "<>"),
    ],
)
def test_what_is_no_text_is_json_in_a_sentence(value: Any, text: str) -> None:
    assert run("template", value, text="<{value}>") == text
