"""A number all workers of a gateway see change at the same moment, and the bytes behind it.

    generation = Generation()                     # before the fork
    generation.take()                             # one writer at a time, over all workers
    generation.put(generation.number + 1, data)   # where nobody looks yet
    generation.number += 1                        # from now on everybody finds it
    generation.give_back()
    generation.read(generation.number)
    generation.keep(data); generation.kept()      # what served before, for a way back

The number is eight bytes of shared memory: looking costs next to nothing, so it is done at every
request. The bytes lie in two files without a name; a number's are in the one of its parity, so the
ones in use are never written over. A note, small and whole, is for what everybody may tell.

Must never know: what the bytes are.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from typing import IO

from aisix.workers.unnamed import found, put, unnamed, write

SIZE = 8
HEAD = 16  # bytes in front: number, length


class Generation:
    """The number of now and the bytes of it and the one before; made before the fork.

    Number 0 has no bytes: it is what every process began with.
    """

    def __init__(self) -> None:
        self._map = mmap.mmap(-1, SIZE)
        self._cell = memoryview(self._map).cast("Q")
        self._slots: tuple[IO[bytes], IO[bytes]] = (unnamed(), unnamed())
        self._note = unnamed()
        self._kept = unnamed()
        self._taken_by = 0  # a lock of files does not keep a process from itself

    @property
    def number(self) -> int:
        return self._cell[0]

    @number.setter
    def number(self, value: int) -> None:
        self._cell[0] = value

    # ------------------------------------------------------------------ bytes
    def put(self, number: int, data: bytes) -> None:
        """OSError when the disk is full; nothing is lost then."""
        file = self._slots[number % 2]
        os.ftruncate(file.fileno(), 0)
        write(file, number.to_bytes(8, "big") + len(data).to_bytes(8, "big") + data)

    def read(self, number: int) -> bytes | None:
        """The bytes of a number; None when they have been written over."""
        file = self._slots[number % 2].fileno()
        head = os.pread(file, HEAD, 0)
        if len(head) < HEAD or int.from_bytes(head[:8], "big") != number:
            return None
        length = int.from_bytes(head[8:], "big")
        data = os.pread(file, length, HEAD)
        return data if len(data) == length else None

    # ------------------------------------------------------------------ one writer
    def take(self) -> bool:
        """Whether we are the one writer now, which is not twice so. A process that dies gives it
        back."""
        if self._taken_by == os.getpid():
            return False
        try:
            fcntl.lockf(self._note.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        self._taken_by = os.getpid()
        return True

    def give_back(self) -> None:
        self._taken_by = 0
        fcntl.lockf(self._note.fileno(), fcntl.LOCK_UN)

    # ------------------------------------------------------------------ what served before
    def keep(self, data: bytes) -> None:
        """In the place of what was kept; OSError when the disk is full."""
        put(self._kept, data)

    def kept(self) -> bytes:
        return found(self._kept)

    # ------------------------------------------------------------------ a note
    def write_note(self, data: bytes) -> None:
        put(self._note, data)

    def read_note(self) -> bytes:
        """The last note; "" without one, or while one is being written."""
        return found(self._note)
