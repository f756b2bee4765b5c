"""Handlers made for the tests of the listeners: what each request was, and who was told what."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tornado.iostream import StreamClosedError
from tornado.web import Application, RequestHandler, stream_request_body

from aisix.listener.application import ListenerApplication, ListenerHandler
from aisix.listener.refusals import STATUS, RefusedRequest, Shown


class Notes:
    """What the handlers saw."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.bodies: list[bytes] = []
        self.left: list[str] = []
        self.refused: list[RefusedRequest] = []
        self.flushed = 0
        self.go = asyncio.Event()

    def refuse(self, refusal: RefusedRequest) -> Shown:
        """What the listener asks for an answer to what was no request."""
        self.refused.append(refusal)
        body = json.dumps({"kind": refusal.kind}).encode()
        return STATUS[refusal.kind], {"X-Request-Id": f"id-{len(self.refused)}"}, body


class Base(RequestHandler):
    notes: Notes

    def initialize(self, notes: Notes) -> None:
        self.notes = notes
        notes.requests.append(f"{self.request.method} {self.request.uri}")

    def on_connection_close(self) -> None:
        self.notes.left.append(self.request.path)
        super().on_connection_close()

    def compute_etag(self) -> None:
        return None


@stream_request_body
class Echo(Base):
    """Answers with what it was sent; the body as it came in."""

    def prepare(self) -> None:
        self.body = b""

    def data_received(self, chunk: bytes) -> None:
        self.body += chunk

    def post(self) -> None:
        self.notes.bodies.append(self.body)
        self.write(
            json.dumps(
                {
                    "body": self.body.decode("latin-1"),
                    "headers": list(self.request.headers.get_all()),
                    "remote": self.request.remote_ip,
                    "protocol": self.request.protocol,
                }
            )
        )

    put = get = head = delete = post


class Whole(Base):
    """The same, with the body read by Tornado itself."""

    def post(self) -> None:
        self.notes.bodies.append(self.request.body)
        self.write({"body": self.request.body.decode("latin-1")})


@stream_request_body
class Held(Echo):
    """Takes its time before it wants the body, and after each piece of it."""

    async def prepare(self) -> None:  # type: ignore[override]
        super().prepare()
        await asyncio.sleep(0.02)

    async def data_received(self, chunk: bytes) -> None:  # type: ignore[override]
        await asyncio.sleep(0.001)
        super().data_received(chunk)


@stream_request_body
class Early(Base):
    """Refuses before it has read the body."""

    def prepare(self) -> None:
        self.set_status(401)
        self.finish("no")

    def data_received(self, chunk: bytes) -> None:
        raise AssertionError("nobody wants this")


@stream_request_body
class Small(Echo):
    """With a limit of its own."""

    def prepare(self) -> None:
        super().prepare()
        self.request.connection.set_max_body_size(10)


class Slow(Base):
    """Answers when told to."""

    async def get(self) -> None:
        await self.notes.go.wait()
        self.write("at last")


class Stream(Base):
    """N chunks, each flushed."""

    async def get(self) -> None:
        size, count = int(self.get_argument("size", "10")), int(self.get_argument("count", "5"))
        for _ in range(count):
            self.write(b"x" * size)
            try:
                await self.flush()
            except StreamClosedError:
                self.notes.left.append(self.request.path)
                return
            self.notes.flushed += size


class Status(Base):
    def get(self, code: str) -> None:
        self.set_status(int(code))

    head = get


class Bug(Base):
    def get(self) -> None:
        raise RuntimeError("a bug")

    def log_exception(self, *error: Any) -> None:
        pass


class Promised(Base):
    """Says another length than it writes."""

    async def get(self, length: str) -> None:
        self.set_header("Content-Length", length)
        self.write("12345")
        try:
            self.finish()
        except Exception:
            self.notes.left.append("promise broken")


def make_app(notes: Notes, lean: bool) -> Application:
    """The same handlers in Tornado's Application, or in ours."""
    mine = {"notes": notes}
    plain: dict[str, Any] = {"/echo": Echo, "/early": Early, "/small": Small}
    rules: list[Any] = [
        ("/held", Held, mine),
        ("/whole", Whole, mine),
        ("/slow", Slow, mine),
        ("/stream", Stream, mine),
        ("/status/([0-9]+)", Status, mine),
        ("/bug", Bug, mine),
        ("/promised/([0-9]+)", Promised, mine),
    ]
    more = {"log_function": lambda handler: None}
    if lean:
        table = {path: (_lean(kind), mine) for path, kind in plain.items()}
        return ListenerApplication(table, rules, **more)
    return Application([*((path, kind, mine) for path, kind in plain.items()), *rules], **more)


def _lean(kind: type[RequestHandler]) -> type[ListenerHandler]:
    return type(kind.__name__, (kind, ListenerHandler), {})
