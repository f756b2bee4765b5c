"""What an answer carried and the caller's dialect cannot say is told, whichever form reads it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aisix.mapping.exchange import Exchange, ResolvedModel
from aisix.mapping.mappings import load_mappings
from tests.running import ROOT

MAPPINGS = load_mappings([ROOT / "mappings"])
BODY = {"model": "a", "max_tokens": 9, "messages": [{"role": "user", "content": "q"}]}
both_forms = pytest.mark.parametrize("compiled", [True, False])


def exchange(name: str, *, stream: bool, compiled: bool, stop: list[str] | None = None) -> Exchange:
    mapping = MAPPINGS.mappings[name]
    model = mapping.example()
    target = ResolvedModel("a", model, False)
    ids = {"now": 1, "new_id": lambda: "id_0"}
    made = Exchange(mapping.effective(model), mapping.caller, target, compiled=compiled, **ids)  # type: ignore[arg-type]
    made.request(
        {**BODY, "stream": stream, "stop_sequences": stop} if stop else {**BODY, "stream": stream}
    )
    return made


def sse(*events: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


def message(**more: Any) -> dict[str, Any]:
    content = more.pop("content", [{"type": "text", "text": "hi"}])
    usage = {"input_tokens": 1, "output_tokens": 1}
    said = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m"}
    return {**said, "content": content, "stop_reason": "end_turn", "usage": usage, **more}


CARRIED: list[tuple[dict[str, Any], str]] = [
    ({}, ""),
    ({"container": {"id": "c"}}, "container=dropped"),
    ({"context_management": {"applied_edits": [1]}}, "context_management=dropped"),
    ({"container": None, "context_management": None}, ""),
    ({"content": [{"type": "mcp_tool_use", "id": "x"}]}, "mcp_tool_use=dropped"),
    ({"content": [{"type": "of_tomorrow"}] * 3}, "of_tomorrow=dropped"),
    (
        {"content": [{"type": "text", "text": "hi", "citations": [{"type": "char_location"}]}]},
        "citations=dropped",
    ),
]


@both_forms
@pytest.mark.parametrize(("carried", "told"), CARRIED, ids=str)
def test_a_plain_answer_names_what_is_lost(
    carried: dict[str, Any], told: str, compiled: bool
) -> None:
    talk = exchange("openai-chat/anthropic-messages", stream=False, compiled=compiled)
    answer = talk.response(200, {}, json.dumps(message(**carried)).encode())
    assert answer.status == 200
    assert talk.warnings == talk.losses == told


@both_forms
def test_a_stream_names_it_in_a_comment_before_its_end(compiled: bool) -> None:
    talk = exchange("openai-chat/anthropic-messages", stream=True, compiled=compiled)
    block = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    out = talk.receive(
        sse(
            {"type": "message_start", "message": {**message(content=[]), "stop_reason": None}},
            {"type": "content_block_start", "index": 0, "content_block": block},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn", "container": {"id": 1}}},
            {"type": "message_stop"},
        )
    )
    end = b": aisix-warnings server_tool_use=dropped, container=dropped\n\ndata: [DONE]\n\n"
    assert out.endswith(end)
    assert [rule for rule, _ in talk.rules] == [
        "event.content_block_start.is.server_tool_use",
        "rest.delta",
    ]


@both_forms
def test_the_other_way_it_stands_before_the_last_event(compiled: bool) -> None:
    talk = exchange("anthropic-messages/openai-chat", stream=True, compiled=compiled)
    delta = {"content": "hi", "annotations": [{"type": "url_citation"}], "audio": None}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    out = talk.receive(
        sse(
            {**chunk, "choices": [{"index": 0, "delta": delta}], "timings": {"a": 1}},
            {**chunk, "choices": [{"index": 0, "delta": delta, "logprobs": {"content": [1]}}]},
            {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        )
        + b"data: [DONE]\n\n"
    )
    *_, comment, last = out.decode().strip().split("\n\n")
    assert comment == ": aisix-warnings annotations=dropped, logprobs=dropped"
    assert last.startswith("event: message_stop")


def test_of_very_many_names_a_few_are_told() -> None:
    talk = exchange("anthropic-messages/openai-chat", stream=False, compiled=True)
    said = {"role": "assistant", "content": "hi", **{f"odd_{n}": 1 for n in range(1000)}}
    body = {"choices": [{"index": 0, "message": said, "finish_reason": "stop"}]}
    assert talk.response(200, {}, json.dumps(body).encode()).status == 200
    assert len(talk.rules) == 32


def test_several_choices_are_one_loss() -> None:
    talk = exchange("anthropic-messages/openai-chat", stream=False, compiled=True)
    one = {"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}
    body = {"choices": [one, {**one, "index": 1}]}
    assert talk.response(200, {}, json.dumps(body).encode()).status == 200
    assert talk.losses == "choices=dropped"
