"""What the workers of a node know together of an outage of its counters elsewhere.

    outages = OutageBoard(places=4)      # before the fork
    outages.begin(2)                     # worker 2 cannot reach them: whether it is the first
    outages.end(2)                       # it can again: whether it was the last
    outages.since                        # Unix seconds; 0: no worker is without

So that one outage is told once, however many workers there are.
"""

from __future__ import annotations

import fcntl
import mmap
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager


class OutageBoard:
    """`places`: how many workers there can be at one time."""

    def __init__(self, places: int = 1) -> None:
        self._map = mmap.mmap(-1, 8 + places)
        self._began = memoryview(self._map)[:8].cast("d")
        self._out = memoryview(self._map)[8:]
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  # kept open: it is the lock

    @property
    def since(self) -> float:
        return self._began[0]

    def begin(self, number: int) -> bool:
        with self._locked(0):
            first = not any(self._out)
            self._out[number] = 1
            if first:
                self._began[0] = time.time()
            return first

    def end(self, number: int, how: int = 0) -> bool:
        """BlockingIOError with fcntl.LOCK_NB: not now."""
        with self._locked(how):
            was, self._out[number] = self._out[number], 0
            last = bool(was) and not any(self._out)
            if last:
                self._began[0] = 0.0
            return last

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        fcntl.lockf(self._file.fileno(), fcntl.LOCK_EX | how)
        try:
            yield
        finally:
            fcntl.lockf(self._file.fileno(), fcntl.LOCK_UN)
