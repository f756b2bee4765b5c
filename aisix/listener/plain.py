"""Tornado's own server, with the face of FastListener.

What it cannot read it refuses with one and the same line of bytes, and tells nobody. That line is
seen here on its way out, and the answer that is meant goes in its stead. On a head that is too long
and on what does not come in time it closes without a word; that cannot be changed from outside.

Must never know: what is served.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Sequence
from typing import Any

from tornado.http1connection import HTTP1Connection
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPConnection, HTTPMessageDelegate, HTTPServerConnectionDelegate
from tornado.iostream import IOStream

from aisix import log
from aisix.listener.acceptor import Acceptor
from aisix.listener.connection_table import (
    BODY,
    HEAD,
    IDLE,
    Admitted,
    ConnectionTable,
    Tell,
    at_work,
)
from aisix.listener.limits import ListenerLimits
from aisix.listener.refusals import Refusable, Refuse, RefusedRequest, bare, written
from aisix.log import CRASHES

REFUSED = b"HTTP/1.1 400 Bad Request\r\n\r\n"  # Tornado's


class PlainListener(HTTPServer):
    """Serves `app` on the running loop. Its head must come within idle_secs; of the limits it
    knows those of a whole head and of a body, and how many connections there may be."""

    @classmethod
    def make(
        cls,
        app: HTTPServerConnectionDelegate,
        limits: ListenerLimits,
        tls: ssl.SSLContext | None = None,
        refused: Refuse = bare,
        name: str = "proxy",
        tell: Tell = lambda event: None,
    ) -> PlainListener:
        made = cls(
            app,
            max_header_size=limits.head,
            max_body_size=limits.body,
            max_buffer_size=max(limits.body, limits.head),
            idle_connection_timeout=limits.idle_secs,
            body_timeout=limits.body_secs,
            ssl_options=tls,
        )
        made._refused = refused
        made.table = ConnectionTable(name, limits.connections, limits.per_address, tell)
        made._acceptor = Acceptor(made.table, made._take, made.bug, plain=tls is None)
        return made

    table: ConnectionTable
    _acceptor: Acceptor
    _entry: Admitted | None = None  # of the connection that is being taken

    async def accept(
        self, sockets: Sequence[socket.socket], others: Sequence[socket.socket] = ()
    ) -> None:
        """All alike: whichever worker is first takes a connection."""
        self._acceptor.open([*sockets, *others])

    def initialize(self, *args: Any, **kwargs: Any) -> None:
        super().initialize(*args, **kwargs)
        self._arrivals: dict[IOStream, Refusable] = {}  # the last request of each connection
        self._guests: dict[IOStream, PlainGuest] = {}

    _refused: Refuse = staticmethod(bare)

    def stop(self) -> None:
        super().stop()
        self._acceptor.close()

    def _take(self, accepted: socket.socket, entry: Admitted) -> None:
        self._entry = entry
        self._handle_connection(accepted, accepted.getpeername())
        if self._entry is not None:  # it came to nothing, and Tornado has closed it
            self._entry = None
            entry.release()

    @property
    def kept(self) -> int:
        """Open connections."""
        return len(self._guests)

    @property
    def at_work(self) -> int:
        """Connections whose request is being answered, or whose body is still coming."""
        return sum(at_work(one) for one in self._guests.values())

    def close_idle(self) -> None:
        """Tornado does not tell which these are; close_all_connections closes them."""

    def handle_stream(self, stream: IOStream, address: Any) -> None:
        # A chunk goes out when it is written, without Nagle's delay; Tornado would bring that back
        # after the first answer.
        stream.set_nodelay(True)
        stream.set_nodelay = lambda value: None  # type: ignore[method-assign]
        assert self._entry is not None
        guest = self._guests[stream] = self._entry.connection = PlainGuest(stream, self._entry)
        self._entry = None
        write = stream.write

        def looked_at(data: bytes | memoryview) -> asyncio.Future[None]:
            if data == REFUSED:
                data = self._refusal(stream, address)
                if not data:
                    return asyncio.ensure_future(asyncio.sleep(0))
            return write(data)

        stream.write = looked_at  # type: ignore[method-assign]
        try:
            super().handle_stream(stream, address)
        except CRASHES as error:
            self.bug(error)
            del self._guests[stream]
            guest.entry.release()
            stream.close()

    def start_request(
        self, server_conn: object, request_conn: HTTPConnection
    ) -> HTTPMessageDelegate:
        delegate = super().start_request(server_conn, request_conn)
        guest = self._guests.get(server_conn.stream)  # type: ignore[attr-defined]
        if guest is not None:
            guest.next(request_conn)
        if isinstance(delegate, Refusable):
            self._arrivals[server_conn.stream] = delegate  # type: ignore[attr-defined]
        return delegate

    def on_close(self, server_conn: object) -> None:
        guest = self._guests.pop(server_conn.stream, None)  # type: ignore[attr-defined]
        if guest is not None:
            guest.entry.release()
        self._arrivals.pop(server_conn.stream, None)  # type: ignore[attr-defined]
        super().on_close(server_conn)

    def bug(self, error: BaseException) -> None:
        log.bug("-", error)

    def _refusal(self, stream: IOStream, address: Any) -> bytes:
        """The answer to what could not be read; empty when its handler has given one."""
        arrival = self._arrivals.get(stream)
        if arrival is not None and arrival.refused("bad_request"):
            return b""
        head = None if arrival is None else arrival.head
        remote = str(address[0]) if isinstance(address, tuple) else "0.0.0.0"
        if head is None:
            return written(self._refused(RefusedRequest("bad_request", remote)))
        (method, target, _), headers = head
        path = target.partition("?")[0]
        refusal = RefusedRequest("bad_host", remote, method, path, headers)
        return written(self._refused(refusal), method)


class PlainGuest:
    """One of Tornado's connections, as the table sees it."""

    def __init__(self, stream: IOStream, entry: Admitted) -> None:
        self.entry = entry
        self._stream = stream
        self._loop = asyncio.get_running_loop()
        self._since = self._loop.time()
        self._request: HTTP1Connection | None = None

    def next(self, request: HTTPConnection) -> None:
        """It waits for another request."""
        self._request = request if isinstance(request, HTTP1Connection) else None
        self._since = self._loop.time()

    def waiting(self) -> tuple[int, float] | None:
        request = self._request
        if request is None or request._request_start_line is None:
            return (HEAD if self._stream._read_buffer_size else IDLE), self._since
        if request._read_finished or request._response_start_line is not None:
            return None
        return BODY, self._since

    def close(self) -> None:
        self._stream.close()
