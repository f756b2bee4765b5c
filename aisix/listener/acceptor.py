"""Callers' connections out of listening sockets, for both servers: how many at a time, and what if
there is no descriptor left.

    acceptor = Acceptor(table, take, bug)
    acceptor.open(sockets, others)
    acceptor.close()

The loops' own ways to accept tell of a missing descriptor thousands of times a second, or spin.
Here the listener then waits for PAUSE seconds, and one line a second tells of it.

Must never know: what a connection is made of, HTTP beyond the refusal.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Sequence

from aisix.listener.connection_table import Admitted, ConnectionTable
from aisix.listener.refusals import written
from aisix.log import CRASHES

AT_ONCE = 64  # connections taken in one turn of the loop, so that each is read before it may go
LAST = 1024  # connections taken when it ends; more than that have never waited
LOOK_SECS = 0.05  # between looks at the other workers' sockets
TAKEN = 4  # connections taken over from one of them at a time
PAUSE = 0.1  # s without accepting when there is no descriptor
# Of one connection that was gone before it could be taken, as accept(2) lists them.
GONE = {errno.ECONNABORTED, errno.EPROTO, errno.EPERM, errno.ENETDOWN, errno.ENETUNREACH}
GONE |= {errno.EHOSTUNREACH, errno.ENOPROTOOPT, errno.EOPNOTSUPP, errno.ECONNRESET}


class Acceptor:
    """take(socket, entry): a connection that was admitted, which is its own from then on.
    `plain`: a refusal can be said in HTTP."""

    def __init__(
        self,
        table: ConnectionTable,
        take: Callable[[socket.socket, Admitted], None],
        bug: Callable[[BaseException], None],
        plain: bool = True,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._table = table
        self._take = take
        self._bug = bug
        self._plain = plain
        self._at_once = min(AT_ONCE, table.most // 8 + 1) if table.most else AT_ONCE
        self._own: list[socket.socket] = []
        self._others: list[socket.socket] = []
        self._look: asyncio.TimerHandle | None = None
        self._paused: asyncio.TimerHandle | None = None

    def open(self, sockets: Sequence[socket.socket], others: Sequence[socket.socket] = ()) -> None:
        """Accept on these listening sockets, which are ours from now on. `others`: those of the
        other workers; who waits there longer than they should, with their worker dead or stuck, is
        taken over."""
        self._own += sockets
        self._others += others
        for one in (*sockets, *others):
            one.setblocking(False)
        for one in sockets:
            self._loop.add_reader(one.fileno(), self._ready, one)
        if self._others and self._look is None:
            self._look = self._loop.call_later(LOOK_SECS, self._take_over)

    def close(self) -> None:
        """Accept nobody new. Who came before is taken: they would be reset with their requests."""
        for timer in (self._look, self._paused):
            if timer is not None:
                timer.cancel()
        for one in self._own:
            self._loop.remove_reader(one.fileno())
            for _ in range(LAST):
                if not self._accept(one):
                    break
        if self._paused is not None:
            self._paused.cancel()
        for one in (*self._own, *self._others):
            one.close()
        self._own.clear()
        self._others.clear()

    def _ready(self, listening: socket.socket) -> None:
        for _ in range(self._at_once):
            if not self._accept(listening):
                return

    def _take_over(self) -> None:
        self._look = self._loop.call_later(LOOK_SECS, self._take_over)
        for one in self._others:
            for _ in range(TAKEN):
                if self._paused is not None or not self._accept(one):
                    break

    def _accept(self, listening: socket.socket) -> bool:
        """Take one connection; whether there may be another."""
        try:
            accepted, address = listening.accept()
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as error:
            if error.errno in GONE:
                return True
            self._pause(error)
            return False
        entry = None
        try:
            accepted.setblocking(False)
            host = address[0] if isinstance(address, tuple) else ""
            entry = self._table.admit(host, self._loop.time())
            if entry is not None:
                self._take(accepted, entry)
                return True
            if self._plain:
                # As much of it as there is room for: all.
                accepted.send(written((503, {"Retry-After": "1"}, b"")))
        except OSError:
            pass  # it has gone
        except CRASHES as error:
            self._bug(error)
        if entry is not None:
            entry.release()
        accepted.close()
        return True

    def _pause(self, error: OSError) -> None:
        self._table.short(self._loop.time(), error.strerror or str(error))
        if self._paused is None:
            for one in self._own:
                self._loop.remove_reader(one.fileno())
            self._paused = self._loop.call_later(PAUSE, self._resume)

    def _resume(self) -> None:
        self._paused = None
        for one in self._own:
            self._loop.add_reader(one.fileno(), self._ready, one)
