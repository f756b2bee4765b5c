"""The same translation written by hand in Python, for the benchmark's cases: the opponent.

What a careful programmer would write who never has to change it: the fields these callers send are
checked (kind and range, with the caller's own path in the complaint), limits are clamped and told,
unknown fields are told, calls are paired with their results, streams may use any line ending. It
does none of what the cases do not need (images, files, thinking, citations, model rows, strict
mode, options of an alias). It must give the same bytes as the tables; the benchmark checks that
before it times.
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
KNOWN = {"model", "messages", "tools", "max_tokens", "max_completion_tokens", "temperature"}
KNOWN |= {"stream", "stream_options"}


class Refused(ValueError):
    """The caller's field that is wrong."""


def texts(content: Json, where: str) -> list[Json]:
    if content is None:
        return []
    if type(content) is str:
        return [{"type": "text", "text": content}] if content and not content.isspace() else []
    if type(content) is not list:
        raise Refused(where)
    blocks = []
    for number, part in enumerate(content):
        if type(part) is not dict or part.get("type") != "text":
            raise Refused(f"{where}[{number}].type")
        words = part.get("text")
        if type(words) is not str:
            raise Refused(f"{where}[{number}].text")
        if words and not words.isspace():
            blocks.append({"type": "text", "text": words})
    return blocks


def tool(item: Json, number: int, seen: set[str]) -> Json:
    if type(item) is not dict or item.get("type") != "function":
        raise Refused(f"tools[{number}].type")
    function = item.get("function")
    if type(function) is not dict:
        raise Refused(f"tools[{number}].function")
    name = function.get("name")
    if type(name) is not str or not _NAME.fullmatch(name) or name in seen:
        raise Refused(f"tools[{number}].function.name")
    seen.add(name)
    out = {"name": name}
    description = function.get("description")
    if description is not None:
        if type(description) is not str:
            raise Refused(f"tools[{number}].function.description")
        out["description"] = description
    schema = function.get("parameters")
    if schema is None:
        schema = {}
    if type(schema) is not dict or schema.get("type", "object") != "object":
        raise Refused(f"tools[{number}].function.parameters")
    if "type" not in schema or "properties" not in schema:
        schema = {"type": "object", "properties": {}, **schema}
    if "anyOf" in schema or "oneOf" in schema or "allOf" in schema:
        raise Refused(f"tools[{number}].function.parameters")
    out["input_schema"] = schema
    return out


def call(item: Json, where: str) -> Json:
    if type(item) is not dict or item.get("type", "function") != "function":
        raise Refused(f"{where}.type")
    ident, function = item.get("id"), item.get("function")
    if type(ident) is not str or not _ID.fullmatch(ident):
        raise Refused(f"{where}.id")
    if type(function) is not dict or type(function.get("name")) is not str:
        raise Refused(f"{where}.function.name")
    words = function.get("arguments") or "{}"
    try:
        given = _decode(words)
    except (msgspec.DecodeError, TypeError):
        raise Refused(f"{where}.function.arguments") from None
    if type(given) is not dict:
        raise Refused(f"{where}.function.arguments")
    return {"type": "tool_use", "id": ident, "name": function["name"], "input": given}


