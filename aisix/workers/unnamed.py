"""Files without a name: made before the fork, shared after it, gone with the last process.

    file = unnamed()
    write(file, data, at=3)              # all of it, or OSError
    put(file, data); found(file)         # one text, whole: its checksum stands in front

Must never know: what the bytes are.
"""

from __future__ import annotations

import os
import tempfile
import zlib
from typing import IO

HEAD = 16  # bytes in front of a whole text: checksum, length


def unnamed() -> IO[bytes]:
    # Lives as long as the process does: there is no block to close it at the end of.
    return tempfile.TemporaryFile(prefix="aisix-")


def write(file: IO[bytes], data: bytes, at: int = 0) -> None:
    """OSError when the disk is full."""
    view = memoryview(data)
    while view:
        written = os.pwrite(file.fileno(), view, at)
        view, at = view[written:], at + written


def put(file: IO[bytes], data: bytes) -> None:
    """In the place of what stood there; OSError when the disk is full."""
    write(file, zlib.crc32(data).to_bytes(8, "big") + len(data).to_bytes(8, "big") + data)


def found(file: IO[bytes]) -> bytes:
    """What was put there last; "" at first, while it is written, when a process died over it."""
    head = os.pread(file.fileno(), HEAD, 0)
    data = os.pread(file.fileno(), int.from_bytes(head[8:], "big"), HEAD)
    return data if zlib.crc32(data).to_bytes(8, "big") == head[:8] else b""
