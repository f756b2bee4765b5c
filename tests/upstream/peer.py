"""An upstream made for tests: a real socket, a hand-written HTTP/1.1 reader, answers byte by byte.

    async with Peer(answer) as peer:      # async def answer(call: Call) -> None
        ... peer.url, peer.calls, peer.connections ...

`answer` writes whatever it likes, HTTP or not; the connection stays open after it unless it called
close() or reset(). Call.gone is set as soon as the other side has closed the connection.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType


@dataclass
class Call:
    """One request as it came over the wire, and the pen to answer it with."""

    connection: int
    line: str
    headers: list[tuple[str, str]]
    body: bytes
    writer: asyncio.StreamWriter
    gone: asyncio.Event
    closed: bool = False

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def reply(self, body: bytes, status: str = "200 OK", *lines: str) -> None:
        head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", *lines))
        await self.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)

    async def begin(self, *lines: str) -> None:
        head = "".join(f"{line}\r\n" for line in ("HTTP/1.1 200 OK", *lines))
        await self.write(f"{head}transfer-encoding: chunked\r\n\r\n".encode())

    async def chunk(self, data: bytes) -> None:
        await self.write(b"%x\r\n%s\r\n" % (len(data), data))

    async def finish(self) -> None:
        await self.write(b"0\r\n\r\n")

    def close(self) -> None:
        self.closed = True
        self.writer.close()

    def reset(self) -> None:
        """Close with a RST instead of a FIN."""
        self.closed = True
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Answer = Callable[[Call], Awaitable[None]]


@dataclass
class Peer:
    answer: Answer
    tls: ssl.SSLContext | None = None
    receive_buffer: int = 0
    calls: list[Call] = field(default_factory=list)
    connections: int = 0
    open: int = 0
    faults: list[BaseException] = field(default_factory=list)

    async def __aenter__(self) -> Peer:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        host = "localhost" if self.tls else "127.0.0.1"
        self.url = f"{'https' if self.tls else 'http'}://{host}:{self.port}/"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if error is None and self.faults:
            raise self.faults[0]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        self.open += 1
        number = self.connections
        gone = asyncio.Event()
        try:
            while await self._serve(number, reader, writer, gone):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass  # the driver under test hung up, which is its right
        except asyncio.CancelledError:
            pass  # __aexit__; asyncio 3.11 would complain of a connection task that was cancelled
        except Exception as fault:
            self.faults.append(fault)
        finally:
            gone.set()
            self.open -= 1
            writer.close()

    async def _serve(
        self,
        number: int,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        gone: asyncio.Event,
    ) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = [line.partition(":")[::2] for line in head[1:] if line]
        headers = [(name.lower(), value.strip()) for name, value in pairs]
        length = int(dict(headers).get("content-length", "0"))
        body = await reader.readexactly(length)
        call = Call(number, head[0], headers, body, writer, gone)
        self.calls.append(call)

        # While an answer is being written nobody else reads, so the end of the input is watched for.
        watch = asyncio.ensure_future(self._watch(reader, gone))
        try:
            await self.answer(call)
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
        return not call.closed

    async def _watch(self, reader: asyncio.StreamReader, gone: asyncio.Event) -> None:
        try:
            data = await reader.read(1)
        except ConnectionError:
            data = b""
        if not data:
            gone.set()


def closed_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
