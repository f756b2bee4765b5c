"""What an OpenAI-compatible server answers beside chats: embeddings, pictures, speech and so on.

    answer = answers[path](body, number)      # Whole(content_type, data), or Events(pieces)

`body` is the JSON of a request, or the fields of a form, files as bytes. Raises chat.Wrong for what
such a server refuses.
"""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

from aisix.standin.chat import Wrong

Body = dict[str, Any]
SIZE = 8  # numbers of an embedding
CREATED = 1795000000
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(32)).decode()
SOUND = b"ID3\x04\x00" + bytes(range(256)) * 16


class Whole(NamedTuple):
    content_type: str
    data: bytes


class Events(NamedTuple):
    pieces: list[bytes]


Answer = Whole | Events


def _json(value: Body) -> Whole:
    return Whole("application/json", json.dumps(value).encode())


def _needs(body: Body, *names: str) -> None:
    for name in names:
        if not body.get(name):
            raise Wrong(f"you must provide a {name} parameter", name, None)


def _texts(given: Any) -> list[Any]:
    """The inputs: a text, texts, tokens, lists of tokens."""
    if isinstance(given, list) and given and not isinstance(given[0], int):
        return given
    return [given]


def _embeddings(body: Body, number: int) -> Answer:
    _needs(body, "input")
    rows = []
    for index, text in enumerate(_texts(body["input"])):
        seed = zlib.crc32(json.dumps(text).encode())
        numbers = [float((seed >> n) % 7) for n in range(body.get("dimensions") or SIZE)]
        packed: Any = numbers
        if body.get("encoding_format") == "base64":
            packed = base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
        rows.append({"object": "embedding", "index": index, "embedding": packed})
    asked = len(json.dumps(body["input"])) // 4 + 1
    usage = {"prompt_tokens": asked, "total_tokens": asked}
    return _json({"object": "list", "data": rows, "model": body["model"], "usage": usage})


def _completions(body: Body, number: int) -> Answer:
    _needs(body, "prompt")
    said = f"You said: {body['prompt']}"
    asked, told = len(json.dumps(body["prompt"])) // 4 + 1, len(said) // 4
    usage = {"prompt_tokens": asked, "completion_tokens": told, "total_tokens": asked + told}
    head = {"id": f"cmpl-standin{number:08d}", "object": "text_completion", "created": CREATED}
    head["model"] = body["model"]

    def choice(text: str, finish: str | None) -> Body:
        return {"index": 0, "text": text, "logprobs": None, "finish_reason": finish}

    if not body.get("stream"):
        return _json({**head, "choices": [choice(said, "stop")], "usage": usage})
    pieces = [said[at : at + 12] for at in range(0, len(said), 12)]
    frames = [{**head, "choices": [choice(piece, None)]} for piece in pieces]
    frames.append({**head, "choices": [choice("", "stop")]})
    if (body.get("stream_options") or {}).get("include_usage"):
        frames.append({**head, "choices": [], "usage": usage})
    return Events([*map(_event, frames), b"data: [DONE]\n\n"])


def _event(frame: Body) -> bytes:
    return f"data: {json.dumps(frame)}\n\n".encode()


def _moderations(body: Body, number: int) -> Answer:
    _needs(body, "input")
    categories = ("harassment", "hate", "violence")
    results = [
        {
            "flagged": "violence" in json.dumps(text),
            "categories": {name: name in json.dumps(text) for name in categories},
            "category_scores": dict.fromkeys(categories, 0.5),
            "category_applied_input_types": {name: ["text"] for name in categories},
        }
        for text in _texts(body["input"])
    ]
    return _json({"id": f"modr-{number:08d}", "model": body["model"], "results": results})


def _images(body: Body, number: int) -> Answer:
    _needs(body, "prompt")
    usage = {"input_tokens": 11, "output_tokens": 22, "total_tokens": 33}
    usage["input_tokens_details"] = {"text_tokens": 11, "image_tokens": 0}  # type: ignore[assignment]
    if body.get("stream"):
        done = {"type": "image_generation.completed", "b64_json": PNG, "usage": usage}
        return Events([f"event: {done['type']}\n".encode() + _event(done)])
    rows = [{"b64_json": PNG} for _ in range(int(body.get("n") or 1))]
    return _json({"created": CREATED, "data": rows, "usage": usage})


def _edits(body: Body, number: int) -> Answer:
    if "image" not in body and "image[]" not in body and "images" not in body:
        raise Wrong("Missing required parameter: 'image'.", "image", None)
    return _images(body, number)


def _variations(body: Body, number: int) -> Answer:
    _needs(body, "image")
    return _json({"created": CREATED, "data": [{"b64_json": PNG}]})


def _speech(body: Body, number: int) -> Answer:
    _needs(body, "input", "voice")
    return Whole("audio/mpeg", SOUND)


def _transcriptions(body: Body, number: int) -> Answer:
    _needs(body, "file")
    text = f"I heard {len(body['file'])} bytes."
    form = body.get("response_format") or "json"
    usage = {"type": "tokens", "input_tokens": 14, "output_tokens": 5, "total_tokens": 19}
    if body.get("stream") in ("true", True):
        frames: list[Body] = [{"type": "transcript.text.delta", "delta": text}]
        frames.append({"type": "transcript.text.done", "text": text, "usage": usage})
        return Events([*map(_event, frames)])
    if form in ("text", "srt", "vtt"):
        return Whole("text/plain; charset=utf-8", text.encode() + b"\n")
    return _json({"text": text, "usage": usage})


def _rerank(body: Body, number: int) -> Answer:
    _needs(body, "query", "documents")
    rows = [{"index": n, "relevance_score": 1 / (n + 1)} for n, _ in enumerate(body["documents"])]
    usage = {"total_tokens": len(json.dumps(body["documents"])) // 4 + 1}
    return _json({"id": f"rerank-{number}", "results": rows, "usage": usage})


answers: dict[str, Callable[[Body, int], Answer]] = {
    "embeddings": _embeddings,
    "completions": _completions,
    "moderations": _moderations,
    "images/generations": _images,
    "images/edits": _edits,
    "images/variations": _variations,
    "audio/speech": _speech,
    "audio/transcriptions": _transcriptions,
    "audio/translations": _transcriptions,
    "rerank": _rerank,
}
FORMS = ("images/edits", "images/variations", "audio/transcriptions", "audio/translations")
