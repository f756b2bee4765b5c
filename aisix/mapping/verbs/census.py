"""How many values and escapes JSON has, counted in its bytes before anybody decodes it.

Decoding holds everybody up for as long as it takes, and what it makes takes memory: a body with too
many values is refused while it is still bytes. Every value but the first stands behind a comma, or
is the first of its list or object, so these marks are counted: first all of them, which is never
too few; only when those are too many, those outside texts. Escapes are backslashes. A number is
slow when its exponent is extreme or its digits are many: it takes a hundred times as long.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from aisix.mapping.syntax.budget import Held

MARKS = b",[{"
_OTHERS = bytes(byte for byte in range(256) if byte not in MARKS)
_TEXT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
PIECE = 1 << 16  # bytes looked at in one go: about a millisecond
BITE = 1 << 20  # ... for backslashes, and for numbers
SLOW = 4_000  # numbers that take 10 us each and more, in one text
SUSPECT = 1 << 15  # bytes: a shorter text cannot hold many more of them

_SLOW = re.compile(rb"[eE][+-]?0*(?:2[5-9]|[3-9][0-9]|[1-9][0-9]{2})[0-9]|(?<![0-9])[0-9]{40}")
_ALIKE = bytes.maketrans(b"E123456789", b"e" + b"0" * 9)


def marks(data: bytes) -> int:
    """An upper bound of the values in it, the first aside."""
    if b"," not in data and b"{" not in data and b"[" not in data:
        return 0  # found out much faster: most of a picture
    return len(data.translate(None, _OTHERS))


def too_much(data: bytes, held: Held) -> bool:
    """Whether it has more values, escapes or slow numbers than it may."""
    return crowded(data, held.values) or escaped((data,), held.escapes) or slow(data)


def escaped(chunks: Sequence[bytes], most: int) -> bool:
    """Whether these together have more backslashes than that."""
    left = most
    if sum(map(len, chunks)) <= most:
        return False
    for chunk in chunks:
        for start in range(0, len(chunk), BITE):
            left -= chunk.count(b"\\", start, start + BITE)
            if left < 0:
                return True
    return False


def slow(data: bytes) -> bool:
    """Whether it has more than SLOW slow numbers: first what may be one anywhere, then those
    outside texts. Of each piece one may be missed, where it was cut."""
    if len(data) <= SUSPECT:
        return False
    commas = suspects = 0
    for start in range(0, len(data), BITE):
        end = start + BITE
        if data.find(b",", start, end) >= 0:  # else one number at most: most of a picture
            commas += data.count(b",", start, end)
    if commas < SLOW:
        return False
    for start in range(0, len(data), PIECE):
        alike = data[start : start + PIECE].translate(_ALIKE, b"+-")
        suspects += alike.count(b"e000") + alike.count(b"0" * 40)
    if suspects <= SLOW:
        return False
    left, outside = SLOW, Outside()
    for start in range(0, len(data), PIECE):
        left -= len(_SLOW.findall(outside.of(data[start : start + PIECE])))
        if left < 0:
            return True
    return False


def crowded(data: bytes, most: int) -> bool:
    """Whether all of it has more values than that; looked at piece by piece."""
    if len(data) <= most * 2:
        return False
    pieces = [data[start : start + PIECE] for start in range(0, len(data), PIECE)]
    if sum(map(marks, pieces)) <= most:
        return False
    left, outside = most, Outside()
    for piece in pieces:
        left -= marks(outside.of(piece))
        if left < 0:
            return True
    return False


class Outside:
    """Of one body, piece by piece: what stands outside its texts."""

    __slots__ = ("_held", "_inside")

    def __init__(self) -> None:
        self._inside = False  # the last piece ended within a text
        self._held = b""  # a backslash at its end

    def of(self, piece: bytes) -> bytes:
        if self._inside and not self._held and b'"' not in piece and b"\\" not in piece:
            return b""  # within one long text
        data = (b'"' if self._inside else b"") + self._held + piece
        self._held = b"\\" if (len(data) - len(data.rstrip(b"\\"))) % 2 else b""
        data = data[: len(data) - len(self._held)]
        # One more quote ends a text that has not ended, or is all that is left of one that begins:
        # without it, each quote within the text would be looked at to the end.
        outside = _TEXT.sub(b"", data + b'"')
        self._inside = outside[-1:] != b'"'
        return outside
