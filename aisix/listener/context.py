"""Whom a connection stands between: its listener and its caller.

Must never know: how a connection works.
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from tornado.httputil import HTTPServerConnectionDelegate

from aisix.listener.limits import ListenerLimits
from aisix.listener.refusals import RefusedRequest, Shown
from aisix.listener.reply import Done


class ConnectionOwner(Protocol):
    """What a connection asks of its listener."""

    app: HTTPServerConnectionDelegate
    limits: ListenerLimits
    loop: asyncio.AbstractEventLoop
    buffer: memoryview
    done: Done
    connections: set[Any]

    def refused(self, refusal: RefusedRequest) -> Shown: ...

    def bug(self, error: BaseException) -> None: ...


class Context:
    """Who the caller is: HTTPServerRequest takes remote_ip and protocol from here."""

    __slots__ = ("protocol", "remote_ip")

    def __init__(self, transport: asyncio.BaseTransport) -> None:
        peer = transport.get_extra_info("peername")
        self.remote_ip = str(peer[0]) if isinstance(peer, tuple) else "0.0.0.0"
        self.protocol = "https" if transport.get_extra_info("sslcontext") else "http"
