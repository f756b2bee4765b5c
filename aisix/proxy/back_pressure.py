"""A stream goes no faster than its caller takes it: while the caller's socket is full, its upstream
is paused.

    class Relay(BackPressure): ...
    self._flush()           after each write

Must never know: what is written.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from aisix.log import CRASHES
from aisix.proxy.call import Call
from aisix.proxy.stream_writer import StreamWriter
from aisix.upstream.transfer import Transfer


class BackPressure(ABC):
    """What a stream holds on both its sides."""

    _call: Call
    _writer: StreamWriter
    _loop: asyncio.AbstractEventLoop
    _transfer: Transfer | None
    _stall: asyncio.TimerHandle | None  # runs while the caller takes nothing

    @abstractmethod
    def crashed(self, error: BaseException) -> None: ...

    def _flush(self) -> None:
        written = self._writer.flush()
        if not written.done() and self._transfer is not None and not self._transfer.paused:
            self._transfer.pause()
            written.add_done_callback(lambda _: self._guard(self._drained, written))
            most = self._call.gateway.settings.downstream.stalled_timeout_secs
            if most and self._stall is None:
                self._stall = self._later(most, self._stalled)

    def _drained(self, written: asyncio.Future[None]) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
        if not written.cancelled():
            written.exception()  # a caller who left is seen by on_connection_close
        if self._transfer is not None:
            self._transfer.resume()

    def _stalled(self) -> None:
        """The caller has taken nothing for too long: nobody may hold an upstream for ever."""
        self._stall = None
        self._call.seen["error"] = "stalled"
        self._writer.hang_up()

    # ------------------------------------------------------------------ what the loop calls
    def _later(self, secs: float, step: Callable[..., None], *args: Any) -> asyncio.TimerHandle:
        return self._loop.call_later(secs, self._guard, step, *args)

    def _guard(self, step: Callable[..., None], *args: Any) -> None:
        try:
            step(*args)
        except CRASHES as error:
            self.crashed(error)
