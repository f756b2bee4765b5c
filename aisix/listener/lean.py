"""Tornado's Application and RequestHandler with fewer steps between a request and its handler.

    LeanApplication   URLs that are no pattern are looked up
    LeanHandler       a RequestHandler whose response begins with few, cheap headers, and whose
                      exchange ends whatever goes wrong

Works the same over both listeners. A handler's coroutine is a task, begun by Tornado.

Must never know: what is served.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
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

from aisix import log
from aisix.listener.heads import Headers, canonical, date

HOST = re.compile(r"[A-Za-z0-9\-._~!$&'()*+;=%\[\]:]*")

BODILESS = frozenset({*range(100, 200), 204, 304})
LOOKING = frozenset({"GET", "HEAD"})  # these may be answered with 304, or without the body
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
Handlers = dict[str, tuple[type[RequestHandler], dict[str, Any]]]


class LeanApplication(Application):
    """`handlers` by URL path; whatever is not there goes through Tornado's `rules`."""

    def __init__(self, handlers: Handlers, rules: list[Any], **settings: Any) -> None:
        super().__init__(rules, **settings)
        self.handlers = handlers

    def start_request(
        self, server_conn: object, request_conn: HTTPConnection
    ) -> HTTPMessageDelegate:
        return Arrival(self, server_conn, request_conn)


class LeanHandler(RequestHandler):
    """See the module. It knows no templates, so nothing is made ready for them."""

    left = False  # the caller went away
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
        start = ResponseStartLine("", self._status_code, self._reason)
        written = connection.write_headers(start, headers, chunk)
        self._headers_written = True
        connection.set_close_callback(None)  # type: ignore[attr-defined]
        connection.finish()
        self.application.log_request(self)
        self._finished = True
        self.on_finish()
        return written

    def flush(self, include_footers: bool = False) -> asyncio.Future[None]:
        """Tornado's; a head that cannot be written has not been written, and an error can be."""
        headed = self._headers_written
        try:
            return super().flush(include_footers)
        except Exception:
            self._headers_written = headed
            raise

    @classmethod
    def methods(cls) -> list[str]:
        """Those it answers."""
        names = {method: method.lower() for method in METHODS}
        return [m for m, n in names.items() if getattr(cls, n) is not getattr(RequestHandler, n)]

    def said(self, name: str) -> str | None:
        """A header of the answer, as it is now."""
        return self._headers.get(name)

    @property
    def headed(self) -> bool:
        """Whether the head of the answer has gone out."""
        return self._headers_written

    def on_connection_close(self) -> None:
        self.left = True
        super().on_connection_close()

    # ------------------------------------------------------------------ ends that were not planned
    def crashed(self, error: BaseException) -> None:
        """Our own mistake, raised where Tornado does not look. It is logged and the exchange ends:
        with a 500 if nothing has gone out, else with the connection. What the request held is
        given back. Never raises; once the answer is complete it only logs."""
        self._told(error)
        if not self._finished:
            self.send_error(500, exc_info=(type(error), error, error.__traceback__))

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        """Tornado's; if there can be no answer at all, the connection closes."""
        if not self._headers_written:
            self.each(lambda: super(LeanHandler, self).send_error(status_code, **kwargs))
        if not self._finished:
            self._finished = True
            self.each(self.hang_up, self.on_finish)

    def hang_up(self) -> None:
        """Close the caller's connection, whatever is on its way to it."""
        self.request.connection.stream.close()  # type: ignore[union-attr]

    def each(self, *steps: Callable[[], None]) -> None:
        """Take every step, whatever the ones before it raise: nothing is kept that must be given
        back."""
        for step in steps:
            try:
                step()
            except Exception as error:
                self._told(error)

    def _told(self, error: BaseException) -> None:
        try:
            self.log_exception(type(error), error, error.__traceback__)
        except Exception:
            log.bug("-", error)


class Arrival(HTTPMessageDelegate):
    """A request whose head has come: it finds its handler, and hands on to it."""

    def __init__(self, app: LeanApplication, server: object, connection: HTTPConnection) -> None:
        self._app = app
        self._server = server
        self._connection = connection
        self._to: HTTPMessageDelegate | None = None

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        assert isinstance(start_line, RequestStartLine)
        app = self._app
        request = LeanRequest(start_line, headers, self._connection, self._server)
        found = app.handlers.get(request.path)
        if found is None:
            to = app.find_handler(request)
        else:
            to = app.get_handler_delegate(request, *found)
        prepared = to.headers_received(start_line, headers)
        self._to = to
        return prepared

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        assert self._to is not None
        return self._to.data_received(chunk)

    def finish(self) -> None:
        assert self._to is not None
        self._to.finish()

    def on_connection_close(self) -> None:
        if self._to is not None:  # else no handler could be made
            self._to.on_connection_close()


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
