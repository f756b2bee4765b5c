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
import tempfile
import time
import zlib
from collections.abc import Iterator
from typing import IO, Any

import msgspec

TRIES, PAUSE = 200, 0.001  # of a process that finds another one at it; s between two
HEAD = 16  # bytes in front of the state: checksum, length
_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.decode


class SpoolBusy(Exception):
    """Another process holds it, and does not let it go."""


class Spool:
    """One per gateway. Not for threads: a lock of files is a process's."""

    def __init__(self, lanes: int) -> None:
        self._state = _file()
        self._lanes = [_file() for _ in range(lanes)]

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
            state = self._read()
            before = _encode(state)
            yield state
            data = _encode(state)
            if data != before:
                mark = zlib.crc32(data).to_bytes(8, "big") + len(data).to_bytes(8, "big")
                os.pwrite(file, mark + data, 0)
        finally:
            fcntl.lockf(file, fcntl.LOCK_UN)

    def _read(self) -> dict[str, Any]:
        """Empty at first, and when a process died while it wrote."""
        file = self._state.fileno()
        head = os.pread(file, HEAD, 0)
        data = os.pread(file, int.from_bytes(head[8:], "big"), HEAD) if len(head) == HEAD else b""
        if not data or zlib.crc32(data).to_bytes(8, "big") != head[:8]:
            return {}
        return dict(_decode(data))

    def append(self, lane: int, data: bytes) -> int:
        """Where it begins; only while the spool is `held`. OSError when the disk is full."""
        file = self._lanes[lane].fileno()
        at = os.fstat(file).st_size
        view, place = memoryview(data), at
        while view:
            written = os.pwrite(file, view, place)
            view, place = view[written:], place + written
        return at

    def read(self, lane: int, at: int, length: int) -> bytes:
        return os.pread(self._lanes[lane].fileno(), length, at)

    def clear(self, lane: int) -> None:
        os.ftruncate(self._lanes[lane].fileno(), 0)


def _file() -> IO[bytes]:
    # Lives as long as the process does: there is no block to close it at the end of.
    return tempfile.TemporaryFile(prefix="aisix-")
