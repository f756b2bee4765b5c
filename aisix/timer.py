"""One loop timer whose due time may move.

Its users (libcurl's next time-out, the next deadline of a transfer, a caller's connection) move
their due time with nearly every request, mostly to later. Moving it is an assignment; the loop is
only asked for a timer when the new time is earlier than the one it already holds. A timer that
fires before its time was merely moved: it is set again.

Must never know: what falls due.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf

EARLY = 0.0005  # a loop counts in whole milliseconds (uvloop) and may be that much before time


class LazyTimer:
    """Set `due` freely, then call arm(); `callback` runs once when that time has come."""

    def __init__(self, loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
        self.due = inf
        self._loop = loop
        self._callback = callback
        self._handle: asyncio.TimerHandle | None = None
        self._armed = inf

    def arm(self) -> None:
        """Make sure the loop wakes us at `due` or before."""
        if self.due < self._armed:
            if self._handle is not None:
                self._handle.cancel()
            self._armed = self.due
            self._handle = self._loop.call_at(self.due, self._fire)

    def cancel(self) -> None:
        """Forget the due time and the loop's timer."""
        self.due = self._armed = inf
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _fire(self) -> None:
        self._handle = None
        self._armed = inf
        if self._loop.time() + EARLY < self.due:
            if self.due < inf:
                self.arm()
            return
        self.due = inf
        self._callback()
