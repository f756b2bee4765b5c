"""An answer as its caller reads it: whole or streamed, in any dialect, under the same names."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from tests.running import Answer
from tests.strict import sse
from tests.strict.callers import CALLERS

COMMENT = re.compile(rb"^: aisix-warnings ([^\r\n]*)", re.M)


@dataclass
class Outcome:
    """status 0: the caller got nothing in time."""

    status: int
    told: dict[str, str] = field(default_factory=dict)  # x-aisix-warnings, and a stream's comment
    error: dict[str, Any] | None = None
    ended: bool = False  # the answer says that it is whole
    id: str | None = None
    text: str = ""
    thinking: str = ""
    calls: list[list[Any]] = field(default_factory=list)  # name, arguments
    ids: list[str] = field(default_factory=list)  # of the calls
    stop: str | None = None
    stop_sequence: str | None = None
    usage: dict[str, Any] = field(default_factory=dict)
    asked: int = 0  # how often the upstream was
    wrong: list[str] = field(default_factory=list)  # what the strict checkers say of it
    raw: bytes = b""


def read(answer: Answer, dialect: str, body: dict[str, Any]) -> Outcome:
    """Of an answer to `body`, in the dialect of its caller: "openai", "anthropic", "responses"."""
    out = Outcome(answer.status, told=_told(answer), raw=answer.body)
    for name, value in answer.headers.items():
        if not value.isprintable():
            out.wrong.append(f"header {name}: {value!r}")
    try:
        _read(out, answer, dialect, body)
    except (LookupError, TypeError, AttributeError, ValueError) as fault:
        out.wrong.append(f"unreadable: {type(fault).__name__}: {fault}")
    return out


def _read(out: Outcome, answer: Answer, dialect: str, body: dict[str, Any]) -> None:
    checks = CALLERS[_DIALECTS[dialect]]
    if answer.status != 200:
        out.wrong += checks.error(answer.status, answer.headers, answer.body)
        out.error = json.loads(answer.body)["error"]
    elif answer.headers.get("content-type", "").startswith("text/event-stream"):
        out.wrong += checks.stream(answer.body, body)
        _STREAMS[dialect](out, answer.body)
    else:
        whole = json.loads(answer.body)
        out.wrong += checks.answer(whole, body)
        _WHOLE[dialect](out, whole)


def _told(answer: Answer) -> dict[str, str]:
    said = [answer.headers.get("x-aisix-warnings", "")]
    said += [found.decode() for found in COMMENT.findall(answer.body)]
    pairs = (one.strip().partition("=") for text in said for one in text.split(",") if one.strip())
    return {name: how for name, _, how in pairs}


def _message(out: Outcome, message: dict[str, Any]) -> None:
    out.ended, out.id, out.usage = True, message["id"], message["usage"]
    out.stop, out.stop_sequence = message["stop_reason"], message.get("stop_sequence")
    for block in message["content"]:
        out.text += block.get("text") or ""
        out.thinking += block.get("thinking") or ""
        if block["type"] == "tool_use":
            out.calls.append([block["name"], block["input"]])
            out.ids.append(block["id"])


def _events(out: Outcome, data: bytes) -> None:
    events = [json.loads(text) for _, text in sse.events(data) if text]
    kinds = [event["type"] for event in events]
    out.ended = "message_stop" in kinds
    inputs: dict[int, str] = {}
    for event in events:
        if event["type"] == "error":
            out.error = event["error"]
        elif event["type"] == "message_start":
            out.id, out.usage = event["message"]["id"], dict(event["message"]["usage"])
        elif (
            event["type"] == "content_block_start" and event["content_block"]["type"] == "tool_use"
        ):
            out.calls.append([event["content_block"]["name"], event["index"]])
            out.ids.append(event["content_block"]["id"])
            inputs[event["index"]] = ""
        elif event["type"] == "content_block_delta":
            delta = event["delta"]
            out.text += delta.get("text") or ""
            out.thinking += delta.get("thinking") or ""
            if "partial_json" in delta:
                inputs[event["index"]] += delta["partial_json"]
        elif event["type"] == "message_delta":
            out.usage |= {k: v for k, v in event["usage"].items() if v is not None}
            out.stop = event["delta"].get("stop_reason") or out.stop
            out.stop_sequence = event["delta"].get("stop_sequence") or out.stop_sequence
    out.calls = [[name, _arguments(out, inputs[index])] for name, index in out.calls]


def _completion(out: Outcome, whole: dict[str, Any]) -> None:
    choice = whole["choices"][0]
    message = choice["message"]
    out.ended, out.id, out.stop, out.usage = (
        True,
        whole["id"],
        choice["finish_reason"],
        whole["usage"],
    )
    out.text, out.thinking = message["content"] or "", message.get("reasoning_content") or ""
    for call in message.get("tool_calls") or ():
        arguments = _arguments(out, call["function"]["arguments"])
        out.calls.append([call["function"]["name"], arguments])
        out.ids.append(call["id"])


def _chunks(out: Outcome, data: bytes) -> None:
    texts = [text for _, text in sse.events(data) if text]
    out.ended = "[DONE]" in texts
    arguments: list[str] = []
    for chunk in map(json.loads, (text for text in texts if text != "[DONE]")):
        if "error" in chunk:
            out.error = chunk["error"]
            continue
        out.id, out.usage = chunk["id"], chunk.get("usage") or out.usage
        for choice in chunk["choices"]:
            delta = choice["delta"]
            out.text += delta.get("content") or ""
            out.thinking += delta.get("reasoning_content") or ""
            out.stop = choice.get("finish_reason") or out.stop
            for call in delta.get("tool_calls") or ():
                if call.get("id"):
                    out.calls.append([call["function"]["name"], None])
                    out.ids.append(call["id"])
                    arguments.append("")
                arguments[call["index"]] += call["function"].get("arguments") or ""
    out.calls = [
        [name, _arguments(out, text)] for (name, _), text in zip(out.calls, arguments, strict=True)
    ]


def _response(out: Outcome, response: dict[str, Any]) -> None:
    out.ended, out.id, out.usage = True, response["id"], response["usage"] or {}
    for item in response["output"]:
        if item["type"] == "message":
            out.text += item["content"][0].get("text", "")
        elif item["type"] == "reasoning":
            out.thinking += "".join(part["text"] for part in item["summary"])
        elif item["type"] == "function_call":
            out.calls.append([item["name"], _arguments(out, item["arguments"])])
            out.ids.append(item["call_id"])


def _responded(out: Outcome, data: bytes) -> None:
    last = json.loads(sse.events(data)[-1][1])["response"]
    _response(out, last)
    if last["error"]:  # what was said before it is in no item that is done
        out.ended, out.error = False, last["error"]
        events = [json.loads(text) for _, text in sse.events(data)]
        said = [event for event in events if event["type"] == "response.output_text.delta"]
        out.text = "".join(event["delta"] for event in said)


def _arguments(out: Outcome, text: str) -> Any:
    try:
        return json.loads(text or "{}")
    except ValueError:
        out.wrong.append(f"arguments are not JSON: {text[:80]!r}")
        return text


_DIALECTS = {
    "openai": "openai-chat",
    "anthropic": "anthropic-messages",
    "responses": "openai-responses",
}
_STREAMS = {"openai": _chunks, "anthropic": _events, "responses": _responded}
_WHOLE = {"openai": _completion, "anthropic": _message, "responses": _response}
