"""Counters in memory that all workers of one parent share.

A row for each holder (`table.py`), made before the fork: its counters for the rules that have
windows, and for each worker how many requests it has under way. A record lock of the operating
system makes each look-and-count one step; it is given back by itself when a worker dies, and the
parent, or whoever sits down on its place, gives back what it held. What it had booked stays
booked. Nothing here outlives the parent.
"""

from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Sequence
from typing import IO, Any

from aisix import log
from aisix.errors import Fault
from aisix.limits.base import Grant, Holder, Level, LimitRefusal
from aisix.limits.outages import OutageBoard
from aisix.limits.rules import LIMIT_KINDS, LimitRule
from aisix.limits.table import ROWS, HolderTable, TableFull

BUSY = 1.0  # s to wait for a free place: nobody knows when one will be free
MOST = float(1 << 53)  # of one counter: up to here each number is a float of its own
_WINDOWS = 2 * len(LIMIT_KINDS)  # (begin, count) by rule; concurrency's pair stays unused
_LENGTHS = [seconds for _, seconds in LIMIT_KINDS.values()]
Row = tuple[Holder, int]
Window = tuple[int, LimitRule, float, float]  # row, rule, begin, count


class RecordLock:
    """The operating system's, held by the process; `how`: LOCK_NB raises instead of waiting."""

    __slots__ = ("_handle", "_how")

    def __init__(self, file: IO[bytes], how: int = 0) -> None:
        self._handle, self._how = file.fileno(), fcntl.LOCK_EX | how

    def __enter__(self) -> None:
        fcntl.lockf(self._handle, self._how)

    def __exit__(self, *_: object) -> None:
        fcntl.lockf(self._handle, fcntl.LOCK_UN)


class _Booked:
    """What was booked for one grant: `tokens` in all, and by rule what of it stands in which
    window, [row, rule, begin, tokens]."""

    __slots__ = ("rows", "tokens", "windows")

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = [row for _, row in rows]
        self.tokens = 0
        self.windows: list[tuple[int, LimitRule, list[float]]] = []
        for holder, row in rows:
            for rule in holder.rules:
                if rule.counts == "tokens":
                    self.windows.append((row, rule, [0.0, 0.0]))


