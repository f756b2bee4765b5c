"""The fast listener: our own Connection under Tornado's handlers.

Must never know: what is served.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Sequence

from tornado.httputil import HTTPServerConnectionDelegate

from aisix import log
from aisix.listener.acceptor import Acceptor
from aisix.listener.connection import LINGER, Connection
from aisix.listener.connection_table import HEAD, Admitted, ConnectionTable, Tell, at_work
from aisix.listener.limits import ListenerLimits
from aisix.listener.refusals import Refuse, bare
from aisix.listener.reply import Done

BUFFER = 256 << 10  # bytes read at once, by whichever connection has something


class FastListener:
    """Serves `app` on the running loop."""

    def __init__(
        self,
        app: HTTPServerConnectionDelegate,
        limits: ListenerLimits,
        tls: ssl.SSLContext | None = None,
        refused: Refuse = bare,
        name: str = "proxy",
        tell: Tell = lambda event: None,
    ) -> None:
        """refused: answers, and tells of, what was no request that a handler could answer; tell:
        what becomes of connections, in the words of connection_table.py."""
        self.app = app
        self.limits = limits
        self.tls = tls
        self.loop = asyncio.get_running_loop()
        # No bytearray: asyncio's TLS writes into slices of it, which must not be copies.
        self.buffer = memoryview(bytearray(BUFFER))
        self.connections: set[Connection] = set()
        self.done: Done = self.loop.create_future()
        self.done.set_result(None)
        self.refused = refused
        self.table = ConnectionTable(name, limits.connections, limits.per_address, tell)
        self._acceptor = Acceptor(self.table, self._take, self.bug, plain=tls is None)
        self._welcomes: set[Welcome] = set()

    async def accept(
        self, sockets: Sequence[socket.socket], others: Sequence[socket.socket] = ()
    ) -> None:
        """Accept on these listening sockets, which are ours from now on; `others`: those of the
        other workers, see Acceptor."""
        self._acceptor.open(sockets, others)

    def stop(self) -> None:
        """Accept nobody new."""
        self._acceptor.close()

    def _take(self, accepted: socket.socket, entry: Admitted) -> None:
        entry.connection = welcome = Welcome(self, accepted, entry)
        self._welcomes.add(welcome)
        welcome.task.add_done_callback(lambda task: self._welcomes.discard(welcome))

    @property
    def kept(self) -> int:
        """Open connections, and those that are being made."""
        return len(self.connections) + len(self._welcomes)

    @property
    def at_work(self) -> int:
        """Connections whose request is being answered, or whose body is still coming."""
        return sum(at_work(one) for one in self.connections)

    def close_idle(self) -> None:
        """Close the connections that are between two requests."""
        for connection in list(self.connections):
            if connection.idle:
                connection.shut()

    async def close_all_connections(self) -> None:
        for welcome in list(self._welcomes):
            welcome.close()
        for connection in list(self.connections):
            connection.shut()
        for _ in range(100):
            if not self.connections:
                return
            await asyncio.sleep(0.01)

    def bug(self, error: BaseException) -> None:
        log.bug("-", error)


class Welcome:
    """A connection that is being made: with TLS its handshake is under way."""

    def __init__(self, owner: FastListener, accepted: socket.socket, entry: Admitted) -> None:
        self._since = owner.loop.time()
        self._accepted, self._entry = accepted, entry
        self.task = owner.loop.create_task(_make(owner, accepted, entry))
        self.task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[bool]) -> None:
        """Also of a task that was cancelled before it began."""
        if task.cancelled() or not task.result():
            self._entry.release()
            self._accepted.close()

    def waiting(self) -> tuple[int, float]:
        return HEAD, self._since

    def close(self) -> None:
        """Nothing of it once the connection is there, which is then closed like any other."""
        if self._entry.connection is self:
            self.task.cancel()


async def _make(owner: FastListener, accepted: socket.socket, entry: Admitted) -> bool:
    """Whether the connection is there."""
    try:
        if owner.tls is None:
            await owner.loop.connect_accepted_socket(lambda: Connection(owner, entry), accepted)
        else:
            await owner.loop.connect_accepted_socket(
                lambda: Connection(owner, entry),
                accepted,
                ssl=owner.tls,
                ssl_handshake_timeout=owner.limits.head_secs,
                ssl_shutdown_timeout=LINGER,
            )
        return True
    except asyncio.CancelledError:
        # uvloop takes the transport away without a word to a connection that has just been made,
        # and what that serves would write into nothing.
        made = entry.connection
        if isinstance(made, Connection):
            made.connection_lost(None)
        raise
    except OSError:
        return False  # gone already, or no handshake came of it
    except Exception as error:
        owner.bug(error)
        return False
