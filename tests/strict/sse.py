"""Server-sent events as bytes: apart, and together.

Splits at LF, CR and CRLF only: a JSON string may hold U+2028, which `str.splitlines` would cut.
"""

from __future__ import annotations

import json
import re
from typing import Any

_LINE_END = re.compile(rb"\r\n|\n|\r")


def lines(data: bytes) -> list[bytes]:
    return _LINE_END.split(data)


def events(data: bytes) -> list[tuple[str | None, str]]:
    """(name, data) of every event that has either; what follows the last blank line is lost."""
    found: list[tuple[str | None, str]] = []
    name: str | None = None
    parts: list[str] = []
    for line in lines(data):
        if line == b"":
            if name is not None or parts:
                found.append((name, "\n".join(parts)))
            name, parts = None, []
            continue
        field, _, value = line.partition(b":")
        text = value.removeprefix(b" ").decode("utf-8")
        if field == b"event":
            name = text
        elif field == b"data":
            parts.append(text)
    return found


def _json(payload: Any) -> bytes:
    try:
        return json.dumps(payload, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half a surrogate pair can only be said in escapes
        return json.dumps(payload).encode()


def named(*payloads: dict[str, Any]) -> bytes:
    """Anthropic's way: the event's name is its data's type."""
    return b"".join(f"event: {p['type']}\ndata: ".encode() + _json(p) + b"\n\n" for p in payloads)


def unnamed(*payloads: dict[str, Any] | str) -> bytes:
    """OpenAI's way: only data; a string ("[DONE]") goes as it is."""
    return b"".join(
        b"data: " + (p.encode() if isinstance(p, str) else _json(p)) + b"\n\n" for p in payloads
    )
