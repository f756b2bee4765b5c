"""Tornado's Application and RequestHandler with fewer steps between a request and its handler.

    ListenerApplication   URLs that are no pattern are looked up
    ListenerHandler       a RequestHandler whose response begins with few, cheap headers, and whose
                      exchange ends whatever goes wrong

Works the same over both listeners. `prepare` is called when the head has come, `data_received` with
each piece of the body, the method when all has come; it is a task if it waits.

Must never know: what is served.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Sequence
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
from tornado.web import Application, HTTPError, OutputTransform, RequestHandler

from aisix import log
from aisix.listener.heads import LONGEST_FOREIGN, Headers, canonical, date, header_text
from aisix.listener.refusals import STATUS, Refusable
from aisix.log import CRASHES

HOST = re.compile(r"[A-Za-z0-9\-._~!$&'()*+;=%\[\]:]*")

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
Found = tuple[type["ListenerHandler"], dict[str, Any]]
Handlers = dict[str, Found]


class ListenerApplication(Application):
    """`handlers` by URL path; what is not there `find` may know, or Tornado's `rules`."""

    def __init__(self, handlers: Handlers, rules: list[Any], **settings: Any) -> None:
        super().__init__(rules, **settings)
        self.handlers = handlers

    def find(self, request: HTTPServerRequest) -> Found | None:
        """Who answers a request whose path is none of `handlers`; None: see the rules."""
        return None

    def start_request(
        self, server_conn: object, request_conn: HTTPConnection
    ) -> HTTPMessageDelegate:
        return Arrival(self, server_conn, request_conn)


class ListenerHandler(RequestHandler):
    """A request handler: `prepare` when the head has come, the method when all has; as Tornado's,
    without templates, and without cookies and what protects them. `prepare` and `data_received` do
    not wait; what the method raises becomes the answer, or ends the exchange."""

    left = False  # the caller went away
    _task: asyncio.Task[None] | None = None  # its method, which waits
    answers: Collection[str] = ()  # the same as `methods`, quickly
    _headers_written = _finished = False
    ui: Any = None

    def __init_subclass__(cls) -> None:
        cls.answers = frozenset(cls.methods())

    def __init__(self, application: Application, request: HTTPServerRequest, **more: Any) -> None:
        self.application = application
        self.request = request
        self._transforms = []
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
        elif type(value) is str:
            self._headers[name] = header_text(value)
        elif type(value) is int:
            self._headers[name] = str(value)
        else:
            super().set_header(name, value)

    def set_headers(self, names: Iterable[str], values: Iterable[str]) -> None:
        """Several at once: with every answer each call counts."""
        lines = self._headers._as_list
        for name, value in zip(names, values, strict=True):
            if value.isascii() and value.isprintable():
                lines[canonical(name)] = [value]
            else:
                lines[canonical(name)] = [header_text(value)]

    def set_foreign_header(self, name: str, value: str) -> None:
        """A header made of what an upstream or an operator wrote: such text is cut as well."""
        self._headers._as_list[canonical(name)] = [header_text(value, LONGEST_FOREIGN)]

    def flush(self, include_footers: bool = False) -> asyncio.Future[None]:
        """Tornado's; a head that cannot be written has not been written, and an error can be."""
        headed = self._headers_written
        try:
            return super().flush(include_footers)
        except CRASHES:
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

    def transformed_by(self, transform: OutputTransform) -> None:
        """Have the answer go through it, whatever it will be."""
        self._transforms.append(transform)

    @property
    def headed(self) -> bool:
        """Whether the head of the answer has gone out."""
        return self._headers_written

    def on_connection_close(self) -> None:
        self.left = True

    # ------------------------------------------------------------------ its life
    def begin(self) -> None:
        """The head has come."""
        try:
            self.prepare()
        except CRASHES as error:
            self.raised(error)

    def dispatch(self, args: Sequence[bytes]) -> None:
        """The whole request has come; `args` are for its method, which is a task if it waits."""
        if self._finished:
            return
        method = self.request.method or ""
        try:
            if method not in METHODS:
                raise HTTPError(405)
            decoded = [self.decode_argument(arg) for arg in args]
            result = getattr(self, method.lower())(*decoded)
            if result is None:
                self._answered()
            else:
                self._task = asyncio.get_running_loop().create_task(self._wait(result))
        except CRASHES as error:
            self.raised(error)

    async def _wait(self, result: Coroutine[Any, Any, None]) -> None:
        if self.left or self._finished:
            # Before it could begin: what it took now nobody would give back.
            result.close()
            return
        try:
            await result
            self._answered()
        except CRASHES as error:
            ended = self._finished  # by somebody else, who could not give back what came after
            if not (ended and isinstance(error, asyncio.CancelledError)):
                self.raised(error)
            if ended:
                self.each(self.on_finish)

    def _answered(self) -> None:
        if not self._finished:
            self.finish()

    # ------------------------------------------------------------------ ends that were not planned
    def raised(self, error: BaseException) -> None:
        """Whatever was raised on the request's way, a refusal or a mistake of our own: it is logged
        if `log_exception` wants it, and the exchange ends: with an error if nothing has gone out,
        else with the connection. What the request held is given back. Never raises; once the answer
        is complete it only logs."""
        self._told(error)
        if not self._finished:
            status = error.status_code if isinstance(error, HTTPError) else 500
            self.send_error(status, exc_info=(type(error), error, error.__traceback__))

    def refused(self, kind: str) -> None:
        """What has come of the request is not all of it, and no more of it can be read."""
        self.raised(HTTPError(STATUS[kind]))

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        """Tornado's; if there can be no answer at all, the connection closes."""
        if not self._headers_written:
            self.each(lambda: super(ListenerHandler, self).send_error(status_code, **kwargs))
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
            except CRASHES as error:
                self._told(error)

    def _told(self, error: BaseException) -> None:
        if self._task is not None and self._task.cancelling():
            # What `asyncio.run` does at the end of the process, when there may be no connection
            # any more; nobody else cancels the task of an exchange that has not ended.
            log.often("cut off", "a request was cut off: %s", type(error).__name__)
            return
        try:
            self.log_exception(type(error), error, error.__traceback__)
        except CRASHES:
            log.bug("-", error)


