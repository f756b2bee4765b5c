"""The misbehaving upstream: each request says in its own text how it is to be treated.

    "chaos 0123 reset_early ..."     exchange 0123, behaviour `reset_early`

Every good answer carries the number of its exchange, so that a caller who gets another's bytes is
found out. `open` counts requests that are being answered; it must come back to 0. Loopback only.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import socket
import struct
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

ASKED = re.compile(rb"chaos (\d+) (\w+)")
STREAM = b'"stream":true'
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
JSON = "content-type: application/json"
SSE = "content-type: text/event-stream"
USAGE = {"input_tokens": 7, "output_tokens": 3}


class Reply:
    """One request being answered."""

    def __init__(
        self, upstream: Upstream, writer: asyncio.StreamWriter, number: str, streamed: bool
    ):
        self.writer = writer
        self.number = number
        self.streamed = streamed
        self.random = Random(f"{upstream.seed}-{number}")
        self.stall = upstream.stall

    async def send(self, *parts: bytes) -> None:
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()

    async def head(self, status: str = "200 OK", *lines: str) -> None:
        await self.send(
            "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", *lines, "")).encode()
        )

    async def whole(self, status: str, body: bytes, *lines: str) -> None:
        await self.head(status, *lines, f"content-length: {len(body)}")
        await self.send(body)

    async def error(self, status: str, kind: str, *lines: str) -> None:
        body = {"type": "error", "error": {"type": kind, "message": f"chaos {kind}"}}
        await self.whole(status, json.dumps(body).encode(), JSON, *lines)

    def reset(self) -> None:
        """An RST, not a FIN."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    # ------------------------------------------------------------------ good answers
    @property
    def message(self) -> dict[str, Any]:
        return {
            "id": f"msg_{self.number}",
            "type": "message",
            "role": "assistant",
            "model": "claude-opus-5-5",
            "content": [{"type": "text", "text": f"answer {self.number} whole"}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": USAGE,
        }

    def events(self) -> list[bytes]:
        start = {**self.message, "content": [], "stop_reason": None}
        block = {"type": "content_block_start", "index": 0}
        words = [f"answer {self.number}", " who", "le"]
        return [
            event({"type": "message_start", "message": start}),
            event({**block, "content_block": {"type": "text", "text": ""}}),
            event({"type": "ping"}),
            *(
                event({
                    "type": "content_block_delta",
                    "index": 0,
                    "delta": {"type": "text_delta", "text": word},
                })
                for word in words
            ),
            event({"type": "content_block_stop", "index": 0}),
            event({
                "type": "message_delta",
                "delta": {"stop_reason": "end_turn", "stop_sequence": None},
                "usage": {"output_tokens": 3},
            }),
            event({"type": "message_stop"}),
        ]  # fmt: skip

    @property
    def body(self) -> bytes:
        if self.streamed:
            return b"".join(self.events())
        return json.dumps(self.message).encode()

    @property
    def kind(self) -> str:
        return SSE if self.streamed else JSON


def event(data: dict[str, Any]) -> bytes:
    return f"event: {data['type']}\ndata: {json.dumps(data)}\n\n".encode()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


# ---------------------------------------------------------------- behaviours
async def good(reply: Reply) -> None:
    await reply.whole("200 OK", reply.body, reply.kind)


async def crumbs(reply: Reply) -> None:
    """Chunks cut anywhere, in the middle of words and lines."""
    await reply.head("200 OK", reply.kind, "transfer-encoding: chunked")
    rest = reply.body
    while rest:
        size = reply.random.randint(1, 60)
        await reply.send(chunk(rest[:size]))
        rest = rest[size:]
        if reply.random.random() < 0.1:
            await asyncio.sleep(0.002)
    await reply.send(b"0\r\n\r\n")


async def early_hints(reply: Reply) -> None:
    await reply.send(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n")
    await good(reply)


async def zipped(reply: Reply) -> None:
    await reply.whole("200 OK", gzip.compress(reply.body), reply.kind, "content-encoding: gzip")


async def unknown(reply: Reply) -> None:
    """Things not invented yet among the known ones."""
    if not reply.streamed:
        message = {**reply.message, "novelty": {"a": 1}}
        message["content"] = [{"type": "novel_block", "x": 1}, *message["content"]]
        await reply.whole("200 OK", json.dumps(message).encode(), JSON)
        return
    events = reply.events()
    strange = event({"type": "novel_event", "x": [1]})
    await reply.whole("200 OK", strange.join(events[:4]) + b"".join(events[4:]), SSE)


async def reset_early(reply: Reply) -> None:
    reply.reset()


async def close_early(reply: Reply) -> None:
    reply.writer.close()


async def reset_after_head(reply: Reply) -> None:
    await reply.head("200 OK", reply.kind, "content-length: 5000")
    await asyncio.sleep(0.005)
    reply.reset()


async def cut_length(reply: Reply) -> None:
    await reply.head("200 OK", reply.kind, f"content-length: {len(reply.body) + 400}")
    await reply.send(reply.body[: len(reply.body) // 2])
    reply.writer.close()


async def cut_chunked(reply: Reply) -> None:
    await reply.head("200 OK", reply.kind, "transfer-encoding: chunked")
    await reply.send(chunk(reply.body[: len(reply.body) // 2]))
    reply.writer.close()


async def end_early(reply: Reply) -> None:
    """Well-formed HTTP, but the answer inside is not complete."""
    half = b"".join(reply.events()[:5]) if reply.streamed else reply.body[:-9]
    await reply.whole("200 OK", half, reply.kind)


async def garbage(reply: Reply) -> None:
    await reply.whole("200 OK", bytes(reply.random.randrange(256) for _ in range(300)), reply.kind)


async def garbage_inside(reply: Reply) -> None:
    if not reply.streamed:
        await garbage(reply)
        return
    events = reply.events()
    broken = b'event: content_block_delta\ndata: {"type":"content_block_del\n\n'
    await reply.whole("200 OK", b"".join(events[:4]) + broken + b"".join(events[4:]), SSE)


async def page(reply: Reply) -> None:
    await reply.whole("200 OK", b"<html><body>Sign in</body></html>", "content-type: text/html")


async def bad_gateway_page(reply: Reply) -> None:
    body = b"<html><h1>502 Bad Gateway</h1>10.0.0.7:8443</html>"
    await reply.whole("502 Bad Gateway", body, "content-type: text/html")


async def redirect(reply: Reply) -> None:
    await reply.whole("307 Temporary Redirect", b"", "location: http://127.0.0.1:9/elsewhere")


async def other_form(reply: Reply) -> None:
    """JSON for a stream, a stream for JSON."""
    other = Reply.__new__(Reply)
    other.__dict__.update(reply.__dict__, streamed=not reply.streamed)
    await good(other)


async def busy(reply: Reply) -> None:
    await reply.error("429 Too Many Requests", "rate_limit_error", "retry-after: 30")


async def overloaded(reply: Reply) -> None:
    await reply.error("529 Overloaded", "overloaded_error", "x-should-retry: false")


async def refused(reply: Reply) -> None:
    await reply.error("400 Bad Request", "invalid_request_error")


async def bad_key(reply: Reply) -> None:
    await reply.error("401 Unauthorized", "authentication_error")


async def error_first(reply: Reply) -> None:
    body = {"type": "error", "error": {"type": "overloaded_error", "message": "chaos"}}
    data = event(body) if reply.streamed else json.dumps(body).encode()
    await reply.whole("200 OK", data, reply.kind)


async def error_inside(reply: Reply) -> None:
    if not reply.streamed:
        await error_first(reply)
        return
    body = {"type": "error", "error": {"type": "api_error", "message": "chaos"}}
    await reply.whole("200 OK", b"".join(reply.events()[:5]) + event(body), SSE)


async def silent(reply: Reply) -> None:
    await asyncio.sleep(reply.stall)
    reply.writer.close()


async def silent_inside(reply: Reply) -> None:
    await reply.head("200 OK", reply.kind, "transfer-encoding: chunked")
    half = b"".join(reply.events()[:5]) if reply.streamed else reply.body[:20]
    await reply.send(chunk(half))
    await asyncio.sleep(reply.stall)
    reply.writer.close()


async def giant(reply: Reply) -> None:
    """More than any cap of the run; ends when the other side has had enough."""
    await reply.head("200 OK", reply.kind, "transfer-encoding: chunked")
    start = b"".join(reply.events()[:4]) + b"data: " if reply.streamed else b'{"id":"'
    await reply.send(chunk(start))
    for _ in range(64):
        await reply.send(chunk(b"x" * (1 << 16)))
    await reply.send(b"0\r\n\r\n")


async def slow(reply: Reply) -> None:
    await reply.head("200 OK", reply.kind, "transfer-encoding: chunked")
    rest = reply.body
    for _ in range(8):
        size = len(rest) // 4 + 1
        await reply.send(chunk(rest[:size])) if rest else None
        rest = rest[size:]
        await asyncio.sleep(0.02)
    if rest:
        await reply.send(chunk(rest))
    await reply.send(b"0\r\n\r\n")


Behaviour = Callable[[Reply], Awaitable[None]]
RIGHT: tuple[Behaviour, ...] = (good, crumbs, early_hints, zipped, unknown, slow)
# Behaviour -> statuses a caller may see; 200 stands for an error inside a stream that had begun.
WRONG: dict[Behaviour, set[int]] = {
    reset_early: {502},
    close_early: {502},
    reset_after_head: {200, 502},
    cut_length: {200, 502},
    cut_chunked: {200, 502},
    end_early: {200, 502},
    garbage: {200, 502},
    garbage_inside: {200, 502},
    page: {502},
    bad_gateway_page: {500, 502},
    redirect: {502},
    other_form: {502},
    busy: {429},
    overloaded: {503},
    refused: {400},
    bad_key: {502},
    error_first: {503, 502, 200},
    error_inside: {200, 502, 503},
    silent: {504},
    silent_inside: {200, 504, 502},
    giant: {200, 502},
}
BEHAVIOURS = {run.__name__: run for run in (*RIGHT, *WRONG)}


class Upstream:
    """`async with Upstream(seed, stall) as upstream`: `url`, `open`, `answered`."""

    def __init__(self, seed: int, stall: float) -> None:
        self.seed = seed
        self.stall = stall  # s; longer than the gateway's patience
        self.open = 0
        self.answered = 0
        self.connections = 0

    async def __aenter__(self) -> Upstream:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=512)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = LENGTH.search(head)
                body = await reader.readexactly(int(length[1]) if length else 0)
                await self._answer(writer, body)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the other side is gone, which is its right
        finally:
            self.connections -= 1
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, body: bytes) -> None:
        found = ASKED.search(body)
        if found is None:
            writer.write(b"HTTP/1.1 400 No\r\ncontent-length: 0\r\n\r\n")
            return
        self.open += 1
        try:
            reply = Reply(self, writer, found[1].decode(), STREAM in body)
            # A caller who leaves ends the transfer: noticed here, as the answer goes on.
            await BEHAVIOURS[found[2].decode()](reply)
            self.answered += 1
        finally:
            self.open -= 1
