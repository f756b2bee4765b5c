"""Look-ups by key: what is found, in both forms, in time that grows with the request alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aisix.errors import CallerError
from aisix.mapping.exchange import Exchange, ResolvedModel
from aisix.mapping.interpret import find
from aisix.mapping.mappings import Mapping, load_mappings
from aisix.mapping.syntax.budget import Budget
from tests.mapping.laid import NAME, SHIPPED, laid, said

LET = """
[accept]
things = "array"
asked = "array"
[let.calls]
from = "messages[].tool_calls[]"
[let.things]
from = "things"
[field.found]
from = "asked"
each = "asked"
[shape.asked]
name = { find = { in = "$let.calls", by = "id", equals = "ref", take = "function.name" } }
"""
OTHERS = """
whole = { find = { in = "$let.things", by = "a.id", equals = "ref" }, only = ["object"] }
body = { find = { in = "$body.things[].below[]", by = "id", equals = "ref", take = "n" }, default = "none" }
mine = { find = { in = "own", by = "id", equals = "ref", take = "n" } }
kept = { find = { in = "$my.kept", by = "id", equals = "ref", take = "n" }, default = "$index" }
[shape.asked.named.first.a]
find = { in = "$let.things", by = "a.id", equals = "$body.user", take = "n" }
[shape.asked.named.first.b]
value = "?"
[shape.asked.my]
kept = { from = "own", where = { n = "$present" } }
"""
CALLS = [
    {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
    {"id": "c2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
    {"id": "c1", "type": "function", "function": {"name": "late", "arguments": "{}"}},
]
TALK = [
    {"role": "user", "content": "q"},
    {"role": "assistant", "tool_calls": CALLS[:2]},
    *({"role": "tool", "tool_call_id": name, "content": "x"} for name in ("c1", "c2")),
]


def load(tmp_path: Path, text: str) -> Mapping:
    return load_mappings([SHIPPED, laid(tmp_path, {"request.toml": text})]).mappings[NAME]


def both(mapping: Mapping, **body: Any) -> Any:
    """`found` of the upstream's request, or the fault; the same in both forms."""
    made: list[Any] = []
    for compiled in (True, False):
        tables = mapping.effective(mapping.example())
        target = ResolvedModel("a", mapping.example())
        talk = Exchange(tables, mapping.caller, target, now=1, new_id=str, compiled=compiled)
        try:
            sent = talk.request({"model": "a", "messages": TALK, **body})
            made.append((sent.body, talk.warnings))
            assert not talk.take_fallbacks()
        except CallerError as error:
            made.append((error.kind, error.param))
    assert made[0] == made[1]
    return made[0]


def found(mapping: Mapping, **body: Any) -> Any:
    return json.loads(both(mapping, **body)[0]).get("found")


def test_an_item_is_found_by_its_key(tmp_path: Path) -> None:
    mapping = load(tmp_path, LET)
    asked = [{"ref": "c2"}, {"ref": "c1"}, {"ref": "nobody"}, {"ref": 1}, {"ref": None}, {}]
    assert found(mapping, asked=asked) == [{"name": "g"}, {"name": "f"}, {}, {}, {}, {}]
    messages = [{"role": "user", "content": "q"}]
    assert found(mapping, asked=asked, messages=messages) == [{}] * 6  # no list at all


def test_of_two_with_one_key_the_first_counts(tmp_path: Path) -> None:
    mapping = load(tmp_path, LET.replace("messages[].tool_calls[]", "things"))
    assert found(mapping, asked=[{"ref": "c1"}], things=CALLS) == [{"name": "f"}]


ODD: list[Any] = [
    *({"a": {"id": key}, "n": str(key), "below": [{"id": key, "n": 7}]}
      for key in ("x", 1, 1.0, True, "1", "", None, [], {}, float("inf"))),
    *(None, 3, "x", [], {"a": "x"}, {"a": {"id": "x"}, "n": "second"}, {"below": [3, None, {"id": "y"}]}),
]  # fmt: skip


@pytest.mark.parametrize("key", ["x", 1, 1.0, True, False, "1", "", None, [], {}, "y"], ids=repr)
@pytest.mark.parametrize("things", [ODD, [], {"a": 1}, "text", None], ids=["odd", *"elot"])
def test_odd_keys_and_odd_lists_are_the_same_in_both_forms(
    tmp_path: Path, things: Any, key: Any
) -> None:
    anything = 'things = { type = ["array", "object", "string"] }'
    mapping = load(tmp_path, LET.replace('things = "array"', anything) + OTHERS)
    own = [3, None, {"id": key, "n": 1}, {"id": key}, {"id": "x", "n": 2}]
    asked = [{"ref": key, "own": own}, {"ref": key, "own": things}, {"ref": "x"}]
    body = {"things": things, "asked": asked, "user": "x"}
    both(mapping, **body)
    if key == "x" and things is ODD:
        one = found(mapping, **body)[0]
        assert one["whole"] == ODD[0]
        assert (one["body"], one["mine"], one["kept"], one["named"]) == (7, 1, 1, "x")


