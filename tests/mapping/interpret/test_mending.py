"""Answers as their clients need them; usual events go on as they came."""

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
BLOCKS = "anthropic-messages/anthropic-messages"
CHOICES = "openai-chat/openai-chat"
CALL = {"type": "tool_use", "id": "toolu_1", "name": "f"}
USAGE = {"input_tokens": 1, "output_tokens": 1}


def exchange(name: str, stream: bool) -> Exchange:
    mapping, numbers = MAPPINGS[name], itertools.count()
    model = "claude-opus-4-8" if name.endswith("anthropic-messages") else "gpt-5.5"
    made = Exchange(
        mapping.effective(model),
        mapping.caller.of("req_0"),
        ResolvedModel("alias", model, False),
        now=1,
        new_id=lambda: f"made{next(numbers)}",
    )
    body: dict[str, Any] = {"model": "alias", "stream": stream, "max_tokens": 9}
    made.request({**body, "messages": [{"role": "user", "content": "hi"}]}, {})
    return made


def through(name: str, *events: dict[str, Any]) -> list[dict[str, Any]]:
    """What a caller gets of these events, before the end."""
    made = exchange(name, True)
    data = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    lines = made.receive(data).decode().splitlines()
    return [json.loads(line[6:]) for line in lines if line.startswith("data: {")]


def whole(name: str, answer: dict[str, Any]) -> dict[str, Any]:
    made = exchange(name, False).response(200, {}, json.dumps(answer).encode())
    found: dict[str, Any] = json.loads(made.body)
    return found


def start(**laid: Any) -> dict[str, Any]:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": []}
    ending = {"stop_reason": None, "stop_sequence": None, "usage": USAGE}
    return {"type": "message_start", "message": {**message, **ending, **laid}}


def begins(block: Any, index: Any = 0) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def piece(text: Any, index: Any = 0) -> dict[str, Any]:
    delta = {"type": "input_json_delta", "partial_json": text}
    return {"type": "content_block_delta", "index": index, "delta": delta}


def ends(index: int = 0) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


@pytest.mark.parametrize(
    "pieces",
    [
        ['{"a": 1}'],
        ['{"a"', ": 1}"],
        ["", " ", '{"a": 1}'],
        [{"a": 1}],
        ['"{\\"a', '\\": 1}"'],
        [None, '{"a": 1}'],
    ],
)
def test_pieces_of_a_call_are_the_text_of_an_object(pieces: list[Any]) -> None:
    events = through(BLOCKS, start(), begins({**CALL, "input": {}}), *map(piece, pieces), ends())
    deltas = [e["delta"]["partial_json"] for e in events if e["type"] == "content_block_delta"]
    assert json.loads("".join(deltas)) == {"a": 1}
    assert events[-1] == ends()


def test_text_that_only_begins_like_a_quoted_one_is_not_lost() -> None:
    events = through(BLOCKS, start(), begins({**CALL, "input": {}}), piece('"{ab'), ends())
    assert [e["delta"]["partial_json"] for e in events if "delta" in e] == ['"{ab']


@pytest.mark.parametrize(
    ("said", "found"),
    [('{"a":1}', {"a": 1}), ('"{}"', {}), (None, {}), ("{no", {}), ([1], {}), ("", {})],
)
def test_the_input_of_a_call_is_an_object(said: Any, found: dict[str, Any]) -> None:
    block = {**CALL, "input": said}
    answer = {**start()["message"], "content": [block], "stop_reason": "tool_use"}
    assert whole(BLOCKS, answer)["content"][0]["input"] == found
    assert through(BLOCKS, start(), begins(block))[1]["content_block"]["input"] == found


def test_a_block_begins_once_and_ends_once() -> None:
    text = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "a"}}
    events = through(
        BLOCKS, {**text, "index": 0}, {**text, "index": 0}, ends(), ends(), ends(7), begins({}, 1)
    )
    kinds = [event["type"].rpartition("_")[2] for event in events]
    assert kinds == ["start", "start", "delta", "delta", "stop", "start"]


def test_usual_blocks_go_on_as_they_came() -> None:
    events = [start(), begins({**CALL, "input": {}}), piece('{"a":'), piece("1}"), ends()]
    sent = [{**start(model="alias")}, *events[1:]]
    assert through(BLOCKS, *events) == sent


def chunk(choice: dict[str, Any], **laid: Any) -> dict[str, Any]:
    event = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "alias"}
    return {**event, "choices": [{"index": 0, "finish_reason": None, **choice}], **laid}


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"delta": {"content": ["a", {"type": "text", "text": "b"}]}}, {"content": "ab"}),
        (
            {"delta": {"content": [{"type": "thinking", "thinking": "a"}]}},
            {"reasoning_content": "a"},
        ),
        ({"delta": {"content": []}}, {}),
        ({"delta": None}, {}),
        ({}, {}),
        ({"message": {"content": "a"}}, {"content": "a"}),
        ({"delta": {"content": "a"}, "finish_reason": ""}, {"content": "a"}),
    ],
)
def test_a_choice_has_a_part_whose_text_is_one(said: dict[str, Any], found: Any) -> None:
    (event,) = through(CHOICES, chunk(said))
    assert event["choices"] == [{"index": 0, "delta": found, "finish_reason": None}]


@pytest.mark.parametrize("said", ["", None, 5])
def test_an_answer_has_one_id(said: Any) -> None:
    events = through(CHOICES, *(chunk({"delta": {"content": text}}, id=said) for text in "ab"))
    assert {event["id"] for event in events} == {"chatcmpl-made0"}


@pytest.mark.parametrize("said", [{}, {"choices": []}, {"choices": None}])
def test_an_event_without_anything_does_not_go_on(said: dict[str, Any]) -> None:
    usual = chunk({"delta": {"content": "a"}})
    assert through(CHOICES, usual, said, usual) == [usual, usual]


def test_the_first_choice_is_the_one_there_is_room_for() -> None:
    name = "anthropic-messages/openai-chat"
    choices = [
        {"index": n, "message": {"content": t}, "finish_reason": "stop"}
        for n, t in ((1, "b"), (0, "a"))
    ]
    assert whole(name, {"id": "x", "choices": choices})["content"] == [
        {"type": "text", "text": "a"}
    ]


def test_what_was_mended_is_told_where_the_form_gives_up_too() -> None:
    made = exchange("openai-chat/anthropic-messages", False)
    thought = {"type": "thinking", "thinking": "hm", "signature": "s"}
    call = {**CALL, "input": []}  # no object
    answer = {"type": "message", "content": [thought, call], "stop_reason": "tool_use"}
    made.response(200, {}, json.dumps({**answer, "id": "msg_1", "usage": USAGE}).encode())
    assert made.warnings.endswith("tool_calls=rewritten")
