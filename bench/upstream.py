"""A fast stand-in for the provider: `python -m bench.upstream PORT`.

It answers POST .../messages with bytes made beforehand, so that it is never the bottleneck; what to
answer stands in the request's text as `bench:KIND`:

    json           one plain answer
    burst-N-M      a stream of N text deltas, M in each write, without pause
    tools-N-M      the same, deltas of a tool call's arguments
    paced-N-MS     a stream of N text deltas, one every MS milliseconds

GET /stats tells how many streams are open, were finished and were left by the reader. It checks
nothing: the strict stand-in is `aisix.standin`. Loopback only.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from typing import Any, cast

TOKEN = "tok "
_KIND = re.compile(rb"bench:(\w+)(?:-(\d+)-(\d+))?")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_HEAD = b"HTTP/1.1 200 OK\r\nrequest-id: req_bench\r\n"

ANSWER = {
    "id": "msg_01Bench",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-6",
    "content": [{"type": "text", "text": "Some words of an answer. " * 12}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 25, "output_tokens": 60},
}


def event(data: dict[str, Any]) -> bytes:
    return f"event: {data['type']}\ndata: {json.dumps(data)}\n\n".encode()


def delta(kind: str, number: int = 0) -> bytes:
    """Every one a little different: some gateways take a hundred equal ones for a loop."""
    words = f"{TOKEN}{number} "
    if kind == "tools":
        part = {"type": "input_json_delta", "partial_json": words}
    else:
        part = {"type": "text_delta", "text": words}
    return event({"type": "content_block_delta", "index": 0, "delta": part})


def opening(kind: str) -> bytes:
    block: dict[str, Any] = {"type": "text", "text": ""}
    if kind == "tools":
        block = {"type": "tool_use", "id": "toolu_01", "name": "tool_1", "input": {}}
    message = {**ANSWER, "content": [], "stop_reason": None}
    return event({"type": "message_start", "message": message}) + event(
        {"type": "content_block_start", "index": 0, "content_block": block}
    )


def closing(kind: str) -> bytes:
    reason = "tool_use" if kind == "tools" else "end_turn"
    last = {"stop_reason": reason, "stop_sequence": None}
    return (
        event({"type": "content_block_stop", "index": 0})
        + event({"type": "message_delta", "delta": last, "usage": {"output_tokens": 60}})
        + event({"type": "message_stop"})
    )


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def plain(data: bytes) -> bytes:
    head = b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(data)
    return _HEAD + head + data


STREAM = _HEAD + b"content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
PLAIN = plain(json.dumps(ANSWER).encode())
BURSTS: dict[tuple[str, int], bytes] = {}
STATS = {"open": 0, "finished": 0, "left": 0}


class Peer(asyncio.Protocol):
    def __init__(self) -> None:
        self.data = b""
        self.timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are no subclass

    def data_received(self, data: bytes) -> None:
        self.data += data
        while (end := self.data.find(b"\r\n\r\n")) >= 0:
            found = _LENGTH.search(self.data, 0, end + 2)
            size = int(found[1]) if found else 0
            if len(self.data) < end + 4 + size:
                return
            body, self.data = self.data[end + 4 : end + 4 + size], self.data[end + 4 + size :]
            self._answer(body)

    def _answer(self, body: bytes) -> None:
        if not body:
            self.transport.write(plain(json.dumps(STATS).encode()))
            return
        found = _KIND.search(body)
        if found is None or found[2] is None:
            self.transport.write(PLAIN)
            return
        kind, count, how = found[1].decode(), int(found[2]), int(found[3])
        STATS["open"] += 1
        if kind == "paced":
            self.transport.write(STREAM + chunk(opening(kind)))
            self._pace(count, how / 1000)
        else:
            self._burst(kind, count, how)

    def _burst(self, kind: str, count: int, at_once: int) -> None:
        loop = asyncio.get_running_loop()
        self.transport.write(STREAM + chunk(opening(kind)))
        data = BURSTS.get((kind, at_once))
        if data is None:
            made = b"".join([delta(kind, number) for number in range(at_once)])
            data = BURSTS[kind, at_once] = chunk(made)

        def more(left: int) -> None:
            if self.transport.is_closing():
                return
            if left <= 0:
                self._end(kind)
                return
            self.transport.write(data)
            loop.call_soon(more, left - at_once)

        loop.call_soon(more, count)

    def _pace(self, left: int, pause: float) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()

        def more(left: int, due: float) -> None:
            if left <= 0:
                self._end("text")
                return
            self.transport.write(chunk(delta("text", left)))
            due += pause
            self.timer = loop.call_at(due, more, left - 1, due)

        self.timer = loop.call_at(due, more, left, due)

    def _end(self, kind: str) -> None:
        self.timer = None
        STATS["open"] -= 1
        STATS["finished"] += 1
        self.transport.write(chunk(closing(kind)) + b"0\r\n\r\n")

    def connection_lost(self, error: Exception | None) -> None:
        if self.timer is not None:
            self.timer.cancel()
            STATS["open"] -= 1
            STATS["left"] += 1


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(
        Peer, "127.0.0.1", port, backlog=1024, reuse_address=True
    )
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    try:
        import uvloop

        uvloop.run(main(int(sys.argv[1])))
    except ImportError:
        asyncio.run(main(int(sys.argv[1])))
