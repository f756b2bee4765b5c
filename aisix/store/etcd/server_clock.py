"""How far the clock of this machine is from that of an etcd member: its answers carry the time.

    theirs = ServerClock()
    theirs.heard(line)           every line of a head
    theirs.off(sent)             seconds that ours is ahead; negative: behind; None: it did not say
    theirs.tell(board, sent)     the same on the board, and in the log where it is much

A `Date` has no fractions and an answer takes its time: only what is beyond both is told, so that
0.0 means "as far as can be seen, the same".

Must never know: what was asked.
"""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

from aisix import log
from aisix.store.etcd import board as cells
from aisix.store.etcd.board import Board
from aisix.store.nodes import MOST_CLOCK_OFF, clock_text


class ServerClock:
    """Of the answer that came last."""

    def __init__(self) -> None:
        self._date = ""
        self._at = 0.0

    def heard(self, line: bytes) -> None:
        if line[:5].lower() == b"date:":
            self._date, self._at = line[5:].decode("latin-1").strip(), time.time()

    def off(self, sent: float) -> float | None:
        """sent: Unix seconds by our clock, when what was answered left."""
        try:
            theirs = parsedate_to_datetime(self._date).timestamp()
        except ValueError:
            return None
        ahead, behind = sent - theirs - 1.0, theirs - self._at
        return ahead if ahead > 0 else -behind if behind > 0 else 0.0

    def tell(self, board: Board, sent: float) -> None:
        """Once for as long as it lasts."""
        off, before = self.off(sent) or 0.0, board.get(cells.CLOCK_OFF)
        board.set(cells.CLOCK_OFF, off)
        if abs(off) > MOST_CLOCK_OFF >= abs(before):
            log.warning("%s", clock_text("this node", off))
