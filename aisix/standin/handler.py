"""What the handlers of the stand-in share: what it has seen, exact answers, streams, refusals."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from tornado.iostream import StreamClosedError
from tornado.web import RequestHandler

STATUS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
KEPT = 1000  # requests remembered


@dataclass(frozen=True, slots=True)
class Received:
    path: str
    headers: dict[str, str] = field(repr=False)
    body: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class Scripted:
    """An exact answer. pieces: bytes, or seconds to wait; cut: end without an end."""

    pieces: tuple[bytes | float, ...] = ()
    status: int = 200
    headers: tuple[tuple[str, str], ...] = (("content-type", "text/event-stream"),)
    cut: bool = False


class Record:
    """What a stand-in has been asked and has said, and what it is to say next.

    With `check=False` it takes any body.
    """

    def __init__(self, check: bool = True) -> None:
        self.check = check
        self.received: deque[Received] = deque(maxlen=KEPT)
        self.counted: deque[Received] = deque(maxlen=KEPT)  # requests whose tokens were counted
        self.passed: deque[Any] = deque(maxlen=KEPT)  # those beside chats; see neighbour_handler.py
        self.sent: deque[bytes] = deque(maxlen=KEPT)  # the last whole answers
        self.closed = 0  # callers who left before the end
        self.number = 0
        self._scripts: deque[Scripted] = deque()

    def script(self, *answers: Scripted) -> None:
        self._scripts.extend(answers)

    def next_script(self) -> Scripted | None:
        return self._scripts.popleft() if self._scripts else None


class StandinHandler(RequestHandler):
    standin: Record

    def initialize(self, standin: Record) -> None:
        self.standin = standin
        standin.number += 1
        self.number = standin.number
        self.set_header("Request-Id", f"req_standin{self.number:08d}")
        self.set_header("Anthropic-Organization-Id", "org_standin")

    def on_connection_close(self) -> None:
        self.standin.closed += 1

    def refuse(self, status: int, message: str, kind: str | None = None) -> None:
        self.set_status(status, "Unknown" if status == 529 else None)
        self.set_header("Content-Type", "application/json")
        kind = kind or STATUS.get(status, "api_error")
        error = {"type": kind, "message": message}
        request_id = f"req_standin{self.number:08d}"
        self.finish(json.dumps({"type": "error", "error": error, "request_id": request_id}))

    async def stream(
        self, pieces: Iterable[bytes | None], pace: Callable[[], Awaitable[None]]
    ) -> None:
        """A stream of events, with a wait after each."""
        self.set_header("Content-Type", "text/event-stream; charset=utf-8")
        self.set_header("Cache-Control", "no-cache")
        try:
            for piece in pieces:
                if piece is None:
                    await self.cut()
                    return
                self.write(piece)
                await self.flush()
                await pace()
            self.finish()
        except StreamClosedError:
            return  # counted in on_connection_close

    async def as_scripted(self, scripted: Scripted) -> None:
        self.set_status(scripted.status, "Scripted")
        for name, value in scripted.headers:
            self.set_header(name, value)
        try:
            for piece in scripted.pieces:
                if isinstance(piece, float):
                    await asyncio.sleep(piece)
                    continue
                self.write(piece)
                await self.flush()
            if scripted.cut:
                await self.flush()
                await self.cut()
            else:
                self.finish()
        except StreamClosedError:
            return

    async def cut(self) -> None:
        await self.flush()
        self.request.connection.stream.close()  # type: ignore[union-attr]
