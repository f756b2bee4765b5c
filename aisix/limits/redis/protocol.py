"""One connection to Redis: the calls of one turn of the loop leave in one write, answers come in
order, and who waits too long is told.

    connection = RedisConnection(0.008, slow, lost)
    await loop.create_connection(lambda: connection, host, port)
    connection.send(call)      # call.answered(reply) | call.late() | call.lost(), later
    connection.send(call, soon=False)          # with the next one, or LINGER_SECS from now
    await connection.ask(b"PING")

A reply is what hiredis makes of it: bytes, int, list, None, or a ReplyError, which is returned, not
raised.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol, cast

import hiredis

from aisix import log
from aisix.limits.redis.plan import command
from aisix.limits.redis.scripts import SCRIPTS, sha

SOURCES = {sha(script): script.encode() for script in SCRIPTS}
# Calls of one connection that wait to leave or for an answer: beyond that nobody asks it.
MOST_CALLS = 20_000
AGAIN = 0.001  # s; the answer may lie in the socket: looked at once more after this
STALLED = 0.002  # s; a look that comes so much too late says that our own loop slept, not Redis
LINGER_SECS = 0.002  # for which a call nobody waits for may wait for company
MOST_STALLS = 3  # looks in a row that are forgiven for it: a wait has an end all the same

MOST_UNREAD = 1 << 20  # bytes of one reply; ours are some hundred
MISSHAPEN = TypeError, ValueError, LookupError, AttributeError
NONSENSE = "limits: what is said to be redis answers a call with nonsense (%s): hung up"


class RedisCall(Protocol):
    """`sent`: when it left, by the loop's clock; `given_up`: `late` was called."""

    sent: float
    given_up: bool
    data: bytes

    def answered(self, reply: Any) -> None:
        """Also after `late`."""

    def late(self) -> None:
        """There was no answer in time. It may come yet."""

    def lost(self) -> None:
        """The connection ended before the answer; also after `late`."""


def as_source(data: bytes) -> bytes:
    """A call of a script by its name, as one that brings the script along."""
    head, _, rest = data.partition(b"$7\r\nEVALSHA\r\n$40\r\n")
    source = SOURCES.get(rest[:40])
    if source is None:
        return data
    return b"%b$4\r\nEVAL\r\n$%d\r\n%b%b" % (head, len(source), source, rest[40:])


