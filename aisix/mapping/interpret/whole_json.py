"""Whether a text that comes in pieces is whole JSON yet: every character is looked at once."""

from __future__ import annotations

import re

import msgspec

_decode = msgspec.json.Decoder().decode
_INSIDE, _OUTSIDE = re.compile(r'[\\"]'), re.compile(r'["{}\[\]]')
LONGEST_WORD = 64  # a number, true, false, null


class WholeJson:
    """`add` pieces, then ask `closed`. Brackets and quotes are counted, the rest is not judged."""

    __slots__ = ("_deep", "_escaped", "_quoted", "_start", "_unseen", "_whole")

    def __init__(self) -> None:
        self._unseen: list[str] = []
        self._deep = 0
        self._quoted = self._escaped = self._whole = False
        self._start = ""  # while no bracket and no quote has come

    def add(self, piece: str) -> None:
        self._unseen.append(piece)

    @property
    def closed(self) -> bool:
        if self._unseen:
            text = "".join(self._unseen)
            self._unseen.clear()
            if not self._whole:
                self._look(text)
        return self._whole or (bool(self._start.strip()) and _is_word(self._start))

    def _look(self, text: str) -> None:
        if not self._deep and not self._quoted and len(self._start) < LONGEST_WORD:
            self._start += text[:LONGEST_WORD]
        at = 0
        while at < len(text) and not self._whole:
            if self._escaped:
                self._escaped = False
                at += 1
                continue
            found = (_INSIDE if self._quoted else _OUTSIDE).search(text, at)
            if found is None:
                return
            at = found.end()
            self._sign(found[0])

    def _sign(self, sign: str) -> None:
        if sign == "\\":
            self._escaped = True
            return
        if sign == '"':
            self._quoted = not self._quoted
        else:
            self._deep += 1 if sign in "{[" else -1
        self._whole = not self._quoted and self._deep <= 0


def _is_word(text: str) -> bool:
    try:
        _decode(text)
    except msgspec.DecodeError:
        return False
    return True
