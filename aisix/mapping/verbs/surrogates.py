"""JSON whose texts hold half a character: `"cut \\ud83d"`, from clients that cut by UTF-16 units.

No UTF-8 can carry it, and a strict reader takes no such JSON at all. Each half becomes U+FFFD.
Asked only once a strict reader has refused: what is usual pays nothing.
"""

from __future__ import annotations

import re

import msgspec

from aisix.mapping.syntax.paths import Json

_decode = msgspec.json.Decoder().decode
MOST = 10_000  # halves in one body: whoever cuts texts cuts each of them once
_HIGH, _LOW = rb"u[dD][89abAB][\da-fA-F]{2}", rb"u[dD][c-fC-F][\da-fA-F]{2}"
# (backslashes, of which the last begins an escape if they are odd in number), (the second half)
_FOUND = re.compile(rb"(?<!\\)(\\++)(?:" + _HIGH + rb"(\\" + _LOW + rb")?|" + _LOW + rb")")


def decode(raw: bytes) -> tuple[Json, list[str]]:
    """(the value, the fields at its top that had halves), as strict as any reader otherwise.

    Raises what a msgspec decoder does; the places it names are those of `raw`.

    >>> decode(rb'{"a": "cut \\ud83d", "b": "\\ud83d\\ude00"}')
    ({'a': 'cut \ufffd', 'b': '😀'}, ['a'])
    """
    if b"\\ud" not in raw and b"\\uD" not in raw:
        return _decode(raw), []  # which says what else is wrong
    mended = _with(rb"\ufffd", raw)
    value = _decode(mended)
    if mended == raw or type(value) is not dict:
        return value, []
    # Read once more with another mark: where the two differ, there were halves.
    other = _decode(_with(rb"\ufffe", raw))
    return value, [name for name in value if name not in other or value[name] != other[name]]


def _with(mark: bytes, raw: bytes) -> bytes:
    """Every half as this escape; as long as before."""
    left = MOST

    def marked(found: re.Match[bytes]) -> bytes:
        nonlocal left
        escaped = len(found[1]) % 2
        if escaped == (found[2] is not None):  # a pair, or no escape at all
            return found[0]
        left -= 1
        if left < 0:
            raise msgspec.DecodeError(f"more than {MOST} halves of characters")
        return found[1][:-1] + mark if escaped else found[0][:-6] + mark

    return _FOUND.sub(marked, raw)
