"""Counts as servers name and place them: the caller's sums and the gateway's own agree."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.mapping.interpret.test_answer_state import exchange, message, sse

CHUNK = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
WHOLE = {"prompt_tokens": 50, "completion_tokens": 7, "total_tokens": 57}
CACHED = {"input": 30, "cache_read": 20, "cache_write": 0, "output": 7, "reasoning": 0}
OUTSIDE = {"input": 50, "cache_read": 0, "cache_write": 0, "output": 107, "reasoning": 100}
NONE = dict.fromkeys(CACHED, 0)

SAID: list[tuple[dict[str, Any], dict[str, int]]] = [
    ({**WHOLE, "prompt_tokens_details": {"cached_tokens": 20}}, CACHED),
    ({**WHOLE, "cached_tokens": 20}, CACHED),
    ({**WHOLE, "prompt_cache_hit_tokens": 20, "prompt_cache_miss_tokens": 30}, CACHED),
    (
        {**WHOLE, "prompt_tokens_details": {"cached_tokens": 0}, "prompt_cache_hit_tokens": 20},
        CACHED,
    ),
    (
        {"input_tokens": 50, "output_tokens": 7, "input_tokens_details": {"cached_tokens": 20}},
        CACHED,
    ),
    ({"prompt_tokens": 50.0, "completion_tokens": "7", "cached_tokens": 20.0}, CACHED),
    (
        {**WHOLE, "total_tokens": 157, "completion_tokens_details": {"reasoning_tokens": 100}},
        OUTSIDE,
    ),
    (
        {
            **WHOLE,
            "completion_tokens": 107,
            "total_tokens": 157,
            "completion_tokens_details": {"reasoning_tokens": 100},
        },
        OUTSIDE,
    ),
    ({"prompt_tokens": -1, "completion_tokens": -5, "total_tokens": -6}, NONE),
    ({"prompt_tokens": True, "completion_tokens": [1], "prompt_tokens_details": None}, NONE),
]


def ask(name: str, stream: bool, events: list[dict[str, Any]], plain: dict[str, Any]) -> Any:
    talk = exchange(name, stream=stream, compiled=True)
    if stream:
        out = talk.receive(sse(*events) + b"data: [DONE]\n\n")
        assert talk.error is None
        found = [json.loads(d.split(b"data: ")[1]) for d in out.split(b"\n\n") if b"output_" in d]
        return talk, found[-1].get("usage") if found else None
    answer = talk.response(200, {}, json.dumps(plain).encode())
    assert answer.status == 200
    return talk, json.loads(answer.body).get("usage")


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("at_choice", [False, True])
@pytest.mark.parametrize("name", ["anthropic-messages/openai-chat", "openai-chat/openai-chat"])
@pytest.mark.parametrize(("said", "counts"), SAID, ids=str)
def test_counts_are_read_as_servers_name_and_place_them(
    said: dict[str, Any], counts: dict[str, int], name: str, at_choice: bool, stream: bool
) -> None:
    at_end = {"index": 0, "finish_reason": "stop", **({"usage": said} if at_choice else {})}
    beside = {} if at_choice else {"usage": said}
    events = [
        {**CHUNK, "choices": [{"index": 0, "delta": {"content": "ok"}}], "usage": None},
        {**CHUNK, "choices": [{**at_end, "delta": {}}]},
        *([{**CHUNK, "choices": [], "usage": said}] * (not at_choice)),
    ]
    plain = {"choices": [{**at_end, "message": {"content": "ok"}}], **beside}
    talk, usage = ask(name, stream, events, plain)
    assert talk.tokens == counts
    if name.startswith("anthropic"):
        assert usage["input_tokens"] == counts["input"]
        assert usage["cache_read_input_tokens"] == counts["cache_read"]
        assert usage["output_tokens"] == counts["output"]


@pytest.mark.parametrize("name", ["anthropic-messages/openai-chat", "openai-chat/openai-chat"])
def test_counts_on_every_chunk_are_the_last_ones_and_a_zero_is_none(name: str) -> None:
    chunks: list[dict[str, Any]] = [
        {
            **CHUNK,
            "choices": [{"index": 0, "delta": {"content": "o"}}],
            "usage": {"prompt_tokens": 50, "completion_tokens": n, "total_tokens": 50 + n},
        }
        for n in (1, 2, 7)
    ]
    zeros = dict.fromkeys(WHOLE, 0)
    last = {"index": 0, "delta": {}, "finish_reason": "stop"}
    chunks += [{**CHUNK, "choices": [last], "usage": zeros}]
    talk, _ = ask(name, True, chunks, {})
    assert talk.tokens == {**NONE, "input": 50, "output": 7}


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("later", [{"input_tokens": 0}, {"input_tokens": -1}, {}], ids=str)
@pytest.mark.parametrize("caller", ["openai-chat", "anthropic-messages"])
def test_a_zero_in_a_later_event_replaces_no_count(
    later: dict[str, int], compiled: bool, caller: str
) -> None:
    talk = exchange(f"{caller}/anthropic-messages", stream=True, compiled=compiled)
    first = {"input_tokens": 10, "cache_read_input_tokens": 90, "output_tokens": 1}
    usage = {**later, "cache_read_input_tokens": 0, "output_tokens": 5}
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage}
    begin = {"type": "message_start", "message": message(content=[], usage=first)}
    talk.receive(sse(begin, end, {"type": "message_stop"}))
    assert talk.tokens == {**NONE, "input": 10, "cache_read": 90, "output": 5}


STOPS: list[tuple[dict[str, Any], tuple[str, str | None]]] = [
    ({"stop_reason": "END"}, ("stop_sequence", "END")),
    ({"matched_stop": "END"}, ("stop_sequence", "END")),
    ({"stop_reason": "eos", "matched_stop": "END"}, ("stop_sequence", "END")),
    ({"stop_reason": "eos"}, ("end_turn", None)),
    ({"stop_reason": 128009, "matched_stop": 2}, ("end_turn", None)),
    ({"stop_reason": None}, ("end_turn", None)),
    ({"stop_reason": "END", "finish_reason": "length"}, ("max_tokens", None)),
]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("said", "told"), STOPS, ids=str)
def test_the_stop_string_a_server_names_is_told_if_it_is_one_of_the_callers(
    said: dict[str, Any], told: tuple[str, str | None], stream: bool
) -> None:
    talk = exchange("anthropic-messages/openai-chat", stream=stream, compiled=True, stop=["END"])
    choice = {"index": 0, "finish_reason": "stop", **said}
    if stream:
        out = talk.receive(sse({**CHUNK, "choices": [{**choice, "delta": {"content": "a"}}]}))
        out += talk.receive(b"data: [DONE]\n\n")
        delta = next(d for d in out.split(b"\n\n") if b"event: message_delta" in d)
        found = json.loads(delta.split(b"data: ")[1])["delta"]
    else:
        body = {"choices": [{**choice, "message": {"content": "a"}}]}
        found = json.loads(talk.response(200, {}, json.dumps(body).encode()).body)
    assert (found["stop_reason"], found["stop_sequence"]) == told
