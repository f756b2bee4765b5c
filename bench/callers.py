"""What a caller of the Responses API pays beside one of Chat Completions: `make bench-core`.

The same conversation in the shapes of both, over one upstream: request, answer and event in
microseconds of CPU time, by turns in every round, the ratio taken within a round.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from aisix.mapping.exchange import Exchange, ResolvedModel
from aisix.mapping.mappings import Mappings, load_mappings
from bench.rounds import Case

ROOT = Path(__file__).resolve().parent.parent
CHAT, RESPONSES = "Chat", "Responses"
DIALECTS = {CHAT: "openai-chat", RESPONSES: "openai-responses"}
UPSTREAMS = {"anthropic-messages": "claude-sonnet-4-6", "openai-chat": "gpt-5.2"}
NOW = 1795000000
REPEAT = 50  # runs of one round
EVENTS = 200


def said(role: str, words: str) -> dict[str, Any]:
    return {"role": role, "content": words}


def schema(number: int) -> dict[str, Any]:
    properties = {
        "city": {"type": "string", "description": f"the city to look at, for tool {number}"},
        "unit": {"type": "string", "enum": ["C", "F"]},
        "days": {"type": "integer"},
    }
    return {"type": "object", "properties": properties, "required": ["city"]}


def conversation(rounds: int, tools: int) -> dict[str, dict[str, Any]]:
    """One conversation in both shapes: a system prompt, rounds of a tool loop, a last question."""
    system = said("system", "You are a helpful assistant. Be brief.")
    messages, items = [system], [system]
    for n in range(rounds):
        asked = said("user", f"What is the weather like in city number {n}? " * 3)
        called, arguments = f"call_{n}", '{"city":"Oslo","days":3}'
        function = {"name": "tool_1", "arguments": arguments}
        calls = [{"id": called, "type": "function", "function": function}]
        result = '{"temp": 7, "sky": "grey"}'
        told = "It is grey and cold, around seven degrees. " * 4
        messages += [
            asked,
            {**said("assistant", "Let me look."), "tool_calls": calls},
            {"role": "tool", "tool_call_id": called, "content": result},
            said("assistant", told),
        ]
        items += [
            asked,
            _message(2 * n, "Let me look."),
            {"type": "function_call", "id": f"fc_{n}", "call_id": called, "status": "completed"}
            | function,
            {"type": "function_call_output", "call_id": called, "output": result},
            _message(2 * n + 1, told),
        ]
    last = said("user", "And here?")
    functions = [
        {"name": f"tool_{n}", "description": f"Does thing {n}.", "parameters": schema(n)}
        for n in range(tools)
    ]
    chat: dict[str, Any] = {"messages": [*messages, last], "max_completion_tokens": 1024}
    responses: dict[str, Any] = {"input": [*items, last], "max_output_tokens": 1024}
    if tools:
        chat["tools"] = [{"type": "function", "function": function} for function in functions]
        responses["tools"] = [{"type": "function", **function} for function in functions]
    return {CHAT: {"model": "m", **chat}, RESPONSES: {"model": "m", **responses}}


def _message(number: int, words: str) -> dict[str, Any]:
    """Words of the model as they come back in the list of items."""
    part = {"type": "output_text", "text": words, "annotations": []}
    return {"type": "message", "id": f"msg_{number}", "role": "assistant", "content": [part]}


def small() -> dict[str, dict[str, Any]]:
    words = "Hello there"
    chat = {"model": "m", "messages": [said("user", words)], "max_completion_tokens": 100}
    return {CHAT: chat, RESPONSES: {"model": "m", "input": words, "max_output_tokens": 100}}


REQUESTS = {
    "small": small(),
    "7 messages and 3 tools": conversation(1, 3),
    "20 messages and 5 tools": conversation(4, 5),
}


def _event(data: Any) -> bytes:
    return f"event: {data['type']}\ndata: {json.dumps(data)}\n\n".encode()


def _chunk(**delta: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": None}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": NOW, "model": "m"}
    return f"data: {json.dumps({**chunk, 'choices': [choice]})}\n\n".encode()


def _delta(index: int, **delta: Any) -> bytes:
    return _event({"type": "content_block_delta", "index": index, "delta": delta})


def _begun(index: int, **block: Any) -> bytes:
    return _event({"type": "content_block_start", "index": index, "content_block": block})


CALL = {"id": "toolu_1", "name": "tool_1"}
PLAIN: dict[str, Any] = {
    "anthropic-messages": {
        "id": "msg_01ABC",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [
            {"type": "text", "text": "Let me look that up for you. " * 4},
            {"type": "tool_use", **CALL, "input": {"city": "Oslo", "days": 3}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 700, "output_tokens": 60},
    },
    "openai-chat": {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": NOW,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {
                    **said("assistant", "Let me look that up for you. " * 4),
                    "tool_calls": [
                        {
                            "id": "call_1",
                            "type": "function",
                            "function": {"name": "tool_1", "arguments": '{"city":"Oslo"}'},
                        }
                    ],
                },
                "finish_reason": "tool_calls",
            }
        ],
        "usage": {"prompt_tokens": 700, "completion_tokens": 60, "total_tokens": 760},
    },
}
_message_start = _event(
    {
        "type": "message_start",
        "message": {**PLAIN["anthropic-messages"], "content": [], "stop_reason": None},
    }
)
# upstream -> kind of event -> (what comes before, one of them)
STREAMS = {
    "anthropic-messages": {
        "text": (
            _message_start + _begun(0, type="text", text=""),
            _delta(0, type="text_delta", text="some words"),
        ),
        "arguments": (
            _message_start + _begun(0, type="tool_use", **CALL, input={}),
            _delta(0, type="input_json_delta", partial_json='"abc'),
        ),
    },
    "openai-chat": {
        "text": (_chunk(role="assistant", content=""), _chunk(content="some words")),
        "arguments": (
            _chunk(role="assistant", tool_calls=[{"index": 0, "id": "call_1", "type": "function",
                                                  "function": {"name": "f", "arguments": ""}}]),
            _chunk(tool_calls=[{"index": 0, "function": {"arguments": '"abc'}}]),
        ),
    },
}  # fmt: skip


class Side:
    """One caller's side over one upstream."""

    def __init__(self, mappings: Mappings, caller: str, upstream: str) -> None:
        mapping = mappings.mappings[f"{caller}/{upstream}"]
        self._caller = mapping.caller
        self._target = ResolvedModel("m", UPSTREAMS[upstream])
        self._effective = mapping.effective(self._target.upstream_model)

    def exchange(self) -> Exchange:
        return Exchange(self._effective, self._caller, self._target, now=NOW, new_id=lambda: "x")

    def request(self, body: Any) -> Exchange:
        """An exchange whose request is made, by a compiled form."""
        talk = self.exchange()
        talk.request(body)
        assert not talk.fallbacks, talk.fallbacks
        return talk


