"""What all workers of a gateway append to and read back: a few lanes of bytes, and a small state.

    spool = Spool(lanes=4)                # before the fork
    with spool.held() as state:           # one process at a time; what it holds is written back
        state["n"] = state.get("n", 0) + 1
    at = spool.append(2, data); spool.read(2, at, len(data)); spool.clear(2)

The bytes lie in files without a name: they are gone with the last process of the gateway, and what
a worker has written is there when it dies. A process that dies lets the state go as it was.

Must never know: what the bytes and the state are about.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from typing import Any

import msgspec

from aisix.workers.unnamed import found, put, unnamed, write

TRIES, PAUSE = 200, 0.001  # of a process that finds another one at it; s between two
_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.decode


class SpoolBusy(Exception):
    """Another process holds it, and does not let it go."""


class Spool:
    """One per gateway. Not for threads: a lock of files is a process's."""

    def __init__(self, lanes: int) -> None:
        self._state = unnamed()
        self._lanes = [unnamed() for _ in range(lanes)]

    @property
    def lanes(self) -> int:
        return len(self._lanes)

    @contextlib.contextmanager
    def held(self) -> Iterator[dict[str, Any]]:
        """The state, for as long as nobody else changes it; SpoolBusy, OSError when the disk is
        full. What raises inside changes nothing."""
        file = self._state.fileno()
        for attempt in range(TRIES):
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if attempt == TRIES - 1:
                    raise SpoolBusy from None
                time.sleep(PAUSE)
        try:
            before = found(self._state)  # nothing too when a process died while it wrote
            state = dict(_decode(before)) if before else {}
            yield state
            data = _encode(state)
            if data != before:
                put(self._state, data)
        finally:
            fcntl.lockf(file, fcntl.LOCK_UN)

    def append(self, lane: int, data: bytes) -> int:
        """Where it begins; only while the spool is `held`. OSError when the disk is full."""
        file = self._lanes[lane]
        at = os.fstat(file.fileno()).st_size
        write(file, data, at)
        return at

    def read(self, lane: int, at: int, length: int) -> bytes:
        return os.pread(self._lanes[lane].fileno(), length, at)

    def clear(self, lane: int) -> None:
        os.ftruncate(self._lanes[lane].fileno(), 0)
