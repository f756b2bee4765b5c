"""How the workers of one machine tell each other that the store changed, without asking it.

Eight bytes in a file of the data directory, mapped into every worker. After a commit the writer
puts a fresh random number there; a reader that sees another number than the last one reads the
database again. Looking costs about 50 ns, so it is done at every request, and a write is seen by
all workers before its answer is sent. Random rather than counting: two writers may give it in any
order and no number ever comes back.

A writer killed between commit and signal was not answered yet; `Store.poll` finds its write within
a second. The number is written through the file, never through the map: a full disk is then an
OSError, not a SIGBUS.

Must never know: what changed.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path

SIZE = 8


class ChangeSignal:
    """Open it after the fork of a worker or before: the map is shared either way.

    Where `file` cannot be written, this process hears of nothing; it raises nothing.
    """

    def __init__(self, file: Path) -> None:
        self._fd: int | None = None
        try:
            self._fd = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if os.fstat(self._fd).st_size < SIZE:
                os.pwrite(self._fd, bytes(SIZE), 0)
            self._map = mmap.mmap(self._fd, SIZE, mmap.MAP_SHARED, mmap.PROT_READ)
        except OSError:
            # A read-only or full disk: nobody can write the store either; poll() does the rest.
            self.close()
            self._map = mmap.mmap(-1, SIZE)
        self._cell = memoryview(self._map).cast("Q")

    @property
    def number(self) -> int:
        """That of the last signal."""
        return self._cell[0]

    def give(self) -> None:
        """Tell everyone, this process too; OSError when the disk is full."""
        if self._fd is not None:
            os.pwrite(self._fd, os.urandom(SIZE), 0)

    def close(self) -> None:
        """Let go of the file; the number can still be read."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
