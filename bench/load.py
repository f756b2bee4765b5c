"""The load generator: `python -m bench.load SPEC` (JSON) prints one JSON line of figures.

SPEC: {"port", "path", "headers", "body", "connections", "seconds", "expect", "count"} and "slack".
Each connection sends one request after the other until `seconds` have passed; an answer is right
when its status is 200 and `expect` occurs in it `count` times (`slack`: how many may be hidden by a
chunk boundary, for peers that pass bytes on as they come). Wrong ones are counted, never dropped.

Figures: requests, wrong, seconds; p50/p99 of whole answers, p50 of the time to the first `expect`
(ms); samples of what was wrong. Raw sockets and no HTTP library: the peer must be the bottleneck.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from typing import Any, cast

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)


class Caller(asyncio.Protocol):
    """One connection; `done` resolves when it has nothing more to send."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are no subclass
        self._ask()

    def _ask(self) -> None:
        self.head = b""
        self.status = 0
        self.left: int | None = None  # bytes of the body still to come; None: chunked
        self.found = 0
        self.tail = b""
        self.first = 0.0
        self.began = time.perf_counter()
        self.transport.write(self.run.request)

    def data_received(self, data: bytes) -> None:
        if not self.status:
            self.head += data
            end = self.head.find(b"\r\n\r\n")
            if end < 0:
                return
            head, data = self.head[: end + 2], self.head[end + 4 :]
            self.status = int(head[9:12])
            length = _LENGTH.search(head)
            self.left = int(length[1]) if length else None
            if self.left is None and not _CHUNKED.search(head):
                self.left = 1 << 60  # until the connection closes
        expect = self.run.expect
        seen = self.tail + data
        found = seen.count(expect)
        if found:
            self.found += found
            self.first = self.first or time.perf_counter()
            seen = seen[seen.rfind(expect) + len(expect) :]
        self.tail = seen[-64:]
        if self.left is None:
            over = (self.tail if len(data) < 5 else data).endswith(b"0\r\n\r\n")
        else:
            self.left -= len(data)
            over = self.left <= 0
        if over:
            self._answered(seen)

    def _answered(self, seen: bytes) -> None:
        now = time.perf_counter()
        self.run.answered(self, now, seen)
        if now < self.run.until:
            self._ask()
        else:
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if self.status and self.left is not None and self.left > 1 << 50:
            self.run.answered(self, time.perf_counter(), self.tail)
        elif time.perf_counter() < self.run.until:
            self.run.wrong.append(f"connection lost: {error}")
        if not self.done.done():
            self.done.set_result(None)


class Run:
    def __init__(self, spec: dict[str, Any]) -> None:
        body = spec["body"].encode()
        headers = {
            "host": f"127.0.0.1:{spec['port']}",
            "content-type": "application/json",
            "content-length": str(len(body)),
            **spec["headers"],
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.request = f"POST {spec['path']} HTTP/1.1\r\n{lines}\r\n".encode() + body
        self.spec = spec
        self.expect = spec["expect"].encode()
        self.count: int = spec["count"]
        self.slack: int = spec.get("slack", 0)
        self.whole: list[float] = []
        self.first: list[float] = []
        self.wrong: list[str] = []
        self.until = 0.0

    def answered(self, caller: Caller, now: float, seen: bytes) -> None:
        if caller.status != 200 or not 0 <= self.count - caller.found <= self.slack:
            self.wrong.append(f"status {caller.status}, {caller.found} found: {seen[-160:]!r}")
            return
        self.whole.append(now - caller.began)
        self.first.append(caller.first - caller.began)

    async def measure(self) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        began = time.perf_counter()
        self.until = began + self.spec["seconds"]
        callers = []
        for _ in range(self.spec["connections"]):
            _, caller = await loop.create_connection(
                lambda: Caller(self), "127.0.0.1", self.spec["port"]
            )
            callers.append(caller.done)
        await asyncio.wait(callers, timeout=self.spec["seconds"] + 30)
        took = time.perf_counter() - began
        whole, first = sorted(self.whole), sorted(self.first)
        return {
            "requests": len(whole),
            "wrong": len(self.wrong),
            "samples": self.wrong[:2],
            "seconds": round(took, 4),
            "p50_ms": _at(whole, 0.5),
            "p99_ms": _at(whole, 0.99),
            "first_p50_ms": _at(first, 0.5),
        }


def _at(values: list[float], part: float) -> float | None:
    if not values:
        return None
    return round(values[min(len(values) - 1, int(len(values) * part))] * 1000, 4)


if __name__ == "__main__":
    _spec = json.loads(sys.argv[1])
    try:
        import uvloop

        print(json.dumps(uvloop.run(Run(_spec).measure())))
    except ImportError:
        print(json.dumps(asyncio.run(Run(_spec).measure())))
