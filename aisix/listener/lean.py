"""Tornado's Application and RequestHandler with fewer steps between a request and its handler.

    LeanApplication   URLs that are no pattern are looked up; a handler begins at once
    LeanHandler       a RequestHandler whose response begins with few, cheap headers

A handler's coroutine (Tornado's own RequestHandler._execute) is run from where its request arrives:
`prepare`, and a method whose body came along with the head, cost no turn of the loop. Its first
real wait, mostly its only one, is a callback on the future it waits for; it becomes a task at its
second. Until then there is no current task, so it must not use asyncio.timeout before it has
awaited two futures. Works the same over both listeners.

Must never know: what is served.
"""

from __future__ import annotations

import asyncio
import re
import types
from collections.abc import Awaitable, Coroutine, Generator
from functools import lru_cache
from typing import Any

from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPInputError,
    HTTPMessageDelegate,
    HTTPServerRequest,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.web import Application, RequestHandler

from aisix.listener.heads import Headers, canonical, date

HOST = re.compile(r"[A-Za-z0-9\-._~!$&'()*+;=%\[\]:]*")

BODILESS = frozenset({*range(100, 200), 204, 304})
LOOKING = frozenset({"GET", "HEAD"})  # these may be answered with 304, or without the body
ENDED = object()
Handlers = dict[str, tuple[type[RequestHandler], dict[str, Any]]]


class LeanApplication(Application):
    """`handlers` by URL path; whatever is not there goes through Tornado's `rules`. All handlers
    of both take their body in pieces (stream_request_body)."""

    def __init__(self, handlers: Handlers, rules: list[Any], **settings: Any) -> None:
        super().__init__(rules, **settings)
        self.handlers = handlers

    def start_request(
        self, server_conn: object, request_conn: HTTPConnection
    ) -> HTTPMessageDelegate:
        return Turn(self, server_conn, request_conn)


class LeanHandler(RequestHandler):
    """See the module. It knows no templates, so nothing is made ready for them."""

    _headers_written = _finished = False
    _auto_finish = True
    _prepared_future = None
    ui: Any = None

    def __init__(self, application: Application, request: HTTPServerRequest, **more: Any) -> None:
        self.application = application
        self.request = request
        self.clear()
        request.connection.set_close_callback(self.on_connection_close)  # type: ignore[union-attr]
        self.initialize(**more)

    def clear(self) -> None:
        self._headers = Headers()
        self._headers["Date"] = date()
        self._write_buffer: list[bytes] = []
        self._status_code = 200
        self._reason = "OK"
        self.set_default_headers()

    def set_header(self, name: str, value: Any) -> None:
        if type(value) is str and value.isascii() and value.isprintable():
            self._headers._as_list[canonical(name)] = [value]
        elif type(value) is int:
            self._headers[name] = str(value)
        else:
            super().set_header(name, value)

    def finish(self, chunk: str | bytes | dict[str, Any] | None = None) -> asyncio.Future[None]:
        """Tornado's; a whole answer that needs none of its cares is written right away."""
        headers, connection = self._headers, self.request.connection
        if (
            type(chunk) is not bytes
            or self._headers_written
            or self._finished
            or self._write_buffer
            or self._transforms
            or self._status_code in BODILESS
            or self.request.method in LOOKING
            or "Content-Length" in headers
            or "_new_cookie" in self.__dict__
            or connection is None
        ):
            return super().finish(chunk)
        headers["Content-Length"] = str(len(chunk))
        connection.set_close_callback(None)  # type: ignore[attr-defined]
        self._headers_written = True
        start = ResponseStartLine("", self._status_code, self._reason)
        written = connection.write_headers(start, headers, chunk)
        connection.finish()
        self._log()
        self._finished = True
        self.on_finish()
        return written


