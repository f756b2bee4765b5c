"""The callers: patient ones who check what they get, and others who leave, dawdle or send rubbish.

    outcome = await HOW[name](port, key, number, behaviour, streamed)

An Outcome is what came back, read to the end; `None` when the caller did not stay to see it.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.running import CALLER_KEY

ALIAS = "chaos"
CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
LARGEST = 1 << 20  # bytes of a body
PATIENCE = 20.0  # s; an exchange that takes longer hangs


@dataclass
class Outcome:
    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool = True  # the HTTP message was complete


@dataclass(frozen=True)
class Ask:
    """One exchange: its number stands in the text, and must stand in the answer."""

    port: int
    number: str
    behaviour: str
    streamed: bool
    seed: int
    path: str = CHAT

    def body(self, **more: Any) -> bytes:
        text = f"chaos {self.number} {self.behaviour} please"
        body: dict[str, Any] = {"model": ALIAS, "messages": [{"role": "user", "content": text}]}
        if self.path == MESSAGES:
            body["max_tokens"] = 100
        if self.streamed:
            body["stream"] = True
        return json.dumps(body | more).encode()

    def request(self, body: bytes | None = None, key: str = CALLER_KEY, *lines: str) -> bytes:
        body = self.body() if body is None else body
        head = (
            f"POST {self.path} HTTP/1.1",
            "host: chaos",
            f"authorization: Bearer {key}",
            "content-type: application/json",
            *(lines or (f"content-length: {len(body)}",)),
        )
        return ("\r\n".join(head) + "\r\n\r\n").encode() + body

    @property
    def random(self) -> Random:
        return Random(f"{self.seed}-{self.number}-caller")


class Connection:
    """`async with Connection(port) as c`: raw bytes out, whole answers in."""

    def __init__(self, port: int, limit: int = 1 << 20, small: bool = False) -> None:
        self.port = port
        self.limit = limit
        self.small = small

    async def __aenter__(self) -> Connection:
        plug = socket.socket()
        if self.small:
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plug.setblocking(False)
        await asyncio.get_running_loop().sock_connect(plug, ("127.0.0.1", self.port))
        self.reader, self.writer = await asyncio.open_connection(sock=plug, limit=self.limit)
        return self

    async def __aexit__(self, *error: object) -> None:
        self.writer.transport.abort()

    async def answer(self, pause: float = 0) -> Outcome:
        """The next answer; `pause` seconds between two looks at a stream's chunks."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        status = int(first.split()[1])
        if status == 100:
            return await self.answer(pause)
        body, whole = b"", True
        try:
            if "chunked" in headers.get("transfer-encoding", ""):
                while size := int(await self.reader.readuntil(b"\r\n"), 16):
                    body += (await self.reader.readexactly(size + 2))[:-2]
                    if pause:
                        await asyncio.sleep(pause)
                await self.reader.readuntil(b"\r\n")
            elif "content-length" in headers:
                body = await self.reader.readexactly(int(headers["content-length"]))
            else:
                body = await self.reader.read()
        except (asyncio.IncompleteReadError, OSError, ValueError):
            whole = False
        return Outcome(status, headers, body, whole)


# ---------------------------------------------------------------- who checks what comes
async def patient(ask: Ask) -> Outcome:
    async with Connection(ask.port) as c:
        c.writer.write(ask.request())
        return await c.answer()


async def chunked(ask: Ask) -> Outcome:
    """Sends the body in chunks."""
    body = ask.body()
    async with Connection(ask.port) as c:
        c.writer.write(ask.request(b"", CALLER_KEY, "transfer-encoding: chunked"))
        while body:
            size = ask.random.randint(1, 40)
            c.writer.write(b"%x\r\n%b\r\n" % (len(body[:size]), body[:size]))
            body = body[size:]
            await asyncio.sleep(0)
        c.writer.write(b"0\r\n\r\n")
        return await c.answer()


async def dawdling(ask: Ask) -> Outcome:
    """Reads slowly."""
    async with Connection(ask.port, 1 << 12) as c:
        c.writer.write(ask.request())
        return await c.answer(pause=0.01)


async def again(ask: Ask) -> Outcome:
    """The second request of a connection; the first one is refused for its key."""
    async with Connection(ask.port) as c:
        c.writer.write(ask.request(None, "sk-nobody-knows"))
        first = await c.answer()
        assert first.status == 401, first
        c.writer.write(ask.request())
        return await c.answer()


