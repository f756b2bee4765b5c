"""Numbers that all processes of one gateway share: who lives, and what each has counted.

    scoreboard = Scoreboard(slots=5)    before the fork; memory that is gone with the last process
    slot = scoreboard.claim()           one per process; counts of a dead process stay in its slot
    at = slot.cell(("name", "label"), 1); slot.cells[at] += 1        the hot path: about 0.1 us
    for key, values in slot.series(): ...                            any process may read any slot

A slot has a head (pid, state, last sign of life), cells (doubles) and the keys of the cells, one
JSON line each, in the order of their cells. Only the slot's own process writes it; a key is written
before it is counted, so a reader never sees half of one. What was counted survives kill -9, and a
successor in the same slot goes on counting where its predecessor stopped.

Must never know: what is counted.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator

import msgspec

HEAD = 64  # bytes
KEYS = 4 << 20  # bytes per slot, of the keys of its series; pages nobody touched cost nothing
PER_CELL = 64  # of these, to each cell
SPARE = 128  # cells at the end that belong to no series
PID, STATE, LINES, USED, TEXT = range(5)  # whole numbers of the head
BEAT = 5  # the double of the head

FREE, STARTING, READY, DRAINING, DEAD = range(5)

Key = tuple[str, ...]

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(tuple[int, tuple[str, ...]]).decode


class ScoreboardFull(Exception):
    """No room for another series."""


class Slot:
    """One process's share of a scoreboard."""

    __slots__ = ("_at", "_beat", "_head", "_keys", "cells", "number")

    def __init__(self, memory: memoryview, number: int, keys: int = KEYS) -> None:
        self.number = number
        count = keys // PER_CELL
        self._head = memory[:HEAD].cast("Q")
        self._beat = memory[:HEAD].cast("d")
        self.cells = memory[HEAD : HEAD + count * 8].cast("d")
        self._keys = memory[HEAD + count * 8 :]
        self._at: dict[Key, int] = {}

    # ------------------------------------------------------------------ who lives
    @property
    def pid(self) -> int:
        return self._head[PID]

    @pid.setter
    def pid(self, pid: int) -> None:
        self._head[PID] = pid

    @property
    def state(self) -> int:
        return self._head[STATE]

    @state.setter
    def state(self, state: int) -> None:
        self._head[STATE] = state

    @property
    def alive(self) -> bool:
        return self._head[STATE] in (STARTING, READY, DRAINING)

    @property
    def beat(self) -> float:
        """When it last said that it is not stuck: seconds of the machine's monotonic clock."""
        return self._beat[BEAT]

    @beat.setter
    def beat(self, now: float) -> None:
        self._beat[BEAT] = now

    # ------------------------------------------------------------------ what it counted
    def adopt(self) -> None:
        """Take over what an earlier process of this slot has counted."""
        self._at = {}
        at = 0
        for width, key in self._lines():
            self._at[key] = at
            at += width

    def cell(self, key: Key, width: int) -> int:
        """The first of the `width` cells of a series, made when it is new. Raises Full."""
        at = self._at.get(key)
        if at is None:
            at = self._make(key, width)
        return at

    def _make(self, key: Key, width: int) -> int:
        head = self._head
        line = _encode((width, key)) + b"\n"
        at, text = head[USED], head[TEXT]
        if at + width > self.spare() or text + len(line) > len(self._keys):
            raise ScoreboardFull
        self._keys[text : text + len(line)] = line
        head[TEXT] = text + len(line)
        head[USED] = at + width
        head[LINES] += 1
        self._at[key] = at
        return at

    def spare(self) -> int:
        """The first of the cells for what found no room."""
        return len(self.cells) - SPARE

    def series(self) -> Iterator[tuple[Key, list[float]]]:
        """Every series with the values of its cells."""
        at = 0
        for width, key in self._lines():
            yield key, [float(value) for value in self.cells[at : at + width]]
            at += width

    def _lines(self) -> Iterator[tuple[int, Key]]:
        count = self._head[LINES]
        lines = bytes(self._keys[: self._head[TEXT]]).split(b"\n")
        for line in lines[:count]:
            yield _decode(line)


class Scoreboard:
    """All slots, each with so many bytes for keys. Made by the first process; those forked from it
    share the memory."""

    def __init__(self, slots: int, keys: int = KEYS) -> None:
        # Nearly all of it is never touched: no reason to reserve it.
        flags = mmap.MAP_SHARED | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0)
        size = HEAD + keys // PER_CELL * 8 + keys
        self._map = mmap.mmap(-1, size * slots, flags)
        memory = memoryview(self._map)
        self.slots = [Slot(memory[n * size : (n + 1) * size], n, keys) for n in range(slots)]

    def claim(self) -> Slot:
        """The first slot no living process has, so that few are ever touched. Raises Full."""
        for slot in self.slots:
            if not slot.alive:
                slot.state = STARTING
                return slot
        raise ScoreboardFull

    def living(self) -> list[Slot]:
        return [slot for slot in self.slots if slot.alive]

    def leads(self, mine: Slot) -> bool:
        """Whether this is the first of the workers that are ready: who does what one does for all.
        The first slot is no worker's."""
        ready = [slot.number for slot in self.slots[1:] if slot.state == READY]
        return bool(ready) and ready[0] == mine.number
