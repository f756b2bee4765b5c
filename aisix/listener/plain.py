"""Tornado's own server, with the four methods of FastListener.

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

from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPConnection, HTTPMessageDelegate, HTTPServerConnectionDelegate
from tornado.iostream import IOStream

from aisix.listener.limits import ListenerLimits
from aisix.listener.refusals import Refusable, Refusal, Refuse, bare, written

REFUSED = b"HTTP/1.1 400 Bad Request\r\n\r\n"  # Tornado's


class PlainListener(HTTPServer):
    """Serves `app` on the running loop. Its head must come within idle_secs; of the limits it
    knows those of a whole head and of a body."""

    @classmethod
    def make(
        cls,
        app: HTTPServerConnectionDelegate,
        limits: ListenerLimits,
        tls: ssl.SSLContext | None = None,
        refused: Refuse = bare,
    ) -> PlainListener:
        listener = cls(
            app,
            max_header_size=limits.head,
            max_body_size=limits.body,
            max_buffer_size=max(limits.body, limits.head),
            idle_connection_timeout=limits.idle_secs,
            body_timeout=limits.body_secs,
            ssl_options=tls,
        )
        listener._refused = refused
        return listener

    async def accept(
        self, sockets: Sequence[socket.socket], others: Sequence[socket.socket] = ()
    ) -> None:
        """All alike: whichever worker is first takes a connection."""
        self.add_sockets([*sockets, *others])

    def initialize(self, *args: Any, **kwargs: Any) -> None:
        super().initialize(*args, **kwargs)
        self._arrivals: dict[IOStream, Refusable] = {}  # the last request of each connection

    kept = 0  # open connections
    _refused: Refuse = staticmethod(bare)

    def close_idle(self) -> None:
        """Tornado does not tell which these are; close_all_connections closes them."""

    def handle_stream(self, stream: IOStream, address: Any) -> None:
        # A chunk goes out when it is written, without Nagle's delay; Tornado would bring that back
        # after the first answer.
        stream.set_nodelay(True)
        stream.set_nodelay = lambda value: None  # type: ignore[method-assign]
        self.kept += 1
        write = stream.write

        def looked_at(data: bytes | memoryview) -> asyncio.Future[None]:
            if data == REFUSED:
                data = self._refusal(stream, address)
                if not data:
                    return asyncio.ensure_future(asyncio.sleep(0))
            return write(data)

        stream.write = looked_at  # type: ignore[method-assign]
        super().handle_stream(stream, address)

    def start_request(
        self, server_conn: object, request_conn: HTTPConnection
    ) -> HTTPMessageDelegate:
        delegate = super().start_request(server_conn, request_conn)
        if isinstance(delegate, Refusable):
            self._arrivals[server_conn.stream] = delegate  # type: ignore[attr-defined]
        return delegate

    def on_close(self, server_conn: object) -> None:
        self.kept -= 1
        self._arrivals.pop(server_conn.stream, None)  # type: ignore[attr-defined]
        super().on_close(server_conn)

    def _refusal(self, stream: IOStream, address: Any) -> bytes:
        """The answer to what could not be read; empty when its handler has given one."""
        arrival = self._arrivals.get(stream)
        if arrival is not None and arrival.refused("bad_request"):
            return b""
        head = None if arrival is None else arrival.head
        remote = str(address[0]) if isinstance(address, tuple) else "0.0.0.0"
        if head is None:
            return written(self._refused(Refusal("bad_request", remote)))
        (method, target, _), headers = head
        path = target.partition("?")[0]
        refusal = Refusal("bad_host", remote, method, path, headers)
        return written(self._refused(refusal), method)
