"""Good bodies and conversations on both wires, to start from; tests change one thing at a time."""

from __future__ import annotations

import base64
import copy
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(16)).decode()
PDF = base64.b64encode(b"%PDF-1.7\n").decode()
CREATED = 1_795_000_000


def changed(good: Any, path: str, value: Any) -> Any:
    """A copy with one thing else at "a.0.b"; value may be a function of the old one, or GONE."""
    made = copy.deepcopy(good)
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    node = made
    for step in way:
        node = node[step]
    if value is GONE:
        del node[last]
    elif callable(value):
        node[last] = value(node[last])
    else:
        node[last] = value
    return made


GONE = object()


# ----------------------------------------------------------------------------------- Anthropic

WEATHER: Json = {
    "name": "weather",
    "description": "The weather in a city.",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
}

ANTHROPIC_REQUEST: Json = {  # most of what a translated request can hold, on a model that takes it
    "model": "claude-opus-4-5",
    "max_tokens": 4096,
    "temperature": 0.5,
    "stop_sequences": ["END"],
    "metadata": {"user_id": "u-7f3a"},
    "service_tier": "auto",
    "system": [
        {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    ],
    "tools": [{**WEATHER, "strict": True}],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    "output_config": {
        "effort": "low",
        "format": {
            "type": "json_schema",
            "schema": {
                "type": "object",
                "properties": {"warm": {"type": "boolean"}},
                "required": ["warm"],
                "additionalProperties": False,
            },
        },
    },
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "How warm is it here?"},
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": PNG},
                },
                {
                    "type": "document",
                    "title": "notes.txt",
                    "source": {"type": "text", "media_type": "text/plain", "data": "Oslo"},
                },
                {
                    "type": "document",
                    "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
                },
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "I look it up."},
                {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "4 C"},
                {"type": "text", "text": "And now?"},
            ],
        },
    ],
}

ANTHROPIC_MESSAGE: Json = {
    "id": "msg_01A",
    "type": "message",
    "role": "assistant",
    "model": "claude-opus-5-5",
    "content": [{"type": "text", "text": "Hello"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 25, "output_tokens": 7},
}


def asking(model: str, text: str = "Hello?", **more: Any) -> Json:
    """The smallest request to a model, and what else is said."""
    return {"model": model, "max_tokens": 100, "messages": [said("user", text)], **more}


def said(role: str, content: Any) -> Json:
    return {"role": role, "content": content}


# -------------------------------------------------------------------------------------- OpenAI

OPENAI_REQUEST: Json = {
    "model": "claude-prod",
    "stream": True,
    "stream_options": {"include_usage": True},
    "max_completion_tokens": 100,
    "temperature": 0,
    "reasoning_effort": "low",
    "tools": [
        {
            "type": "function",
            "function": {"name": "weather", "parameters": {"type": "object"}, "strict": True},
        }
    ],
    "tool_choice": {"type": "function", "function": {"name": "weather"}},
    "messages": [
        said("developer", "Be brief."),
        said(
            "user",
            [
                {"type": "text", "text": "What is this?"},
                {
                    "type": "image_url",
                    "image_url": {"url": "https://a.test/b.png", "detail": "low"},
                },
                {
                    "type": "file",
                    "file": {
                        "filename": "a.pdf",
                        "file_data": f"data:application/pdf;base64,{PDF}",
                    },
                },
            ],
        ),
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "weather", "arguments": "{}"},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "4 C"},
    ],
}

