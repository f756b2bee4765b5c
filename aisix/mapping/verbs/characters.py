"""Answers whose characters are broken: half a surrogate pair in an escape, bytes that are no UTF-8.

Of a caller's body see surrogates.py: there the other half cannot follow, and places are named.

    value = mended(read(data), told)   # every half becomes U+FFFD; `told` hears where
    events = torn.take(read(data))     # torn = Torn(told): halves in two events are joined

Asked only when the strict parser has refused, so what is whole costs nothing. Knows no field.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from aisix.mapping.syntax.paths import Json

MOST_WAITING = 16  # events that wait for the other half of a character
DEEPEST = 32  # levels; what is further in waits for no other half: its path would be long
INSTEAD = "\ufffd"
Told = Callable[[str], None]  # hears the key below which a character was lost
Spot = tuple[Any, Any, str]  # the object or list, its key there, the half that was cut off

_HALF = re.compile("[\ud800-\udfff]")
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_CUT = re.compile("[\ud800-\udbff]$|[\udcc2-\udcf4][\udc80-\udcbf]{0,2}$")
_GOES_ON = re.compile("[\udc80-\udcbf]{1,3}")


def read(data: bytes) -> Json:
    """The value, its broken characters as surrogates (a byte b that is none: U+DC00+b); None for
    what is no JSON at all, and for null."""
    try:
        text = data.decode("utf-8", "surrogatepass")  # CESU-8: each half as three bytes
    except UnicodeDecodeError:
        text = data.decode("utf-8", "surrogateescape")
    try:
        return json.loads(text.removeprefix("\ufeff"), parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None


def mended(value: Json, told: Told) -> Json:
    """The same value, changed in place, with U+FFFD for every half of a character."""
    torn = Torn(told)
    return (torn.take(value) + torn.rest())[0]


class Torn:
    """Events of a stream with a character cut over two of them: all wait until it is joined."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._waiting: list[Json] = []
        self._halves: dict[tuple[Any, ...], Spot] = {}  # by the path where the rest should come

    def take(self, event: Json) -> list[Json]:
        """The events that are whole now, in order; they are changed in place."""
        holder = [event]
        self._walk(holder, 0, event, ())
        self._waiting.append(holder[0])
        return [] if self._halves and len(self._waiting) < MOST_WAITING else self.rest()

    def rest(self) -> list[Json]:
        """Nothing follows: the events that waited."""
        for path in [*self._halves]:
            self._lost(path)
        waiting, self._waiting = self._waiting, []
        return waiting

    def _walk(self, holder: Any, key: Any, value: Json, path: tuple[Any, ...]) -> None:
        if type(value) is str:
            if value:
                holder[key] = self._text(holder, key, value, path)
        elif type(value) is list:
            for number, item in enumerate(value):
                self._walk(value, number, item, _below(path, number))
        elif type(value) is dict:
            for name in [name for name in value if _HALF.search(name)]:
                value[_HALF.sub(INSTEAD, name)] = value.pop(name)
                self._told(name.encode("ascii", "replace").decode())
            for name, item in value.items():
                self._walk(value, name, item, _below(path, name))

    def _text(self, holder: Any, key: Any, text: str, path: tuple[Any, ...]) -> str:
        if path in self._halves:
            text = self._joined(path, text)
        if text.isascii():
            return text
        text = _PAIR.sub(lambda pair: _one(pair[0]), text)
        cut = _CUT.search(text)
        if cut is not None and len(path) < DEEPEST and path not in self._halves:
            self._halves[path] = holder, key, cut[0]
            text = text[: cut.start()]
        if _HALF.search(text):
            self._told(_named(path))
            text = _HALF.sub(INSTEAD, text)
        return text

    def _joined(self, path: tuple[Any, ...], text: str) -> str:
        """Gives the half that waits its other one; what is left of the text it was in."""
        holder, key, half = self._halves[path]
        more = _GOES_ON.match(text) if half[0] > "\udbff" else None
        if more is not None:
            needed = {"c": 2, "d": 2, "e": 3, "f": 4}[f"{ord(half[0]) & 0xFF:x}"[0]] - len(half)
            half += more[0][:needed]
            text = text[min(needed, len(more[0])) :]
            if needed > len(more[0]) and not text:
                self._halves[path] = holder, key, half
                return text
            whole = half.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        elif _PAIR.fullmatch(half + text[0]):
            whole, text = _one(half + text[0]), text[1:]
        else:
            whole = INSTEAD
        holder[key] += whole
        if INSTEAD in whole:
            self._told(_named(path))
        del self._halves[path]
        return text

    def _lost(self, path: tuple[Any, ...]) -> None:
        holder, key, _ = self._halves.pop(path)
        holder[key] += INSTEAD
        self._told(_named(path))


def _below(path: tuple[Any, ...], step: Any) -> tuple[Any, ...]:
    """One step further; the same for all that is too far in to be waited for."""
    return (*path, step) if len(path) < DEEPEST else path


def _one(pair: str) -> str:
    return pair.encode("utf-16", "surrogatepass").decode("utf-16")


def _named(path: tuple[Any, ...]) -> str:
    return next((step for step in reversed(path) if type(step) is str), "")


def _no_number(word: str) -> Json:
    raise ValueError(word)
