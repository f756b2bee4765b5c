"""Calls in the pieces servers send them: for both dialects of callers the same calls come out."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from aisix.mapping.exchange import Exchange
from aisix.mapping.mappings import load_mappings
from aisix.mapping.types import ResolvedModel
from tests.mapping.laid import SHIPPED

MAPPINGS = load_mappings([SHIPPED]).mappings
CALLERS = ("anthropic-messages/openai-chat", "openai-chat/openai-chat")
TOOLS = ("f", "g", "find", "find_all")
Calls = list[tuple[str, str, str]]  # (id, name, arguments)


def exchange(name: str, stream: bool) -> Exchange:
    mapping, numbers = MAPPINGS[name], itertools.count()
    tables = mapping.effective("gpt-5.5")
    made = Exchange(
        tables,
        mapping.caller.of("req_0"),
        ResolvedModel("alias", "gpt-5.5", False),
        now=1,
        new_id=lambda: f"made{next(numbers)}",
    )
    schema = {"type": "object", "properties": {}}
    body: dict[str, Any] = {"model": "alias", "stream": stream, "max_tokens": 9}
    body["messages"] = [{"role": "user", "content": "hi"}]
    if name.startswith("anthropic"):
        body["tools"] = [{"name": tool, "input_schema": schema} for tool in TOOLS]
    else:
        functions = [{"name": tool, "parameters": schema} for tool in TOOLS]
        body["tools"] = [{"type": "function", "function": function} for function in functions]
    made.request(body, {})
    return made


def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    event = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [choice]}
    return b"data: " + json.dumps(event).encode() + b"\n\n"


def streamed(name: str, pieces: list[list[dict[str, Any]]]) -> tuple[Calls, str]:
    """The calls an SDK puts together of the stream, and what is told."""
    talk = exchange(name, True)
    sent = [chunk({"role": "assistant", "content": ""})]
    sent += [chunk({"tool_calls": items}) for items in pieces]
    sent += [chunk({}, "tool_calls"), b"data: [DONE]\n\n"]
    out = b"".join(map(talk.receive, sent))
    assert talk.done and talk.error is None
    lines = [line[6:] for line in out.decode().splitlines() if line.startswith("data: {")]
    events = [json.loads(line) for line in lines]
    calls: list[dict[str, Any]] = []
    if name.startswith("anthropic"):
        for event in events:
            if event["type"] == "content_block_start":
                assert event["index"] == len(calls)
                calls.append({**event["content_block"], "text": ""})
            elif event["type"] == "content_block_delta":
                assert event["index"] == len(calls) - 1
                calls[-1]["text"] += event["delta"]["partial_json"]
        return [(call["id"], call["name"], call["text"]) for call in calls], talk.warnings
    for event in events:
        for piece in event["choices"][0]["delta"].get("tool_calls", ()):
            if piece["index"] == len(calls):
                assert piece["type"] == "function"
                calls.append({"id": piece["id"], **piece["function"]})
                continue
            assert not piece.get("id") and not piece.get("function", {}).get("name")  # only once
            calls[piece["index"]]["arguments"] += piece.get("function", {}).get("arguments") or ""
    return [(call["id"], call["name"], call["arguments"]) for call in calls], talk.warnings


def plain(name: str, items: Any) -> tuple[list[tuple[str, str, Any]], str]:
    talk = exchange(name, False)
    message = {"role": "assistant", "content": None, "tool_calls": items}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    answer = talk.response(200, {}, json.dumps({"id": "chatcmpl-1", "choices": [choice]}).encode())
    body = json.loads(answer.body)
    if name.startswith("anthropic"):
        return [(c["id"], c["name"], c["input"]) for c in body["content"]], talk.warnings
    calls = body["choices"][0]["message"]["tool_calls"]
    assert all(call["type"] == "function" for call in calls)
    made = [(c["id"], c["function"]["name"], c["function"]["arguments"]) for c in calls]
    return [(id_, name, json.loads(text)) for id_, name, text in made], talk.warnings


def piece(at: Any = 0, id: Any = None, name: Any = None, text: Any = None) -> dict[str, Any]:
    """One piece of a call; None: not there."""
    said = {"name": name, "arguments": text}
    function = {key: value for key, value in said.items() if value is not None}
    out = {"index": at, "id": id, "type": "function" if name else None, "function": function}
    return {key: value for key, value in out.items() if value is not None}


ONE, TWO = '{"a":1}', '{"b":"}"}'
A, B = ("a", "f", ONE), ("b", "g", TWO)
STREAMS: dict[str, tuple[list[list[dict[str, Any]]], Calls]] = {
    # calls on one number
    "whole calls": ([[piece(0, "a", "f", ONE)], [piece(0, "b", "g", TWO)]], [A, B]),
    "in one event": ([[piece(0, "a", "f", ONE), piece(0, "b", "g", TWO)]], [A, B]),
    "in pieces": (
        [
            [piece(0, "a", "f", "")],
            [piece(0, text='{"a"')],
            [piece(0, text=":1}")],
            [piece(0, "b", "g", "")],
            [piece(0, text='{"b":"')],
            [piece(0, text='}"}')],
        ],
        [A, B],
    ),
    "the same function": (
        [[piece(0, "a", "f", ONE)], [piece(0, "b", "f", TWO)]],
        [A, ("b", "f", TWO)],
    ),
    "without ids": (
        [[piece(0, "", "f", ONE)], [piece(0, None, "g", TWO)]],
        [("", *A[1:]), ("", *B[1:])],
    ),
    "without ids, the same twice": (
        [[piece(0, "", "f", ONE), piece(0, "", "f", ONE)]],
        [("", *A[1:]), ("", *A[1:])],
    ),
    "one id for all": (
        [[piece(0, "a", "f", ONE)], [piece(0, "a", "g", TWO)]],
        [A, ("a_2", "g", TWO)],
    ),
    "without arguments": (
        [[piece(0, "a", "f", "")], [piece(0, "b", "g", "")]],
        [("a", "f", ""), ("b", "g", "")],
    ),
    "without arguments and ids": (
        [[piece(0, "", "f", "")], [piece(0, "", "g", "")]],
        [("", "f", ""), ("", "g", "")],
    ),
    "the name behind the new id": (
        [[piece(0, "a", "f", ONE)], [piece(0, "b")], [piece(0, None, "g", TWO)]],
        [A, B],
    ),
    # ids that are none
    "an id that changes": (
        [[piece(0, "a", "f", '{"a"')], [piece(0, "x", text=":")], [piece(0, "y", text="1}")]],
        [A],
    ),
    "an id and a name that change and stay": (
        [[piece(0, "a", "f", '{"a"')], [piece(0, "x", "f", ":")], [piece(0, "y", "f", "1}")]],
        [A],
    ),
    "an id that comes late": (
        [[piece(0, "", "f", '{"a"')], [piece(0, "a", text=":1}")]],
        [("", *A[1:])],
    ),
    "an id at the very end": ([[piece(0, "a", "f", ONE)], [piece(0, "x")]], [A]),
    "a number for an id": ([[piece(0, 7, "f", ONE)]], [("7", "f", ONE)]),
    "two calls of one id": (
        [[piece(0, "a", "f", ONE)], [piece(1, "a", "g", TWO)]],
        [A, ("a_2", "g", TWO)],
    ),
    # numbers
    "no numbers": ([[piece(None, "a", "f", ONE)], [piece(None, "b", "g", TWO)]], [A, B]),
    "no numbers, interleaved": (
        [
            [piece(None, "a", "f", '{"a"')],
            [piece(None, "b", "g", '{"b":')],
            [piece(None, "a", text=":1}")],
            [piece(None, "b", text='"}"}')],
        ],
        [A, B],
    ),
    "numbered only at first": ([[piece(0, "a", "f", '{"a"')], [piece(None, text=":1}")]], [A]),
    "numbered only later": ([[piece(None, "a", "f", '{"a"')], [piece(0, text=":1}")]], [A]),
    "as text": (
        [[piece("0", "a", "f", '{"a"')], [piece("1", "b", "g", TWO)], [piece("0", text=":1}")]],
        [A, B],
    ),
    "as 0.0": ([[piece(0.0, "a", "f", '{"a"')], [piece(0.0, text=":1}")]], [A]),
    "not from 0": (
        [[piece(3, "a", "f", '{"a"')], [piece(3, text=":1}")], [piece(5, "b", "g", TWO)]],
        [A, B],
    ),
    "interleaved": (
        [
            [piece(0, "a", "f", ""), piece(1, "b", "g", "")],
            [piece(1, text='{"b":'), piece(0, text='{"a"')],
            [piece(1, text='"}"}')],
            [piece(0, text=":1}")],
        ],
        [A, B],
    ),
    # names
    "a name that comes late": ([[piece(0, "a", text="")], [piece(0, "a", "f", ONE)]], [A]),
    "a name that comes last": (
        [[piece(0, "a", text='{"a"')], [piece(0, text=":1}")], [piece(0, None, "f")]],
        [A],
    ),
    "a name that is empty first": ([[piece(0, "a", "", "")], [piece(0, None, "f", ONE)]], [A]),
    "a name in pieces": (
        [[piece(0, "a", "find", "")], [piece(0, None, "_all", "")], [piece(0, text=ONE)]],
        [("a", "find_all", ONE)],
    ),
    "a name in pieces nobody knows": (
        [[piece(0, "a", "get_", "")], [piece(0, None, "it", "")], [piece(0, text=ONE)]],
        [("a", "get_it", ONE)],
    ),
    "a name that grows": (
        [[piece(0, "a", "get_", "")], [piece(0, "a", "get_it", "")], [piece(0, text=ONE)]],
        [("a", "get_it", ONE)],
    ),
    "a name that begins another": (
        [[piece(0, "a", "find", "")], [piece(0, text=ONE)]],
        [("a", "find", ONE)],
    ),
    "a name with every piece": (
        [
            [piece(0, "a", "f", "")],
            [piece(0, "a", "f", '{"a"')],
            [piece(0, "a", "f", ":1}")],
            [piece(0, "a", "f", "")],
        ],
        [A],
    ),
    "a name with every piece, no ids": (
        [
            [piece(0, "", "f", "")],
            [piece(0, "", "f", '{"a"')],
            [piece(0, "", "f", ":1}")],
            [piece(0, "", "f", "")],
        ],
        [("", *A[1:])],
    ),
    "a name again, then another text": (
        [[piece(0, "", "f", ONE)], [piece(0, "", "f", "")], [piece(0, text=TWO)]],
        [("", "f", ONE), ("", "f", TWO)],
    ),
    "the only thing said": ([[piece(0, "a", "find", "")]], [("a", "find", "")]),
    # arguments
    "an object": (
        [[piece(0, "a", "f", {"a": 1})], [piece(0, "b", "f", {"b": "}"})]],
        [A, ("b", "f", TWO)],
    ),
    "null": (
        [[{**piece(0, "a", "f"), "function": {"name": "f", "arguments": None}}]],
        [("a", "f", "")],
    ),
    "encoded twice": ([[piece(0, "a", "f", json.dumps(ONE))]], [A]),
    "encoded twice, in pieces": (
        [[piece(0, "a", "f", "")], *([piece(0, text=one)] for one in json.dumps(ONE))],
        [A],
    ),
    "encoded twice, then another": (
        [[piece(0, "a", "f", json.dumps(ONE))], [piece(0, "b", "g", json.dumps(TWO))]],
        [A, B],
    ),
    "a text that is no object": ([[piece(0, "a", "f", '"hi"')]], [("a", "f", '"hi"')]),
    "a quote that is never closed": ([[piece(0, "a", "f", '"{')]], [("a", "f", '"{')]),
    "all of it again at the end": (
        [[piece(0, "a", "f", "")], [piece(0, text=ONE)], [piece(0, "a", "f", ONE)]],
        [A],
    ),
}


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("caller", CALLERS)
def test_a_stream(caller: str, name: str) -> None:
    pieces, wanted = STREAMS[name]
    found, _ = streamed(caller, pieces)
    assert [
        (id_ if want[0] else "", *rest) for (id_, *rest), want in zip(found, wanted, strict=True)
    ] == wanted
    assert len({id_ for id_, *_ in found}) == len(found) and all(id_ for id_, *_ in found)


PLAIN: dict[str, tuple[Any, list[tuple[str, str, Any]]]] = {
    "as it should be": ([piece(0, "a", "f", ONE)], [("a", "f", {"a": 1})]),
    "an object": ([piece(None, "a", "f", {"a": 1})], [("a", "f", {"a": 1})]),
    "encoded twice": ([piece(None, "a", "f", json.dumps(ONE))], [("a", "f", {"a": 1})]),
    "null": ([{"id": "a", "function": {"name": "f", "arguments": None}}], [("a", "f", {})]),
    "no arguments": ([piece(None, "a", "f")], [("a", "f", {})]),
    "one number for all": (
        [piece(0, "a", "f", ONE), piece(0, "b", "g", TWO)],
        [("a", "f", {"a": 1}), ("b", "g", {"b": "}"})],
    ),
    "no ids": ([piece(None, "", "f", ONE), piece(None, None, "f", ONE)], [("", "f", {"a": 1})] * 2),
    "one id for all": (
        [piece(None, "a", "f", ONE), piece(None, "a", "f", ONE)],
        [("a", "f", {"a": 1}), ("a_2", "f", {"a": 1})],
    ),
    "no list": (piece(None, "a", "f", ONE), [("a", "f", {"a": 1})]),
}


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("caller", CALLERS)
def test_a_plain_answer(caller: str, name: str) -> None:
    items, wanted = PLAIN[name]
    found, _ = plain(caller, items)
    assert [
        (id_ if want[0] else "", *rest) for (id_, *rest), want in zip(found, wanted, strict=True)
    ] == wanted
    assert len({id_ for id_, *_ in found}) == len(found) and all(id_ for id_, *_ in found)


def test_what_was_right_is_not_touched_and_nothing_is_told() -> None:
    talk = exchange(CALLERS[1], True)
    sent = [
        chunk({"role": "assistant", "content": None}),
        chunk({"tool_calls": [piece(0, "a", "find_all", "")]}),
        chunk({"tool_calls": [piece(0, text='{"a"')]}),
        chunk({"tool_calls": [piece(0, text=":1}"), piece(1, "b", "g", "")]}),
        chunk({"tool_calls": [piece(1, text="{}")]}),
        chunk({}, "tool_calls"),
    ]
    for data in sent:
        one, other = json.loads(talk.receive(data)[6:]), json.loads(data[6:])
        assert one["choices"] == other["choices"]
    assert talk.warnings == ""


@pytest.mark.parametrize("place", [True, 1, "delta", [1], None])
@pytest.mark.parametrize("what", ["choices", "delta", "tool_calls"])
@pytest.mark.parametrize("caller", CALLERS)
def test_something_else_in_a_place_of_calls_is_no_call(caller: str, what: str, place: Any) -> None:
    talk = exchange(caller, True)
    odd = json.loads(chunk({"tool_calls": place} if what == "tool_calls" else {})[6:])
    if what == "choices":
        odd["choices"] = place
    elif what == "delta":
        odd["choices"][0]["delta"] = place
    talk.receive(f"data: {json.dumps(odd)}\n\n".encode())
    talk.receive(chunk({"tool_calls": [piece(0, "a", "f", "{}")]}))
    talk.receive(chunk({}, "tool_calls"))
    talk.end()
    assert talk.done and talk.error is None


@pytest.mark.parametrize("caller", CALLERS)
def test_a_change_is_told_once(caller: str) -> None:
    assert streamed(caller, STREAMS["in one event"][0])[1] == "tool_calls=rewritten"
    assert plain(caller, PLAIN["an object"][0])[1] == "tool_calls=rewritten"


@pytest.mark.parametrize("caller", CALLERS)
def test_the_one_call_of_2023(caller: str) -> None:
    talk = exchange(caller, True)
    function = [{"name": "", "arguments": ""}, {"name": "f"}, {"arguments": {"a": 1}}]
    sent = [chunk({"function_call": one}) for one in function]
    out = b"".join(map(talk.receive, [*sent, chunk({}, "function_call")])).decode()
    assert out.count('"name":"f"') == 1 and r'"{\"a\":1}"' in out


def test_a_call_of_free_text_is_no_function() -> None:
    talk = exchange(CALLERS[1], True)
    call = {"index": 1, "id": "", "type": "custom", "custom": {"name": "g", "input": "{ not JSON"}}
    event = json.loads(talk.receive(chunk({"tool_calls": [call]}))[6:])
    (made,) = event["choices"][0]["delta"]["tool_calls"]
    assert made == {**call, "index": 0, "id": made["id"]} and made["id"]


def test_calls_of_several_choices_are_told_apart() -> None:
    talk = exchange(CALLERS[1], True)
    choices = [
        {"index": n, "delta": {"tool_calls": [piece(0, "a", "f", ONE)]}, "finish_reason": None}
        for n in (0, 1)
    ]
    event = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": choices}
    out = json.loads(talk.receive(b"data: " + json.dumps(event).encode() + b"\n\n")[6:])
    assert out["choices"] == choices


@pytest.mark.parametrize("caller", CALLERS)
def test_what_is_held_comes_before_the_end_also_without_a_reason(caller: str) -> None:
    talk = exchange(caller, True)
    talk.receive(chunk({"tool_calls": [piece(0, "a", "find", "")]}))
    assert b'"find"' in talk.receive(b"data: [DONE]\n\n") or talk.error is not None