OPENAI_COMPLETION: Json = {
    "id": "chatcmpl-01A",
    "object": "chat.completion",
    "created": CREATED,
    "model": "claude-prod",
    "service_tier": "default",
    "system_fingerprint": None,
    "choices": [
        {
            "index": 0,
            "logprobs": None,
            "finish_reason": "tool_calls",
            "message": {
                "role": "assistant",
                "content": "I look it up.",
                "refusal": None,
                "reasoning_content": "Hm.",
                "reasoning_details": [
                    {"type": "reasoning.text", "text": "Hm.", "signature": "S==", "index": 0}
                ],
                "tool_calls": [
                    {
                        "id": "toolu_1",
                        "type": "function",
                        "function": {"name": "weather", "arguments": '{"city":"Oslo"}'},
                    }
                ],
            },
        }
    ],
    "usage": {
        "prompt_tokens": 30,
        "completion_tokens": 5,
        "total_tokens": 35,
        "prompt_tokens_details": {"cached_tokens": 10, "cache_write_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 2},
    },
}


# ------------------------------------------------------------- streams, as both sides see them


@dataclass(frozen=True, slots=True)
class Stream:
    """One answer: the upstream's events and the caller's chunks."""

    events: list[Json]
    chunks: list[Json | str]
    include_usage: bool = False
    ends: str = "done"
    tolerate: frozenset[str] = field(default_factory=frozenset)


def opening(**usage: Any) -> Json:
    message = {**ANTHROPIC_MESSAGE, "content": [], "stop_reason": None}
    return {
        "type": "message_start",
        "message": {**message, "usage": {"input_tokens": 25, "output_tokens": 1, **usage}},
    }


def block(index: int, first: Json, *deltas: Json) -> list[Json]:
    return [
        {"type": "content_block_start", "index": index, "content_block": first},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def text_block(index: int, *pieces: str) -> list[Json]:
    deltas = ({"type": "text_delta", "text": piece} for piece in pieces)
    return block(index, {"type": "text", "text": ""}, *deltas)


def tool_block(index: int, number: int, *pieces: str) -> list[Json]:
    first = {"type": "tool_use", "id": f"toolu_{number}", "name": "weather", "input": {}}
    return block(index, first, *({"type": "input_json_delta", "partial_json": p} for p in pieces))


def closing(reason: str, **more: Any) -> list[Json]:
    usage = {"output_tokens": 7, **more.pop("usage", {})}
    delta = {"stop_reason": reason, "stop_sequence": None, **more}
    return [{"type": "message_delta", "delta": delta, "usage": usage}, {"type": "message_stop"}]


def chunk(delta: Json, finish: str | None = None, **more: Any) -> Json:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return {
        "id": "chatcmpl-01A",
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": "claude-prod",
        "choices": [choice],
        **more,
    }


def call_chunk(index: int, arguments: str, call_id: str = "") -> Json:
    call: Json = {"index": index, "function": {"arguments": arguments}}
    if call_id:
        call |= {"id": call_id, "type": "function"}
        call["function"]["name"] = "weather"
    return chunk({"tool_calls": [call]})


ROLE: Json = chunk({"role": "assistant", "content": "", "refusal": None})

STREAMS: dict[str, Stream] = {
    "text": Stream(
        [opening(), {"type": "ping"}, *text_block(0, "Hel", "lo"), *closing("end_turn")],
        [ROLE, chunk({"content": "Hel"}), chunk({"content": "lo"}), chunk({}, "stop"), "[DONE]"],
    ),
    "text with usage": Stream(
        [
            opening(input_tokens=3, cache_creation_input_tokens=100, cache_read_input_tokens=40),
            *text_block(0, "Hi"),
            *closing("end_turn", usage={"output_tokens_details": {"thinking_tokens": 4}}),
        ],
        [
            {**ROLE, "usage": None},
            chunk({"content": "Hi"}, usage=None),
            chunk({}, "stop", usage=None),
            {
                **chunk({}),
                "choices": [],
                "usage": {
                    "prompt_tokens": 143,
                    "completion_tokens": 7,
                    "total_tokens": 150,
                    "prompt_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 100},
                    "completion_tokens_details": {"reasoning_tokens": 4},
                },
            },
            "[DONE]",
        ],
        include_usage=True,
    ),
    "two tool calls after text": Stream(
        [
            opening(),
            *text_block(0, "Both."),
            *tool_block(1, 1, "", '{"city":', '"Oslo"}'),
            *tool_block(2, 2, '{"city":"Rome"}'),
            *closing("tool_use"),
        ],
        [
            ROLE,
            chunk({"content": "Both."}),
            call_chunk(0, "", "toolu_1"),
            call_chunk(0, '{"city":'),
            call_chunk(0, '"Oslo"}'),
            call_chunk(1, "", "toolu_2"),
            call_chunk(1, '{"city":"Rome"}'),
            chunk({}, "tool_calls"),
            "[DONE]",
        ],
    ),
    "thinking, then text": Stream(
        [
            opening(),
            *block(
                0,
                {"type": "thinking", "thinking": "", "signature": ""},
                {"type": "thinking_delta", "thinking": "Hm"},
                {"type": "thinking_delta", "thinking": "m."},
                {"type": "signature_delta", "signature": "S=="},
            ),
            *text_block(1, "42"),
            *closing("end_turn"),
        ],
        [
            ROLE,
            chunk(
                {
                    "reasoning_content": "Hm",
                    "reasoning_details": [
                        {"index": 0, "type": "reasoning.text", "text": "Hm", "format": "f-v1"}
                    ],
                }
            ),
            chunk(
                {
                    "reasoning_content": "m.",
                    "reasoning_details": [{"index": 0, "type": "reasoning.text", "text": "m."}],
                }
            ),
            chunk(
                {"reasoning_details": [{"index": 0, "type": "reasoning.text", "signature": "S=="}]}
            ),
            chunk({"content": "42"}),
            chunk({}, "stop"),
            "[DONE]",
        ],
    ),
    "refused half-way": Stream(
        [
            opening(),
            *text_block(0, "Step 1"),
            *closing(
                "refusal",
                stop_details={"type": "refusal", "category": "cyber", "explanation": "No."},
            ),
        ],
        [
            ROLE,
            chunk({"content": "Step 1"}),
            chunk({"refusal": "No."}),
            chunk({}, "content_filter"),
            "[DONE]",
        ],
    ),
    "a search with a citation": Stream(
        [
            opening(),
            *block(
                0,
                {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}},
                {"type": "input_json_delta", "partial_json": '{"query":"x"}'},
            ),
            *block(
                1,
                {
                    "type": "web_search_tool_result",
                    "tool_use_id": "srvtoolu_1",
                    "content": [
                        {
                            "type": "web_search_result",
                            "url": "https://a.test/",
                            "title": "A",
                            "encrypted_content": "E=",
                            "page_age": None,
                        }
                    ],
                },
            ),
            *block(
                2,
                {"type": "text", "text": "", "citations": []},
                {
                    "type": "citations_delta",
                    "citation": {
                        "type": "web_search_result_location",
                        "url": "https://a.test/",
                        "title": "A",
                        "cited_text": "c",
                        "encrypted_index": "I=",
                    },
                },
                {"type": "text_delta", "text": "So it is."},
            ),
            *closing("end_turn"),
        ],
        [
            ROLE,
            chunk({"content": "So it is."}),
            chunk(
                {
                    "annotations": [
                        {
                            "type": "url_citation",
                            "url_citation": {
                                "url": "https://a.test/",
                                "title": "A",
                                "start_index": 0,
                                "end_index": 9,
                            },
                        }
                    ]
                }
            ),
            chunk({}, "stop"),
            "[DONE]",
        ],
    ),
    "the old single function call": Stream(
        [opening(), *tool_block(0, 1, '{"city":"Oslo"}'), *closing("tool_use")],
        [
            ROLE,
            chunk({"function_call": {"name": "weather", "arguments": ""}}),
            chunk({"function_call": {"arguments": '{"city":"Oslo"}'}}),
            chunk({}, "function_call"),
            "[DONE]",
        ],
    ),
    "things not invented yet": Stream(
        [
            opening(),
            {"type": "future_event", "x": 1},
            *block(
                0,
                {"type": "text", "text": ""},
                {"type": "future_delta", "y": 2},
                {"type": "text_delta", "text": "A"},
            ),
            *block(1, {"type": "future_block", "z": 3}, {"type": "future_delta", "y": 4}),
            *closing("end_turn"),
        ],
        [ROLE, chunk({"content": "A"}), chunk({}, "stop"), "[DONE]"],
        tolerate=frozenset({"future_event", "future_block", "future_delta"}),
    ),
    "an error half-way": Stream(
        [
            opening(),
            *text_block(0, "On")[:-1],
            {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
        ],
        [
            ROLE,
            chunk({"content": "On"}),
            {
                "error": {
                    "message": "Overloaded",
                    "type": "server_error",
                    "param": None,
                    "code": "overloaded",
                }
            },
        ],
        ends="error",
    ),
}
