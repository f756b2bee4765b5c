"""A call as far as it has come, those it comes beside, and what its pieces may look like."""

from __future__ import annotations

from typing import Any

import msgspec

from aisix.mapping.interpret.whole_json import WholeJson
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.paths import Json, Path

Item = dict[str, Json]
GivenIds = dict[str, int]  # ids of calls -> the last number one that came again has got
_decode = msgspec.json.Decoder().decode


class GrowingCall:
    """One call so far."""

    __slots__ = (
        *("again", "begun", "given", "held", "item", "json", "key", "length", "name", "number"),
        *("parts", "quoted", "texted"),
    )

    def __init__(self, key: Json) -> None:
        self.key = key  # the number the upstream gave it, or its place
        self.number = -1  # ours, once it has begun
        self.given = ""  # the id the upstream gave it
        self.name = ""
        self.begun = False
        self.item: Item = {}  # what is held back until it begins
        self.held: list[str] = []  # the text of that
        self.texted = False  # text other than white space has come
        self.quoted: list[str] | None = None  # text that began with a quote: held until it ends
        self.json = WholeJson()
        self.parts: list[str] = []
        self.length = 0  # characters of those
        self.again = False  # its name came once more after its end: more text would be another's

    def grow(self, text: str) -> None:
        self.json.add(text)
        self.parts.append(text)
        self.length += len(text)

    def said(self, text: str) -> bool:
        """Whether this is all of its text. Looked at only when it can be."""
        if len(text) != self.length:
            return False
        self.parts = ["".join(self.parts)]
        return self.parts[0] == text


class Group:
    """The calls of one answer of those that come side by side."""

    def __init__(self) -> None:
        self.current: dict[Json, GrowingCall] = {}  # by the number the upstream gives
        self.by_id: dict[str, GrowingCall] = {}
        self.ids: GivenIds = {}
        self.begun = 0
        self.open: dict[int, GrowingCall] = {}  # with something held back, by id()
        self.known: dict[int, GrowingCall] = {}  # those that wait though their name is known
        self.last: GrowingCall | None = None
        self.at: Item = {}  # where its calls stood last


# ---------------------------------------------------------------- words
def next_id(ids: GivenIds, one: str, stem: str) -> str:
    """`one`, or where that is given out, `stem` with the first number that is free."""
    if one in ids:
        number = ids.get(stem, 1)  # those below are taken, and stay so
        while one in ids:
            number += 1
            one = f"{stem}_{number}"
        ids[stem] = number
    ids[one] = 1
    return one


def decoded_once(text: str) -> str:
    """JSON text that holds JSON text of an object: that; any other text is as it was."""
    if text.lstrip()[:1] != '"':
        return text
    try:
        inner = _decode(text)
        return inner if type(_decode(inner)) is dict else text
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return text


def number_of(value: Json) -> int | None:
    """A number of a call, also as 0.0 or "0"."""
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    if type(value) is str and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    return None


def word(value: Json) -> str:
    """An id; numbers are taken, "" is none."""
    if type(value) is str:
        return value if value.strip() else ""
    return str(value) if type(value) in (int, float) else ""


def first(item: Item, found: tuple[Path, ...]) -> Json:
    return next((v for path in found if (v := paths.get(item, path.steps)) is not None), None)


def is_not(item: Item, path: Path, value: int) -> bool:
    found: Any = paths.get(item, path.steps)
    return type(found) is not int or found != value


def laid(one: Item, other: Item) -> Item:
    """Pieces of a call laid over each other, in `one`; what says nothing covers nothing."""
    for key, value in other.items():
        old = one.get(key)
        if type(old) is dict and type(value) is dict:
            laid(old, value)
        elif value not in (None, ""):
            one[key] = value
    return one
