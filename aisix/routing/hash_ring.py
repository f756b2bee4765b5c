"""The ring of consistent hashing, bit by bit that of the original AISIX: a key keeps its target.

    ring = HashRing((("a", 2), ("b", 1)))
    ring.order("session-7")        (1, 0): places in the list, each once

A target has POINTS points for each unit of its weight; a key starts at the first point from its
hash on, and goes on along the ring to targets it has not met.

Must never know: what a target or a key is.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import chain
from math import gcd

POINTS = 160  # of a target for each unit of its weight
MOST_UNITS = 64  # of all weights; larger ones are scaled down
WORD = 2**64 - 1


def _fnv(data: bytes, found: int = 0xCBF29CE484222325) -> int:
    """FNV-1a of 64 bit; found: that of what stands before."""
    for byte in data:
        found = ((found ^ byte) * 0x100000001B3) & WORD
    return found


def _mixed(found: int) -> int:
    found = ((found ^ (found >> 30)) * 0xBF58476D1CE4E5B9) & WORD
    found = ((found ^ (found >> 27)) * 0x94D049BB133111EB) & WORD
    return found ^ (found >> 31)


def hashed(data: bytes) -> int:
    """FNV-1a of 64 bit, mixed by the end of splitmix64.

    >>> hex(hashed(b""))
    '0xf52a15e9a9b5e89b'
    """
    return _mixed(_fnv(data))


def units(weights: Sequence[int]) -> list[int]:
    """The weights by their common measure, few enough in all.

    >>> units([200, 100]), units([100, 1])
    ([2, 1], [63, 1])
    """
    measure = gcd(*weights) or 1
    found = [weight // measure for weight in weights]
    total = sum(found)
    if total > MOST_UNITS:
        found = [max(1, one * MOST_UNITS // total) for one in found]
    return found


class HashRing:
    """`targets`: name and weight (at least 1) of each."""

    def __init__(self, targets: Sequence[tuple[str, int]]) -> None:
        points: list[tuple[int, int]] = []
        for place, unit in enumerate(units([weight for _, weight in targets])):
            name = _fnv(targets[place][0].encode() + b"\0")
            points += [
                (_mixed(_fnv(number.to_bytes(4, "little"), name)), place)
                for number in range(POINTS * unit)
            ]
        points.sort()
        self._hashes = [one for one, _ in points]
        self._places = [place for _, place in points]
        self._count = len(targets)

    def order(self, key: str) -> tuple[int, ...]:
        """The place of every target, in the order in which this key meets them."""
        start = bisect_left(self._hashes, hashed(key.encode()))
        found: dict[int, None] = {}
        for at in chain(range(start, len(self._places)), range(start)):
            found[self._places[at]] = None
            if len(found) == self._count:
                break
        return tuple(found)
