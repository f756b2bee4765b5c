"""JSON whose texts hold half a character: `"cut \\ud83d"`, from clients that cut by UTF-16 units.

No UTF-8 can carry it, and a strict reader takes no such JSON at all. Each half becomes U+FFFD.
Asked only once a strict reader has refused: what is usual pays nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from aisix.mapping.syntax.paths import Json

_decode = msgspec.json.Decoder().decode
MOST = 10_000  # halves in one body: whoever cuts texts cuts each of them once
PIECE = 1 << 18  # bytes that are searched in one go, in which nobody else gets a turn
ESCAPE, BACKSLASH = 6, 0x5C  # bytes of `\ud83d`; its first
_HALF = re.compile(rb"\\u[dD](?:([89abAB])|[c-fC-F])[\da-fA-F]{2}")  # the group: a first half
_SECOND = re.compile(rb"\\u[dD][c-fC-F][\da-fA-F]{2}")


def decode(raw: bytes) -> tuple[Json, list[str]]:
    """(the value, the fields at its top that had halves), as strict as any reader otherwise.

    Raises what a msgspec decoder does; the places it names are those of `raw`.

    >>> decode(rb'{"a": "cut \\ud83d", "b": "\\ud83d\\ude00"}')
    ({'a': 'cut \ufffd', 'b': '😀'}, ['a'])
    """
    halves = list(_halves(raw))
    if not halves:
        return _decode(raw), []  # which says what else is wrong
    value = _decode(_with(rb"\ufffd", raw, halves))
    if type(value) is not dict:
        return value, []
    # Read once more with another mark: where the two differ, there were halves.
    other = _decode(_with(rb"\ufffe", raw, halves))
    return value, [name for name in value if name not in other or value[name] != other[name]]


def _with(mark: bytes, raw: bytes, halves: list[int]) -> bytearray:
    """Every half as this escape; as long as before."""
    made = bytearray(raw)
    for at in halves:
        made[at : at + ESCAPE] = mark
    return made


def _halves(raw: bytes) -> Iterator[int]:
    """Where each of them begins; a DecodeError for more than MOST."""
    after = found = 0  # what comes before `after` belongs to a pair
    for start in range(0, len(raw), PIECE):
        for half in _HALF.finditer(raw, start, start + PIECE + ESCAPE - 1):
            at = half.start()
            if at < after or not _begins(raw, at):
                continue
            after = at + ESCAPE
            if half[1] and _SECOND.match(raw, after):
                after += ESCAPE
                continue
            found += 1
            if found > MOST:
                raise msgspec.DecodeError(f"more than {MOST} halves of characters")
            yield at


def _begins(raw: bytes, at: int) -> bool:
    """Whether this backslash begins an escape: it does not end one of a backslash."""
    first = at
    while first and raw[first - 1] == BACKSLASH:
        first -= 1
    return (at - first) % 2 == 0
