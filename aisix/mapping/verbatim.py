"""A JSON object as it was sent, of which one member's value is changed and every other byte stays.

    body = read(raw, "model")        # ValueError, RecursionError: no JSON object
    body.value, body.member("stream")
    body.replaced("gpt")             # bytes; a member that is not there is put in first

Names are compared as they are meant, whatever they are spelled like. Of a name that is there twice
the last one counts, as every reader has it; all of them are replaced, so that no other reader finds
another value.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import msgspec

from aisix.mapping.syntax.paths import Json

_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode = msgspec.json.Encoder().encode
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_SPACE = re.compile(rb"[ \t\r\n]*+")
_KEY = re.compile(_STRING, re.DOTALL)
_NEXT = re.compile(
    rb"[^\"\[\]{}]*+(?:" + _STRING + rb"|([\[\]{}]))", re.DOTALL
)  # in a list or object
_SCALAR = re.compile(rb"[^,}\] \t\r\n]++")
# Half a character, which callers do send: read as another one, to see whether the rest is JSON.
_HALVES = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_HALF = re.compile("[\ud800-\udfff]")
_OPEN = re.compile(rb"[ \t\r\n]*+\{[ \t\r\n]*+")


@dataclass(frozen=True, slots=True)
class Verbatim:
    """`spans`: where the values of the member stand. `members`: every one, not read yet."""

    raw: bytes
    name: str
    spans: tuple[tuple[int, int], ...]
    members: dict[str, msgspec.Raw]

    @property
    def value(self) -> Json:
        """The member's; None: it is not there, or null."""
        if not self.spans:
            return None
        begin, end = self.spans[-1]
        return _value(self.raw[begin:end])

    def member(self, name: str) -> Json:
        """Another one's value, a scalar; None too for a list or an object."""
        raw = self.members.get(name)
        return None if raw is None or memoryview(raw)[0] in b"[{" else _value(bytes(raw))

    def replaced(self, value: str) -> bytes:
        """The body with this value."""
        wanted = _encode(value)
        if not self.spans:
            return self._with(wanted)
        pieces, at = [], 0
        for begin, end in self.spans:
            pieces += [self.raw[at:begin], wanted]
            at = end
        return b"".join((*pieces, self.raw[at:]))

    def _with(self, wanted: bytes) -> bytes:
        opened = _OPEN.match(self.raw)
        assert opened is not None
        comma = b"," if self.members else b""
        first = _encode(self.name) + b":" + wanted + comma
        return self.raw[: opened.end()] + first + self.raw[opened.end() :]


def _value(raw: bytes) -> Json:
    """
    >>> _value(rb'"cut \\ud83d"'), _value(b"1e999"), _value(b"9" * 5000)
    ('cut \ufffd', inf, 0)
    """
    try:
        value = json.loads(raw)
    except ValueError:  # a number of thousands of digits
        return 0
    except RecursionError:  # as many levels as `read`, called from fewer, has just let pass
        return []
    if type(value) is str and not value.isascii():  # no UTF-8 can say half a character
        return _HALF.sub("\ufffd", value)
    return value


def read(raw: bytes, name: str) -> Verbatim:
    """ValueError with the words of the reader; RecursionError."""
    if not raw.isascii():
        try:
            raw.decode()
        except UnicodeDecodeError:
            raise ValueError("it is not UTF-8") from None
    try:
        members = _MEMBERS.decode(raw)
    except msgspec.ValidationError:
        raise ValueError("it is not an object") from None
    except msgspec.DecodeError as error:
        mended = _HALVES.sub(rb"\\ufffd", raw)
        if len(mended) != len(raw) or mended == raw:
            raise ValueError(str(error)) from None
        try:
            members = _MEMBERS.decode(mended)
        except msgspec.DecodeError:
            raise ValueError(str(error)) from None
    return Verbatim(raw, name, tuple(_spans(raw, name)), members)


def _spans(raw: bytes, name: str) -> list[tuple[int, int]]:
    """Where the values of a member stand in an object that is valid JSON."""
    found: list[tuple[int, int]] = []
    plain = _encode(name)
    opened = _OPEN.match(raw)
    assert opened is not None
    at = opened.end()
    while raw[at] != ord("}"):
        key = _KEY.match(raw, at)
        assert key is not None
        at = _after_space(raw, _after_space(raw, key.end()) + 1)  # the colon
        end = _end_of(raw, at)
        text = key[0]
        if text == plain or (b"\\" in text and json.loads(text) == name):
            found.append((at, end))
        at = _after_space(raw, end)
        if raw[at] == ord(","):
            at = _after_space(raw, at + 1)
    return found


def _after_space(raw: bytes, at: int) -> int:
    space = _SPACE.match(raw, at)
    assert space is not None
    return space.end()


def _end_of(raw: bytes, at: int) -> int:
    """Where the value that begins there ends."""
    first = raw[at : at + 1]
    if first not in b"[{":
        found = (_KEY if first == b'"' else _SCALAR).match(raw, at)
        assert found is not None
        return found.end()
    depth = 0
    for piece in _NEXT.finditer(raw, at):
        mark = piece[1]
        if mark in (b"[", b"{"):
            depth += 1
        elif mark is not None:
            depth -= 1
            if not depth:
                return piece.end()
    raise AssertionError("it was valid")