def cases() -> list[Case]:
    mappings = load_mappings([ROOT / "mappings"])
    return [case for upstream in UPSTREAMS for case in _over(mappings, upstream)]


def _over(mappings: Mappings, upstream: str) -> Iterable[Case]:
    sides = {name: Side(mappings, caller, upstream) for name, caller in DIALECTS.items()}

    def case(name: str, run: Callable[[str, Side], Any], fresh: Any, count: int = 1) -> Case:
        who = {key: (run(key, side), fresh(key, side)) for key, side in sides.items()}
        return Case(f"{name}, over {upstream}", who, count, before=CHAT)

    decode = msgspec.json.Decoder().decode

    def request(_: str, side: Side) -> Callable[[bytes], Any]:
        return lambda body: side.request(decode(body))

    for name, bodies in REQUESTS.items():
        raw = {key: msgspec.json.encode(body) for key, body in bodies.items()}
        yield case(
            f"parse and request, {name}",
            request,
            lambda key, _, raw=raw: lambda: [raw[key]] * REPEAT,
        )
    answer = msgspec.json.encode(PLAIN[upstream])
    asked = REQUESTS["small"]
    yield case(
        "answer with a call",
        lambda *_: lambda talk: talk.response(200, {}, answer),
        lambda key, side: lambda: [side.request(asked[key]) for _ in range(REPEAT)],
    )
    for name, (opening, one) in STREAMS[upstream].items():
        for count in (1, EVENTS):

            def receive(key: str, side: Side, opening: bytes = opening) -> Callable[[bytes], Any]:
                talk = side.request({**asked[key], "stream": True})
                talk.receive(opening)
                return talk.receive

            things = [one * count] * (EVENTS // count)
            told = name if count == 1 else f"{name}, {count} in one read"
            yield case(f"event, {told}", receive, lambda *_, things=things: lambda: things, count)
