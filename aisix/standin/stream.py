"""A whole message as the SSE events the real service would send, one `bytes` per event."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

Body = dict[str, Any]
PIECE = 12  # characters of a delta


def event(data: Body) -> bytes:
    return f"event: {data['type']}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def events(message: Body) -> Iterator[bytes]:
    """message_start ... message_stop."""
    usage = message["usage"]
    opening = {
        **message,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**usage, "output_tokens": 1},
    }
    opening.pop("stop_details", None)
    yield event({"type": "message_start", "message": opening})
    yield event({"type": "ping"})
    for index, block in enumerate(message["content"]):
        yield from _block(index, block)
    delta = {"stop_reason": message["stop_reason"], "stop_sequence": message["stop_sequence"]}
    if "stop_details" in message:
        delta["stop_details"] = message["stop_details"]
    final = {key: usage[key] for key in usage if key != "service_tier"}
    yield event({"type": "message_delta", "delta": delta, "usage": final})
    yield event({"type": "message_stop"})


def _block(index: int, block: Body) -> Iterator[bytes]:
    start, deltas = _taken_apart(block)
    yield event({"type": "content_block_start", "index": index, "content_block": start})
    for delta in deltas:
        yield event({"type": "content_block_delta", "index": index, "delta": delta})
    yield event({"type": "content_block_stop", "index": index})


def _taken_apart(block: Body) -> tuple[Body, list[Body]]:
    match block["type"]:
        case "text":
            deltas = [{"type": "text_delta", "text": t} for t in _pieces(block["text"])]
            for citation in block.get("citations", ()):
                deltas.append({"type": "citations_delta", "citation": citation})
            return {"type": "text", "text": ""}, deltas
        case "thinking":
            deltas = [{"type": "thinking_delta", "thinking": t} for t in _pieces(block["thinking"])]
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
            return {"type": "thinking", "thinking": "", "signature": ""}, deltas
        case "tool_use":
            text = json.dumps(block["input"]) if block["input"] else ""
            pieces = ["", *_pieces(text)]
            deltas = [{"type": "input_json_delta", "partial_json": t} for t in pieces]
            return {**block, "input": {}}, deltas
    return block, []


def _pieces(text: str) -> list[str]:
    return [text[i : i + PIECE] for i in range(0, len(text), PIECE)]
