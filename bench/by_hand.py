"""The same translation written by hand in Python, for the benchmark's cases: the opponent.

Honest but no more than the cases need: what a careful programmer would write who never has to
change it. It must give the same bytes as the tables; the benchmark checks that before it times.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

Json = Any
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_ID = re.compile(r"[a-zA-Z0-9_-]+")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
KNOWN = {"model", "messages", "tools", "tool_choice", "max_tokens", "temperature", "stream", "stop"}


def text(words: str) -> Json:
    return {"type": "text", "text": words}


def texts(content: Json, where: str) -> list[Json]:
    if content is None:
        return []
    if isinstance(content, str):
        return [text(content)] if content.strip() else []
    blocks = []
    for number, part in enumerate(content):
        if part.get("type") != "text" or not isinstance(part.get("text"), str):
            raise ValueError(f"{where}[{number}]")
        if part["text"].strip():
            blocks.append(text(part["text"]))
    return blocks


def tool(item: Json, seen: set[str]) -> Json:
    function = item["function"]
    name = function["name"]
    if not _NAME.fullmatch(name) or name in seen:
        raise ValueError("tools")
    seen.add(name)
    schema = function.get("parameters") or {}
    if schema.get("type", "object") != "object":
        raise ValueError("parameters")
    if "type" not in schema:
        schema = {"type": "object", **schema}
    schema.setdefault("properties", {})
    out = {"name": name}
    if function.get("description") is not None:
        out["description"] = function["description"]
    out["input_schema"] = schema
    return out


def call(item: Json) -> Json:
    ident = item["id"]
    if not _ID.fullmatch(ident):
        raise ValueError("id")
    function = item["function"]
    given = _decode(function["arguments"]) if function["arguments"].strip() else {}
    if not isinstance(given, dict):
        raise ValueError("arguments")
    return {"type": "tool_use", "id": ident, "name": function["name"], "input": given}


def request(body: Json, upstream_model: str, cap: int) -> bytes:
    """The upstream's body."""
    system: list[Json] = []
    messages: list[Json] = []
    waiting: list[str] = []
    for number, message in enumerate(body["messages"]):
        role = message["role"]
        where = f"messages[{number}].content"
        if role in ("system", "developer"):
            if messages:
                raise ValueError("late system")
            system += texts(message["content"], where)
            continue
        if role == "user":
            if waiting:
                raise ValueError("unanswered")
            blocks, role = texts(message["content"], where) or [text("(empty)")], "user"
        elif role == "assistant":
            blocks = texts(message.get("content"), where)
            calls = [call(item) for item in message.get("tool_calls") or ()]
            waiting = [item["id"] for item in calls]
            blocks += calls
            if not blocks:
                continue
        elif role == "tool":
            ident = message["tool_call_id"]
            if ident not in waiting:
                raise ValueError("orphan")
            waiting.remove(ident)
            blocks, role = (
                [{"type": "tool_result", "tool_use_id": ident, "content": message["content"]}],
                "user",
            )
        else:
            raise ValueError("role")
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"] += blocks
        else:
            messages.append({"role": role, "content": blocks})
    if waiting:
        raise ValueError("unanswered")
    limit = body.get("max_completion_tokens") or body.get("max_tokens") or cap
    out: dict[str, Json] = {"model": upstream_model, "max_tokens": min(limit, cap)}
    if body.get("temperature") is not None:
        out["temperature"] = min(body["temperature"], 1)
    if body.get("stream"):
        out["stream"] = True
    if body.get("tools"):
        seen: set[str] = set()
        out["tools"] = [tool(item, seen) for item in body["tools"]]
    out["messages"] = messages
    if system:
        out["system"] = system
    dropped = [name for name in body if name not in KNOWN]
    if dropped:
        raise ValueError(dropped[0])
    return _encode(out)


STOP = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def answer(body: bytes, alias: str, now: int) -> bytes:
    """The caller's completion."""
    message = _decode(body)
    said: list[str] = []
    calls: list[Json] = []
    for block in message["content"]:
        kind = block["type"]
        if kind == "text":
            said.append(block["text"])
        elif kind == "tool_use":
            arguments = _encode(block["input"]).decode()
            function = {"name": block["name"], "arguments": arguments}
            calls.append({"id": block["id"], "type": "function", "function": function})
    content: str | None = "".join(said)
    out: dict[str, Json] = {"role": "assistant", "content": content, "refusal": None}
    if calls:
        out["content"] = content or None
        out["tool_calls"] = calls
    used = message["usage"]
    read = used.get("cache_read_input_tokens") or 0
    written = used.get("cache_creation_input_tokens") or 0
    prompt = used["input_tokens"] + read + written
    finish = "tool_calls" if calls else STOP.get(message["stop_reason"], "stop")
    return _encode(
        {
            "id": "chatcmpl-" + message["id"].removeprefix("msg_"),
            "object": "chat.completion",
            "created": now,
            "model": alias,
            "choices": [{"index": 0, "message": out, "logprobs": None, "finish_reason": finish}],
            "usage": {
                "prompt_tokens": prompt,
                "completion_tokens": used["output_tokens"],
                "total_tokens": prompt + used["output_tokens"],
                "prompt_tokens_details": {
                    "cached_tokens": read,
                    "cache_write_tokens": written,
                    "audio_tokens": 0,
                },
                "completion_tokens_details": {
                    "reasoning_tokens": 0,
                    "audio_tokens": 0,
                    "accepted_prediction_tokens": 0,
                    "rejected_prediction_tokens": 0,
                },
            },
            "system_fingerprint": None,
        }
    )


class Stream:
    """SSE of the upstream to chunks; text, tools and the end."""

    def __init__(self, alias: str, now: int) -> None:
        self.alias, self.now = alias, now
        self.id = ""
        self.rest = b""
        self.tool = -1
        self.finish = "stop"

    def chunk(self, delta: Json, finish: str | None = None) -> bytes:
        data = {
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.now,
            "model": self.alias,
            "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
        }
        return b"data: " + _encode(data) + b"\n\n"

    def receive(self, data: bytes) -> bytes:
        *frames, self.rest = (self.rest + data).split(b"\n\n")
        out = []
        for frame in frames:
            for line in frame.split(b"\n"):
                if line.startswith(b"data:"):
                    out.append(self.event(_decode(line[5:])))
        return b"".join(out)

    def event(self, event: Json) -> bytes:
        kind = event["type"]
        if kind == "content_block_delta":
            delta = event["delta"]
            if delta["type"] == "text_delta":
                return self.chunk({"content": delta["text"]}) if delta["text"] else b""
            if delta["type"] == "input_json_delta" and delta["partial_json"]:
                piece = {"index": self.tool, "function": {"arguments": delta["partial_json"]}}
                return self.chunk({"tool_calls": [piece]})
        elif kind == "message_start":
            self.id = "chatcmpl-" + event["message"]["id"].removeprefix("msg_")
            return self.chunk({"role": "assistant", "content": "", "refusal": None})
        elif kind == "content_block_start" and event["content_block"]["type"] == "tool_use":
            self.tool += 1
            block = event["content_block"]
            function = {"name": block["name"], "arguments": ""}
            piece = {
                "index": self.tool,
                "id": block["id"],
                "type": "function",
                "function": function,
            }
            return self.chunk({"tool_calls": [piece]})
        elif kind == "message_delta":
            self.finish = STOP.get(event["delta"]["stop_reason"], "stop")
        elif kind == "message_stop":
            return self.chunk({}, self.finish) + b"data: [DONE]\n\n"
        return b""