class Arrival(Refusable):
    """A request on its way to its handler."""

    def __init__(
        self, app: ListenerApplication, server: object, connection: HTTPConnection
    ) -> None:
        self._app = app
        self._server = server
        self._connection = connection
        self._handler: ListenerHandler | None = None
        self._args: Sequence[bytes] = ()  # what a URL's pattern says of it
        self._other: HTTPMessageDelegate | None = None  # Tornado's own, for its own handlers

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        assert isinstance(start_line, RequestStartLine)
        try:
            request = ListenerRequest(start_line, headers, self._connection, self._server)
        except HTTPInputError:
            self.head = start_line, headers
            raise
        found = self._app.handlers.get(request.path) or self._app.find(request)
        if found is None:
            other = self._app.find_handler(request)
            if not issubclass(other.handler_class, ListenerHandler):
                prepared = other.headers_received(start_line, headers)
                self._other = other
                return prepared
            found = other.handler_class, other.handler_kwargs
            self._args = other.path_args
        kind, more = found
        self._handler = handler = kind(self._app, request, **more)
        handler.begin()
        return None

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        handler = self._handler
        if handler is not None:
            try:
                return handler.data_received(chunk)
            except CRASHES as error:
                handler.raised(error)
        elif self._other is not None:
            return self._other.data_received(chunk)
        return None

    def refused(self, kind: str) -> bool:
        if self._handler is None:
            return False
        self._handler.refused(kind)
        return True

    def finish(self) -> None:
        if self._handler is not None:
            self._handler.dispatch(self._args)
        elif self._other is not None:
            self._other.finish()

    def on_connection_close(self) -> None:
        if self._handler is not None:
            self._handler.each(self._handler.on_connection_close)
        elif self._other is not None:
            self._other.on_connection_close()


class ListenerRequest(HTTPServerRequest):
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
