"""How many values and escapes JSON has, counted in its bytes before anybody decodes it.

Decoding holds everybody up for as long as it takes, and what it makes takes memory: a body with too
many values is refused while it is still bytes. Every value but the first stands behind a comma, or
is the first of its list or object, so these marks are counted: first all of them, which is never
too few; only when those are too many, those outside texts. Escapes are backslashes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from aisix.mapping.syntax.budget import Held

MARKS = b",[{"
_OTHERS = bytes(byte for byte in range(256) if byte not in MARKS)
_TEXT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
PIECE = 1 << 16  # bytes looked at in one go: about a millisecond
BITE = 1 << 20  # ... for backslashes


def marks(data: bytes) -> int:
    """An upper bound of the values in it, the first aside."""
    if b"," not in data and b"{" not in data and b"[" not in data:
        return 0  # found out much faster: most of a picture
    return len(data.translate(None, _OTHERS))


def too_much(data: bytes, held: Held) -> bool:
    """Whether it has more values or escapes than it may; looked at piece by piece."""
    return crowded(data, held.values) or escaped((data,), held.escapes)


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


def crowded(data: bytes, most: int) -> bool:
    """Whether all of it has more values than that; looked at piece by piece."""
    if len(data) <= most * 2:
        return False
    pieces = [data[start : start + PIECE] for start in range(0, len(data), PIECE)]
    census = Census(most)
    return sum(map(marks, pieces)) > most and census.has_more(pieces)


class Census:
    """Of one body: `beyond` is true once there are surely more than `most` values."""

    __slots__ = ("_bound", "_exact", "_held", "_inside", "most")

    def __init__(self, most: int) -> None:
        self.most = most
        self._bound = 0
        self._exact: int | None = None  # once all marks are too many
        self._inside = False  # the last piece ended within a text
        self._held = b""  # a backslash at its end

    def beyond(self, chunks: Iterable[bytes], last: bytes) -> bool:
        """`last` has come; `chunks`: all that came, with it."""
        if self._exact is None:
            self._bound += marks(last)
            if self._bound <= self.most:
                return False
            return self.has_more(chunks)
        return self._count(last)

    def has_more(self, chunks: Iterable[bytes]) -> bool:
        """Whether these are too many, texts aside."""
        self._exact = 0
        return any(self._count(chunk) for chunk in chunks)

    def _count(self, chunk: bytes) -> bool:
        for start in range(0, len(chunk), PIECE):
            self._piece(chunk[start : start + PIECE])
            if self._exact is not None and self._exact > self.most:
                return True
        return False

    def _piece(self, piece: bytes) -> None:
        assert self._exact is not None
        if self._inside and not self._held and b'"' not in piece and b"\\" not in piece:
            return  # within one long text
        data = (b'"' if self._inside else b"") + self._held + piece
        self._held = b"\\" if (len(data) - len(data.rstrip(b"\\"))) % 2 else b""
        data = data[: len(data) - len(self._held)]
        # One more quote ends a text that has not ended, or is all that is left of one that begins:
        # without it, each quote within the text would be looked at to the end.
        outside = _TEXT.sub(b"", data + b'"')
        self._inside = outside[-1:] != b'"'
        self._exact += marks(outside)
