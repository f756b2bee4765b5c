"""Texts of a captured exchange replaced by texts of the same length and kind.

    redactor = Redactor(words, key)
    redactor.body({"role": "user", "content": "Hello"})   {"role": "user", "content": "Qbtrw"}
    redactor.stream(b'data: {"text": "Hello"}\\n\\n')      the same of each event
    plain(text)                                           what two redacted texts are compared by

Kept as they are: the names of fields, numbers, and every text that is a word of the tables (a role,
a type). Letters become letters, digits digits; JSON in a text stays JSON, a link a link, an image's
first bytes stay. A single word (an id, a tool's name) becomes the same other word wherever it
stands, so that what belonged together does so still; `key` is thrown away with the redactor.

Must never know: a wire name. No input or output.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection
from typing import Any

import msgspec

from aisix.mapping.syntax.paths import Json

WORD = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
HEAD = re.compile(r"(?:[a-z]{1,12}_)?")  # of an id, which tables may look at
DATA = re.compile(r"(data:[^,;]{0,100}(?:;[^,;]{0,100})*;base64,)?([A-Za-z0-9+/=_-]{64,})")
MAGIC = ("iVBORw0KGgo", "/9j/", "R0lGOD", "UklGR", "JVBERi0")  # PNG, JPEG, GIF, RIFF, PDF
BESIDE = (b"", b"event", b"id", b"retry")  # fields of an event beside its data; "": a comment
SHOWN = 16  # letters of base64 that tell what it is
WIDE = {2: "\u00e9", 3: "\u5b57", 4: "\U00020000"}  # by bytes of UTF-8
WRITTEN: tuple[dict[str, Any], ...] = tuple(  # how programs write JSON
    {"separators": separators, "ensure_ascii": ascii_only}
    for separators in ((",", ":"), (", ", ": "))
    for ascii_only in (False, True)
)
# What a text of JSON, or a piece of one, does not survive losing.
_KEPT = re.compile(
    r"\\u[0-9a-fA-F]{4}|(\\.|\b(?:true|false|null)\b|(?<=\d)[eE](?=[+-]?\d)|\bhttps?://)"
    r"|[a-z]|[A-Z]|[0-9]|[^\x00-\x7f]",
    re.S,
)


def plain(text: str) -> str:
    """Every letter as x, every digit as 1: alike for a text and for what it was replaced by.

    >>> plain("It's 12 Grad, true")
    "Xx'x 11 Xxxx, true"
    """
    return _KEPT.sub(_plain, text)


def _plain(found: re.Match[str]) -> str:
    one = found[0]
    if found[1]:
        return one
    if len(one) > 1:
        return "\\u0061"
    if one.isascii():
        return "1" if one.isdigit() else "X" if one.isupper() else "x"
    return WIDE[len(one.encode("utf-8", "surrogatepass"))]


class Redactor:
    """Of one exchange. `words`: texts that say nothing of a caller; `key`: random bytes."""

    def __init__(self, words: Collection[str], key: bytes) -> None:
        self._words = words
        self._key = key

    def text(self, text: str) -> str:
        """A whole text."""
        if text in self._words or not text:
            return text
        if text[0] in "{[" and (made := self._json(text)) is not None:
            return made
        if WORD.fullmatch(text):
            return self._word(text)
        data = DATA.fullmatch(text)
        if data is not None:
            head, raw = data[1] or "", data[2]
            known = SHOWN if raw.startswith(MAGIC) else 0
            body = raw[known:].rstrip("=")
            return head + raw[:known] + "A" * len(body) + "=" * (len(raw) - known - len(body))
        return plain(text)

    def _json(self, text: str) -> str | None:
        """A text of JSON, spaced as it was; None: it is none."""
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return None
        made = self.body(value)
        for how in WRITTEN:
            if json.dumps(value, **how) == text:
                return json.dumps(made, **how)
        return json.dumps(made)

    def _word(self, text: str) -> str:
        """The same for the same word, and for another one another; letter for letter."""
        head = HEAD.match(text)
        kept = head.end() if head is not None and head.end() < len(text) else 0
        sown = hashlib.blake2b(text.encode(), key=self._key).digest()
        out = [text[:kept]]
        for number, one in enumerate(text[kept:]):
            byte = sown[number % len(sown)]
            if one.isdigit():
                out.append(str(byte % 9 + 1))
            elif one.isalpha():
                out.append(chr((ord("A") if one.isupper() else ord("a")) + byte % 26))
            else:
                out.append(one)
        return "".join(out)

    def body(self, value: Json) -> Json:
        """A JSON value."""
        return mapped(value, self.text)

    def stream(self, data: bytes) -> bytes:
        """The events of a stream; what they say beside their data (a comment, a name) stays."""
        return by_line(data, self.body, self.text)


def mapped(value: Json, change: Callable[[str], str], name: Callable[[str], str] = str) -> Json:
    """A JSON value with every text changed, and every name of a field by `name`: else it stays."""
    if type(value) is str:
        return change(value)
    if type(value) is list:
        return [mapped(one, change, name) for one in value]
    if type(value) is dict:
        return {name(key): mapped(one, change, name) for key, one in value.items()}
    return value


def by_line(data: bytes, body: Callable[[Json], Json], text: Callable[[str], str]) -> bytes:
    """A stream with the data of its events changed: as JSON where it is, else as a text. So is a
    line that belongs to no event: what only looks like a stream is all text."""
    out = []
    for line in data.split(b"\n"):
        name, _, rest = line.partition(b":")
        if name != b"data":
            kept = name in BESIDE
            out.append(line if kept else text(line.decode("utf-8", "replace")).encode())
            continue
        end = b"\r" if rest.endswith(b"\r") else b""
        raw = rest.strip()
        try:
            made = msgspec.json.encode(body(msgspec.json.decode(raw)))
        except (msgspec.DecodeError, UnicodeError):
            made = text(raw.decode("utf-8", "replace")).encode()
        out.append(b"data: " + made + end)
    return b"\n".join(out)
