"""One caller's connection: bytes in, one request at a time, its answer out.

    head -> delegate.headers_received -> body -> delegate.finish -> the reply is finished -> head

What came beyond the request in hand waits unread (bounded: then reading stops) until that has been
answered, so pipelined requests are answered in order without being queued. A caller who leaves is
told to the handler at once, whatever we are waiting for.

Must never know: what a handler does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from math import inf
from typing import Any

from tornado.httputil import HTTPInputError, HTTPMessageDelegate

from aisix.listener.connection_table import BODY, HEAD, IDLE, Admitted
from aisix.listener.context import ConnectionOwner, Context
from aisix.listener.guard import closing
from aisix.listener.reader import Reader
from aisix.listener.refusals import CONTINUE, Bad, Refusable, RefusedRequest, written
from aisix.listener.reply import Done, Reply
from aisix.listener.sending import Sending
from aisix.log import CRASHES
from aisix.timer import LazyTimer

AHEAD = 64 << 10  # bytes read beyond the request in hand
SKIPPED = 64 << 10  # bytes of a body nobody wants that are read to keep the connection
HIGH, LOW = 64 << 10, 16 << 10  # bytes waiting for the caller: stop and go on writing
LINGER = 2.0  # s in which a caller may read our last words while it is still sending


class Connection(Sending):
    """One per accepted socket, made by the listener; it ends by itself, with the socket."""

    context: Context

    def __init__(self, owner: ConnectionOwner, entry: Admitted) -> None:
        self.owner = owner
        self._entry = entry
        self._limits = owner.limits
        self._timer = LazyTimer(owner.loop, self._late)
        self._reader = Reader(owner.limits)
        self._served = 0
        self._rest = b""  # read, not parsed yet, from _at on
        self._at = 0
        self._paused = False  # reading
        self._pumping = False
        self._held = False  # the handler wants nothing more for now
        self._over = False  # nothing more is taken from the caller
        self._lost = False  # it has been told that it is
        self._reply: Reply | None = None
        self._delegate: HTTPMessageDelegate | None = None
        self._max_body = 0
        self._began = 0.0  # when a head began that did not come at once; 0: it did

    # ------------------------------------------------------------------ asyncio
    @closing
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # uvloop's is no asyncio.Transport
        self.context = Context(transport)
        self.transport.set_write_buffer_limits(HIGH, LOW)
        self._entry.connection = self
        self.owner.connections.add(self)
        self._wait(self._limits.idle_secs)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.owner.buffer  # one for all: it is emptied before the loop does anything else

    def buffer_updated(self, nbytes: int) -> None:
        if self._over:
            return
        data = bytes(self.owner.buffer[:nbytes])
        self._rest = self._rest[self._at :] + data if self._rest else data
        self._at = 0
        self._pump()

    @closing
    def eof_received(self) -> bool:
        """Half-closed is closed: this is what a caller who leaves looks like."""
        if self._reply is None or self._over:
            return False  # what has been written still goes out
        self.transport.abort()
        return True

    @closing
    def connection_lost(self, exc: BaseException | None) -> None:
        """May be told more than once: see the listener."""
        if self._lost:
            return
        self._lost = self._over = True
        self._leave()
        self.owner.connections.discard(self)
        self._entry.release()
        self._timer.cancel()
        self._reader.close()
        self._rest = b""
        self._nobody_reads()
        self.owner.app.on_close(self)

    # ------------------------------------------------------------------ bytes in
    def _pump(self) -> None:
        """Read what has come, up to the end of one request."""
        reader, pumped = self._reader, self._served
        if self._pumping or self._over:
            return
        self._pumping = True
        try:
            while self._at < len(self._rest) and not self._held and not reader.complete:
                if self._served - pumped and self._reply is None:
                    self.owner.loop.call_soon(self._pump)  # others first
                    break
                begun = reader.read
                self._at = reader.feed(self._rest, self._at)
                if self._reply is not None:
                    self._body_came()
                elif reader.headed:
                    self._begin()
                elif not begun and reader.read:
                    self._began = self.owner.loop.time()
                    self._wait(self._limits.head_secs)
                if self._over:
                    return
            self._keep()
        except CRASHES as error:
            self._wrong(error)
        finally:
            self._pumping = False

    def _keep(self) -> None:
        """Hold on to what cannot be parsed yet, and read no more when that is enough."""
        left = len(self._rest) - self._at
        if not left:
            self._rest, self._at = b"", 0
        if self._paused != (left > AHEAD) and not self._over:
            self._paused = not self._paused
            if self._paused:
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()

    # ------------------------------------------------------------------ a request
    def _begin(self) -> None:
        """The head is complete."""
        limits, reader = self._limits, self._reader
        head = reader.head()
        self._served += 1
        self._max_body = limits.body
        method, _, version = head.start
        keep = head.keep and not 0 < limits.requests <= self._served
        self._reply = reply = Reply(self, method, version, keep)
        self._delegate = delegate = self.owner.app.start_request(self, reply)
        if reader.complete:
            self._timer.due = inf
        else:
            self._wait(limits.body_secs)
        try:
            wanted = delegate.headers_received(head.start, head.headers)
        except HTTPInputError:
            raise Bad("bad_host") from None
        self._then(wanted, lambda: self._prepared(head.expecting))

    def _then(self, wanted: Awaitable[None] | None, step: Callable[[], None]) -> None:
        """Go on with `step` once the handler is ready for it."""
        if wanted is None:
            step()
            return
        future = asyncio.ensure_future(wanted)
        if future.done():
            self._settled(future)
            step()
            return
        self._held = True
        reply = self._reply

        def ready(future: Done) -> None:
            if self._reply is not reply or self._over:
                return
            self._held = False
            try:
                self._settled(future)
                step()
            except CRASHES as error:
                self._wrong(error)
            else:
                self._pump()

        future.add_done_callback(ready)

    def _settled(self, future: Done) -> None:
        if not future.cancelled() and (error := future.exception()) is not None:
            raise error

    def _prepared(self, expecting: bool) -> None:
        """The handler is ready for the body."""
        reply = self._reply
        reader = self._reader
        if reply is None:  # it has answered already, without the method
            return
        if reader.complete:
            self._ended()
        elif not reply.over:
            if reader.length is not None and reader.length > self._max_body:
                raise Bad("too_large")
            if expecting and self._at == len(self._rest):
                self.transport.write(CONTINUE)

    def _body_came(self) -> None:
        data = self._reader.body()
        reply, delegate = self._reply, self._delegate
        assert reply is not None and delegate is not None
        if data and not reply.over:
            self._max_body -= len(data)
            if self._max_body < 0:
                raise Bad("too_large")
            self._then(delegate.data_received(data), self._ended)
        elif self._reader.complete:
            self._ended()

    def _ended(self) -> None:
        """What was read has been taken; if that is the whole request, tell the handler."""
        if not self._reader.complete:
            return
        self._timer.due = inf
        reply, delegate = self._reply, self._delegate
        assert reply is not None and delegate is not None
        try:
            if reply.over:
                delegate.on_connection_close()  # it wanted no more; nor does it get an end
                self._next()
            else:
                delegate.finish()
        except HTTPInputError:
            raise Bad("bad_request") from None

    def _next(self) -> None:
        """It has been answered too."""
        reply = self._reply
        assert reply is not None
        if not reply.keep:
            self._close()
            return
        self._reply = self._delegate = None
        self._held = False  # answered before its handler was ready: nothing else waits for that
        self._reader.fresh()
        self._began = 0.0
        self._wait(self._limits.idle_secs)
        if self._rest and not self._pumping:
            self.owner.loop.call_soon(self._pump)

    # ------------------------------------------------------------------ for the reply
    def must_close(self, reply: Reply) -> bool:
        """Whether more of the body is to come than we care to read for nothing."""
        reader = self._reader
        if reader.complete or reply is not self._reply:
            return False
        return reader.length is None or reader.length - (len(self._rest) - self._at) > SKIPPED

    def answered(self, reply: Reply) -> None:
        if reply is not self._reply or self._over:
            return
        if self._reader.complete:
            self._next()
        elif not reply.keep:
            self._linger()

    def close(self) -> None:
        """Hang up; the handler is told that nobody is there."""
        self.transport.abort()

    @property
    def socket(self) -> Any:
        """For HTTPServerRequest.get_ssl_certificate."""
        return self.transport.get_extra_info("ssl_object")

    def limit_body(self, size: int) -> None:
        self._max_body = size

    def limit_body_time(self, secs: float) -> None:
        if not self._reader.complete and not self._over:
            self._wait(secs)

    # ------------------------------------------------------------------ ends
    def shut(self) -> None:
        """The listener closes: what is under way is broken off."""
        if self._reply is None or self._reply.over:
            self.transport.close()  # what has been written still goes out
        else:
            self.transport.abort()

    @property
    def idle(self) -> bool:
        """Between two requests, not a byte of the next one read."""
        return self._reply is None and not self._reader.read

    def _wrong(self, error: BaseException) -> None:
        """What was raised while we read: a fault of the caller's, or of ours."""
        if not isinstance(error, Bad):
            self.owner.bug(error)
        self._refuse(error.kind if isinstance(error, Bad) else "bug")

    def waiting(self) -> tuple[int, float] | None:
        """For what, and since when, as the table asks; None: at work on a request."""
        reply, limits, due = self._reply, self._limits, self._timer.due
        if self.idle or self._over:
            return IDLE, due - limits.idle_secs
        if self._reader.complete or (reply is not None and reply.begun):
            return None
        return (HEAD, due - limits.head_secs) if reply is None else (BODY, due - limits.body_secs)

    @closing
    def _refuse(self, kind: str) -> None:
        """Nothing more can be read here: who asks is told, by the handler if there is one."""
        reply, delegate = self._reply, self._delegate
        if self._over:
            return
        if reply is not None:
            reply.keep = False
            if reply.begun and not reply.over:
                self.transport.abort()
                return
            if reply.over or (isinstance(delegate, Refusable) and delegate.refused(kind)):
                self._linger()
                return
        method, path, headers = self._reader.seen()
        secs = self.owner.loop.time() - self._began if self._began else 0.0
        refusal = RefusedRequest(kind, self.context.remote_ip, method, path, headers, secs)
        self.transport.write(written(self.owner.refused(refusal), method))
        self._linger()

    def _linger(self) -> None:
        """Say no more, but let the caller read: closed at once, unread bytes of it would make the
        system take back what we have said."""
        if self._over:
            return
        self._leave()
        self._over = True
        self._rest, self._at = b"", 0
        if self._paused:
            self._paused = False
            self.transport.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self._wait(LINGER)
        else:
            self.transport.close()

    def _close(self) -> None:
        if self._at < len(self._rest):
            self._linger()
            return
        self._over = True
        self.transport.close()
        self._wait(self._limits.idle_secs)

    def _leave(self) -> None:
        """Tell the handler, if there is one at work, that nobody is there any more."""
        reply, delegate = self._reply, self._delegate
        self._reply = self._delegate = None
        if reply is None or delegate is None:
            return
        over, reply.over = reply.over, True
        told, reply.on_close = reply.on_close, None
        try:
            if not self._reader.complete:
                delegate.on_connection_close()
            elif told is not None and not over:
                told()
        except CRASHES as error:
            self.owner.bug(error)

    # ------------------------------------------------------------------ time
    @closing
    def _late(self) -> None:
        unsent = self.transport.get_write_buffer_size()
        if unsent and unsent != self._unsent:  # it has taken some since we last looked
            self._unsent = unsent
            self._wait(self._limits.idle_secs)
        elif unsent or self._over:
            self.transport.abort()
        elif self.idle:
            self._over = True
            self.transport.close()
        elif not self._reader.complete:
            self._refuse("request_timeout")
