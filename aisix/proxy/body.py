"""A request's body: bytes -> the JSON object it is, or the fault that says what is wrong.

Must never know: a handler; it runs beside the loop too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from aisix.errors import CallerError
from aisix.mapping.syntax.budget import Held
from aisix.mapping.verbs import surrogates
from aisix.mapping.verbs.census import SLOW, crowded, escaped, slow

_decode = msgspec.json.Decoder().decode


class Body(NamedTuple):
    """`mended`: fields of it with halves of characters, now U+FFFD."""

    value: dict[str, Any]
    mended: Sequence[str] = ()


def decoded(chunks: Sequence[bytes], held: Held) -> Body:
    """CallerError: too_many_escapes, too_many_values, too_deep, bad_json."""
    if escaped(chunks, held.escapes):
        raise CallerError("too_many_escapes", limit=held.escapes)
    raw = chunks[0] if len(chunks) == 1 else b"".join(chunks)
    if crowded(raw, held.values):
        raise CallerError("too_many_values", limit=held.values)
    if slow(raw):
        why = f"more than {SLOW} of its numbers have 40 digits or an exponent over 250"
        raise CallerError("bad_json", why=why)
    mended: Sequence[str] = ()
    try:
        try:
            value = _decode(raw)
        except msgspec.DecodeError:
            value, mended = surrogates.decode(raw)
    except RecursionError:
        raise CallerError("too_deep") from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise CallerError("bad_json", why=_why(raw, error)) from None
    if type(value) is not dict:
        raise CallerError("bad_json", why="it is not an object")
    return Body(value, mended)


def _why(raw: bytes, error: Exception) -> str:
    """Of what is no UTF-8 each version of the reader says something else; its other words tell the
    place, never the content."""
    try:
        raw.decode()
    except UnicodeDecodeError:
        return "it is not UTF-8"
    return str(error).removesuffix(" - at `$[...]`")


def deeper(value: Any, most: int) -> bool:
    """Whether lists and objects stand in one another deeper than that."""
    level = [value]
    for _ in range(most):
        level = [
            below
            for held in level
            for below in (held.values() if type(held) is dict else held)
            if type(below) is dict or type(below) is list
        ]
        if not level:
            return False
    return True
