"""The checker of the upstream's side: what is good passes, every single fault is found."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.strict import sse
from tests.strict.anthropic_wire import (
    anthropic_error_errors,
    anthropic_message_errors,
    anthropic_request_errors,
    anthropic_stream_errors,
    append_only_errors,
)
from tests.strict.samples import (
    ANTHROPIC_MESSAGE,
    ANTHROPIC_REQUEST,
    GONE,
    STREAMS,
    WEATHER,
    asking,
    changed,
    said,
    text_block,
)

NEW = "2026-10-21"
OLD = "2023-06-01"
TOOL = {"name": "t", "input_schema": {"type": "object", "properties": {}}}
USE = {"type": "tool_use", "id": "toolu_2", "name": "weather", "input": {}}
EPHEMERAL = {"type": "ephemeral"}

FAULTS: dict[str, tuple[str, Any]] = {
    "a key the API does not have": ("seed", 1),
    "no max_tokens": ("max_tokens", GONE),
    "max_tokens as text": ("max_tokens", "10"),
    "max_tokens null": ("max_tokens", None),
    "max_tokens zero": ("max_tokens", 0),
    "max_tokens a bool": ("max_tokens", True),
    "max_tokens above what the model can do": ("max_tokens", 64001),
    "temperature above one": ("temperature", 1.5),
    "temperature not a number": ("temperature", float("nan")),
    "two samplers on a one-sampler model": ("top_p", 0.9),
    "stop as text": ("stop_sequences", "END"),
    "a stop of spaces": ("stop_sequences", ["\n"]),
    "the caller's name for stop": ("stop", ["x"]),
    "stream as text": ("stream", "true"),
    "an effort nobody knows": ("output_config.effort", "none"),
    "an effort this model does not know": ("output_config.effort", "xhigh"),
    "the caller's tier": ("service_tier", "default"),
    "a second metadata key": ("metadata.team", "x"),
    "an e-mail address as user": ("metadata.user_id", "jo@a.test"),
    "a phone number as user": ("metadata.user_id", "+47 555 12 345"),
    "a user longer than 256": ("metadata.user_id", "u" * 257),
    "a header's field in the body": ("workspace_id", "w"),
    "a beta field without the beta": ("context_management", {}),
    "thinking of another generation": ("thinking", {"type": "adaptive"}),
    "a budget as large as the answer": ("thinking", {"type": "enabled", "budget_tokens": 4096}),
    "a budget too small": ("thinking", {"type": "enabled", "budget_tokens": 1000}),
    "no messages": ("messages", []),
    "a system that is empty": ("system.0.text", " "),
    "a role of the caller's": ("messages.2.role", "tool"),
    "a name on a message": ("messages.0.name", "jo"),
    "a late system message on an old model": (
        "messages",
        lambda m: [*m, said("system", "x")],
    ),
    "the assistant first": ("messages", lambda m: [said("assistant", "hi"), *m]),
    "an empty message": ("messages.0.content", []),
    "an unknown key in a block": ("messages.0.content.0.bogus", 1),
    "an empty text": ("messages.0.content.0.text", ""),
    "a text of spaces": ("messages.0.content.0.text", "  \n"),
    "the caller's image part": (
        "messages.0.content.1",
        {"type": "image_url", "image_url": {"url": "https://a.test/b.png"}},
    ),
    "an image type nobody takes": ("messages.0.content.1.source.media_type", "image/bmp"),
    "an image that is something else": ("messages.0.content.1.source.media_type", "image/gif"),
    "an image that is no base64": ("messages.0.content.1.source.data", "@@@"),
    "an image over plain http": (
        "messages.0.content.1.source",
        {"type": "url", "url": "http://a.test/b.png"},
    ),
    "an image the assistant shows": (
        "messages.1.content.0",
        {"type": "image", "source": {"type": "url", "url": "https://a.test/b.png"}},
    ),
    "a pdf that is none": ("messages.0.content.3.source.data", "QUJD"),
    "a file id without the beta": (
        "messages.0.content.3.source",
        {"type": "file", "file_id": "file_1"},
    ),
    "input as text": ("messages.1.content.1.input", '{"city":"Oslo"}'),
    "an id with a colon": ("messages.1.content.1.id", "call:1"),
    "a call from the user": ("messages.0.content.0", USE),
    "the same call id twice": ("messages.1.content", lambda c: [*c, c[1]]),
    "a call without result": ("messages.1.content", lambda c: [*c, USE]),
    "a result without call": ("messages.2.content.0.tool_use_id", "toolu_2"),
    "two results for one call": ("messages.2.content", lambda c: [c[0], *c]),
    "text before a result": ("messages.2.content", lambda c: c[::-1]),
    "a result that is not there": ("messages.2.content", lambda c: c[1:]),
    "a result with an empty text": (
        "messages.2.content.0.content",
        [{"type": "text", "text": ""}],
    ),
    "calls at the very end": ("messages", lambda m: m[:2]),
    "thinking without signature": (
        "messages.1.content",
        lambda c: [{"type": "thinking", "thinking": "x"}, *c],
    ),
    "thinking with an invented signature": (
        "messages.1.content",
        lambda c: [{"type": "thinking", "thinking": "x", "signature": ""}, *c],
    ),
    "the caller's tool shape": (
        "tools.0",
        {"type": "function", "function": {"name": "f", "parameters": {}}},
    ),
    "a dot in a tool's name": ("tools.0.name", "a.b"),
    "a tool twice": ("tools", lambda t: [*t, *t]),
    "a tool without schema": ("tools.0.input_schema", GONE),
    "a tool whose schema is a list": ("tools.0.input_schema", {"type": "array"}),
    "a tool whose schema has no type": ("tools.0.input_schema.type", GONE),
    "a tool whose schema is a choice": ("tools.0.input_schema.anyOf", [{"type": "object"}]),
    "a strict tool that is open": ("tools.0.input_schema.additionalProperties", GONE),
    "a strict tool with bounds": ("tools.0.input_schema.properties.city.maxLength", 3),
    "more strict tools than allowed": (
        "tools",
        lambda t: [{**t[0], "name": f"t{i}"} for i in range(21)],
    ),
    "tool_choice as text": ("tool_choice", "auto"),
    "tool_choice in the caller's word": ("tool_choice", {"type": "required"}),
    "tool_choice of an unknown tool": ("tool_choice", {"type": "tool", "name": "zzz"}),
    "tool_choice none with parallel": (
        "tool_choice",
        {"type": "none", "disable_parallel_tool_use": True},
    ),
    "tool_choice without tools": ("tools", GONE),
    "a format in the caller's wrapping": (
        "output_config.format",
        {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}},
    ),
    "a format with bounds": ("output_config.format.schema.properties.warm.minimum", 1),
    "a format left open": ("output_config.format.schema.additionalProperties", True),
    "a cache control nobody knows": ("system.0.cache_control", {"type": "persistent"}),
    "an hour after five minutes": ("tools.0.cache_control", EPHEMERAL),
    "five breakpoints": (
        "messages.0.content",
        lambda c: [{**c[0], "cache_control": EPHEMERAL} for _ in range(4)],
    ),
}


def test_a_full_request_is_valid() -> None:
    assert anthropic_request_errors(ANTHROPIC_REQUEST) == []
    assert anthropic_request_errors({**ANTHROPIC_REQUEST, "stream": True}) == []


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_in_a_request_is_found(name: str) -> None:
    assert anthropic_request_errors(changed(ANTHROPIC_REQUEST, *FAULTS[name])) != []


LATE = [said("user", "q"), said("system", "s")]
PREFILL = [said("user", "q"), said("assistant", "{")]
BINDING = {"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": "drop_block"}}
LOOP = [
    said("user", "q"),
    said("assistant", [{**USE, "name": "t"}]),
    said("user", [{"type": "tool_result", "tool_use_id": "toolu_2"}]),
]
SIGNED = {"type": "thinking", "thinking": "x", "signature": "S=="}
BUDGET = {"type": "enabled", "budget_tokens": 2048}

BY_MODEL: list[tuple[str, str, str, bool, dict[str, Any]]] = [
    ("plain", "opus-5-5", NEW, True, {}),
    ("an unknown model counts as newest", "ultra-9", NEW, False, {"temperature": 1}),
    ("a cloud id is recognised", "sonnet-4-5-20250929-v1:0", OLD, True, {"temperature": 0.2}),
    ("sampling on the newest", "opus-5-5", OLD, False, {"temperature": 1}),
    ("sampling under the new version", "sonnet-4-6", NEW, False, {"temperature": 0.2}),
    ("sampling under the old version", "sonnet-4-6", OLD, True, {"temperature": 0.2}),
    ("both samplers on the oldest", "3-5-haiku-20241022", OLD, True, {"temperature": 0, "top_p": 1}),
    ("a forced tool refused", "opus-5-5", NEW, False, {"tools": [TOOL], "tool_choice": {"type": "any"}}),
    ("a forced tool taken", "haiku-5-5", NEW, True, {"tools": [TOOL], "tool_choice": {"type": "any"}}),
    ("thinking off refused", "opus-5-5", NEW, False, {"thinking": {"type": "disabled"}}),
    ("thinking off taken", "opus-5", NEW, True, {"thinking": {"type": "disabled"}}),
    (
        "thinking off at most effort",
        "opus-5", NEW, False,
        {"thinking": {"type": "disabled"}, "output_config": {"effort": "max"}},
    ),
    ("between tools", "sonnet-5-5", NEW, True, {"thinking": {"type": "between_tools"}}),
    (
        "between tools, displayed",
        "sonnet-5-5", NEW, False,
        {"thinking": {"type": "between_tools", "display": "summarized"}},
    ),
    ("no effort on 4.5", "haiku-4-5", OLD, False, {"output_config": {"effort": "low"}}),
    ("prefill refused", "opus-5-5", NEW, False, {"messages": PREFILL}),
    ("prefill taken", "opus-4-5", OLD, True, {"messages": PREFILL}),
    ("prefill ending in a space", "opus-4-5", OLD, False, {"messages": [PREFILL[0], said("assistant", "{ ")]}),
    ("prefill while thinking", "opus-4-5", OLD, False, {"messages": PREFILL, "max_tokens": 9000, "thinking": BUDGET}),
    ("a paused turn handed back", "opus-5-5", NEW, True, {"messages": [
        PREFILL[0],
        said("assistant", [{"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}]),
    ]}),
    ("a late system message", "opus-5-5", NEW, True, {"messages": LATE}),
    ("... refused", "sonnet-5", NEW, False, {"messages": LATE}),
    ("... first", "opus-5-5", NEW, False, {"messages": LATE[::-1]}),
    ("... before a user message", "opus-5-5", NEW, False, {"messages": [*LATE, said("user", "x")]}),
    ("... between call and result", "opus-5-5", NEW, False, {"tools": [TOOL], "messages": [*LOOP[:2], LATE[1], LOOP[2]]}),
    ("binding without the beta", "opus-5-5", NEW, False, {"thinking": BINDING}),
    ("a budget in a tool loop without thinking", "opus-4-5", OLD, False, {
        "tools": [TOOL], "max_tokens": 9000, "thinking": BUDGET, "messages": LOOP}),
    ("a budget in a tool loop with thinking", "opus-4-5", OLD, True, {
        "tools": [TOOL], "max_tokens": 9000, "thinking": BUDGET,
        "messages": [LOOP[0], said("assistant", [SIGNED, *LOOP[1]["content"]]), LOOP[2]]}),
    ("a budget and a forced tool", "opus-4-5", OLD, False, {
        "tools": [TOOL], "max_tokens": 9000, "thinking": BUDGET, "tool_choice": {"type": "any"}}),
    ("structured on 4.1", "opus-4-1", OLD, False, {"output_config": ANTHROPIC_REQUEST["output_config"]}),
    ("a strict tool on 4.1", "opus-4-1", OLD, False, {"tools": [{**WEATHER, "strict": True}]}),
    ("citations on user text, new", "opus-5-5", NEW, False, {"messages": [
        said("user", [{"type": "text", "text": "x", "citations": [
            {"type": "char_location", "cited_text": "x", "document_index": 0, "document_title": None,
             "start_char_index": 0, "end_char_index": 1}]}])]}),
    ("a model of somebody else", "", NEW, False, {"model": "gpt-9"}),
]  # fmt: skip


@pytest.mark.parametrize("row", BY_MODEL, ids=[f"{r[1]}: {r[0]}" for r in BY_MODEL])
def test_the_model_and_version_decide_what_is_valid(row: Any) -> None:
    _, model, version, good, more = row
    body = {**asking(f"claude-{model}"), **more}
    assert (anthropic_request_errors(body, version) == []) is good


def test_beta_fields_pass_only_with_their_beta() -> None:
    body = asking("claude-opus-5-5", thinking=BINDING)
    assert anthropic_request_errors(body, NEW, beta=True) == []
    assert anthropic_request_errors(body, NEW, beta=["thinking-binding-controls-2026-08-01"]) == []
    assert anthropic_request_errors(body, NEW, beta=["files-api-2025-04-14"]) != []


MESSAGE_FAULTS = {
    "no stop_reason": ("stop_reason", None),
    "an unknown stop_reason": ("stop_reason", "stop"),
    "tool_use without a call": ("stop_reason", "tool_use"),
    "an id of the other side": ("id", "chatcmpl-1"),
    "an id that is its prefix alone": ("id", "msg_"),
    "no id": ("id", None),
    "half a character": ("content.0.text", "\ud83d"),
    "a count below zero": ("usage.input_tokens", -1),
    "a call without id": ("content", [{**USE, "id": ""}]),
    "a call without name": ("content", [{**USE, "name": ""}]),
    "the same call twice": ("content", [USE, USE]),
    "a key that is no field": ("choices", []),
    "usage of the other side": ("usage", {"prompt_tokens": 1, "completion_tokens": 1}),
    "content as text": ("content", "Hello"),
}


def test_a_whole_answer_is_valid() -> None:
    assert anthropic_message_errors(ANTHROPIC_MESSAGE) == []


@pytest.mark.parametrize("name", MESSAGE_FAULTS)
def test_every_fault_in_a_whole_answer_is_found(name: str) -> None:
    assert anthropic_message_errors(changed(ANTHROPIC_MESSAGE, *MESSAGE_FAULTS[name])) != []


@pytest.mark.parametrize("name", STREAMS)
def test_every_sample_stream_is_one_the_upstream_could_send(name: str) -> None:
    stream = STREAMS[name]
    data = sse.named(*stream.events)
    assert anthropic_stream_errors(data, stream.ends == "done", stream.tolerate) == []


def called(events: Any, *calls: Any, text: str = "{}") -> Any:
    """The stream with these calls in place of its text."""
    made = [events[0]]
    for index, call in enumerate(calls):
        delta = {"type": "input_json_delta", "partial_json": text}
        made.append({"type": "content_block_start", "index": index, "content_block": call})
        made.append({"type": "content_block_delta", "index": index, "delta": delta})
        made.append({"type": "content_block_stop", "index": index})
    return [*made, *changed(events[-2:], "0.delta.stop_reason", "tool_use")]


def test_a_stream_of_calls_is_valid() -> None:
    events = called(STREAMS["text"].events, USE, {**USE, "id": "toolu_3"}, text='{"a":1}')
    assert anthropic_stream_errors(sse.named(*events)) == []


STREAM_FAULTS: dict[str, Any] = {
    "no message_start": lambda e: e[1:],
    "two of them": lambda e: [e[0], *e],
    "no message_stop": lambda e: e[:-1],
    "no message_delta": lambda e: [*e[:-2], e[-1]],
    "a block that never ends": lambda e: [x for x in e if x["type"] != "content_block_stop"],
    "a block that skips a number": lambda e: [e[0], *text_block(1, "x"), *e[-2:]],
    "something after the end": lambda e: [*e, e[-1]],
    "an end after an error": lambda e: [
        *e[:-1],
        {"type": "error", "error": {"type": "api_error", "message": "m"}},
        e[-1],
    ],
    "no id": lambda e: changed(e, "0.message.id", None),
    "an id that is its prefix alone": lambda e: changed(e, "0.message.id", "msg_"),
    "half a character": lambda e: changed(e, "3.delta.text", "\ud83d"),
    "a count below zero": lambda e: [*e[:-2], changed(e[-2], "usage.output_tokens", -1), e[-1]],
    "a call without id": lambda e: called(e, {**USE, "id": ""}),
    "a call without name": lambda e: called(e, {**USE, "name": ""}),
    "two calls of one id": lambda e: called(e, USE, USE),
    "two calls in one": lambda e: called(e, USE, text='{"a":1}{"a":2}'),
    "arguments in a text": lambda e: called(e, USE, text='"{}"'),
    "a delta after its block": lambda e: [*e[:-3], e[-3], e[3], *e[-2:]],
    "an unknown event": lambda e: [e[0], {"type": "future_event"}, *e[1:]],
    "a delta of the wrong kind": lambda e: changed(e, "3.delta", {"type": "text", "text": "x"}),
    "a key that is no field": lambda e: changed(e, "3.delta.role", "assistant"),
}


@pytest.mark.parametrize("name", STREAM_FAULTS)
def test_every_fault_in_a_stream_is_found(name: str) -> None:
    events = STREAM_FAULTS[name](STREAMS["text"].events)
    assert anthropic_stream_errors(sse.named(*events)) != []


def test_events_without_a_name_or_with_another_are_found() -> None:
    good = STREAMS["text"].events
    assert anthropic_stream_errors(sse.unnamed(*good)) != []
    wrong = sse.named(*good).replace(b"event: message_stop", b"event: message_end")
    assert anthropic_stream_errors(wrong) != []


ERROR = {"type": "error", "error": {"type": "rate_limit_error", "message": "m"}, "request_id": "r"}


def test_errors_have_the_shape_the_sdk_reads() -> None:
    headers = {"content-type": "application/json", "request-id": "r"}

    def wrong(body: Any, headers: Any = headers) -> bool:
        return anthropic_error_errors(429, headers, json.dumps(body).encode()) != []

    assert not wrong(ERROR)
    assert wrong(ERROR, {"content-type": "application/json"})
    assert wrong(changed(ERROR, "error.type", "server_error"))
    assert wrong(changed(ERROR, "error.message", GONE))
    assert wrong({"error": {"message": "m", "type": "x", "param": None, "code": None}})
    assert anthropic_error_errors(500, headers, b"<html>") != []


def test_hoisting_a_late_system_message_is_not_append_only() -> None:
    roles = ("system", "user", "assistant", "user", "system", "assistant", "user")
    talk = {"messages": [said(role, f"{role} {i}") for i, role in enumerate(roles)]}

    def hoist(body: dict[str, Any]) -> dict[str, Any]:
        early = [m["content"] for m in body["messages"] if m["role"] == "system"]
        return {"system": early, "messages": [m for m in body["messages"] if m["role"] != "system"]}

    def in_place(body: dict[str, Any]) -> dict[str, Any]:
        return {"system": body["messages"][0]["content"], "messages": body["messages"][1:]}

    assert append_only_errors(hoist, talk) != []
    assert append_only_errors(in_place, talk) == []
