"""Whole valid answers of both upstream dialects by the SDKs' models, plain and as a stream of bytes.

A stream is its plain answer cut at random, as the providers cut theirs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from random import Random

from anthropic.types import ContentBlock, Message
from openai.types.chat import ChatCompletion
from openai.types.chat.chat_completion_message import Annotation

from tests.differential.requests import _arguments
from tests.differential.shapes import Json, Made, Maker

MOST_BLOCKS = 4
ENDS = {"end_turn": 0.6, "max_tokens": 0.2, "stop_sequence": 0.2}


def _few(maker: Maker) -> int:
    return maker.random.randint(1, 900)


CLAUDE: dict[str, Made] = {
    "input": _arguments,
    "url": lambda maker: f"https://found.test/{maker.mark()}",
    "data": lambda maker: maker.mark(),
    "caller": lambda maker: {"type": "direct"},
}
OPENAI: dict[str, Made] = {
    "url": lambda maker: f"https://found.test/{maker.mark()}",
    "start_index": lambda maker: 0,
    "end_index": lambda maker: 1,
}


def claude_answer(random: Random) -> dict[str, Json]:
    """What POST /v1/messages of Anthropic answers."""
    maker = Maker(random, CLAUDE)
    content = maker.some(lambda: maker.make(ContentBlock), 1, MOST_BLOCKS)
    calls = any(block["type"] == "tool_use" for block in content)
    reason = "tool_use" if calls else random.choices([*ENDS], [*ENDS.values()])[0]
    usage = {
        "input_tokens": _few(maker),
        "output_tokens": _few(maker),
        "cache_read_input_tokens": _few(maker),
        "cache_creation_input_tokens": _few(maker),
    }
    stop = maker.mark() if reason == "stop_sequence" else None
    given = {"id": f"msg_{maker.mark()}", "content": content, "stop_reason": reason}
    return maker.model(Message, **given, stop_sequence=stop, stop_details=None, usage=usage)


_TEXTS = {"text": ("text_delta", "text"), "thinking": ("thinking_delta", "thinking")}


def claude_stream(random: Random, answer: dict[str, Json]) -> bytes:
    """The same answer as Anthropic streams it."""
    head = {**answer, "content": [], "stop_reason": None, "stop_sequence": None}
    events: list[Json] = [{"type": "message_start", "message": head}]
    for index, block in enumerate(answer["content"]):
        opening, deltas = _opened(random, block)
        events.append({"type": "content_block_start", "index": index, "content_block": opening})
        events += ({"type": "content_block_delta", "index": index, "delta": d} for d in deltas)
        events.append({"type": "content_block_stop", "index": index})
    delta = {"stop_reason": answer["stop_reason"], "stop_sequence": answer["stop_sequence"]}
    counts = {"output_tokens": answer["usage"]["output_tokens"]}
    events += [{"type": "message_delta", "delta": delta, "usage": counts}, {"type": "message_stop"}]
    return b"".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events)


def _opened(random: Random, block: dict[str, Json]) -> tuple[Json, list[Json]]:
    """How a block begins, and the deltas that follow."""
    kind = block["type"]
    if kind in _TEXTS:
        delta, field = _TEXTS[kind]
        deltas: list[Json] = [{"type": delta, field: t} for t in cut(random, block[field])]
        opening = {**block, field: ""}
        if kind == "thinking":
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
            opening["signature"] = ""
        for citation in opening.pop("citations", None) or ():
            deltas.append({"type": "citations_delta", "citation": citation})
        return opening, deltas
    if isinstance(block.get("input"), dict):
        texts = cut(random, json.dumps(block["input"]))
        return {**block, "input": {}}, [
            {"type": "input_json_delta", "partial_json": text} for text in texts
        ]
    return block, []


def cut(random: Random, text: str) -> list[str]:
    """A text in a few pieces."""
    at = sorted(random.sample(range(len(text) + 1), min(random.randint(0, 3), len(text))))
    return [text[a:b] for a, b in zip([0, *at], [*at, len(text)], strict=True)]


def openai_answer(random: Random) -> dict[str, Json]:
    """What POST /v1/chat/completions of a compatible server answers."""
    maker = Maker(random, OPENAI)
    message: dict[str, Json] = {"role": "assistant", "content": maker.mark()}
    finish = random.choice(["stop", "stop", "length"])
    if maker.chance(0.5):
        message["reasoning_content"] = maker.mark()
    if maker.chance(0.5):
        message["tool_calls"] = maker.some(lambda: _call(maker))
        message["content"] = maker.mark() if maker.chance(0.4) else None
        finish = "tool_calls"
    elif maker.chance(0.2):
        message["annotations"] = [maker.model(Annotation)]
    elif maker.chance(0.1):
        message.update(content=None, refusal=maker.mark())
    cached, spent, made = _few(maker), _few(maker), _few(maker)
    usage = {
        "prompt_tokens": spent + cached,
        "completion_tokens": made,
        "total_tokens": spent + cached + made,
        "prompt_tokens_details": {"cached_tokens": cached},
    }
    choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
    given = {"id": f"chatcmpl-{maker.mark()}", "model": maker.mark(), "moderation": None}
    return maker.model(ChatCompletion, **given, choices=[choice], usage=usage)


def _call(maker: Maker) -> Json:
    function = {"name": maker.mark(), "arguments": json.dumps(_arguments(maker))}
    return {"id": f"call_{maker.mark()}", "type": "function", "function": function}


def openai_stream(random: Random, answer: dict[str, Json]) -> bytes:
    """The same answer as a compatible server streams it."""
    choice = answer["choices"][0]
    deltas: list[tuple[Json, Json]] = [({"role": "assistant"}, None)]
    deltas += ((delta, None) for delta in _deltas(random, choice["message"]))
    deltas.append(({}, choice["finish_reason"]))
    head = {k: v for k, v in answer.items() if k not in ("choices", "usage")}
    head["object"] = "chat.completion.chunk"
    chunks = [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
        for delta, finish in deltas
    ]
    chunks.append({**head, "choices": [], "usage": answer["usage"]})
    return b"".join(f"data: {json.dumps(c)}\n\n".encode() for c in chunks) + b"data: [DONE]\n\n"


def _deltas(random: Random, message: dict[str, Json]) -> Iterable[Json]:
    for field in ("reasoning_content", "content", "refusal"):
        for text in cut(random, message.get(field) or ""):
            yield {field: text}
    for index, call in enumerate(message.get("tool_calls") or ()):
        function = call["function"]
        opening = {**call, "index": index, "function": {"name": function["name"], "arguments": ""}}
        yield {"tool_calls": [opening]}
        for text in cut(random, function["arguments"]):
            yield {"tool_calls": [{"index": index, "function": {"arguments": text}}]}
    if message.get("annotations"):
        yield {"annotations": message["annotations"]}
