"""An upstream that speaks HTTP/2, by a server of other hands (hypercorn), on the test's own loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from types import TracebackType
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config

from tests.upstream.conftest import Certificates

Message = MutableMapping[str, Any]
TICK = 0.01  # s between two pieces of an endless answer


class Http2Peer:
    """POST /echo answers what it was sent; /endless drips until it is left; /large sends `large`.

    seen: (protocol, caller's port) of each request; left: how many endless answers were left.
    """

    def __init__(self, certificates: Certificates, large: bytes = b"") -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"https://localhost:{self.port}/"
        self.seen: list[tuple[str, int]] = []
        self.left = 0
        self._large = large
        self._stop = asyncio.Event()
        self._config = Config()
        self._config.bind = [f"127.0.0.1:{self.port}"]
        self._config.certfile, self._config.keyfile = (
            certificates.server_cert,
            certificates.server_key,
        )
        self._config.loglevel = "CRITICAL"

    async def __aenter__(self) -> Http2Peer:
        self._running = asyncio.create_task(
            serve(self._app, self._config, shutdown_trigger=self._stop.wait)  # type: ignore[arg-type]
        )
        while not self._running.done():
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(TICK)
                continue
            writer.close()
            return self
        await self._running
        raise RuntimeError("the server did not start")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        await self._running

    async def _app(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        if scope["type"] == "lifespan":
            while (await receive())["type"] != "lifespan.shutdown":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        self.seen.append((scope["http_version"], scope["client"][1]))
        body, more = b"", True
        while more:
            part = await receive()
            body, more = body + part.get("body", b""), part.get("more_body", False)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if scope["path"] == "/endless":
            await self._drip(receive, send)
        else:
            answer = self._large if scope["path"] == "/large" else body
            await send({"type": "http.response.body", "body": answer, "more_body": False})

    async def _drip(
        self,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        leaving = asyncio.ensure_future(receive())
        while not leaving.done():
            await send({"type": "http.response.body", "body": b"drip", "more_body": True})
            await asyncio.wait([leaving], timeout=TICK)
        self.left += leaving.result()["type"] == "http.disconnect"