async def pipelined(ask: Ask) -> Outcome:
    """Two requests at once: the answers come in order."""
    async with Connection(ask.port) as c:
        wrong = ask.request(b'{"model": 3}')
        c.writer.write(wrong + ask.request())
        first = await c.answer()
        assert first.status == 400, first
        return await c.answer()


async def stingy(ask: Ask) -> Outcome:
    """Reads nothing for a while: its socket, which is small, is full by then."""
    async with Connection(ask.port, 1 << 12, small=True) as c:
        c.writer.write(ask.request())
        await asyncio.sleep(0.2 + ask.random.random() / 2)
        return await c.answer()


# ---------------------------------------------------------------- who does not stay
async def leaves_unread(ask: Ask) -> None:
    """Never reads, and leaves when its socket has been full for a while."""
    async with Connection(ask.port, 1 << 12, small=True) as c:
        c.writer.write(ask.request())
        await asyncio.sleep(0.5)


async def leaves_at_once(ask: Ask) -> None:
    async with Connection(ask.port) as c:
        c.writer.write(ask.request())
        await asyncio.sleep(ask.random.random() * 0.01)


async def leaves_inside(ask: Ask) -> None:
    async with Connection(ask.port) as c:
        c.writer.write(ask.request())
        try:
            await c.reader.read(ask.random.randint(1, 400))
        except OSError:
            return


async def half_a_body(ask: Ask) -> None:
    async with Connection(ask.port) as c:
        c.writer.write(ask.request()[:-20])
        await asyncio.sleep(0.01)


async def half_a_head(ask: Ask) -> None:
    async with Connection(ask.port) as c:
        c.writer.write(ask.request()[:60])
        await asyncio.sleep(0.005)


# ---------------------------------------------------------------- who sends rubbish
async def rubbish(ask: Ask) -> Outcome:
    bodies = (
        b"{", b"[]", b"null", b'{"model":"chaos"}', b'{"model":"chaos","messages":[]}',
        b'{"model":"chaos","messages":[{"role":"user","content":NaN}]}', b"\xff\xfe{}",
        b'{"model":"chaos","messages":' + b"[" * 3000, b'{"a":' * 4000,
        json.dumps({"model": "chaos", "messages": [{"role": "wizard", "content": "x"}]}).encode(),
        json.dumps({"model": "chaos", "messages": "x" * 5000}).encode(),
    )  # fmt: skip
    async with Connection(ask.port) as c:
        c.writer.write(ask.request(ask.random.choice(bodies)))
        return await c.answer()


async def too_much(ask: Ask) -> Outcome:
    """More than any limit allows, of one thing or another; some of it is sent in vain."""
    words = '{"model":"chaos","max_tokens":9,"messages":[{"role":"user","content":"x"}],'
    layer = '{"type":"object","properties":{"a":'
    raw = words + ask.random.choice((
        f'"user":"{"x" * LARGEST}"',
        ",".join(f'"unknown_{number}":1' for number in range(2000)),
        '"tools":[{"name":"f","input_schema":' + layer * 2000 + "{}" + "}}" * 2000 + "}]",
        '"tools":[3,{}],"tool_choice":{"type":3}',
    ))  # fmt: skip
    async with Connection(ask.port) as c:
        c.writer.write(ask.request(f"{raw}}}".encode()))
        return await c.answer()


async def no_http(ask: Ask) -> None:
    async with Connection(ask.port) as c:
        c.writer.write(bytes(ask.random.randrange(256) for _ in range(200)) + b"\r\n\r\n")
        try:
            await asyncio.wait_for(c.reader.read(200), 1)
        except (TimeoutError, OSError):
            return


Caller = Callable[[Ask], Awaitable[Outcome | None]]
STAY: tuple[Caller, ...] = (patient, chunked, dawdling, again, pipelined, stingy)
LEAVE: tuple[Caller, ...] = (
    leaves_at_once,
    leaves_inside,
    half_a_body,
    half_a_head,
    no_http,
    leaves_unread,
)
REFUSED: dict[Caller, set[int]] = {rubbish: {400}, too_much: {400, 413}}
HOW = {run.__name__: run for run in (*STAY, *LEAVE, *REFUSED)}
