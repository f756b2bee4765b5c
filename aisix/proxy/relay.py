"""A stream on its way: upstream bytes -> exchange -> the caller's socket.

One write per wake-up of the driver. While the caller's socket is full the upstream is paused, so
that one block per stream is held and no more. The status goes out with the first bytes of the
answer: until then an error is a plain answer with its own status. When nothing has come for the
keep-alive interval, the status goes out alone, with a comment; no answer has begun by that:
attempts go on as before, and only how an error is told is settled, inside the stream.

Must never know: what an event or a chunk looks like.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from math import inf
from typing import Any, TypeVar

from aisix.errors import Fault, UpstreamError
from aisix.log import CRASHES
from aisix.mapping.dialect.upstream_errors import ErrorAnswer
from aisix.mapping.exchange import Answer, UpstreamRequest
from aisix.mapping.syntax.budget import Spent
from aisix.proxy.back_pressure import BackPressure
from aisix.proxy.backstop import CALLER, Wait, limit
from aisix.proxy.beside import is_light
from aisix.proxy.call import Call
from aisix.proxy.member_limits import Following, MemberLimits
from aisix.proxy.stream_writer import StreamWriter
from aisix.upstream.faults import too_large
from aisix.upstream.transfer import Transfer

FRAME_END = b"\n\n"
REST_SECS = 5.0  # in which an upstream must end after the last thing its caller is sent
WAITING = b":\n\n"  # a comment of SSE, before there is any event

T = TypeVar("T")


class Relay(BackPressure):
    """The sink of one stream: `start`, then await `finish`. `members`: see `member_limits.py`."""

    def __init__(
        self, call: Call, writer: StreamWriter, members: MemberLimits | None = None
    ) -> None:
        self._members = members
        self._call = call
        self._writer = writer
        self._exchange = call.exchange
        self._attempts = call.attempts
        self._loop = asyncio.get_running_loop()
        self._finished: asyncio.Future[None] = self._loop.create_future()
        self._transfer: Transfer | None = None
        self._upstream_request: UpstreamRequest | None = None
        self._status = 0
        self._headers: dict[str, str] = {}
        self._pieces: list[bytes] | None = None  # an answer that is no stream
        self._size = 0
        self._headed = False  # the caller has been sent the status
        self._open = False  # ... and something of the answer
        self._round = 1  # of a turn that the upstream paused and we continue
        self._written = 0.0
        self._frames = 0  # chunks the caller was sent, counted until one had something to read
        self._token = False
        self._beat: asyncio.TimerHandle | None = None
        self._beside: asyncio.Task[None] | None = None  # translates beside the loop
        self._again: asyncio.TimerHandle | None = None  # runs before another attempt
        self._stall = None

    def start(self, upstream_request: UpstreamRequest) -> None:
        self._written = self._loop.time()
        every = self._call.gateway.settings.downstream.sse_keepalive_interval_secs
        late = self._call.target.head_waits or self._exchange.facts.option.get("status_first")
        if every and not late:
            self._beat = self._later(every, self._ping, every)
        self._send(upstream_request)

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
        """We are going away, which is no fault of the upstream's."""
        self._guard(self._give_up)

    def _give_up(self) -> None:
        if not self._finished.done():
            self._cancel()
            self._failed(self._exchange.fault(Fault("stopping")))

    def wait(self, pause: float, queue: float) -> Wait:
        """What it waits for; at most `pause` seconds between two attempts, `queue` for a thread."""
        transfer, settings = self._transfer, self._call.gateway.settings
        heard = transfer and transfer.heard
        progress = self._attempts.count, self._round, self._written, heard, self._beside
        if transfer is not None and transfer.paused:
            return Wait(CALLER, progress, settings.downstream.stalled_timeout_secs or inf)
        if transfer is None or transfer.over:
            if self._beside is not None:
                return Wait("translation", progress, queue)
            return Wait("answer", progress) if not self._again else Wait("pause", progress, pause)
        limits = self._call.target.stream_timeouts
        secs = min(limit(limits.first_byte_ms, limits.idle_ms), limit(limits.total_ms))
        return Wait("upstream", progress, secs)

    # ------------------------------------------------------------------ sink
    def on_response(self, status: int, headers: dict[str, str]) -> None:
        self._status, self._headers = status, headers
        self._pieces = None if self._exchange.begin(status, headers) else []
        self._size = 0

    def on_data(self, data: bytes) -> None:
        if self._finished.done():
            return  # the caller has got all
        if self._pieces is None:
            self._write(self._exchange.receive(data))
            return
        self._size += len(data)
        self._pieces.append(data)
        if self._size > self._call.target.cap.bytes:
            self._cancel()
            self._broken(too_large(self._call.target.cap))

    def on_end(self, error: UpstreamError | None) -> None:
        if self._finished.done():
            return
        if error is not None:
            self._broken(error)
        elif self._pieces is None:
            self._write(self._exchange.end())
        else:
            self._answered(self._pieces)

    def crashed(self, error: BaseException) -> None:
        """Our own mistake, in whatever was called back. The upstream has done nothing wrong, and
        nothing is tried again."""
        self._writer.crashed(error)

    # ------------------------------------------------------------------ steps
    def _send(self, upstream_request: UpstreamRequest) -> None:
        self._upstream_request, self._again = upstream_request, None
        try:
            self._transfer = self._call.send(upstream_request, self)
        except UpstreamError as error:
            self._broken(error)

    def _answered(self, pieces: list[bytes]) -> None:
        """An answer that is no stream: an error, most likely."""
        body = b"".join(pieces)
        if self._open:
            self._told(body)
        else:
            self._read(self._exchange.retry, body, lambda retry: self._judged(retry, body))

    def _judged(self, retry: str, body: bytes) -> None:
        if not self._tried_again(self._after_answer(retry), lambda: self._told(body)):
            self._told(body)

    def _told(self, body: bytes) -> None:
        self._saw()
        self._read(self._exchange.response, body, self._tell)

    def _tell(self, answer: Answer) -> None:
        broke = self._exchange.broke
        if broke is not None and not self._open:
            pause = self._call.nonsense(broke)
            if self._tried_again(pause, lambda: self._failed(answer), anew=True):
                return
        else:
            self._call.judged()
        if answer.error is not None:
            self._failed(answer)
        elif self._open:  # a later round of a paused turn
            self._close()
        else:
            self._writer.answer(answer)
            self._settle()

    def _read(self, work: Callable[..., T], body: bytes, then: Callable[[T], object]) -> None:
        """What `work` makes of an answer; beside the loop, if it is too heavy for it."""
        seen = self._status, self._headers, body
        if is_light(body):
            then(work(*seen))
        else:
            self._aside(then, self._call.gateway.beside.finish, work, *seen)

    def _aside(
        self, then: Callable[[T], object], work: Callable[..., Coroutine[Any, Any, T]], *args: Any
    ) -> None:
        async def both() -> None:
            try:
                made = await work(*args)
                self._beside = None
                then(made)
            except CRASHES as error:
                if isinstance(error, Exception) or not self._finished.done():
                    self.crashed(error)

        self._beside = self._loop.create_task(both())

    def _after_answer(self, retry: str) -> float | None:
        now = self._loop.time()
        return self._attempts.after_answer(retry, self._status, self._headers, now)

    def _broken(self, error: UpstreamError) -> None:
        if not self._open:
            pause = self._attempts.after_fault(error, self._loop.time())
            if self._tried_again(pause, lambda: self._fail(error)):
                return
        else:
            self._attempts.broke(error, self._loop.time())
            if error.kind == "bad_response":  # the head was fine: the answer was cut
                error = UpstreamError("interrupted", error.detail, **error.values)
        self._fail(error)

    def _tried_again(
        self, pause: float | None, otherwise: Callable[[], None], anew: bool = False
    ) -> bool:
        """Whether another attempt follows; `otherwise`: done if that turns out later not to be."""
        if pause is None:
            return False
        assert self._upstream_request is not None
        self._cancel()
        asked = self._upstream_request, anew
        if self._members is not None:
            limited = partial(self._limited, pause, otherwise)
            self._aside(limited, self._members.within, self._call, *asked)
            return True
        try:
            return self._follows(pause, self._call.next_request(*asked))
        except Spent:

            def then(following: UpstreamRequest | None) -> None:
                if not self._follows(pause, following):
                    otherwise()

            self._aside(then, self._call.next_request_beside, *asked)
            return True

    def _limited(self, pause: float, otherwise: Callable[[], None], found: Following) -> None:
        if found.refusal is not None:
            self._failed(self._exchange.fault(found.refusal))
        elif not self._follows(0.0 if found.elsewhere else pause, found.request):
            otherwise()

    def _follows(self, pause: float, following: UpstreamRequest | None) -> bool:
        if following is None:
            return False
        self._exchange = self._call.exchange
        self._again = self._later(pause, self._send, following)
        return True

    def _fail(self, error: UpstreamError) -> None:
        answer = self._exchange.fault(error)
        self._call.failed(error)
        self._cancel()
        self._failed(answer)

    def _failed(self, answer: Answer) -> None:
        """The caller is told: inside the stream, once the status has gone out."""
        error = answer.error
        assert error is not None
        if self._headed:
            self._call.seen["error"] = error.kind
            self._writer.write(self._exchange.failure(error, begun=True))
            self._close()
        else:
            self._writer.answer(answer)
            self._settle()

    def _write(self, data: bytes) -> None:
        """What one wake-up gave; afterwards whatever state the exchange is in now."""
        exchange = self._exchange
        if exchange.error is not None:
            self._cancel()
            if not self._open and not exchange.started:
                self._refused(exchange.error)
                return
            self._call.seen["error"] = exchange.error.kind
            if exchange.error.retry:
                self._attempts.broken(self._loop.time())
            self._call.judged()
        if data:
            self._begin()
            self._written = self._loop.time()
            self._writer.write(data)
            if not self._token:
                self._look(data)
        if exchange.done:
            if exchange.error is None:
                self._attempts.good()
            self._close()
            return
        following = exchange.take_continuation()
        if following is not None:
            self._cancel()
            self._flush()
            self._round += 1
            self._attempts.next_round()
            self._send(following)
        elif data:
            self._flush()

    def _look(self, data: bytes) -> None:
        """Note when the caller was first sent something to read: what follows the opening chunk."""
        self._frames += data.replace(self._exchange.ping, b"").count(FRAME_END)
        if self._frames > 1:
            self._token = True
            self._call.seen["first_token_ms"] = self._writer.ms()

    def _refused(self, error: ErrorAnswer) -> None:
        """An error came before the first chunk: another attempt, or a plain answer."""
        if self._exchange.broke is not None:
            pause = self._call.nonsense(self._exchange.broke)
        else:
            seen = error.retry, self._status, self._headers, self._loop.time()
            pause = self._attempts.after_answer(*seen, error.stands_for)
            self._call.judged()
        # What this exchange has read is spoilt: the next attempt has one of its own.
        if self._round > 1:
            pause = None
        if not self._tried_again(pause, lambda: self._refuse(error), anew=True):
            self._refuse(error)

    def _refuse(self, error: ErrorAnswer) -> None:
        self._saw()
        self._failed(Answer.of_error(error))

    def _begin(self) -> None:
        if self._open:
            return
        self._open = True
        self._attempts.begun()
        self._upstream_request = None  # nothing is tried again from here
        self._exchange.forget()
        self._saw()
        self._call.seen["first_byte_ms"] = self._writer.ms()
        self._headed = True
        self._writer.begin_stream(self._exchange.answer_headers(self._headers))
        every = self._call.gateway.settings.downstream.sse_keepalive_interval_secs
        if every and self._beat is None:
            self._beat = self._later(every, self._ping, every)

    def _ping(self, every: float) -> None:
        """A comment when nothing was written for a while, so that nobody in between hangs up."""
        quiet = self._loop.time() - self._written
        if quiet >= every * 0.99:
            if not (self._transfer is not None and self._transfer.paused):
                if not self._headed:
                    self._headed = True
                    self._writer.begin_stream({}, waiting=True)
                self._writer.write(self._exchange.keep_alive() if self._open else WAITING)
                self._flush()
            quiet = 0.0
        self._beat = self._later(every - quiet, self._ping, every)

    def _close(self) -> None:
        if not self._writer.left:
            self._writer.finish()
        self._settle()

    def _saw(self) -> None:
        self._call.saw(self._status)

    def _cancel(self) -> None:
        if self._transfer is not None:
            self._transfer.cancel()

    def _settle(self) -> None:
        if self._transfer is not None:  # what follows only frees the connection for the next one
            self._transfer.finish_by(self._loop.time() + REST_SECS)
        for timer in (self._beat, self._again, self._stall, self._beside):
            if timer is not None:
                timer.cancel()
        if not self._finished.done():
            self._finished.set_result(None)