def conversation(items: Json) -> tuple[list[Json], list[Json]]:
    """System blocks and messages."""
    if type(items) is not list or not items:
        raise Refused("messages")
    system: list[Json] = []
    messages: list[Json] = []
    waiting: list[str] = []
    last = None
    for number, message in enumerate(items):
        if type(message) is not dict:
            raise Refused(f"messages[{number}]")
        role, content = message.get("role"), message.get("content")
        where = f"messages[{number}].content"
        if role == "system" or role == "developer":
            if messages:
                raise Refused(f"messages[{number}].role")
            system += texts(content, where)
            continue
        if role == "user":
            if waiting:
                raise Refused(f"messages[{number}].role")
            blocks = texts(content, where) or [{"type": "text", "text": "(empty)"}]
        elif role == "assistant":
            blocks = texts(content, where)
            calls = message.get("tool_calls")
            if calls:
                if type(calls) is not list:
                    raise Refused(f"messages[{number}].tool_calls")
                made = [
                    call(item, f"messages[{number}].tool_calls[{n}]")
                    for n, item in enumerate(calls)
                ]
                waiting = [one["id"] for one in made]
                blocks += made
            if not blocks:
                continue
        elif role == "tool":
            ident = message.get("tool_call_id")
            if ident not in waiting:
                raise Refused(f"messages[{number}].tool_call_id")
            waiting.remove(ident)
            if type(content) is not str:
                content = texts(content, where)
            blocks = [{"type": "tool_result", "tool_use_id": ident, "content": content}]
            role = "user"
        else:
            raise Refused(f"messages[{number}].role")
        if role == last:
            messages[-1]["content"] += blocks
        else:
            messages.append({"role": role, "content": blocks})
            last = role
    if waiting:
        raise Refused("messages")
    return system, messages


def request(
    body: Json, headers: dict[str, str], upstream_model: str, cap: int
) -> tuple[dict[str, str], bytes, list[str]]:
    """The upstream's headers and body, and what the caller is told."""
    told: list[str] = []
    if type(body.get("model")) is not str:
        raise Refused("model")
    system, messages = conversation(body.get("messages"))
    limit = body.get("max_completion_tokens")
    if limit is None:
        limit = body.get("max_tokens")
    if limit is None:
        limit = cap
    elif type(limit) is not int or limit < 1:
        raise Refused("max_tokens")
    elif limit > cap:
        limit = cap
        told.append("max_tokens=clamped")
    out: dict[str, Json] = {"model": upstream_model, "max_tokens": limit}
    temperature = body.get("temperature")
    if temperature is not None:
        if type(temperature) not in (int, float) or temperature < 0 or temperature > 2:
            raise Refused("temperature")
        if temperature > 1:
            temperature = 1
            told.append("temperature=clamped")
        out["temperature"] = temperature
    if body.get("stream"):
        if body["stream"] is not True:
            raise Refused("stream")
        out["stream"] = True
    tools = body.get("tools")
    if tools:
        if type(tools) is not list:
            raise Refused("tools")
        seen: set[str] = set()
        out["tools"] = [tool(item, number, seen) for number, item in enumerate(tools)]
    out["messages"] = messages
    if system:
        out["system"] = system
    for name in body:
        if name not in KNOWN:
            told.append(f"{name}=unknown")
    sent = {"anthropic-version": "2023-06-01"}
    if "anthropic-beta" in headers:
        sent["anthropic-beta"] = headers["anthropic-beta"]
    return sent, _encode(out), told


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
    if type(message) is not dict or message.get("type") != "message":
        raise ValueError("not a message")
    said: list[str] = []
    calls: list[Json] = []
    for block in message.get("content") or ():
        kind = block.get("type")
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
    used = message.get("usage") or {}
    read = used.get("cache_read_input_tokens") or 0
    written = used.get("cache_creation_input_tokens") or 0
    prompt = (used.get("input_tokens") or 0) + read + written
    output = used.get("output_tokens") or 0
    finish = "tool_calls" if calls else STOP.get(message.get("stop_reason"), "stop")
    return _encode(
        {
            "id": "chatcmpl-" + message["id"].removeprefix("msg_"),
            "object": "chat.completion",
            "created": now,
            "model": alias,
            "choices": [{"index": 0, "message": out, "logprobs": None, "finish_reason": finish}],
            "usage": {
                "prompt_tokens": prompt,
                "completion_tokens": output,
                "total_tokens": prompt + output,
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
        data = self.rest + data
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n")
        *frames, self.rest = data.split(b"\n\n")
        out = []
        for frame in frames:
            lines = [line[5:] for line in frame.split(b"\n") if line.startswith(b"data:")]
            if lines:
                event = _decode(lines[0] if len(lines) == 1 else b"\n".join(lines))
                out.append(self.event(event))
        return b"".join(out)

    def event(self, event: Json) -> bytes:
        kind = event.get("type")
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
