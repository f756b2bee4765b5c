"""What is told of an answer's own list: marks come out of it, and so do pictures of a failure."""

from __future__ import annotations

from typing import Any

import pytest

from aisix.mapping.verbs.passes import PASSES

COMMON = {"list": "parts", "kind": "kind", "answer": "answer", "inner": "said"}
HOIST = PASSES["hoist"].read(
    {**COMMON, "mark": "mark", "span": "span", "long": "1h"} | {"counted": "n"}
)
SPILL = PASSES["spill"].read(
    {**COMMON, "flag": "failed", "kinds": ["text"], "item": {"kind": "text"}}
)
SHORT, LONG = {"span": "5m"}, {"span": "1h"}


class Asked:
    def __init__(self) -> None:
        self.state: dict[str, Any] = {}
        self.told: list[str] = []
        self.quiet: list[str] = []
        self.tell, self.tell_quietly = self.told.append, self.quiet.append


def run(name: str, options: dict[str, Any], *parts: dict[str, Any]) -> tuple[list[Any], Asked]:
    asked: Any = Asked()
    items = PASSES[name].run([{"parts": [*parts]}, {"parts": None}], options, lambda _: True, asked)
    return items[0]["parts"], asked


@pytest.mark.parametrize(
    ("outer", "inner", "mark", "told"),
    [
        (None, [SHORT], SHORT, []),
        (None, [None, SHORT], SHORT, []),
        (None, [SHORT, None], SHORT, ["rewritten"]),
        (None, [LONG, SHORT], LONG, ["rewritten"]),
        (SHORT, [SHORT], SHORT, []),
        (SHORT, [LONG], LONG, ["rewritten"]),
        (LONG, [SHORT], LONG, ["rewritten"]),
    ],
)
def test_one_mark_and_the_longest(outer: Any, inner: list[Any], mark: Any, told: list[str]) -> None:
    said = [{"kind": "text", **({"mark": one} if one else {})} for one in inner]
    part = {"kind": "answer", "said": said, **({"mark": outer} if outer else {})}
    (found,), asked = run("hoist", HOIST, part)
    assert found == {"kind": "answer", "said": [{"kind": "text"}] * len(inner), "mark": mark}
    assert (asked.told, asked.state) == (told, {"n": 1})


def test_marks_of_what_is_no_answer_stay() -> None:
    part = {"kind": "text", "said": [{"mark": SHORT}], "mark": LONG}
    plain = {"kind": "answer", "said": "text"}
    assert run("hoist", HOIST, part, plain)[0] == [part, plain]


def test_a_failure_keeps_its_texts_and_what_else_it_said_follows() -> None:
    text, picture = {"kind": "text", "n": 1}, {"kind": "picture"}
    failed = {"kind": "answer", "failed": True, "said": [picture, text]}
    fine = {"kind": "answer", "failed": False, "said": [picture]}
    parts, asked = run("spill", SPILL, failed, fine)
    assert parts == [{**failed, "said": [text]}, fine, picture]
    assert asked.told == ["rewritten"]


@pytest.mark.parametrize("said", [None, "", " ", []])
def test_a_failure_says_something(said: Any) -> None:
    parts, asked = run("spill", SPILL, {"kind": "answer", "failed": True, "said": said})
    assert parts == [{"kind": "answer", "failed": True, "said": [{"kind": "text"}]}]
    assert (asked.told, asked.quiet) == ([], ["inserted"])
