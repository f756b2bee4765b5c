"""One exchange under way: what has come, what its receiver has been told, when it is late.

    libcurl's callbacks append to `lines` and `pieces` and put the transfer on the driver's list
    of touched ones; once per wake-up the driver calls deliver() for each of those. So the receiver
    hears of one block of bytes per wake-up however many chunks it came in, and never from inside a
    libcurl callback: from there it may cancel, pause, or start the next transfer.

What is held back is bounded: one block at most is taken in a wake-up, so that a receiver who pauses
is never told of more; libcurl keeps one receive buffer and leaves the rest in the socket.

Must never know: pycurl, what the bytes mean.
"""

from __future__ import annotations

from math import inf
from typing import Protocol

from aisix.errors import UpstreamError
from aisix.upstream import faults
from aisix.upstream.head import BLANK, read_head, switches
from aisix.upstream.request import Request, Sink

HIGHEST = 599  # status; libcurl takes any of three digits
BLOCK = 64 << 10  # bytes; when more have come in one wake-up, the receiver is told first
STREAM_BLOCK = 16 << 10  # ... of a stream, each event of which is translated at once


class TransferHandle(Protocol):
    """What a transfer asks of the Curl handle that carries it."""

    @property
    def was_sent(self) -> bool: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...


class TransferOwner(Protocol):
    """What a transfer asks of its driver."""

    def dropped(self, transfer: Transfer) -> None: ...
    def resumed(self, transfer: Transfer) -> None: ...
    def let_on(self, transfer: Transfer) -> None: ...
    def answered(self, transfer: Transfer) -> None: ...
    def end(self, transfer: Transfer, error: UpstreamError) -> None: ...


class Transfer:
    """A running stream() (or send()); pause(), resume() and cancel() are its public face."""

    __slots__ = (
        "_began",
        "_first",
        "_first_at",
        "_idle",
        "_owner",
        "_total_at",
        "block",
        "bug",
        "cap",
        "choked",
        "done",
        "error",
        "handle",
        "headed",
        "heard",
        "held",
        "limits",
        "lines",
        "paused",
        "pieces",
        "received",
        "sent",
        "sink",
        "touched",
        "upload",
    )

    def __init__(self, owner: TransferOwner, request: Request, sink: Sink, now: float) -> None:
        limits = request.timeouts
        self._owner = owner
        self.limits = limits
        self._first = limits.first_byte_ms / 1000
        self._first_at = now + limits.first_byte_ms / 1000 if limits.first_byte_ms else inf
        self._total_at = now + limits.total_ms / 1000 if limits.total_ms else inf
        self._idle = limits.idle_ms / 1000 if limits.idle_ms else inf
        self.upload = request.upload
        self.sink: Sink | None = sink  # None once it has been told the end, or cancelled
        self.handle: TransferHandle | None = None  # None once libcurl is done with it
        self.cap = request.max_body
        self.block = STREAM_BLOCK if self.cap is None else BLOCK
        self.lines: list[bytes] = []  # header lines so far
        self.pieces: list[bytes] = []  # body bytes not delivered yet
        self.held = 0  # bytes of `pieces`
        self.choked = False  # libcurl was told to wait until they are delivered
        self.received = 0  # body bytes so far; counted only when there is a cap
        self.headed = False  # on_response has been called
        self._began = False  # the first line of a head has come
        self.heard = now  # when a head began, or some of the body came
        self.paused = False
        self.sent = True  # of one that was cancelled: whether a byte of the request had left
        self.touched = False  # on the driver's list
        self.done = False  # nothing more will come; `error` says how it ended
        self.error: UpstreamError | None = None
        self.bug: BaseException | None = None  # of ours, raised while libcurl called us back

    def pause(self) -> None:
        """Stop reading: no on_data until resume(), and the upstream feels the full socket."""
        if self.sink is None or self.paused:
            return
        self.paused = True
        if self.handle is not None:
            self.handle.pause()

    def resume(self) -> None:
        """Go on reading; what was held back is delivered in the next wake-up, not from here."""
        if self.sink is None or not self.paused:
            return
        self.paused = False
        self.choked = False
        self._owner.resumed(self)

    def cancel(self) -> None:
        """Abort at once: the connection is closed, the sink is not called again."""
        if self.sink is None:
            return
        self.sink = None
        self.pieces.clear()
        if self.handle is not None:
            self.sent = self.handle.was_sent
            self._owner.dropped(self)

    @property
    def over(self) -> bool:
        """Nothing more will come of it."""
        return self.done or self.sink is None

    def finish_by(self, at: float) -> None:
        """Nobody waits for the rest any more: it may take until `at` (the loop's time)."""
        if self.sink is not None and at < self._total_at:
            self._total_at = at
            self._owner.answered(self)

    # What follows is for the driver, and the handle that carries it.

    def send_on(self) -> None:
        """There is more of its upload."""
        if self.handle is not None:
            self._owner.resumed(self)

    def uploaded(self) -> None:
        """Nothing more of it is to be sent: from now on an answer can be late."""
        self._owner.answered(self)

    def due(self) -> float:
        """When it will be late, if nothing more is heard."""
        if not self.lines:
            if self.upload is not None and self._first:
                sent = self.upload.sent_at
                self._first_at = inf if sent is None else sent + self._first
            return min(self._first_at, self._total_at)
        if self.paused:
            return self._total_at
        return min(self.heard + self._idle, self._total_at)

    def late(self, now: float) -> tuple[str, int]:
        """The limit that has been passed: the name of a phase, and milliseconds."""
        if now >= self._total_at:
            return "total", self.limits.total_ms
        return (
            ("idle", self.limits.idle_ms)
            if self.lines
            else ("first_byte", self.limits.first_byte_ms)
        )

    def deliver(self, now: float) -> None:
        """Tell the sink what it has not been told. Lets the sink's exceptions through."""
        sink = self.sink
        if sink is None:
            return
        if self.bug is not None:
            raise self.bug
        if self.pieces:
            self.heard = now
        if not self.headed and self.lines:
            if not self._began:  # further lines of it, or trailers, are no progress
                self._began = True
                self.heard = now
            if self.pieces or self.done or self.lines[-1] in BLANK:
                self._deliver_head(sink)
            self._owner.answered(self)
        if self.pieces and not self.paused and self.headed and self.sink is not None:
            pieces = self.pieces
            data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            pieces.clear()
            self.held = 0
            sink.on_data(data)
            if self.choked and not self.paused and self.sink is not None:
                self.choked = False
                self._owner.let_on(self)
        if self.done and not self.pieces and self.sink is not None:
            if self.error is None and not self.headed:
                self.error = faults.no_head()
            sink.on_end(self.error)
            self.sink = None

    def _deliver_head(self, sink: Sink) -> None:
        head = read_head(self.lines)
        if head is not None and head[0] <= HIGHEST:
            self.headed = True
            self.lines = self.lines[:1]  # not empty: due() asks whether the answer has begun
            sink.on_response(*head)
        elif head is not None:
            self._break_off(faults.no_status(head[0]))
        elif self.done or self.pieces or switches(self.lines):
            self._break_off(faults.no_head())
        else:
            self.lines.clear()  # an interim answer (1xx): the answer itself has not begun
            self._began = False

    def _break_off(self, error: UpstreamError) -> None:
        """There is no answer; the end does not wait for what was to be its body."""
        self.pieces.clear()
        if self.done:
            self.error = self.error or error
        else:
            self._owner.end(self, error)
