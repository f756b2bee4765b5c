"""A stream on its way: upstream bytes -> exchange -> the caller's socket.

One write per wake-up of the driver. While the caller's socket is full the upstream is paused, so
that one block per stream is held and no more. The status goes out with the first bytes of the
answer: until then an error is a plain answer with its own status.

Must never know: what an event or a chunk looks like.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aisix.errors import Fault, UpstreamError
from aisix.mapping.dialect.upstream_errors import ErrorAnswer
from aisix.mapping.exchange import UpstreamRequest
from aisix.upstream.faults import too_large
from aisix.upstream.transfer import Transfer

if TYPE_CHECKING:
    from aisix.proxy.chat import ChatHandler

FRAME_END = b"\n\n"


class Relay:
    """The sink of one stream: `start`, then await `finish`."""

    def __init__(self, handler: ChatHandler) -> None:
        assert handler.exchange is not None and handler.attempts is not None
        self.handler = handler
        self.exchange = handler.exchange
        self._attempts = handler.attempts
        self._loop = asyncio.get_running_loop()
        self._finished: asyncio.Future[None] = self._loop.create_future()
        self._transfer: Transfer | None = None
        self._request: UpstreamRequest | None = None
        self._status = 0
        self._headers: dict[str, str] = {}
        self._whole: list[bytes] | None = None  # an answer that is no stream
        self._size = 0
        self._open = False  # the caller has been sent the status
        self._round = 1  # of a turn that the upstream paused and we continue
        self._written = 0.0
        self._frames = 0  # chunks the caller was sent, counted until one had something to read
        self._token = False
        self._beat: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None  # runs while the caller takes nothing

    def start(self, sent: UpstreamRequest) -> None:
        self.handler.gateway.streams.add(self)
        self._send(sent)

    async def finish(self) -> None:
        """Until the caller has got all there is."""
        try:
            await self._finished
        finally:
            if not self._finished.done() or self._finished.cancelled():
                self.leave()

    def leave(self) -> None:
        """The caller has gone."""
        self._settle()
        self._cancel()

    def give_up(self) -> None:
        """We are going away."""
        if not self._finished.done():
            self._fail(UpstreamError("interrupted", "the gateway stops", why="stopping"))

    # ------------------------------------------------------------------ sink
    def on_response(self, status: int, headers: dict[str, str]) -> None:
        self._status, self._headers = status, headers
        self._whole = None if self.exchange.begin(status, headers) else []
        self._size = 0

    def on_data(self, data: bytes) -> None:
        if self._finished.done():
            return  # the caller has got all; the rest only frees the connection for the next one
        if self._whole is None:
            self._write(self.exchange.receive(data))
            return
        self._size += len(data)
        self._whole.append(data)
        if self._size > self.handler.route.cap.bytes:
            self._cancel()
            self._broken(too_large(self.handler.route.cap))

    def on_end(self, error: UpstreamError | None) -> None:
        if self._finished.done():
            return
        if error is not None:
            self._broken(error)
        elif self._whole is None:
            self._write(self.exchange.end())
        else:
            self._answered(self._whole)

    def crashed(self, error: Exception) -> None:
        """Our own mistake, in whatever was called back: the caller is told, inside the stream if it
        has begun. The upstream has done nothing wrong, and nothing is tried again."""
        handler = self.handler
        if handler.headed and not handler.left:
            handler.each(self._tell_crash)
        handler.raised(error)

    def _tell_crash(self) -> None:
        handler = self.handler
        shown = handler.caller.fault(Fault("bug"))
        handler.seen["error"] = shown.kind
        handler.write(handler.caller.frame(shown))
        handler.finish()

    # ------------------------------------------------------------------ steps
    def _send(self, request: UpstreamRequest) -> None:
        self._request = request
        try:
            self._transfer = self.handler.gateway.driver.stream(
                self.handler.outgoing(request), self
            )
        except UpstreamError as error:
            self._broken(error)

    def _answered(self, pieces: list[bytes]) -> None:
        """An answer that is no stream: an error, most likely."""
        exchange, body = self.exchange, b"".join(pieces)
        if not self._open:
            retry = exchange.retry(self._status, self._headers, body)
            pause = self._after_answer(retry)
            if self._tried_again(pause):
                return
        self._saw()
        answer = exchange.response(self._status, self._headers, body)
        self.handler.judged()
        if self._open:  # a later round of a paused turn
            self._close(b"" if answer.error is None else exchange.caller.frame(answer.error))
        else:
            self.handler.answer(answer)
            self._settle()

    def _after_answer(self, retry: str) -> float | None:
        now = self._loop.time()
        return self._attempts.after_answer(retry, self._status, self._headers, now)

    def _broken(self, error: UpstreamError) -> None:
        if not self._open:
            if self._tried_again(self._attempts.after_fault(error, self._loop.time())):
                return
        else:
            self._attempts.broken(self._loop.time())
            if error.kind == "bad_response":  # the head was fine: the answer was cut
                error = UpstreamError("interrupted", error.detail, **error.values)
        self._fail(error)

    def _tried_again(self, pause: float | None) -> bool:
        """Whether another attempt follows, at whatever target the attempts chose."""
        if pause is None:
            return False
        assert self._request is not None
        self._cancel()
        request = self.handler.next_request(self._request)
        if request is None:
            return False
        assert self.handler.exchange is not None
        self.exchange = self.handler.exchange
        self._beat = self._later(pause, self._send, request)
        return True

    def _fail(self, error: UpstreamError) -> None:
        answer = self.exchange.fault(error)
        self.handler.failed(error)
        self._cancel()
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
            self._cancel()
            if not self._open and not exchange.started:
                self._refused(exchange.error)
                return
            self.handler.seen["error"] = exchange.error.kind
            if exchange.error.retry:
                self._attempts.broken(self._loop.time())
            self.handler.judged()
        if data:
            self._begin()
            self._written = self._loop.time()
            self.handler.write(data)
            if not self._token:
                self._look(data)
        if exchange.done:
            if exchange.error is None:
                self._attempts.good()
            self._close(b"")
            return
        again = exchange.take_again()
        if again is not None:
            self._cancel()
            self._flush()
            self._round += 1
            self._attempts.next_round()
            self._send(again)
        elif data:
            self._flush()

    def _look(self, data: bytes) -> None:
        """Note when the caller was first sent something to read: what follows the opening chunk."""
        self._frames += data.replace(self.exchange.ping, b"").count(FRAME_END)
        if self._frames > 1:
            self._token = True
            self.handler.seen["first_token_ms"] = self.handler.ms()

    def _refused(self, error: ErrorAnswer) -> None:
        """An error came before the first chunk: another attempt, or a plain answer."""
        handler = self.handler
        pause = self._after_answer(error.retry)
        handler.judged()
        # What this exchange has read is spoilt: the next attempt has one of its own.
        if pause is not None and self._round == 1 and self._anew(pause):
            return
        self._saw()
        handler.seen["error"] = error.kind
        if not handler.left:
            handler.told()
            handler.send(error.status, error.headers, error.body)
        self._settle()

    def _anew(self, pause: float) -> bool:
        handler = self.handler
        if self._attempts.route is handler.route:
            self._request = handler.translated(handler.route, self.exchange.asked)
        return self._tried_again(pause)

    def _begin(self) -> None:
        if self._open:
            return
        self._open = True
        self._attempts.begun()
        self._request = None  # nothing is tried again from here
        self.exchange.forget()
        self._saw()
        handler = self.handler
        handler.seen["first_byte_ms"] = handler.ms()
        exchange = self.exchange
        handler.told()
        handler.set_header("X-Aisix-Mapping", handler.tag)
        handler.set_header("Content-Type", exchange.caller.data["stream"]["content_type"])
        handler.set_header("Cache-Control", "no-cache")
        handler.set_header("X-Accel-Buffering", "no")
        for name, value in exchange.answer_headers(self._headers).items():
            handler.set_header(name, value)
        every = handler.gateway.settings.downstream.sse_keepalive_interval_secs
        if every:
            self._beat = self._later(every, self._ping, every)

    def _flush(self) -> None:
        written = self.handler.flush()
        if not written.done() and self._transfer is not None and not self._transfer.paused:
            self._transfer.pause()
            written.add_done_callback(lambda _: self._guard(self._drained, written))
            most = self.handler.gateway.settings.downstream.stalled_timeout_secs
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
        self.handler.seen["error"] = "stalled"
        self.handler.hang_up()

    def _ping(self, every: float) -> None:
        """A comment when nothing was written for a while, so that nobody in between hangs up."""
        quiet = self._loop.time() - self._written
        if quiet >= every * 0.99:
            if not (self._transfer is not None and self._transfer.paused):
                self.handler.write(self.exchange.ping)
                self._flush()
            quiet = 0.0
        self._beat = self._later(every - quiet, self._ping, every)

    def _close(self, data: bytes) -> None:
        if data:
            self._begin()
            self.handler.write(data)
        if not self.handler.left:
            self.handler.finish()
        self._settle()

    def _saw(self) -> None:
        self.handler.saw(self._status)

    def _cancel(self) -> None:
        if self._transfer is not None:
            self._transfer.cancel()

    def _settle(self) -> None:
        self.handler.gateway.streams.discard(self)
        for timer in (self._beat, self._stall):
            if timer is not None:
                timer.cancel()
        if not self._finished.done():
            self._finished.set_result(None)

    # ------------------------------------------------------------------ what the loop calls
    def _later(self, secs: float, step: Callable[..., None], *args: Any) -> asyncio.TimerHandle:
        return self._loop.call_later(secs, self._guard, step, *args)

    def _guard(self, step: Callable[..., None], *args: Any) -> None:
        try:
            step(*args)
        except Exception as error:
            self.crashed(error)
