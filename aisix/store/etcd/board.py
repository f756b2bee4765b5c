"""What the follower says of itself, for every process of the node: memory in a file of data_dir.

    board = Board(folder);  board.as_of, board.connected, board.text

Not in SQLite, because it changes each second. Written by the follower alone; a reader of `text` may
meet half of a change once, and reads a whole one the next time.

Must never know: etcd's protocol.
"""

from __future__ import annotations

import json
import mmap
import os
import time
from pathlib import Path

FILE = "replica.board"
NUMBERS, TEXT = 16, 1024  # doubles, then a length and bytes
COUNTS = 2048  # bytes of counters, as JSON
NOTE = 512  # a length and bytes
SIZE = NUMBERS * 8 + 2 + TEXT + 2 + COUNTS + 2 + NOTE
AS_OF, CONNECTED, BEAT, OBSERVED, APPLIED, BROKE, NODES, OPEN_BATCH = range(8)
READ_ONLY, NODES_TURN, CLOCK_OFF = range(8, 11)
DEAD_SECS = 5.0  # without a beat of the follower for so long, it is not there


class Board:
    """Opened by any process. as_of: Unix seconds of the moment the copy was last known to be what
    etcd has; observed, applied: revisions; nodes: how many live, 0: not known; nodes_turn: grows
    whenever what is told of nodes is another; read_only: etcd lets us write nothing; clock_off:
    seconds that our clock is ahead of etcd's."""

    def __init__(self, folder: Path) -> None:
        fd = os.open(folder / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(fd).st_size < SIZE:
                os.pwrite(fd, bytes(SIZE), 0)  # a full disk is an OSError here, no SIGBUS later
            self._map = mmap.mmap(fd, SIZE)
        finally:
            os.close(fd)
        self._cells = memoryview(self._map)[: NUMBERS * 8].cast("d")

    def get(self, cell: int) -> float:
        return self._cells[cell]

    def set(self, cell: int, value: float) -> None:
        self._cells[cell] = value

    def beat(self) -> None:
        """The follower lives: by the clock that all processes share."""
        self._cells[BEAT] = time.monotonic()

    @property
    def alive(self) -> bool:
        return 0 <= time.monotonic() - self._cells[BEAT] < DEAD_SECS

    @property
    def connected(self) -> bool:
        return self._cells[CONNECTED] == 1.0

    @property
    def age(self) -> float | None:
        """Seconds since the copy was known to be what etcd has; None: it never was."""
        as_of = self._cells[AS_OF]
        return max(0.0, time.time() - as_of) if as_of else None

    @property
    def text(self) -> str:
        """Why it is not connected."""
        return self._text(NUMBERS * 8, TEXT)

    @text.setter
    def text(self, text: str) -> None:
        self._write(NUMBERS * 8, text.encode()[:TEXT])

    @property
    def note(self) -> str:
        """Why this node is not among the live ones; "": it is, or nothing is known of that."""
        return self._text(SIZE - NOTE - 2, NOTE)

    @note.setter
    def note(self, text: str) -> None:
        self._write(SIZE - NOTE - 2, text.encode()[:NOTE])

    @property
    def counts(self) -> dict[tuple[str, str], int]:
        """{(metric, label): how often}; {} where half of a change was met."""
        try:
            found = json.loads(self._text(NUMBERS * 8 + 2 + TEXT, COUNTS) or "[]")
            return {(name, label): number for name, label, number in found}
        except ValueError:
            return {}

    def count(self, name: str, label: str) -> None:
        """One more; what has no room is not counted."""
        counts = self.counts
        counts[name, label] = counts.get((name, label), 0) + 1
        raw = json.dumps([[*key, number] for key, number in counts.items()]).encode()
        if len(raw) <= COUNTS:
            self._write(NUMBERS * 8 + 2 + TEXT, raw)

    def _text(self, at: int, most: int) -> str:
        size = int.from_bytes(self._map[at : at + 2], "big")
        return self._map[at + 2 : at + 2 + min(size, most)].decode("utf-8", "replace")

    def _write(self, at: int, raw: bytes) -> None:
        self._map[at : at + 2 + len(raw)] = len(raw).to_bytes(2, "big") + raw


class CopyAge:
    """As of when the copy is what etcd has. An answer alone is no proof: a watch may be late,
    as after the start of a member, and then the copy is older than what the same member answers."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._proof: tuple[int, float] | None = None

    def proved(self, guard: int, sent: float, revision: int) -> None:
        """The guard was that, when it was asked for at Unix seconds `sent`; the copy has what came
        up to `revision`."""
        if self._proof is None or guard < self._proof[0]:  # else the one before is yet to come true
            self._proof = guard, sent
        self._tell(revision)

    def reached(self, revision: int) -> None:
        """The copy has what came up to there."""
        self._board.set(APPLIED, revision)
        self._tell(revision)

    def _tell(self, revision: int) -> None:
        if self._proof is not None and revision >= self._proof[0]:
            self._board.set(AS_OF, self._proof[1])
            self._proof = None
