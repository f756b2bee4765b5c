"""The fast listener: asyncio's server with our own Connection under Tornado's handlers.

Must never know: what is served.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Sequence

from tornado.httputil import HTTPServerConnectionDelegate

from aisix import log
from aisix.listener.connection import Connection
from aisix.listener.limits import ListenerLimits
from aisix.listener.refusals import Refuse, bare
from aisix.listener.reply import Done

LOOK_SECS = 0.05  # between looks at the other workers' sockets
TAKEN = 4  # connections taken over from one of them at a time
BUFFER = 256 << 10  # bytes read at once, by whichever connection has something


class NoConnection(asyncio.Protocol):
    """In the place of one that could not be made: it is closed at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


class FastListener:
    """Serves `app` on the running loop."""

    def __init__(
        self,
        app: HTTPServerConnectionDelegate,
        limits: ListenerLimits,
        tls: ssl.SSLContext | None = None,
        refused: Refuse = bare,
    ) -> None:
        """refused: answers, and tells of, what was no request that a handler could answer."""
        self.app = app
        self.limits = limits
        self.loop = asyncio.get_running_loop()
        # No bytearray: asyncio's TLS writes into slices of it, which must not be copies.
        self.buffer = memoryview(bytearray(BUFFER))
        self.connections: set[Connection] = set()
        self.done: Done = self.loop.create_future()
        self.done.set_result(None)
        self.refused = refused
        self._tls = tls
        self._servers: list[asyncio.Server] = []
        self._others: list[socket.socket] = []
        self._look: asyncio.TimerHandle | None = None
        self._welcomes: set[asyncio.Task[None]] = set()

    async def accept(
        self, sockets: Sequence[socket.socket], others: Sequence[socket.socket] = ()
    ) -> None:
        """Accept on these listening sockets, which are ours from now on. `others`: those of the
        other workers; who waits there longer than they should, with their worker dead or stuck, is
        taken over."""
        for one in sockets:
            self._servers.append(
                await self.loop.create_server(
                    self._connection, sock=one, ssl=self._tls, backlog=1024
                )
            )
        self._others = list(others)
        for one in self._others:
            one.setblocking(False)
        if self._others:
            self._look = self.loop.call_later(LOOK_SECS, self._take_over)

    def stop(self) -> None:
        """Accept nobody new."""
        for server in self._servers:
            server.close()
        self._servers.clear()
        if self._look is not None:
            self._look.cancel()
        for one in self._others:
            one.close()
        self._others.clear()

    def _take_over(self) -> None:
        self._look = self.loop.call_later(LOOK_SECS, self._take_over)
        for one in self._others:
            for _ in range(TAKEN):
                try:
                    accepted = one.accept()[0]
                except OSError:  # nobody waits, which is the rule; or there is no room for more
                    break
                accepted.setblocking(False)
                task = self.loop.create_task(self._welcome(accepted))
                self._welcomes.add(task)
                task.add_done_callback(self._welcomes.discard)

    async def _welcome(self, accepted: socket.socket) -> None:
        try:
            await self.loop.connect_accepted_socket(self._connection, accepted, ssl=self._tls)
        except OSError:
            pass  # gone already
        except Exception as error:
            accepted.close()
            self.bug(error)

    def _connection(self) -> asyncio.BaseProtocol:
        try:
            return Connection(self)
        except Exception as error:
            self.bug(error)
            return NoConnection()

    @property
    def kept(self) -> int:
        """Open connections."""
        return len(self.connections)

    def close_idle(self) -> None:
        """Close the connections that are between two requests."""
        for connection in list(self.connections):
            if connection.idle:
                connection.shut()

    async def close_all_connections(self) -> None:
        for connection in list(self.connections):
            connection.shut()
        for _ in range(100):
            if not self.connections:
                return
            await asyncio.sleep(0.01)

    def bug(self, error: BaseException) -> None:
        log.bug("-", error)
