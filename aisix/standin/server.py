"""The stand-in on a socket: authentication, checks, errors, pace, faults; real HTTP and SSE.

    standin = Standin()                 # its own thread, an ephemeral port on loopback
    standin.start(); standin.url        # "http://127.0.0.1:PORT"
    standin.received                    # the last requests: Received(path, headers, body)
    standin.sent                        # the last whole answers, bytes
    standin.script(Scripted(...))       # exactly this is the next answer
    standin.stop()

Words for faults (in the last user text, like those of answers.py): status-N, overloaded,
retry-after-N, stream-error, error-first, cut, garbage, html, json-instead-of-sse, slow-N (ms
between events), first-N (ms before the first byte), unknown-event, no-stop, crlf.
"""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from aisix.standin import answers, neighbours, stream
from aisix.standin.chat_handler import StandinChatHandler
from aisix.standin.counting import StandinCountHandler
from aisix.standin.handler import Received, Record, StandinHandler
from aisix.standin.neighbour_handler import NeighbourHandler
from aisix.standin.rules import VERSIONS, complaints


class Standin(Record):
    """The strict upstream on loopback; `start` and `stop`, or `run` on a loop of one's own."""

    def __init__(self, port: int = 0, host: str = "127.0.0.1", check: bool = True) -> None:
        super().__init__(check)
        self._sockets = bind_sockets(port, host)
        self.port = int(self._sockets[0].getsockname()[1])
        self.url = f"http://{host}:{self.port}"
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread: threading.Thread | None = None

    def app(self) -> Application:
        mine = {"standin": self}
        return Application(
            [
                (r"/v1/messages", MessagesHandler, mine),
                (r"/v1/messages/count_tokens", StandinCountHandler, mine),
                (r"/(?:v1|v1beta/x)/chat/completions", StandinChatHandler, mine),
                (rf"/(?:v1|v1beta/x)/({'|'.join(neighbours.answers)})", NeighbourHandler, mine),
            ],
            default_handler_class=MissingHandler,
            default_handler_args=mine,
            log_function=lambda handler: None,
        )

    def start(self) -> Standin:
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self.run(ready)), daemon=True)
        self._thread.start()
        ready.wait(10)
        return self

    def stop(self) -> None:
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        if self._thread is not None:
            self._thread.join(10)

    async def run(self, ready: threading.Event | None = None) -> None:
        """Serve until `stop`."""
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        server = HTTPServer(self.app(), max_body_size=64 << 20, max_buffer_size=128 << 20)
        server.add_sockets(self._sockets)
        if ready is not None:
            ready.set()
        await self._stop.wait()
        server.stop()
        await server.close_all_connections()


class MissingHandler(StandinHandler):
    def prepare(self) -> None:
        self.refuse(404, "Not Found")


class MessagesHandler(StandinHandler):
    async def post(self) -> None:
        headers = {name.lower(): value for name, value in self.request.headers.get_all()}
        try:
            body = json.loads(self.request.body)
        except ValueError:
            body = None
        self.standin.received.append(Received(self.request.path, headers, body))
        scripted = self.standin.next_script()
        if scripted is not None:
            await self.as_scripted(scripted)
        elif self._checked(headers, body):
            await self._answer(body)

    def _checked(self, headers: dict[str, str], body: Any) -> bool:
        version = headers.get("anthropic-version", "")
        betas = frozenset(filter(None, headers.get("anthropic-beta", "").split(",")))
        if not headers.get("x-api-key") and not headers.get("authorization"):
            self.refuse(401, "x-api-key header is required")
        elif version not in VERSIONS:
            self.refuse(400, "anthropic-version: header is required")
        elif not headers.get("content-type", "").startswith("application/json"):
            self.refuse(400, "content-type: must be application/json")
        elif body is None:
            self.refuse(400, "The request body is not valid JSON")
        elif self.standin.check and (wrong := complaints(body, version=version, betas=betas)):
            not_found = wrong[0].startswith("model: ")
            self.refuse(404 if not_found else 400, wrong[0])
        else:
            return True
        return False

    async def _answer(self, body: dict[str, Any]) -> None:
        words = answers.words_of(body)
        numbers = {
            name: int(number)
            for word in words
            for name, _, number in [word.rpartition("-")]
            if number.isdigit()
        }
        await asyncio.sleep(numbers.get("first", 0) / 1000)
        if "retry-after" in numbers:
            self.set_header("Retry-After", str(numbers["retry-after"]))
        if "status" in numbers:
            self.refuse(numbers["status"], "The stand-in was asked for this error.")
        elif "overloaded" in words:
            self.refuse(529, "Overloaded")
        elif "html" in words:
            self.set_status(502)
            self.set_header("Content-Type", "text/html")
            self.finish("<html><body><h1>502 Bad Gateway</h1></body></html>")
        elif body.get("stream") and "json-instead-of-sse" not in words:
            message = answers.answer(body, self.number)
            pieces = _spoilt(list(stream.events(message)), words)
            self.standin.sent.append(b"".join(piece or b"" for piece in pieces))
            gap = numbers.get("slow", 0) / 1000
            await self.stream(pieces, lambda: asyncio.sleep(gap))
        elif "cut" in words:
            self.set_header("Content-Length", "1000")
            self.write(b'{"id": "msg_cut", ')
            await self.cut()
        elif "garbage" in words:
            self.set_header("Content-Type", "application/json")
            self.finish(b"\xff\xfe not json {")
        else:
            self.set_header("Content-Type", "application/json")
            whole = json.dumps(answers.answer(body, self.number)).encode()
            self.standin.sent.append(whole)
            self.finish(whole)


def _spoilt(pieces: list[bytes], words: list[str]) -> list[bytes | None]:
    """The events with the faults that were asked for; None: cut here."""
    out: list[bytes | None] = list(pieces)
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    if "error-first" in words:
        return [stream.event(error)]
    if "stream-error" in words:
        return [*out[:5], stream.event(error)]
    if "cut" in words:
        return [*out[:5], None]
    if "garbage" in words:
        return [*out[:5], b"event: content_block_delta\ndata: {not json\n\n"]
    if "no-stop" in words:
        return list(out[:-2])
    if "unknown-event" in words:
        out.insert(2, stream.event({"type": "event_from_the_future", "x": 1}))
    if "crlf" in words:
        out = [p.replace(b"\n", b"\r\n") if p is not None else None for p in out]
    return out