def test_where_nothing_is_found_it_is_as_an_absent_path(tmp_path: Path) -> None:
    mapping = load(tmp_path, LET + 'must = { find = { in = "$let.calls", by = "id", '
                   'equals = "ref" }, required = "missing" }\n')  # fmt: skip
    assert both(mapping, asked=[{"ref": "c9"}])[0] == "missing"
    assert found(mapping, asked=[{"ref": "c1"}])[0]["must"]["id"] == "c1"


def test_a_list_is_indexed_once_and_paid_for_once(tmp_path: Path) -> None:
    mapping = load(tmp_path, LET)
    many = [{"id": f"i{n}", "type": "function", "function": {"name": f"f{n}", "arguments": ""}}
            for n in range(3000)]  # fmt: skip
    messages = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "tool_calls": many},
        *({"role": "tool", "tool_call_id": one["id"], "content": ""} for one in many),
    ]
    asked = [{"ref": one["id"]} for one in many]
    spent = []
    for compiled in (True, False):
        budget = Budget()
        target = ResolvedModel("a", mapping.example())
        tables = mapping.effective(mapping.example())
        talk = Exchange(
            tables, mapping.caller, target, now=1, new_id=str, compiled=compiled, budget=budget
        )
        talk.request({"model": "a", "messages": messages, "asked": asked})
        spent.append(budget.spent)
    assert max(spent) < 40 * len(many) + 20_000  # not 3,000 times 3,000


class Call:
    """Whose lists are looked into."""

    def __init__(self) -> None:
        self.indexes: dict[str, find.Index] = {}
        self.budget = Budget()


def test_a_list_that_grows_is_looked_at_from_where_it_ended() -> None:
    call, items = Call(), [{"id": "a", "n": 1}]
    assert find.pick(find.index(call, "l", items, ("id",)), "b") is None
    items += [{"id": "b", "n": 2}, {"id": "a", "n": 3}]
    assert find.pick(find.index(call, "l", items, ("id",)), "b") == {"id": "b", "n": 2}
    assert find.pick(find.index(call, "l", items, ("id",)), "a") == {"id": "a", "n": 1}
    assert call.budget.spent == 3
    del items[1:]
    assert find.pick(find.index(call, "l", items, ("id",)), "b") is None
    assert find.pick(find.index(call, "l", [{"id": "z"}], ("id",)), "a") is None
    assert len(call.indexes) == 1


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('find = "id"', "expected table"),
        ('find = { in = "$let.calls", by = "id" }', "needs equals"),
        ('find = { in = "$let.calls", by = "id", equal = "x" }', 'did you mean "equals"?'),
        ('find = { in = "$let.cals", by = "id", equals = "x" }', 'did you mean "calls"?'),
        ('find = { in = "$let.calls", by = "$my.x", equals = "x" }', "no path below an item"),
        ('find = { in = "$let.calls", by = 3, equals = "x" }', "expected"),
        ('from = "x"\nfind = { in = "$let.calls", by = "id", equals = "x" }', "one source only"),
    ],
)
def test_complaints(tmp_path: Path, text: str, complaint: str) -> None:
    found = said(laid(tmp_path, {"request.toml": LET + f"[shape.asked.other]\n{text}\n"}))
    assert any(complaint in one for one in found), found


ASKED = """
remember = ["legacy", "custom", "json_how", "renamed", "things", "word"]
[accept]
things = "array"
[let.things]
from = "things"
[let.word]
from = "user"
"""
SAYS = """
[chunk.text]
x_said = { find = { in = "$request.things", by = "id", equals = "delta.text", take = "n" }, default = "-" }
[envelope.chunk]
x_word = { find = { in = "$request.things", by = "id", equals = "$request.word", take = "n" } }
[envelope.whole]
x_word = { find = { in = "$request.things", by = "id", equals = "$request.word", take = "n" } }
"""


@pytest.mark.parametrize("things", [[{"id": "a", "n": 1}, {"id": "a", "n": 2}], [], None])
def test_an_answer_looks_up_what_the_request_left(tmp_path: Path, things: Any) -> None:
    folder = laid(tmp_path, {"request.toml": ASKED, "answer.toml": SAYS})
    mapping = load_mappings([SHIPPED, folder]).mappings[NAME]
    events = [
        {"type": "message_start", "message": {"id": "m", "usage": {}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": t}}
          for t in ("a", "b")),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {}},
        {"type": "message_stop"},
    ]  # fmt: skip
    data = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    message = {"type": "message", "content": [{"type": "text", "text": "a"}], "usage": {},
               "stop_reason": "end_turn"}  # fmt: skip
    made = []
    for compiled in (True, False):
        said: list[bytes] = []
        for stream in (True, False):
            tables = mapping.effective(mapping.example())
            target = ResolvedModel("a", mapping.example())
            talk = Exchange(tables, mapping.caller, target, now=1, new_id=str, compiled=compiled)
            body = {"model": "a", "messages": TALK[:1], "user": "a", "things": things}
            talk.request({**body, "stream": stream})
            if stream:
                said.append(talk.receive(data) + talk.end())
            else:
                said.append(talk.response(200, {}, json.dumps(message).encode()).body)
        made.append(said)
    assert made[0] == made[1]
    word = b'"x_word":1' if things else b"created"
    assert word in made[0][0] and word in made[0][1]
    assert (b'"x_said":1' in made[0][0]) is bool(things)
    assert b'"x_said":"-"' in made[0][0]
