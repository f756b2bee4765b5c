"""Bad answers of each upstream dialect, plain and streamed, and bad errors."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.mapping.linear.bad_requests import call, text
from tests.mapping.linear.bad_schemas import Body, Json

Events = Callable[[int], list[Json]]


def message(content: Body) -> Body:
    return lambda n: {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": content(n),
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }


def completion(said: Body, choices: Body | None = None) -> Body:
    def make(n: int) -> Json:
        one = {
            "index": 0,
            "message": {"role": "assistant", "content": None, **said(n)},
            "finish_reason": "stop",
        }
        return {
            "id": "c",
            "object": "chat.completion",
            "created": 1,
            "model": "m",
            "choices": choices(n) if choices else [one],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1},
        }

    return make


def use(i: int, ident: str) -> Json:
    return {"type": "tool_use", "id": ident, "name": "f", "input": {}}


CITED = {
    "type": "web_search_result_location",
    "url": "https://a.test",
    "title": "t",
    "cited_text": "c",
    "encrypted_index": "e",
}
ANSWERS: dict[str, dict[str, Body]] = {
    "anthropic-messages": {
        "texts": message(lambda n: [text(i) for i in range(n)]),
        "thoughts": message(lambda n: [{"type": "thinking", "thinking": "a", "signature": "s"} for _ in range(n)]),
        "calls": message(lambda n: [use(i, f"c{i}") for i in range(n)]),
        "calls of one id": message(lambda n: [use(i, "c") for i in range(n)]),
        "calls without id": message(lambda n: [use(i, "") for i in range(n)]),
        "citations": message(lambda n: [{"type": "text", "text": "a", "citations": [CITED] * n}]),
        "texts with citations": message(lambda n: [{"type": "text", "text": "a", "citations": [CITED]} for _ in range(n)]),
        "unknown blocks": message(lambda n: [{"type": f"x{i}"} for i in range(n)]),
        "keys": lambda n: {**message(lambda n: [text(0)])(1), **{f"k{i}": i for i in range(n)}},
        "keys of a block": message(lambda n: [{**text(0), **{f"k{i}": i for i in range(n)}}]),
        "counters": lambda n: {**message(lambda n: [text(0)])(1), "usage": {f"k{i}": i for i in range(n)}},
        "a long text": message(lambda n: [{"type": "text", "text": "a" * n}]),
        "halves of characters": message(lambda n: [{"type": "text", "text": "\ud83d" * n}]),
        "blanks in a fence": message(lambda n: [{"type": "text", "text": "```json\n" + " " * n + "x"}]),
        "deep input": message(lambda n: [{"type": "tool_use", "id": "c", "name": "f", "input": json.loads('{"a":' * min(n, 900) + "1" + "}" * min(n, 900))}]),
    },
    "openai-chat": {
        "calls": completion(lambda n: {"tool_calls": [call(f"c{i}") for i in range(n)]}),
        "calls of one id": completion(lambda n: {"tool_calls": [call("c") for i in range(n)]}),
        "calls without id": completion(lambda n: {"tool_calls": [call(None) for i in range(n)]}),
        "texts": completion(lambda n: {"content": [text(i) for i in range(n)]}),
        "choices": completion(lambda n: {}, lambda n: [{"index": i, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"} for i in range(n)]),
        "annotations": completion(lambda n: {"content": "a", "annotations": [{"type": "url_citation", "url_citation": {"url": "https://a.test", "title": "t", "start_index": 0, "end_index": 1}}] * n}),
        "thoughts": completion(lambda n: {"content": "a", "reasoning_details": [{"type": "reasoning.text", "text": "a"}] * n}),
        "keys": lambda n: {**completion(lambda n: {"content": "a"})(1), **{f"k{i}": i for i in range(n)}},
        "keys of the message": completion(lambda n: {"content": "a", **{f"k{i}": i for i in range(n)}}),
        "long arguments": completion(lambda n: {"tool_calls": [call("c", arguments=json.dumps({"a": "b" * n}))]}),
        "halves of characters": completion(lambda n: {"content": "\ud83d" * n}),
        "deep arguments": completion(lambda n: {"tool_calls": [call("c", arguments='{"a":' * n + "1" + "}" * n)]}),
    },
}  # fmt: skip


# ---------------------------------------------------------------- streams
def blocks(*made: Json, usage: Json = None) -> list[Json]:
    head = message(lambda n: [])(0)
    last = [
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn"},
            "usage": usage or {"output_tokens": 1},
        },
        {"type": "message_stop"},
    ]
    return [{"type": "message_start", "message": {**head, "stop_reason": None}}, *made, *last]


def block(i: int, kind: Json, *deltas: Json, ended: bool = True) -> list[Json]:
    out: list[Json] = [{"type": "content_block_start", "index": i, "content_block": kind}]
    out += [{"type": "content_block_delta", "index": i, "delta": delta} for delta in deltas]
    return [*out, *([{"type": "content_block_stop", "index": i}] if ended else [])]


def chunks(*deltas: Json) -> list[Json]:
    def chunk(delta: Json, finish: Json = None) -> Json:
        return {
            "id": "c",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        }

    return [
        chunk({"role": "assistant", "content": ""}),
        *map(chunk, deltas),
        chunk({}, "stop"),
        "[DONE]",
    ]


def piece(
    number: Json, arguments: Json = None, ident: Json = None, name: Json = None, **more: Json
) -> Json:
    function = {k: v for k, v in (("name", name), ("arguments", arguments)) if v is not None}
    found = {k: v for k, v in (("index", number), ("id", ident)) if v is not None}
    return {"tool_calls": [{**found, "type": "function", "function": function, **more}]}


SAID = {"type": "text_delta", "text": "a"}
ARGUED = {"type": "input_json_delta", "partial_json": "1"}
STREAMS: dict[str, dict[str, Events]] = {
    "anthropic-messages": {
        "texts": lambda n: blocks(*block(0, {"type": "text", "text": ""}, *[SAID] * n)),
        "blocks": lambda n: blocks(*(e for i in range(n) for e in block(i, {"type": "text", "text": ""}, SAID))),
        "blocks that do not end": lambda n: blocks(*(e for i in range(n) for e in block(i, {"type": "text", "text": ""}, SAID, ended=False))),
        "blocks that end in the other order": lambda n: blocks(*(e for i in range(n) for e in block(i, {"type": "text", "text": ""}, SAID, ended=False)), *({"type": "content_block_stop", "index": i} for i in reversed(range(n)))),
        "calls": lambda n: blocks(*(e for i in range(n) for e in block(i, use(i, f"c{i}"), ARGUED))),
        "calls of one id": lambda n: blocks(*(e for i in range(n) for e in block(i, use(i, "c"), ARGUED))),
        "calls without id": lambda n: blocks(*(e for i in range(n) for e in block(i, use(i, ""), ARGUED))),
        "pieces of arguments": lambda n: blocks(*block(0, use(0, "c"), {"type": "input_json_delta", "partial_json": '{"a":"'}, *[ARGUED] * n)),
        "pieces of quoted arguments": lambda n: blocks(*block(0, use(0, "c"), {"type": "input_json_delta", "partial_json": '"'}, *[ARGUED] * n)),
        "thoughts": lambda n: blocks(*block(0, {"type": "thinking", "thinking": ""}, *[{"type": "thinking_delta", "thinking": "a"}] * n)),
        "citations": lambda n: blocks(*block(0, {"type": "text", "text": ""}, *[{"type": "citations_delta", "citation": CITED}] * n)),
        "cited blocks": lambda n: blocks(*(e for i in range(n) for e in block(i, {"type": "text", "text": ""}, SAID, {"type": "citations_delta", "citation": CITED}))),
        "pings": lambda n: blocks(*[{"type": "ping"}] * n),
        "unknown events": lambda n: blocks(*[{"type": f"x{i}"} for i in range(n)]),
        "unknown blocks": lambda n: blocks(*(e for i in range(n) for e in block(i, {"type": f"x{i}"}, SAID))),
        "counts": lambda n: blocks(*[{"type": "message_delta", "delta": {}, "usage": {"output_tokens": i}} for i in range(n)]),
        "counters": lambda n: blocks(usage={f"k{i}": i for i in range(n)}),
        "halves of characters": lambda n: blocks(*block(0, {"type": "text", "text": ""}, *[{"type": "text_delta", "text": "\ud83d"}, {"type": "text_delta", "text": "\ude00"}] * n)),
    },
    "openai-chat": {
        "texts": lambda n: chunks(*[{"content": "a"}] * n),
        "calls": lambda n: chunks(*(piece(i, "{}", f"c{i}", "f") for i in range(n))),
        "calls of one id": lambda n: chunks(*(piece(i, "{}", "c", "f") for i in range(n))),
        "calls without id": lambda n: chunks(*(piece(i, "{}", None, "f") for i in range(n))),
        "calls on one number": lambda n: chunks(*(piece(0, "{}", f"c{i}", "f") for i in range(n))),
        "calls side by side": lambda n: chunks(*(piece(i, "{", f"c{i}", "f") for i in range(n)), *(piece(i, "}") for i in range(n))),
        "calls side by side, reversed": lambda n: chunks(*(piece(i, "{", f"c{i}", "f") for i in range(n)), *(piece(i, "}") for i in reversed(range(n)))),
        "calls that do not end": lambda n: chunks(*(piece(i, "{", f"c{i}", "f") for i in range(n))),
        "calls without a name": lambda n: chunks(*(piece(i, "{", f"c{i}") for i in range(n))),
        "calls in one event": lambda n: chunks({"tool_calls": [piece(i, "{}", f"c{i}", "f")["tool_calls"][0] for i in range(n)]}),
        "pieces of arguments": lambda n: chunks(piece(0, '{"a":"', "c", "f"), *[piece(0, "1")] * n, piece(0, '"}')),
        "pieces of quoted arguments": lambda n: chunks(piece(0, '"', "c", "f"), *[piece(0, "1")] * n),
        "pieces behind the end": lambda n: chunks(piece(0, "{}", "c", "f"), *[piece(0, " ")] * n),
        "pieces that wait for a name": lambda n: chunks(*[piece(0, "1", "c")] * n),
        "keys of pieces that wait": lambda n: chunks(*(piece(0, "1", "c", **{f"k{i}": 1}) for i in range(n))),
        "pieces of a name": lambda n: chunks(*[piece(0, None, "c", "f")] * n, *[piece(0, None, None, "g")] * n),
        "texts between calls": lambda n: chunks(piece(0, "{", "c", "f"), *[{"content": "a"}, {"reasoning_content": "b"}] * n, piece(0, "}")),
        "texts and thoughts": lambda n: chunks(*[{"content": "a"}, {"reasoning_content": "b"}] * n),
        "unknown keys": lambda n: chunks(*({f"k{i}": 1} for i in range(n))),
        "choices": lambda n: [{"id": "c", "choices": [{"index": i, "delta": {"content": "a"}} for i in range(n)]}, *chunks({"content": "a"})],
        "choices, one by one": lambda n: [*({"id": "c", "choices": [{"index": i, "delta": {"content": "a"}}]} for i in range(n)), *chunks({"content": "a"})],
        "events without a choice": lambda n: [*({"id": "c", "choices": []} for i in range(n)), *chunks({"content": "a"})],
        "halves of characters": lambda n: chunks(*[{"content": "\ud83d"}, {"content": "\ude00"}] * n),
    },
}  # fmt: skip
PIECES: dict[str, Callable[[int, bytes], list[bytes]]] = {
    "comments": lambda n, base: [b": a\n" * n + base],
    "lines of one event": lambda n, base: [b"data: {\n" + b"data: \n" * n + b"data: }\n\n" + base],
    "one event, byte by byte": lambda n, base: [
        bytes([b]) for b in b'data: {"a":"' + b"b" * n + b'"}\n\n' + base
    ],
    "line ends, byte by byte": lambda n, base: [*([b"\r", b"\n"] * n), base],
    "blank lines": lambda n, base: [b"\n" * n + base],
    "fields of no event": lambda n, base: [b"id: 1\n\n" * n + base],
    "an event that does not end": lambda n, base: [base[:60], *([b"a" * 64] * n)],
}


# ---------------------------------------------------------------- errors
def error(text: Body) -> Body:
    return lambda n: {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": text(n)},
    }


def in_texts(n: int) -> Json:
    """An error in a text of an error, and so on: each layer doubles the backslashes."""
    out = "a" * n
    for _ in range(5):
        out = json.dumps(
            {"error": {"message": out, "code": out[:1000], "metadata": {"raw": out[:50000]}}}
        )
    return {"error": {"message": out}}


ERRORS: dict[str, Body] = {
    "a long message": error(lambda n: "a " * n),
    "a message of dots": error(lambda n: "a." * n),
    "a message of dashes": error(lambda n: "a-" * n),
    "a message of URLs": error(lambda n: "http://a." * n),
    "a message of numbers": error(lambda n: "1.1.1." * n),
    "a message of colons": error(lambda n: "a:" * n),
    "a message of keys": error(lambda n: "sk-" + "a" * n),
    "a message of secrets": error(lambda n: "secret =" + " " * n),
    "a message of paths": error(lambda n: "messages." + "1." * n),
    "a list of messages": lambda n: [error(lambda n: "a")(1)] * n,
    "messages": lambda n: {
        "errors": [{"message": f"a{i}"} for i in range(n)],
        "error": [{"message": "b"}] * n,
    },
    "keys": lambda n: {"error": {"message": "a", **{f"k{i}": i for i in range(n)}}},
    "errors in texts": in_texts,
    "deep lists": lambda n: {"error": json.loads("[" * min(n, 900) + "]" * min(n, 900))},
    "deep objects": lambda n: json.loads('{"error":' * min(n, 900) + "1" + "}" * min(n, 900)),
}
