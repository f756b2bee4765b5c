"""A request's body on its way from a caller to an upstream, piece by piece.

    upload = Upload(keep, loop.time)
    upload.again(head, length)        # before each attempt, while it `replays`
    upload.put(data); upload.end()    # as it comes
    await upload.room                 # while there is one: enough is held

While no more than `keep` bytes have come all of them are held, so that they can be sent once more;
after that only those that the upstream has not taken. The last byte waits for `end()`: what turns
out to be incomplete no upstream has whole.

Must never know: pycurl, what the bytes mean.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

WINDOW = 256 << 10  # bytes that may wait for the upstream


class Upload:
    """`length`: bytes in all, None: only its end will tell. `wanted` is set while the upstream
    waits for more: called when some has come. `sent_at`: when its end was read, by `now`."""

    def __init__(self, keep: int, now: Callable[[], float]) -> None:
        self.length: int | None = None
        self._head = 0
        self.wanted: Callable[[], None] | None = None
        self.sent_at: float | None = None
        self.room: asyncio.Future[None] | None = None
        self.ended = False
        self._keep = keep
        self._now = now
        self._came = 0
        self._waiting: deque[bytes] = deque()
        self._unsent = self._sent = 0
        self._kept: list[bytes] | None = []

    @property
    def replays(self) -> bool:
        """Whether it can be sent from its beginning."""
        return self._kept is not None

    @property
    def held(self) -> int:
        """Bytes in memory."""
        return self._unsent if self._kept is None else self._head + self._came

    def put(self, data: bytes) -> None:
        if not data:
            return
        self._came += len(data)
        self._waiting.append(data)
        self._unsent += len(data)
        if self._kept is not None:
            self._kept.append(data)
            if self._head + self._came > self._keep:
                self.forget()
        self._more()
        if self._unsent > WINDOW and self.room is None:
            self.room = asyncio.get_running_loop().create_future()

    def end(self) -> None:
        """Nothing follows."""
        self.ended = True
        self._more()

    def forget(self) -> None:
        """Hold no more than what is to be sent: there will be no other attempt."""
        self._kept = None

    def let_go(self) -> None:
        """Nobody waits any more, whatever is left."""
        self.wanted = None
        self._waiting.clear()
        self._unsent = 0
        self.forget()
        self._make_room()

    def again(self, head: bytes, length: int | None) -> None:
        """Begin anew with `head`, behind which what came since the first time follows."""
        assert self._kept is not None
        self.sent_at, self.wanted, self.length = None, None, length
        self._head = len(head)
        self._waiting = deque(filter(None, (head, *self._kept)))
        self._unsent = self._head + self._came
        self._sent = 0

    def read(self, size: int) -> bytes | None:
        """At most so many bytes; b"" is the end, None: nothing yet."""
        waiting = self._waiting
        if not self.ended:
            size = min(size, self._unsent - 1)
            if size <= 0:
                return None
        if not waiting:
            if self.sent_at is None:
                self.sent_at = self._now()
            return b""
        piece = waiting.popleft()
        if len(piece) > size:
            waiting.appendleft(piece[size:])
            piece = piece[:size]
        self._unsent -= len(piece)
        self._sent += len(piece)
        if self.length is not None and self._sent >= self.length:  # nobody asks for its end
            self.sent_at = self._now()
        if self._unsent <= WINDOW:
            self._make_room()
        return piece

    def _more(self) -> None:
        wanted, self.wanted = self.wanted, None
        if wanted is not None:
            wanted()

    def _make_room(self) -> None:
        room, self.room = self.room, None
        if room is not None and not room.done():
            room.set_result(None)
