"""The checker of the caller's side: what is good passes, every single fault is found."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from tests.strict import sse
from tests.strict.openai_wire import (
    openai_completion_errors,
    openai_error_errors,
    openai_request_errors,
    openai_stream_errors,
)
from tests.strict.samples import (
    GONE,
    OPENAI_COMPLETION,
    OPENAI_REQUEST,
    ROLE,
    STREAMS,
    call_chunk,
    changed,
    chunk,
)

REQUEST_FAULTS: dict[str, tuple[str, Any]] = {
    "a key the API does not have": ("top_k", 5),
    "an effort nobody knows": ("reasoning_effort", "ultra"),
    "a number as text": ("max_completion_tokens", "9"),
    "stream_options without stream": ("stream", False),
    "the upstream's tool choice": ("tool_choice", "any"),
    "the upstream's tool": ("tools.0", {"name": "f", "input_schema": {}}),
    "the upstream's image": ("messages.1.content.1", {"type": "image", "source": {}}),
    "arguments as an object": ("messages.2.tool_calls.0.function.arguments", {}),
    "a call without an answer": ("messages", lambda m: m[:-1]),
    "an answer to another call": ("messages.3.tool_call_id", "call_2"),
    "an assistant that says nothing": ("messages.2.tool_calls", GONE),
    "no messages": ("messages", []),
    "no model": ("model", GONE),
}


def test_a_full_request_is_valid() -> None:
    assert openai_request_errors(OPENAI_REQUEST) == []
    assert openai_request_errors({**OPENAI_REQUEST, "top_k": 5}, also=["top_k"]) == []


@pytest.mark.parametrize("name", REQUEST_FAULTS)
def test_every_fault_in_a_request_is_found(name: str) -> None:
    assert openai_request_errors(changed(OPENAI_REQUEST, *REQUEST_FAULTS[name])) != []


MESSAGE = "choices.0.message"
CALL = f"{MESSAGE}.tool_calls.0"
COMPLETION_FAULTS: dict[str, tuple[str, Any]] = {
    "the upstream's stop reason": ("choices.0.finish_reason", "end_turn"),
    "no finish reason": ("choices.0.finish_reason", None),
    "stop with tool calls": ("choices.0.finish_reason", "stop"),
    "function_call without one": ("choices.0.finish_reason", "function_call"),
    "tool_calls without any": (f"{MESSAGE}.tool_calls", GONE),
    "empty tool calls": (f"{MESSAGE}.tool_calls", []),
    "content as blocks": (f"{MESSAGE}.content", [{"type": "text", "text": "x"}]),
    "no content key": (f"{MESSAGE}.content", GONE),
    "no refusal key": (f"{MESSAGE}.refusal", GONE),
    "no role": (f"{MESSAGE}.role", GONE),
    "arguments as an object": (f"{CALL}.function.arguments", {"a": 1}),
    "arguments empty": (f"{CALL}.function.arguments", ""),
    "arguments a list": (f"{CALL}.function.arguments", "[]"),
    "the upstream's call type": (f"{CALL}.type", "tool_use"),
    "a call without id": (f"{CALL}.id", ""),
    "a call without name": (f"{CALL}.function.name", ""),
    "an id that is its prefix alone": ("id", "chatcmpl-"),
    "half a character": (f"{MESSAGE}.content", "\ud83d"),
    "a count below zero": (
        "usage",
        {"prompt_tokens": -1, "completion_tokens": 1, "total_tokens": 0},
    ),
    "the same call twice": (f"{MESSAGE}.tool_calls", lambda calls: calls * 2),
    "reasoning as blocks": (f"{MESSAGE}.reasoning_content", ["x"]),
    "reasoning details without index": (f"{MESSAGE}.reasoning_details.0.index", GONE),
    "reasoning details of the upstream": (f"{MESSAGE}.reasoning_details.0.type", "thinking"),
    "a leaked key": ("stop_reason", "tool_use"),
    "a leaked key in the message": (f"{MESSAGE}.stop_sequence", None),
    "the upstream's object": ("object", "message"),
    "created in milliseconds": ("created", 1_795_000_000_000),
    "created with a fraction": ("created", 1_795_000_000.5),
    "the upstream's tier": ("service_tier", "standard"),
    "no choices": ("choices", []),
    "an index that is not zero": ("choices.0.index", 1),
    "no logprobs key": ("choices.0.logprobs", GONE),
    "no usage": ("usage", None),
    "the upstream's usage": ("usage", {"input_tokens": 1, "output_tokens": 2}),
    "a total that is none": ("usage.total_tokens", 34),
    "cached tokens left out": ("usage.prompt_tokens_details.cached_tokens", 500),
    "reasoning tokens left out": ("usage.completion_tokens_details.reasoning_tokens", 6),
    "annotations out of bounds": (
        f"{MESSAGE}.annotations",
        [
            {
                "type": "url_citation",
                "url_citation": {"url": "u", "title": "", "start_index": 0, "end_index": 99},
            }
        ],
    ),
}


def test_a_full_answer_is_valid() -> None:
    assert openai_completion_errors(OPENAI_COMPLETION) == []


@pytest.mark.parametrize("name", COMPLETION_FAULTS)
def test_every_fault_in_a_whole_answer_is_found(name: str) -> None:
    assert openai_completion_errors(changed(OPENAI_COMPLETION, *COMPLETION_FAULTS[name])) != []


def test_a_named_extension_is_let_pass() -> None:
    obj = changed(OPENAI_COMPLETION, "choices.0.stop_reason", "END")
    assert openai_completion_errors(obj) != []
    assert openai_completion_errors(obj, also=["Choice.stop_reason"]) == []


def test_cut_off_arguments_are_fine_when_the_answer_was_too_long() -> None:
    obj = changed(OPENAI_COMPLETION, f"{CALL}.function.arguments", '{"city":')
    assert openai_completion_errors(obj) != []
    assert openai_completion_errors(changed(obj, "choices.0.finish_reason", "length")) == []


def test_a_plain_answer_must_not_have_null_content() -> None:
    obj = changed(OPENAI_COMPLETION, f"{MESSAGE}.tool_calls", GONE)
    obj = changed(obj, "choices.0.finish_reason", "stop")
    assert openai_completion_errors(changed(obj, f"{MESSAGE}.content", "")) == []
    assert openai_completion_errors(changed(obj, f"{MESSAGE}.content", None)) != []


@pytest.mark.parametrize("name", STREAMS)
def test_every_sample_stream_is_one_the_clients_read(name: str) -> None:
    stream = STREAMS[name]
    data = sse.unnamed(*stream.chunks)
    assert openai_stream_errors(data, stream.include_usage, stream.ends) == []


DELTA = "choices.0.delta"
STREAM_FAULTS: dict[str, tuple[str, Any]] = {
    "role twice": ("text", ("1", lambda c: changed(c, f"{DELTA}.role", "assistant"))),
    "no role at all": ("text", ("0", lambda c: changed(c, f"{DELTA}.role", GONE))),
    "no finish reason": ("text", ("3", ROLE)),
    "two finish reasons": ("text", ("2", lambda c: changed(c, "choices.0.finish_reason", "stop"))),
    "the upstream's stop reason": ("text", ("3", chunk({}, "end_turn"))),
    "stop after tool calls": ("two tool calls after text", ("7", chunk({}, "stop"))),
    "the key finish_reason missing": (
        "text",
        ("1", lambda c: changed(c, "choices.0.finish_reason", GONE)),
    ),
    "half a character": ("text", ("1", lambda c: changed(c, f"{DELTA}.content", "\ud83d"))),
    "another id": ("text", ("1", lambda c: {**c, "id": "x"})),
    "another time": ("text", ("1", lambda c: {**c, "created": c["created"] + 1})),
    "another model": ("text", ("1", lambda c: {**c, "model": "claude-opus-5-5"})),
    "the object of a whole answer": ("text", ("0", lambda c: {**c, "object": "chat.completion"})),
    "a leaked delta": ("text", ("1", lambda c: changed(c, f"{DELTA}.type", "text_delta"))),
    "usage nobody asked for": ("text", ("3", lambda c: {**c, "usage": None})),
    "no usage: null": ("text with usage", ("1", lambda c: changed(c, "usage", GONE))),
    "choices in the usage chunk": (
        "text with usage",
        ("3", lambda c: {**c, "choices": chunk({})["choices"]}),
    ),
    "usage without the cached tokens": (
        "text with usage",
        ("3", lambda c: changed(c, "usage.prompt_tokens_details.cached_tokens", 500)),
    ),
    "indexes of the upstream's blocks": (
        "two tool calls after text",
        ("2", lambda c: changed(c, f"{DELTA}.tool_calls.0.index", 1)),
    ),
    "a call's id again": (
        "two tool calls after text",
        ("3", lambda c: changed(c, f"{DELTA}.tool_calls.0.id", "toolu_1")),
    ),
    "a call's name again": (
        "two tool calls after text",
        ("3", lambda c: changed(c, f"{DELTA}.tool_calls.0.function.name", "weather")),
    ),
    "a call without type": (
        "two tool calls after text",
        ("2", lambda c: changed(c, f"{DELTA}.tool_calls.0.type", GONE)),
    ),
    "arguments as an object": (
        "two tool calls after text",
        ("3", lambda c: changed(c, f"{DELTA}.tool_calls.0.function.arguments", {})),
    ),
    "arguments that never come": ("two tool calls after text", ("6", chunk({}))),
    "reasoning without index": (
        "thinking, then text",
        ("1", lambda c: changed(c, f"{DELTA}.reasoning_details.0.index", GONE)),
    ),
    "a format again": (
        "thinking, then text",
        ("2", lambda c: changed(c, f"{DELTA}.reasoning_details.0.format", "f-v1")),
    ),
    "the upstream's error": (
        "an error half-way",
        ("2", {"type": "error", "error": {"type": "overloaded_error", "message": "m"}}),
    ),
}


@pytest.mark.parametrize("name", STREAM_FAULTS)
def test_every_fault_in_a_stream_is_found(name: str) -> None:
    sample, (path, value) = STREAM_FAULTS[name]
    stream = STREAMS[sample]
    data = sse.unnamed(*changed(stream.chunks, path, value))
    assert openai_stream_errors(data, stream.include_usage, stream.ends) != []


def test_annotations_come_in_one_chunk() -> None:
    chunks = copy.deepcopy(STREAMS["a search with a citation"].chunks)
    chunks.insert(2, chunks[2])
    assert openai_stream_errors(sse.unnamed(*chunks)) != []


FRAME_FAULTS: dict[str, Any] = {
    "no [DONE]": lambda data: data.replace(b"data: [DONE]\n\n", b""),
    "two [DONE]": lambda data: data + b"data: [DONE]\n\n",
    "something after [DONE]": lambda data: data + sse.unnamed(chunk({})),
    "a last frame left open": lambda data: data[:-1],
    "an event id": lambda data: b"id: 1\n" + data,
    "a retry time": lambda data: b"retry: 1\n\n" + data,
    "an event name": lambda data: b"event: message\n" + data,
    "half a chunk": lambda data: data.replace(b'"Hel"}', b'"Hel"'),
    "NaN": lambda data: data.replace(b"1795000000", b"NaN"),
    "a key twice": lambda data: data.replace(b'"id":', b'"id": "x", "id":'),
}


@pytest.mark.parametrize("name", FRAME_FAULTS)
def test_every_fault_in_the_frames_is_found(name: str) -> None:
    good = sse.unnamed(*STREAMS["text"].chunks)
    assert openai_stream_errors(FRAME_FAULTS[name](good)) != []


def test_comments_between_frames_are_fine() -> None:
    good = sse.unnamed(*STREAMS["text"].chunks)
    assert openai_stream_errors(b": ping\n\n" + good.replace(b"\n\n", b"\n\n: ping\n\n")) == []


def test_a_line_separator_inside_a_text_cuts_nothing() -> None:
    chunks = changed(STREAMS["text"].chunks, f"1.{DELTA}.content", "a\u2028b\u0085c")
    assert openai_stream_errors(sse.unnamed(*chunks)) == []


def test_done_after_an_error_is_found() -> None:
    chunks = [*STREAMS["an error half-way"].chunks, "[DONE]"]
    assert openai_stream_errors(sse.unnamed(*chunks), ends="error") != []


def test_a_custom_tool_call_may_be_streamed() -> None:
    def custom(**more: Any) -> Any:
        return chunk({"tool_calls": [{"index": 0, **more}]})

    chunks = [
        ROLE,
        custom(id="toolu_1", type="custom", custom={"name": "draw", "input": ""}),
        custom(custom={"input": "a circle"}),
        chunk({}, "tool_calls"),
        "[DONE]",
    ]
    assert openai_stream_errors(sse.unnamed(*chunks)) == []
    mixed = [*chunks[:3], call_chunk(1, "{}", "toolu_2"), *chunks[3:]]
    assert openai_stream_errors(sse.unnamed(*mixed)) == []


ERROR = {
    "error": {
        "message": "m",
        "type": "invalid_request_error",
        "param": "n",
        "code": "unsupported_value",
    }
}
HEADERS = {"content-type": "application/json", "x-request-id": "req_1"}


@pytest.mark.parametrize(
    "status", [400, 401, 402, 403, 404, 405, 408, 409, 413, 422, 429, 500, 503]
)
def test_a_good_error_reaches_the_exception(status: int) -> None:
    assert openai_error_errors(status, HEADERS, json.dumps(ERROR).encode()) == []


def test_every_fault_in_an_error_is_found() -> None:
    def wrong(body: Any, headers: Any = HEADERS) -> bool:
        return openai_error_errors(400, headers, json.dumps(body).encode()) != []

    assert wrong(ERROR, {"content-type": "application/json"})
    assert wrong(ERROR, {**HEADERS, "content-type": "text/html"})
    assert wrong({"error": "nope"})
    assert wrong(changed(ERROR, "error.param", GONE))
    assert wrong(changed(ERROR, "error.code", 7))
    assert wrong({**ERROR, "type": "error"})
    assert wrong({"type": "error", "error": {"type": "api_error", "message": "m"}})
    assert openai_error_errors(502, HEADERS, b"<html>") != []
