"""How many requests a worker works on at one time; the rest wait, and beyond that are refused.

    if not admission.take():
        await admission.wait(future)          # raises Fault("overloaded")
    ...
    admission.leave()

Whoever waits is let in first come, first served. Health endpoints do not come through here.

Must never know: what a request is.
"""

from __future__ import annotations

import asyncio

from aisix.errors import Fault

COME_BACK = 1  # s; what a refused caller is told


class Admission:
    """`limit` places, `queue` waiting ones, each for `secs` at most; `room` bytes of bodies."""

    __slots__ = ("_queue", "_room", "_secs", "_waiting", "held", "limit", "taken")

    def __init__(self, limit: int, queue: int, secs: float, room: int = 1 << 30) -> None:
        self.taken = 0
        self.held = 0  # bytes of the bodies of all requests under way
        self._room = room
        self.limit = limit
        self._queue = queue
        self._secs = secs
        self._waiting: dict[asyncio.Future[bool], None] = {}  # in the order they came

    def bound(self, limit: int) -> bool:
        """Have no more places than `limit`; whether there were more."""
        fewer = limit < self.limit
        if fewer:
            self.limit = limit
        return fewer

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def full(self) -> bool:
        """Nobody else can even wait."""
        return self.taken >= self.limit and len(self._waiting) >= self._queue

    def take(self) -> bool:
        """A place, if there is one now."""
        if self.taken >= self.limit:
            return False
        self.taken += 1
        return True

    def hold(self, size: int) -> bool:
        """Whether there is room for so much more of a body; give it back by `held`."""
        if self.held + size > self._room:
            return False
        self.held += size
        return True

    async def wait(self, place: asyncio.Future[bool]) -> None:
        """Wait for a place; `place` is a new future, cancelled to give up waiting."""
        if self.full:
            raise overloaded()
        self._waiting[place] = None
        try:
            async with asyncio.timeout(self._secs):
                await place
        except TimeoutError:
            if place.cancelled():  # else it was let in at that very moment
                raise overloaded() from None
        finally:
            self._waiting.pop(place, None)

    def leave(self) -> None:
        """Give the place back: to who waits longest, if anyone does."""
        while self._waiting:
            place = next(iter(self._waiting))
            del self._waiting[place]
            if not place.done():
                place.set_result(True)
                return
        self.taken -= 1


def overloaded() -> Fault:
    return Fault("overloaded", retry_after=COME_BACK)
