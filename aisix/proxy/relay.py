"""A stream on its way: upstream bytes -> exchange -> the caller's socket.

One write per wake-up of the driver. While the caller's socket is full the upstream is paused, so
that one block per stream is held and no more. The status goes out with the first bytes of the
answer: until then an error is a plain answer with its own status.

Must never know: what an event or a chunk looks like.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aisix.errors import UpstreamError
from aisix.mapping.exchange import Exchange, UpstreamRequest
from aisix.proxy.retry import Retrier
from aisix.upstream.transfer import Transfer

if TYPE_CHECKING:
    from aisix.proxy.chat import ChatHandler

WHOLE_LIMIT = 4 << 20  # bytes of an answer that is no stream


class Relay:
    """The sink of one stream; `run` ends when the caller has got all there is."""

    def __init__(self, handler: ChatHandler, exchange: Exchange) -> None:
        self.handler = handler
        self.exchange = exchange
        self._loop = asyncio.get_running_loop()
        self._finished: asyncio.Future[None] = self._loop.create_future()
        self._transfer: Transfer | None = None
        self._retrier = Retrier(handler.route.retries)
        self._request: UpstreamRequest | None = None
        self._status = 0
        self._headers: dict[str, str] = {}
        self._whole: list[bytes] | None = None  # an answer that is no stream
        self._size = 0
        self._open = False  # the caller has been sent the status
        self._written = 0.0
        self._beat: asyncio.TimerHandle | None = None

    async def run(self, sent: UpstreamRequest) -> None:
        streams = self.handler.gateway.streams
        streams.add(self)
        self._send(sent)
        try:
            await self._finished
        finally:
            streams.discard(self)
            if not self._finished.done() or self._finished.cancelled():
                self._stop()

    def leave(self) -> None:
        """The caller has gone."""
        self._stop()
        self._settle()

    def give_up(self) -> None:
        """We are going away."""
        if not self._finished.done():
            self._fail(UpstreamError("interrupted", "the gateway stops"))

    # ------------------------------------------------------------------ sink
    def on_response(self, status: int, headers: dict[str, str]) -> None:
        self._status, self._headers = status, headers
        self._whole = None if self.exchange.begin(status, headers) else []

    def on_data(self, data: bytes) -> None:
        if self._finished.done():
            return  # the caller has got all; the rest only frees the connection for the next one
        if self._whole is not None:
            self._size += len(data)
            if self._size > WHOLE_LIMIT:
                self._fail(UpstreamError("bad_response", "an answer too large", why="too_large"))
            else:
                self._whole.append(data)
            return
        self._write(self.exchange.receive(data))

    def on_end(self, error: UpstreamError | None) -> None:
        exchange = self.exchange
        if self._finished.done():
            return
        if error is not None:
            self._broken(error)
        elif self._whole is None:
            self._write(exchange.end())
        else:
            if not self._open:
                pause = self._retrier.after_answer(self._status, self._headers)
                if pause is not None:
                    self._later(pause)
                    return
            self._saw()
            answer = exchange.response(self._status, self._headers, b"".join(self._whole))
            if self._open:  # a later round of a paused turn
                self._close(b"" if answer.error is None else exchange.caller.frame(answer.error))
            else:
                self.handler.answer(answer)
                self._settle()

    # ------------------------------------------------------------------ steps
    def _send(self, request: UpstreamRequest) -> None:
        self._request = request
        try:
            self._transfer = self.handler.gateway.driver.stream(
                self.handler.outgoing(request), self
            )
        except UpstreamError as error:
            self._broken(error)

    def _later(self, pause: float) -> None:
        assert self._request is not None
        self._beat = self._loop.call_later(pause, self._send, self._request)

    def _broken(self, error: UpstreamError) -> None:
        if not self._open:
            pause = self._retrier.after_fault(error)
            if pause is not None:
                self._later(pause)
                return
            why = error.values.get("why") or error.values.get("phase")
            self.handler.seen["upstream_fault"] = str(why)
            self._fail(error)
            return
        if error.kind == "bad_response":  # the head was fine: the answer was cut
            error = UpstreamError("interrupted", error.detail, **error.values)
        self._fail(error)

    def _fail(self, error: UpstreamError) -> None:
        answer = self.exchange.fault(error)
        if self._transfer is not None:
            self._transfer.cancel()
        if self._open:
            assert answer.error is not None
            self.handler.seen["error"] = answer.error.kind
            self._close(self.exchange.caller.frame(answer.error))
        else:
            self.handler.answer(answer)
            self._settle()

    def _write(self, data: bytes) -> None:
        """What one wake-up gave; afterwards whatever state the exchange is in now."""
        exchange = self.exchange
        if exchange.error is not None:
            self.handler.seen["error"] = exchange.error.kind
            if self._transfer is not None:
                self._transfer.cancel()
            if not self._open and not exchange.started:
                self._refused()
                return
        if data:
            self._begin()
            self._written = self._loop.time()
            self.handler.write(data)
        if exchange.done:
            self._close(b"")
            return
        again = exchange.take_again()
        if again is not None:
            if self._transfer is not None:
                self._transfer.cancel()
            self._flush()
            self._send(again)
        elif data:
            self._flush()

    def _refused(self) -> None:
        """An error came before the first chunk: a plain answer."""
        error = self.exchange.error
        assert error is not None
        handler = self.handler
        if not handler.left:
            handler.told()
            handler.send(error.status, error.headers, error.body)
        self._settle()

    def _begin(self) -> None:
        if self._open:
            return
        self._open = True
        self._saw()
        handler = self.handler
        exchange = self.exchange
        handler.told()
        handler.set_header("Content-Type", exchange.caller.data["stream"]["content_type"])
        handler.set_header("Cache-Control", "no-cache")
        handler.set_header("X-Accel-Buffering", "no")
        for name, value in exchange.answer_headers(self._headers).items():
            handler.set_header(name, value)
        every = handler.gateway.settings.downstream.sse_keepalive_interval_secs
        if every:
            self._beat = self._loop.call_later(every, self._ping, every)

    def _flush(self) -> None:
        written = self.handler.flush()
        if not written.done() and self._transfer is not None:
            self._transfer.pause()
            written.add_done_callback(self._drained)

    def _drained(self, written: asyncio.Future[None]) -> None:
        if not written.cancelled():
            written.exception()  # a caller who left is seen by on_connection_close
        if self._transfer is not None:
            self._transfer.resume()

    def _ping(self, every: float) -> None:
        """A comment when nothing was written for a while, so that nobody in between hangs up."""
        quiet = self._loop.time() - self._written
        if quiet >= every * 0.99:
            if not (self._transfer is not None and self._transfer.paused):
                self.handler.write(self.exchange.ping)
                self._flush()
            quiet = 0.0
        self._beat = self._loop.call_later(every - quiet, self._ping, every)

    def _close(self, data: bytes) -> None:
        if data:
            self._begin()
            self.handler.write(data)
        if not self.handler.left:
            self.handler.finish()
        self._settle()

    def _saw(self) -> None:
        upstream_id = self.exchange.answer_headers(self._headers)
        self.handler.seen.update(upstream_id)
        self.handler.saw(self._status, self._retrier.attempts)

    def _stop(self) -> None:
        if self._beat is not None:
            self._beat.cancel()
        if self._transfer is not None:
            self._transfer.cancel()

    def _settle(self) -> None:
        if self._beat is not None:
            self._beat.cancel()
        if not self._finished.done():
            self._finished.set_result(None)
