"""A caller on a raw socket, and a reader of answers that takes nothing on trust."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from tests.listener.cases import Case


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Caller:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, port: int, **more: Any) -> Caller:
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 20, **more))

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self, method: str = "GET") -> Answer | None:
        """The next answer; None when the connection is closed instead."""
        try:
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            assert not getattr(error, "partial", b""), error
            return None
        line, *lines = head[:-4].split("\r\n")
        version, status, _ = line.split(" ", 2)
        assert version == "HTTP/1.1"
        headers: dict[str, str] = {}
        for one in lines:
            name, value = one.split(": ", 1)
            assert name.lower() not in headers
            headers[name.lower()] = value
        return Answer(int(status), headers, await self._body(method, int(status), headers))

    async def _body(self, method: str, status: int, headers: dict[str, str]) -> bytes:
        assert not ("content-length" in headers and "transfer-encoding" in headers)
        if method == "HEAD" or status in (204, 304) or status < 200:
            assert "transfer-encoding" not in headers
            return b""
        if "content-length" in headers:
            return await self.reader.readexactly(int(headers["content-length"]))
        if "transfer-encoding" not in headers:
            try:
                return await self.reader.read()
            except ConnectionError:
                return b""
        body = b""
        while True:
            size = int((await self.reader.readuntil(b"\r\n"))[:-2], 16)
            body += await self.reader.readexactly(size)
            assert await self.reader.readexactly(2) == b"\r\n"
            if not size:
                return body

    async def closed(self) -> bool:
        """Whether the other side closes now, with nothing more said."""
        try:
            async with asyncio.timeout(5):
                return await self.reader.read(1) == b""
        except ConnectionError:
            return True
        except TimeoutError:
            return False

    def close(self) -> None:
        self.writer.close()


def expected(case: Case, kind: str) -> dict[str, Any]:
    """What this listener should do."""
    wanted = {
        "status": case.status,
        "bodies": case.bodies,
        "closed": case.closed,
        "handled": case.handled,
    }
    if kind == "tornado" and case.tornado is not None:
        wanted.update(case.tornado)
    if kind == "tornado" and wanted["closed"]:
        # It closes at once: what the caller has still in flight may cost it the answer.
        wanted["status"] = tuple(
            status | {0} if isinstance(status, set) else {status, 0} for status in wanted["status"]
        )
    return wanted
