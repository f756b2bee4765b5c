"""An upstream that misbehaves byte by byte, on a thread of its own, for tests of a whole gateway.

    with Rough() as upstream:
        upstream.next(b"HTTP/1.1 200 OK\\r\\n", 0.5, RESET)
        ... upstream.url, upstream.calls, upstream.gone ...

Each `next` is the answer to one request: bytes to write, seconds to wait, RESET (a RST), CLOSE,
HOLD (until the other side hangs up) or WAIT (until `let_go`; then it goes on). Without one left, the last is given again.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import Any

from tests.running import until
from tests.upstream.peer import Call, Peer

RESET, CLOSE, HOLD, WAIT = "reset", "close", "hold", "wait"
Step = bytes | float | str


def answer(body: bytes, status: str = "200 OK", *lines: str) -> bytes:
    """A whole answer with its length."""
    head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", *lines))
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def json(body: bytes, status: str = "200 OK", *lines: str) -> bytes:
    return answer(body, status, "content-type: application/json", *lines)


def stream(*lines: str) -> bytes:
    """The head of a stream without length: it ends with the connection."""
    more = "".join(f"{line}\r\n" for line in lines)
    return f"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n{more}\r\n".encode()


class Rough:
    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.gone = 0  # how often the other side hung up in a HOLD
        self._answers: deque[tuple[Step, ...]] = deque()
        self._last: tuple[Step, ...] = (json(b"{}"),)
        self._held: set[asyncio.Future[Any]] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def next(self, *steps: Step) -> None:
        self._answers.append(steps)

    def forget(self) -> None:
        """What nobody has asked for yet."""
        self._answers.clear()

    def __enter__(self) -> Rough:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def wait_gone(self, times: int = 1) -> None:
        """Until the other side has hung up so often."""
        until(lambda: self.gone >= times, "the upstream was not left")

    @property
    def holds(self) -> int:
        """How many requests have come to a HOLD or WAIT."""
        return len(self._held)

    def let_go(self) -> None:
        """End every HOLD and WAIT."""
        self._loop.call_soon_threadsafe(lambda: [held.cancel() for held in self._held])

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with Peer(self._answer) as peer:
            self.url = peer.url.rstrip("/")
            self._ready.set()
            await self._stop.wait()

    async def _answer(self, call: Call) -> None:
        self.calls.append(call)
        if self._answers:
            self._last = self._answers.popleft()
        for step in self._last:
            await self._step(call, step)

    async def _step(self, call: Call, step: Any) -> None:
        if isinstance(step, bytes):
            await call.write(step)
        elif isinstance(step, float):
            await asyncio.sleep(step)
        elif step == RESET:
            call.reset()
        elif step == CLOSE:
            call.close()
        elif step in (HOLD, WAIT):
            held = asyncio.ensure_future(call.gone.wait())
            self._held.add(held)
            try:
                await held
                self.gone += 1
            except asyncio.CancelledError:
                if not held.cancelled():
                    raise
            finally:
                self._held.discard(held)
            if step == HOLD:
                call.close()
