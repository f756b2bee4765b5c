"""Tornado's own server, with the four methods of FastListener.

Must never know: what is served.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerConnectionDelegate
from tornado.iostream import IOStream

from aisix.listener.limits import ListenerLimits


class PlainListener(HTTPServer):
    """Serves `app` on the running loop. Its head must come within idle_secs; of the limits it
    knows those of a whole head and of a body."""

    @classmethod
    def make(
        cls,
        app: HTTPServerConnectionDelegate,
        limits: ListenerLimits,
        tls: ssl.SSLContext | None = None,
    ) -> PlainListener:
        return cls(
            app,
            max_header_size=limits.head,
            max_body_size=limits.body,
            max_buffer_size=max(limits.body, limits.head),
            idle_connection_timeout=limits.idle_secs,
            body_timeout=limits.body_secs,
            ssl_options=tls,
        )

    async def accept(
        self, sockets: Sequence[socket.socket], others: Sequence[socket.socket] = ()
    ) -> None:
        """All alike: whichever worker is first takes a connection."""
        self.add_sockets([*sockets, *others])

    kept = 0  # open connections

    def close_idle(self) -> None:
        """Tornado does not tell which these are; close_all_connections closes them."""

    def handle_stream(self, stream: IOStream, address: Any) -> None:
        # A chunk goes out when it is written, without Nagle's delay; Tornado would bring that back
        # after the first answer.
        stream.set_nodelay(True)
        stream.set_nodelay = lambda value: None  # type: ignore[method-assign]
        self.kept += 1
        super().handle_stream(stream, address)

    def on_close(self, server_conn: object) -> None:
        self.kept -= 1
        super().on_close(server_conn)
