"""Counters in memory that all workers of one parent share.

One anonymous mapping, made before the fork, holds a row for each holder: its counters for the rules
that have windows, and for each worker how many requests it has under way. A record lock of the
operating system makes each look-and-count one step; it is given back by itself when a worker dies,
and whoever sits down on its place gives back what it held. Nothing here outlives the parent.

Rows are found by a hash of the holder's name; one that no rule has used for a day may be taken by
another holder when the table is full.
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from aisix.limits.base import Grant, Holder, Level, LimitRefusal
from aisix.limits.rules import LIMIT_KINDS, LimitRule

ROWS = 8192
IDLE = 86400.0  # s; the longest window
LATE = 1.0  # s a worker may have waited between looking at the clock and its turn
BUSY = 1.0  # s to wait for a free place: nobody knows when one will be free
_HEAD = 2  # name, time of the last use
_WINDOWS = 2 * len(LIMIT_KINDS)  # (begin, count) by rule; concurrency's pair stays unused


class SharedRateLimiter:
    """Counters in memory that all workers of one machine share; made before they are forked.

    `places`: how many workers there can be at one time; `rows`: holders counted at one time.
    """

    def __init__(self, places: int = 1, rows: int = ROWS) -> None:
        self._number = 0
        self._places = places
        self._rows = rows
        self._width = _HEAD + _WINDOWS + places
        self._memory = mmap.mmap(-1, rows * self._width * 8)
        view = memoryview(self._memory)
        self._names = view.cast("Q")
        self._cells = view.cast("d")
        # Opened here and kept open: closing any handle of the file would drop the lock.
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._known: dict[str, tuple[int, int]] = {}  # ident -> (name, where its row begins)

    # ------------------------------------------------------------------ the interface
    def admit(self, holders: Sequence[Holder], now: float) -> Grant | LimitRefusal:
        asked = tuple(holder for holder in holders if holder.rules)
        if not asked:
            return Grant((), ())
        with self._locked():
            rows = [(holder, self._row(holder.ident, now)) for holder in asked]
            refusal: tuple[Holder, LimitRule, float] | None = None
            for holder, row in rows:
                for rule in holder.rules:
                    wait = self._wait(row, rule, now)
                    if wait > 0 and (refusal is None or wait > refusal[2]):
                        refusal = holder, rule, wait
            if refusal is not None:
                return LimitRefusal(*refusal, self._levels(rows, now))
            for holder, row in rows:
                for rule in holder.rules:
                    if rule.counts == "requests":
                        self._add(row, rule, 1, now)
            grant = Grant(asked, self._levels(rows, now))
            for _, row in rows:
                self._cells[self._busy(row)] += 1
            return grant

    def settle(self, grant: Grant, tokens: int, now: float) -> None:
        if not grant.holders:
            return
        with self._locked():
            for holder in grant.holders:
                row = self._row(holder.ident, now)
                place = self._busy(row)
                self._cells[place] = max(0.0, self._cells[place] - 1)
                for rule in holder.rules:
                    if rule.counts == "tokens" and tokens:
                        self._add(row, rule, tokens, now)

    def sit(self, number: int) -> None:
        self._number = number
        with self._locked():
            for row in range(0, self._rows * self._width, self._width):
                if self._names[row]:
                    self._cells[row + _HEAD + _WINDOWS + number] = 0.0

    # ------------------------------------------------------------------ rules
    def _wait(self, row: int, rule: LimitRule, now: float) -> float:
        """Seconds until the rule may say yes; 0: it does."""
        if rule.counts == "concurrency":
            return BUSY if self._under_way(row) >= rule.most else 0.0
        begin, count = self._window(row, rule, now)
        return _until_end(begin, rule, now) if count >= rule.most else 0.0

    def _window(self, row: int, rule: LimitRule, now: float) -> tuple[float, float]:
        """When the window of now began and what it counted; an ended one is empty."""
        at = row + _HEAD + 2 * rule.slot
        begin, count = self._cells[at], self._cells[at + 1]
        # Two workers look at the clock before either has the lock, so the second may come with the
        # earlier time. A clock that was really set back must not close a window for long.
        if begin - LATE <= now < begin + rule.seconds:
            return begin, count
        return now, 0.0

    def _add(self, row: int, rule: LimitRule, amount: int, now: float) -> None:
        begin, count = self._window(row, rule, now)
        at = row + _HEAD + 2 * rule.slot
        self._cells[at], self._cells[at + 1] = begin, count + amount

    def _levels(self, rows: Sequence[tuple[Holder, int]], now: float) -> tuple[Level, ...]:
        """For requests and for tokens, the rule that has the least room."""
        tightest: dict[str, Level] = {}
        for holder, row in rows:
            for rule in holder.rules:
                if rule.counts == "concurrency":
                    continue
                begin, count = self._window(row, rule, now)
                left = max(0, int(rule.most - count))
                reset = _until_end(begin, rule, now) if count else 0.0
                found = tightest.get(rule.counts)
                if found is None or (left, -reset) < (found.left, -found.reset):
                    tightest[rule.counts] = Level(rule.counts, rule.most, left, reset)
        return tuple(tightest.values())

    # ------------------------------------------------------------------ rows
    def _busy(self, row: int) -> int:
        return row + _HEAD + _WINDOWS + self._number

    def _under_way(self, row: int) -> int:
        first = row + _HEAD + _WINDOWS
        return int(sum(self._cells[first : first + self._places]))

    def _row(self, ident: str, now: float) -> int:
        """Where the holder's row begins; made when there is none."""
        known = self._known.get(ident)
        if known is not None and self._names[known[1]] == known[0]:
            self._cells[known[1] + 1] = now
            return known[1]
        name = int.from_bytes(hashlib.sha256(ident.encode()).digest()[:8], "little") or 1
        row = self._find(name, now)
        self._names[row] = name
        self._cells[row + 1] = now
        self._known[ident] = name, row
        return row

    def _find(self, name: int, now: float) -> int:
        """The row of that name, else an empty one, else the one unused for the longest time."""
        start = name % self._rows
        oldest, used = -1, float("inf")
        for step in range(self._rows):
            row = (start + step) % self._rows * self._width
            if self._names[row] == name:
                return row
            if not self._names[row]:
                return row
            if self._cells[row + 1] < used and not self._under_way(row):
                oldest, used = row, self._cells[row + 1]
        if oldest < 0 or now - used < IDLE:
            # More busy holders than rows: the limit of one of them begins anew.
            oldest = start * self._width if oldest < 0 else oldest
        for cell in range(oldest, oldest + self._width):
            self._cells[cell] = 0.0
        return oldest

    @contextmanager
    def _locked(self) -> Iterator[None]:
        handle = self._file.fileno()
        fcntl.lockf(handle, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(handle, fcntl.LOCK_UN)


def _until_end(begin: float, rule: LimitRule, now: float) -> float:
    """Seconds until the window ends; never more than its length, see LATE."""
    return min(begin - now, 0.0) + rule.seconds
