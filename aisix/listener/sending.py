"""The outgoing half of a caller's connection: bytes out, and who reads them too slowly.

Must never know: a request.
"""

from __future__ import annotations

import asyncio

from tornado.iostream import StreamClosedError

from aisix.listener.context import ConnectionOwner
from aisix.listener.guard import closing
from aisix.listener.reply import Done
from aisix.timer import LazyTimer


class Sending(asyncio.BufferedProtocol):
    """A connection sends through it; `_drained` is pending while the caller reads too slowly."""

    transport: asyncio.Transport
    owner: ConnectionOwner
    _timer: LazyTimer
    _drained: Done | None = None
    _unsent = 0  # bytes that waited for it when last looked at

    def send(self, data: bytes) -> Done:
        if self.transport.is_closing():
            return self.lost()
        if data:
            self.transport.write(data)
        return self._drained or self.owner.done

    def lost(self) -> Done:
        gone: Done = self.owner.loop.create_future()
        gone.set_exception(StreamClosedError())
        gone.exception()  # read: nobody need await it
        return gone

    def _wait(self, secs: float) -> None:
        timer = self._timer
        timer.due = self.owner.loop.time() + secs
        timer.arm()

    def _nobody_reads(self) -> None:
        """The connection is gone: who waits for it to take more is told."""
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_exception(StreamClosedError())
            drained.exception()  # read: nobody need await it

    # ------------------------------------------------------------------ asyncio
    @closing
    def pause_writing(self) -> None:
        self._drained = self.owner.loop.create_future()
        self._unsent = self.transport.get_write_buffer_size()
        limits = self.owner.limits
        self._wait(limits.stall_secs or limits.idle_secs)

    @closing
    def resume_writing(self) -> None:
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)
