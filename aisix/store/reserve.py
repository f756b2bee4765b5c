"""Space kept for the writes that must be possible on a full disk: taking things away.

A file of SIZE bytes in the data directory that holds nothing. When a delete, or the closing of a
key, finds the disk full, the file is emptied, the write takes the place, and the file is made whole
again. A lock on it keeps two processes from doing that at one time, and a third from taking back
what the first has just let go.

Must never know: what is written.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

FILE = "reserve"
SIZE = 256 << 10  # bytes; one such write changes some ten pages of 4 KiB


class Reserve:
    """Of one data directory. Raises nothing: without it, a full disk refuses every write."""

    def __init__(self, data_dir: Path) -> None:
        self._file = data_dir / FILE

    @property
    def whole(self) -> bool:
        """Whether the space is there."""
        try:
            return os.stat(self._file).st_size >= SIZE
        except OSError:
            return False

    def make(self) -> bool:
        """Take the space, if it is not taken; whether it is there now."""
        if self.whole:
            return True
        with self._locked(wait=False) as file:
            return file is not None and _fill(file)

    @contextmanager
    def released(self) -> Iterator[None]:
        """Inside, the space is free for who asks the disk for it; taken again afterwards."""
        with self._locked(wait=True) as file:
            if file is not None:
                os.ftruncate(file, 0)
            try:
                yield
            finally:
                if file is not None:
                    _fill(file)

    @contextmanager
    def _locked(self, wait: bool) -> Iterator[int | None]:
        """Its descriptor; None: another process has it, or it cannot be had."""
        file = None
        try:
            file = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError:
            if file is not None:
                os.close(file)
            file = None
        try:
            yield file
        finally:
            if file is not None:
                os.close(file)


def _fill(file: int) -> bool:
    """All of it or nothing; random, so that no file system keeps it for less than it is."""
    with suppress(OSError):
        if os.pwrite(file, os.urandom(SIZE), 0) == SIZE:
            return True
    os.ftruncate(file, 0)
    return False