class SharedRateLimiter:
    """Counters in memory that all workers of one machine share; made before they are forked.

    `places`: how many workers there can be at one time; `rows`: holders counted at one time. With
    more than that, a holder without a row is refused (Fault overloaded): no limit is forgotten.
    """

    def __init__(self, places: int = 1, rows: int = ROWS) -> None:
        self._number = 0
        self._table = HolderTable(places, _WINDOWS, rows)
        self._cells = self._table.cells
        # Opened here and kept open: closing any handle of the file would drop the lock.
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._lock = RecordLock(self._file)
        self.outages = OutageBoard(places)

    # ------------------------------------------------------------------ the interface
    def admit(self, holders: Sequence[Holder], now: float, tokens: int = 0) -> Grant | LimitRefusal:
        asked = tuple([holder for holder in holders if holder.rules])
        if not asked:
            return Grant((), ())
        with self._lock:
            rows = self._rows(asked, now)
            windows: list[Window] = []
            refusal: tuple[Holder, LimitRule, float] | None = None
            for holder, row in rows:
                for rule in holder.rules:
                    if rule.counts == "concurrency":
                        used = self._table.under_way(row)
                        windows.append((row, rule, now, used))
                        wait = BUSY if used >= rule.most else 0.0
                    else:
                        begin, count = self._window(row, rule, now)
                        windows.append((row, rule, begin, count))
                        wait = _until_end(begin, rule, now) if count >= rule.most else 0.0
                    if wait > 0 and (refusal is None or wait > refusal[2]):
                        refusal = holder, rule, wait
            if refusal is not None:
                return LimitRefusal(*refusal, _levels(windows, now))
            for at, (row, rule, begin, count) in enumerate(windows):
                if rule.counts == "requests":
                    windows[at] = row, rule, begin, count + 1
                    self._put(row, rule, begin, count + 1)
                elif rule.counts == "concurrency":
                    windows[at] = row, rule, begin, count + 1
            booked = _Booked(rows)
            grant = Grant(asked, _levels(windows, now), booked)
            if tokens:
                self._book(booked, tokens, now)
            for _, row in rows:
                self._table.leases[self._lease(row)] += 1
            return grant

    def book(self, grant: Grant, tokens: int, now: float) -> None:
        booked = grant.note
        if booked is not None and booked.windows and tokens != booked.tokens:
            with self._lock:
                self._book(booked, tokens, now)

    def settle(self, grant: Grant, tokens: int, now: float) -> None:
        booked, grant.note = grant.note, None
        if booked is None:
            return
        with self._lock:
            leases = self._table.leases
            for row in booked.rows:
                place = self._lease(row)
                leases[place] = max(1, leases[place]) - 1
            self._book(booked, tokens, now)

    def begin_with(
        self, holder: Holder, counted: Sequence[tuple[LimitRule, float, int]], now: float
    ) -> None:
        """What others have counted of a holder before it is counted here: (rule, seconds its window
        goes on, count). Where more is counted already, that stays."""
        with self._lock:
            for _, row in self._rows([holder], now):
                for rule, left, count in counted:
                    if self._window(row, rule, now)[1] < count:
                        self._put(row, rule, now + left - rule.seconds, float(count))

    def sit(self, number: int) -> None:
        self._number = number
        with self._lock:
            self._table.free(number)

    def free(self, number: int) -> bool:
        try:
            self.outages.end(number, fcntl.LOCK_NB)
            with RecordLock(self._file, fcntl.LOCK_NB):
                self._table.free(number)
        except BlockingIOError:
            return False
        return True

    # ------------------------------------------------------------------ what is told of it
    @property
    def room(self) -> int:
        """Holders that can be counted at one time."""
        return self._table.rows

    @property
    def holders(self) -> int:
        """Holders that are counted now, some of them for no window any more."""
        return self._table.held

    @property
    def refused(self) -> int:
        """Requests refused because there was no row for their holder."""
        return self._table.refused

    def status(self) -> dict[str, Any]:
        told = {"holders": self.holders, "room": self.room, "refused": self.refused}
        return {"backend": "memory", **told}

    # ------------------------------------------------------------------ rules
    def _window(self, row: int, rule: LimitRule, now: float) -> tuple[float, float]:
        """When the window of now began and what it counted; an ended one is empty."""
        at = self._table.windows(row) + 2 * rule.slot
        begin, count = self._cells[at], self._cells[at + 1]
        # Workers look at the clock before they have the lock: `begin` may be later than `now`.
        return (begin, count) if count and now < begin + rule.seconds else (now, 0.0)

    def _put(self, row: int, rule: LimitRule, begin: float, count: float) -> None:
        at = self._table.windows(row) + 2 * rule.slot
        # In this order: killed between the two, an ended window stays ended.
        self._cells[at + 1] = min(count, MOST)
        self._cells[at] = begin

    def _book(self, booked: _Booked, tokens: int, now: float) -> None:
        """Put `tokens` in the place of what was booked. What stands in an ended window stays."""
        more, booked.tokens = tokens - booked.tokens, tokens
        if not more:
            return
        for row, rule, mine in booked.windows:
            begin, count = self._window(row, rule, now)
            had = mine[1] if begin == mine[0] else 0.0
            change = max(float(min(more, MOST)), -had)
            if change:
                self._put(row, rule, begin, max(0.0, count + change))
                mine[0], mine[1] = begin, had + change

    # ------------------------------------------------------------------ rows
    def _lease(self, row: int) -> int:
        return row * self._table.places + self._number

    def _rows(self, asked: Sequence[Holder], now: float) -> list[Row]:
        """The row of each; made where there is none. Fault: there is no room for another."""
        table = self._table
        found = [(holder, table.find(holder.ident)) for holder in asked]
        if all(row for _, row in found):
            return found
        table.tidy(lambda row: self._idle(row, now))
        try:
            return [(one, table.find(one.ident) or table.make(one.ident)) for one in asked]
        except TableFull:
            text = "rate limits: %d keys and models are counted, and there is no room for more: "
            text += "others that have a limit are refused"
            log.often("rate limits", text, table.held, level=log.ERROR)
            raise Fault("overloaded", retry_after=int(BUSY)) from None

    def _idle(self, row: int, now: float) -> bool:
        """Whether nothing is lost without it: all its windows have ended, nobody holds a place."""
        at = self._table.windows(row)
        for slot, seconds in enumerate(_LENGTHS):
            if self._cells[at + 2 * slot + 1] and now < self._cells[at + 2 * slot] + seconds:
                return False
        return not self._table.under_way(row)


def _until_end(begin: float, rule: LimitRule, now: float) -> float:
    """Seconds until the window ends; never more than its length: `begin` may be later than now."""
    return min(begin - now, 0.0) + rule.seconds


def _levels(windows: Sequence[Window], now: float) -> tuple[Level, ...]:
    """For requests, for tokens and for places, the rule that has the least room."""
    levels: dict[str, Level] = {}
    for _, rule, begin, count in windows:
        reset = _until_end(begin, rule, now) if count else 0.0
        left = max(0, int(rule.most - count))
        other = levels.get(rule.counts)
        if other is None or (left, -reset) < (other.left, -other.reset):
            levels[rule.counts] = Level(rule.counts, rule.most, left, reset)
    return tuple(levels.values())