class ReplyRefused(Exception):
    """An error Redis answered with: `word` is its kind, such as READONLY."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.word = text.partition(" ")[0]


class AwaitedCall:
    """A call whose reply is awaited. `timely`: not for longer than a request waits for its own."""

    __slots__ = ("data", "given_up", "reply", "sent", "timely")

    def __init__(self, data: bytes, timely: bool = False) -> None:
        self.data, self.sent, self.given_up = data, 0.0, False
        self.timely = timely
        self.reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def answered(self, reply: Any) -> None:
        if self.reply.done():
            return
        if isinstance(reply, hiredis.ReplyError):
            self.reply.set_exception(ReplyRefused(str(reply)))
        else:
            self.reply.set_result(reply)

    def late(self) -> None:
        if self.timely and not self.reply.done():
            self.reply.set_exception(TimeoutError())

    def lost(self) -> None:
        if not self.reply.done():
            self.reply.set_exception(ConnectionError())


class RedisConnection(asyncio.Protocol):
    """`slow` is told when calls are late, `lost` of the end, once. `secs`: for one call."""

    def __init__(
        self,
        secs: float,
        slow: Callable[[RedisConnection], None],
        lost: Callable[[RedisConnection], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._now = self._loop.time
        self._secs = secs
        self._slow, self._lost = slow, lost
        self._reader = hiredis.Reader()
        self._out: list[RedisCall] = []
        self._calls: deque[RedisCall] = deque()  # in the order they left
        self._soon = self._lingers = False  # a flush is to come: this turn, in a while
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None
        self._doubts = 0  # looks in a row at which calls were late
        self._due = 0.0  # when the next look should be
        self._unread = 0  # bytes since the last whole reply
        self.open = False
        self.heard = 0.0  # when the last answer came
        # Turns of the loop whose calls had no answer in time, since the last answer that was: one
        # pause of Redis, that all callers of a turn meet, is no three of them.
        self.late = 0

    # ------------------------------------------------------------------ calls
    @property
    def full(self) -> bool:
        return len(self._calls) + len(self._out) >= MOST_CALLS

    @property
    def busy(self) -> bool:
        """Some calls have had no answer yet."""
        return self.open and bool(self._calls or self._out)

    def send(self, call: RedisCall, soon: bool = True) -> None:
        """Only while it is `open`. `soon`: somebody waits for it, it leaves in this turn; a write
        and a turn of its own would cost more than the call."""
        self._out.append(call)
        if soon:
            if not self._soon:
                self._soon = True
                self._loop.call_soon(self._flush)
        elif not (self._soon or self._lingers):
            self._lingers = True  # not cancelled by a flush before it: one timer serves many
            self._loop.call_later(LINGER_SECS, self._lingered)

    def _lingered(self) -> None:
        self._lingers = False
        if self._out and not self._soon:
            self._flush()

    def _flush(self) -> None:
        self._soon = False
        out, self._out = self._out, []
        transport = self._transport
        if transport is None or not self.open:
            for call in out:
                call.lost()
            return
        now = self._now()
        for call in out:
            call.sent = now
        self._calls.extend(out)
        transport.write(b"".join([call.data for call in out]) if len(out) > 1 else out[0].data)
        if self._timer is None:
            self._look_at(now + self._secs)

    def _look_at(self, due: float) -> None:
        self._due = due
        self._timer = self._loop.call_at(due, self._look)

    def _look(self) -> None:
        """Whether somebody waits for too long; one timer for all, wound up again while needed.

        A call that is overdue is looked at once more, after what lies in the socket was read. If
        our own loop slept, the call may have left only now (uvloop writes at the end of a turn):
        Redis has its whole time once more."""
        self._timer = None
        waiting = next((call for call in self._calls if not call.given_up), None)
        if waiting is None:
            self._doubts = 0
            return
        now = self._now()
        stalled = now - self._due > STALLED
        if now < waiting.sent + self._secs:
            self._doubts = 0
            self._look_at(waiting.sent + self._secs)
        elif not self._doubts or (stalled and self._doubts < MOST_STALLS):
            self._doubts += 1
            self._look_at(now + (self._secs if stalled else AGAIN))
        else:
            self._doubts = 0
            late = [c for c in self._calls if not c.given_up and now >= c.sent + self._secs]
            for call in late:
                call.given_up = True
                call.late()
            self._look_at(now + AGAIN)
            self.late += len({call.sent for call in late})
            self._slow(self)

    async def ask(self, *words: bytes, timely: bool = False) -> Any:
        """The reply to one call; ReplyRefused for an error, ConnectionError without any. It waits
        as long as it is let; `timely`: TimeoutError as soon as a request would wait no more."""
        if not self.open:
            raise ConnectionError
        asked = AwaitedCall(command(*words), timely)
        self.send(asked)
        return await asked.reply

    def abort(self) -> None:
        """Nobody reads it any more."""
        if self._transport is not None:
            self._transport.abort()
        self._ended()

    # ------------------------------------------------------------------ asyncio.Protocol
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class
        self.open = True

    def data_received(self, data: bytes) -> None:
        reader, calls = self._reader, self._calls
        reader.feed(data)
        self._unread += len(data)
        try:
            while self.open and (reply := reader.gets()) is not False:
                if not calls:  # it speaks without being asked
                    self.abort()
                    return
                call = calls.popleft()
                self._unread = 0
                if not call.given_up:
                    self.late = 0
                try:
                    call.answered(reply)
                except MISSHAPEN as error:  # a reply, but to nothing of ours
                    what = f"{type(reply).__name__}: {type(error).__name__}"
                    log.often("limits reply", NONSENSE, what, level=log.ERROR)
                    calls.appendleft(call)  # it is lost like those behind it
                    self.abort()
                    return
        except hiredis.ProtocolError:
            log.often("limits reply", NONSENSE, "bytes that are no reply", level=log.ERROR)
            self.abort()
            return
        if self._unread > MOST_UNREAD:
            log.often("limits reply", NONSENSE, f"over {MOST_UNREAD} bytes", level=log.ERROR)
            self.abort()
            return
        self.heard = self._now()

    def connection_lost(self, error: Exception | None) -> None:
        self._ended()

    def _ended(self) -> None:
        if not self.open:
            return
        self.open = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        calls, self._calls = self._calls, deque()
        self._lost(self)  # first: who is told sees that there is none
        for call in calls:
            call.lost()
