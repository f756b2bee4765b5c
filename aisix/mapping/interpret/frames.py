"""Chunks -> the bytes of a stream: each in its frame; with its number where the tables say so."""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

from aisix.mapping.interpret.scope import NULL
from aisix.mapping.syntax.paths import Json

NAME = re.compile(r"\{(\w+)\}")


def _null(value: object) -> None:
    """A null that is written."""
    if value is not NULL:
        raise TypeError(type(value))


_encode = msgspec.json.Encoder(enc_hook=_null).encode


MOST = 64  # words of a frame whose bytes are kept


class Frames:
    """Of one stream. `frame`: what stands around a chunk, {data}, and fields of it such as {type};
    `number`: the field of a chunk that gets its number, from 0; "": none."""

    def __init__(self, frame: str, number: str) -> None:
        self._before, self._after, self._name, self._names, self._starts = _parts_of(frame)
        self._number, self._sent = number, 0

    def of(self, chunk: dict[str, Json]) -> bytes:
        """The bytes of the next chunk, which gets its number."""
        if self._number:
            chunk[self._number] = self._sent
            self._sent += 1
        if not self._names:
            return self._before + _encode(chunk) + self._after
        word = chunk.get(self._name)
        start = self._starts.get(word) if type(word) is str else None
        return (start or self._start(chunk)) + _encode(chunk) + self._after

    def _start(self, chunk: dict[str, Json]) -> bytes:
        """What stands before the data of this chunk; kept where it is made of one word of it."""
        before = self._before
        for name in self._names:
            before = before.replace(f"{{{name}}}".encode(), str(chunk.get(name, "")).encode())
        word = chunk.get(self._name)
        if type(word) is str and len(self._names) == 1 and len(self._starts) < MOST:
            self._starts[word] = before
        return before


@lru_cache(64)
def _parts_of(frame: str) -> tuple[bytes, bytes, str, tuple[str, ...], dict[str, bytes]]:
    """What stands before the data and after, a frame's fields of the chunk beside the data, and
    room for what is made of them."""
    before, _, after = frame.partition("{data}")
    names = tuple(name for name in NAME.findall(frame) if name != "data")
    return before.encode(), after.encode(), names[0] if names else "", names, {}