class Turn(HTTPMessageDelegate):
    """One request on its way to its handler."""

    def __init__(self, app: LeanApplication, server: object, connection: HTTPConnection) -> None:
        self._app = app
        self._server = server
        self._connection = connection
        self._other: HTTPMessageDelegate | None = None  # Tornado's, for URLs that are patterns
        self._waiting: Coroutine[Any, Any, None] | None = None  # for the body
        self._task: asyncio.Task[None] | None = None

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        assert isinstance(start_line, RequestStartLine)
        request = LeanRequest(start_line, headers, self._connection, self._server)
        found = self._app.handlers.get(request.path)
        if found is None:
            self._other = self._app.find_handler(request)
            return self._other.headers_received(start_line, headers)
        kind, more = found
        self._loop = loop = asyncio.get_running_loop()
        self._body = request._body_future = loop.create_future()
        self._handler = handler = kind(self._app, request, **more)
        prepared: asyncio.Future[None] = loop.create_future()
        handler._prepared_future = prepared  # type: ignore[assignment]
        work = handler._execute([])
        waits = _run(work)
        if waits is self._body and prepared.done():
            self._waiting = work
        else:
            self._go_on(work, waits)
        return None if prepared.done() else prepared

    def _go_on(self, work: Coroutine[Any, Any, None], waits: Any) -> None:
        if waits is ENDED:
            return
        if isinstance(waits, asyncio.Future):
            waits._asyncio_future_blocking = False  # what a task says to it too: somebody waits
            waits.add_done_callback(lambda _: self._again(work, _run(work)))
        else:
            self._again(work, waits)

    def _again(self, work: Coroutine[Any, Any, None], waits: Any) -> None:
        if waits is not ENDED:
            self._task = self._loop.create_task(_rest(work, waits))

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        if self._other is not None:
            return self._other.data_received(chunk)
        return self._handler.data_received(chunk)

    def finish(self) -> None:
        if self._other is not None:
            self._other.finish()
            return
        if not self._body.done():
            self._body.set_result(None)
        work, self._waiting = self._waiting, None
        if work is not None:
            self._go_on(work, _run(work))

    def on_connection_close(self) -> None:
        if self._other is not None:
            self._other.on_connection_close()
            return
        self._handler.on_connection_close()
        work, self._waiting = self._waiting, None
        if work is not None:
            work.close()  # it waited for a body that will not come


def _run(work: Coroutine[Any, Any, None]) -> Any:
    """As far as it goes without waiting; what it then waits for, or ENDED."""
    try:
        return work.send(None)
    except (StopIteration, asyncio.CancelledError):
        return ENDED


@types.coroutine
def _rest(work: Coroutine[Any, Any, None], waits: Any) -> Generator[Any, Any, None]:
    """The rest of it, for a task: `waits` is what the task has to wait for first."""
    try:
        while True:
            try:
                yield waits
            except GeneratorExit:
                work.close()
                raise
            except BaseException as error:
                waits = work.throw(error)
            else:
                waits = work.send(None)
    except StopIteration:
        return


class LeanRequest(HTTPServerRequest):
    """Without a query there is nothing to parse; the checks of the host are Tornado's own."""

    def __init__(
        self,
        start_line: RequestStartLine,
        headers: HTTPHeaders,
        connection: HTTPConnection,
        server_connection: object,
    ) -> None:
        if "?" in start_line.path or start_line.version != "HTTP/1.1":
            super().__init__(
                start_line=start_line,
                headers=headers,
                connection=connection,
                server_connection=server_connection,
            )
            return
        self.method, self.uri, self.version = start_line
        self.path, self.query = start_line.path, ""
        self.headers = headers
        self.body = b""
        self.connection = connection
        self.server_connection = server_connection
        context = connection.context  # type: ignore[attr-defined]
        self.remote_ip, self.protocol = context.remote_ip, context.protocol
        self.host = headers.get("Host") or ""
        self.host_name = _host_name(self.host) if "Host" in headers else _no_host()
        self.files, self.arguments = {}, {}
        self.query_arguments, self.body_arguments = {}, {}


@lru_cache(256)
def _host_name(host: str) -> str:
    """
    >>> _host_name("Example.org:80")
    'example.org'
    """
    if not HOST.fullmatch(host):
        raise HTTPInputError("no host, or several")
    name, colon, port = host.lower().rpartition(":")
    return name if colon and port.isdigit() else host.lower()


def _no_host() -> str:
    raise HTTPInputError("no host")
