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
from aisix.listener.limits import Limits
from aisix.listener.reply import Done

BUFFER = 256 << 10  # bytes read at once, by whichever connection has something


class FastListener:
    """Serves `app` on the running loop."""

    def __init__(
        self,
        app: HTTPServerConnectionDelegate,
        limits: Limits,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.app = app
        self.limits = limits
        self.loop = asyncio.get_running_loop()
        self.buffer = memoryview(
            bytearray(BUFFER)
        )  # asyncio's TLS would write into a copy of a slice
        self.connections: set[Connection] = set()
        self.done: Done = self.loop.create_future()
        self.done.set_result(None)
        self._tls = tls
        self._servers: list[asyncio.Server] = []

    async def accept(self, sockets: Sequence[socket.socket]) -> None:
        """Accept on these listening sockets, which are ours from now on."""
        for one in sockets:
            self._servers.append(
                await self.loop.create_server(
                    lambda: Connection(self), sock=one, ssl=self._tls, backlog=1024
                )
            )

    def stop(self) -> None:
        """Accept nobody new."""
        for server in self._servers:
            server.close()
        self._servers.clear()

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
