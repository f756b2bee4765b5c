"""Passes may be told of paths below a field; they do the same as with a field, in both forms."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from aisix.mapping.exchange import Exchange, ResolvedModel
from aisix.mapping.mappings import load_mappings
from aisix.mapping.verbs.nested import leads_below, runner
from aisix.mapping.verbs.passes import PASSES
from aisix.mapping.verbs.refused import Refused
from tests.mapping.laid import NAME, SHIPPED, laid, said
from tests.mapping.verbs.test_pairing import Asked

PAIR = {"list": "parts", "kind": "kind", "call": "call", "answer": "answer"}
PAIR |= {"unanswered": "unanswered", "orphan": "orphan"}


def call(id: str) -> dict[str, Any]:
    return {"kind": "call", "function": {"id": id, "name": "f"}}


def answer(id: str) -> dict[str, Any]:
    return {"kind": "answer", "of": {"call": {"id": id}}}


def run(name: str, options: dict[str, Any], items: list[Any]) -> tuple[list[Any], Asked]:
    one, asked = PASSES[name], Asked()
    given: Any = asked
    read = one.read(options)
    assert leads_below(read, one)
    found = runner(one, read)(items, read, lambda item: item.get("who") != "other", given)
    assert "\\u0000" not in json.dumps([found, asked.state])
    return found, asked


def test_calls_and_answers_are_paired_by_ids_below_a_field() -> None:
    nested = {**PAIR, "call_id": "function.id", "answer_id": "of.call.id"}
    items = [
        {"parts": [call("a"), call("b")]},
        {"parts": [{"kind": "text"}, answer("b"), answer("a")]},
        {"parts": [call("a")]},
        {"parts": [answer("a")]},
    ]
    callers = [item["parts"][0]["function"] for item in items if "function" in item["parts"][0]]
    before = copy.deepcopy(callers)
    found, _ = run("pair", nested, items)
    assert found[1]["parts"] == [answer("a"), answer("b"), {"kind": "text"}]
    assert found[2]["parts"] == [call("a_2")]  # ids are unique
    assert found[3]["parts"] == [answer("a_2")]
    assert callers == before  # what may be the caller's own is copied
    with pytest.raises(Refused) as refused:
        run("pair", nested, [{"parts": [call("a")]}, {"parts": [answer("c")]}])
    assert refused.value.values["ids"] == ["c"]


def test_the_list_and_the_word_of_neighbours_may_stand_below_too() -> None:
    items = [
        {"meta": {"who": "me"}, "message": {"parts": [{"text": "a"}]}},
        {"meta": {"who": "me"}, "message": {"parts": [{"text": "b"}], "x": 1}},
        {"meta": {"who": "you"}, "message": {"parts": []}},
    ]
    lists = copy.deepcopy([item["message"]["parts"] for item in items])
    held = [item["message"]["parts"] for item in items]
    found, _ = run("merge", {"by": "meta.who", "list": "message.parts"}, items)
    assert [item["message"]["parts"] for item in found] == [[{"text": "a"}, {"text": "b"}], []]
    assert held == lists
    filled = {"list": "message.parts", "item": {"text": "-"}}
    found, _ = run("fill", filled, found)
    assert found[1]["message"]["parts"] == [{"text": "-"}]
    fields = {"meta.who": "me"}
    found, _ = run("begin", {"fields": fields, **filled}, [{"who": "other"}])
    assert found[0] == {"meta": {"who": "me"}, "message": {"parts": [{"text": "-"}]}}


@pytest.mark.parametrize("kind", ["spill", "hoist"])
def test_parts_within_an_answer(kind: str) -> None:
    common = {"list": "parts", "kind": "is.a", "answer": "answer", "inner": "result.said"}
    said = [{"is": {"a": "text"}}, {"is": {"a": "image"}, "cache": {"mark": {"span": 1}}}]
    part = {"is": {"a": "answer"}, "state": {"failed": True}, "result": {"said": said}}
    if kind == "spill":
        options = {**common, "flag": "state.failed", "kinds": ["text"], "item": {}}
        (item,), _ = run(kind, options, [{"parts": [part]}])
        assert item["parts"][0]["result"]["said"] == said[:1]
        assert item["parts"][1] == said[1]
        return
    options = {**common, "mark": "cache.mark", "span": "span", "long": 2, "counted": "n"}
    (item,), asked = run(kind, options, [{"parts": [part]}])
    assert item["parts"][0]["cache"] == {"mark": {"span": 1}}
    assert item["parts"][0]["result"]["said"][1]["cache"] == {}
    assert asked.state == {"n": 1}


TURNS = """
[accept]
turns = "array"
[field.turns]
from = "turns"
each = "turn"
"""
PAIRED = """
[field.turns.arrange.two]
verb = "pair"
kind = "kind"
call = "call"
answer = "answer"
answer_id = "of"
unanswered = "bad_value"
orphan = "bad_value"
"""
OVERLAY = f"""
{TURNS}
[field.turns.arrange.one]
verb = "merge"
by = "meta.who"
list = "body.parts"
{PAIRED}
list = "body.parts"
call_id = "function.id"
[shape.turn]
meta = {{ object = {{ who = {{ from = "who" }} }} }}
body = {{ object = {{ parts = {{ from = "parts", keep_empty = true }} }} }}
"""
FLAT = f"""
{TURNS}
{PAIRED}
list = "parts"
call_id = "id"
[shape.turn]
parts = {{ from = "parts" }}
"""


def sent(tmp_path: Path, overlay: str, turns: list[Any]) -> list[Any]:
    """The turns as the upstream gets them, the same in both forms."""
    mapping = load_mappings([SHIPPED, laid(tmp_path, {"request.toml": overlay})]).mappings[NAME]
    tables = mapping.effective(mapping.example())
    target = ResolvedModel("a", mapping.example())
    body = {**mapping.caller.sample, "turns": turns}
    made = []
    for compiled in (True, False):
        talk = Exchange(
            tables, mapping.caller, target, now=1, new_id=lambda: "0", compiled=compiled
        )
        asked = copy.deepcopy(body)
        made.append(json.loads(talk.request(asked).body))
        assert asked == body
        assert not talk.take_fallbacks()
    assert made[0] == made[1]
    return list(made[0]["turns"])


def test_both_forms_of_tables_do_it(tmp_path: Path) -> None:
    turns = [
        {"who": "me", "parts": [call("a")]},
        {"who": "me", "parts": [call("b")]},
        {"who": "you", "parts": [{"kind": "answer", "of": x} for x in "ba"]},
    ]
    assert [turn["body"]["parts"] for turn in sent(tmp_path, OVERLAY, turns)] == [
        [call("a"), call("b")],
        [{"kind": "answer", "of": x} for x in "ab"],
    ]


def test_a_path_that_leads_nowhere_is_complained_about(tmp_path: Path) -> None:
    site = laid(tmp_path, {"request.toml": OVERLAY.replace('"meta.who"', '"mata.who"')})
    assert any("the items have no" in text for text in said(site)), said(site)
    laid(tmp_path, {"request.toml": OVERLAY.replace('"function.id"', '"function..id"')})
    assert any("no path below an item" in text for text in said(site)), said(site)


@pytest.mark.parametrize(
    "odd",
    [{}, {"parts": "text"}, {"parts": ["text", 1, None, [1]]}, {"parts": [{"kind": ["call"]}]}],
)
def test_an_item_without_its_list_and_a_part_that_is_no_object_are_passed_over(
    tmp_path: Path, odd: dict[str, Any]
) -> None:
    calls = [{"kind": "call", "id": x} for x in "ab"]
    answers = [{"kind": "answer", "of": x} for x in "ba"]
    turns = [odd, {"parts": ["text", *calls]}, {"parts": [*answers, 1]}, odd]
    made = sent(tmp_path, FLAT, turns)
    assert [one["of"] for one in made[-2]["parts"][:2]] == ["a", "b"]
