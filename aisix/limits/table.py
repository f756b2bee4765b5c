"""Rows of holders in memory that all workers share: found by name, made and given up as needed.

    table = HolderTable(places=4, width=14)   # before the fork; who calls it has the limiter's lock
    row = table.find(ident) or table.make(ident)
    table.cells[table.windows(row)] ...  # the row's counters

One anonymous mapping, of which only the pages of rows in use are ever touched. Rows are numbered in
the order they were made, from 1, and hang in chains by the hash of the holder's name; a row nobody
needs any more goes to the next holder that comes. Whoever makes a row looks at a few others, so
that no step takes longer the more holders there are. Each change is put in place by its last
store: a process that is killed in the middle loses a row at most.
"""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Callable

ROWS = 1 << 20  # holders counted at one time
LEAST_ROWS = 1 << 13  # where the system grants no more
LOOKS, MANY_LOOKS = 4, 512  # rows looked at before one is made; the second when none is left
KNOWN = 1 << 16  # rows a process finds without looking for them
CELL = 8  # bytes
FREE, USED, HAND, HELD, REFUSED = range(5)  # cells of the head
HEAD = 8  # cells
NAME, NEXT, WINDOWS = range(3)  # cells of a row: its name's hash, the next of its chain, counters


class TableFull(Exception):
    """Every row counts for a holder whose limits are in use."""


class HolderTable:
    """`width`: counters of a row; `places`: workers at one time, each with its leases of a row."""

    def __init__(self, places: int, width: int, rows: int = ROWS) -> None:
        self.places = places
        self._width = WINDOWS + width
        while True:
            try:
                memory = memoryview(self._mapped(rows))
                break
            except OSError:
                if rows <= LEAST_ROWS:
                    raise
                rows //= 2
        self.rows = rows
        first, chains = HEAD * CELL, (HEAD + rows) * CELL
        self._head = memory[:first].cast("Q")
        self._chains = memory[first:chains].cast("Q")
        end = chains + (rows + 1) * self._width * CELL
        self.names = memory[chains:end].cast("Q")
        self.cells = memory[chains:end].cast("d")
        self.leases = memory[end:].cast("I")  # [row][worker]: requests under way
        self._known: dict[str, tuple[int, int]] = {}  # ident -> (hash, row)

    def _mapped(self, rows: int) -> mmap.mmap:
        size = (HEAD + rows + (rows + 1) * self._width) * CELL + (rows + 1) * self.places * 4
        # Nearly all of it is never touched: no reason to reserve it.
        flags = mmap.MAP_SHARED | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0)
        return mmap.mmap(-1, -(-size // CELL) * CELL, flags)

    # ------------------------------------------------------------------ rows
    def mark(self, row: int) -> tuple[int, int]:
        """(where it is told among `names` whose row it is, what stands there now): for who wants to
        know quickly whether a row is still the one it found."""
        return row * self._width, self.names[row * self._width]

    def find(self, ident: str) -> int:
        """The holder's row; 0: it has none."""
        known = self._known.get(ident)
        if known is not None:
            name, row = known
            if self.names[row * self._width] == name:
                return row
        else:
            name = _hash(ident)
        row = self._chains[name % self.rows]
        while row and self.names[row * self._width] != name:
            row = self.names[row * self._width + NEXT]
        if row:
            if len(self._known) >= KNOWN:
                self._known.clear()
            self._known[ident] = name, row
        return row

    def make(self, ident: str) -> int:
        """A row for a holder that has none. TableFull."""
        head, names, width = self._head, self.names, self._width
        row = head[FREE]
        if row:
            head[FREE] = names[row * width + NEXT]
        elif head[USED] < self.rows:
            row = head[USED] = head[USED] + 1
        else:
            head[REFUSED] += 1
            raise TableFull
        at, name = row * width, _hash(ident)
        for cell in range(at + WINDOWS, at + width):
            self.cells[cell] = 0.0
        chain = name % self.rows
        names[at] = name
        names[at + NEXT] = self._chains[chain]
        self._chains[chain] = row
        head[HELD] += 1
        return row

    def tidy(self, idle: Callable[[int], bool]) -> None:
        """Give up some of the rows that are `idle`. To be called before rows are made: one that
        nobody has counted in yet is idle, too."""
        head = self._head
        spare = head[FREE] or head[USED] < self.rows
        for _ in range(min(LOOKS if spare else MANY_LOOKS, head[USED])):
            row = head[HAND] = head[HAND] % head[USED] + 1
            if self.names[row * self._width] and idle(row):
                self._give_up(row)
                if not spare:
                    return

    def _give_up(self, row: int) -> None:
        names, width = self.names, self._width
        at = row * width
        chain = names[at] % self.rows
        before, found = 0, self._chains[chain]
        while found and found != row:
            before, found = found, names[found * width + NEXT]
        if not found:
            return
        if before:
            names[before * width + NEXT] = names[at + NEXT]
        else:
            self._chains[chain] = names[at + NEXT]
        names[at] = 0
        names[at + NEXT] = self._head[FREE]
        self._head[FREE] = row
        self._head[HELD] -= 1

    def windows(self, row: int) -> int:
        """Where the row's counters begin among the cells."""
        return row * self._width + WINDOWS

    # ------------------------------------------------------------------ leases
    def under_way(self, row: int) -> int:
        """Requests of all workers."""
        return sum(self.leases[row * self.places : (row + 1) * self.places])

    def free(self, number: int) -> None:
        """Worker `number` has none any more."""
        end = (self._head[USED] + 1) * self.places
        for row, held in enumerate(self.leases[number : end : self.places]):
            if held:
                self.leases[row * self.places + number] = 0

    # ------------------------------------------------------------------ what is told of it
    @property
    def full(self) -> bool:
        """Whether a row is free only once another is given up."""
        return not self._head[FREE] and self._head[USED] >= self.rows

    @property
    def held(self) -> int:
        """Rows that have a holder."""
        return self._head[HELD]

    @property
    def refused(self) -> int:
        """How often there was no row left."""
        return self._head[REFUSED]


def _hash(ident: str) -> int:
    return int.from_bytes(hashlib.sha256(ident.encode()).digest()[:8], "little") or 1
