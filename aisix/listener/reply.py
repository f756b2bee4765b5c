"""The answer to one request, as Tornado's RequestHandler writes it.

A Reply belongs to one request and is dead when that is over: a handler that writes late writes into
nothing, never into the next answer on the connection. What write_headers, write and flush return is
done as soon as the connection would take more; while the caller reads too slowly it is pending.

Must never know: the parser, how a connection is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPOutputError,
    RequestStartLine,
    ResponseStartLine,
)

from aisix.listener.heads import response_head

Done = asyncio.Future[None]


class ReplyConnection(Protocol):
    """What a reply asks of its connection."""

    @property
    def context(self) -> object: ...
    def send(self, data: bytes) -> Done: ...
    def lost(self) -> Done: ...
    def must_close(self, reply: Reply) -> bool: ...
    def answered(self, reply: Reply) -> None: ...
    def close(self) -> None: ...
    def limit_body(self, size: int) -> None: ...
    def limit_body_time(self, secs: float) -> None: ...


class Reply(HTTPConnection):
    """Writes the answer of one request; HTTPOutputError for more or less of a body than was said.

    `keep`: whether the caller may use the connection again.
    """

    def __init__(self, line: ReplyConnection, method: str, version: str, keep: bool) -> None:
        self.context = line.context
        self.stream = line  # handlers hang up with stream.close()
        self.keep = keep
        self.begun = False  # the head has been written
        self.over = False  # finished, or the caller is gone
        self.on_close: Callable[[], None] | None = None
        self._line = line
        self._no_body = method == "HEAD"
        self._old = version == "HTTP/1.0"
        self._chunked = False
        self._left: int | None = None  # bytes of the body still to come, when it has a length

    # ------------------------------------------------------------------ tornado.httputil
    def write_headers(
        self,
        start_line: RequestStartLine | ResponseStartLine,
        headers: HTTPHeaders,
        chunk: bytes | None = None,
    ) -> Done:
        if self.over:
            return self._line.lost()
        assert isinstance(start_line, ResponseStartLine)
        code = start_line.code
        if self._no_body or code in (204, 304) or code < 200:
            self._no_body = True
            self._left = 0
        elif "Content-Length" in headers:
            self._left = int(headers["Content-Length"])
        elif self._old:
            self.keep = False  # the end of the connection is the end of the body
        else:
            self._chunked = True
        told = headers.get("Connection", "").lower()
        if told == "close" or self._line.must_close(self):
            self.keep = False
        more: list[str] = []
        if self._chunked and "Transfer-Encoding" not in headers:
            more.append("Transfer-Encoding: chunked\r\n")
        if told == "":
            if not self.keep:
                more.append("Connection: close\r\n")
            elif self._old:
                more.append("Connection: keep-alive\r\n")
        data = response_head(code, start_line.reason, headers, *more)
        self.begun = True
        return self._line.send(data + self._framed(chunk) if chunk else data)

    def write(self, chunk: bytes) -> Done:
        if self.over:
            return self._line.lost()
        if not self.begun:
            self._line.close()
            raise HTTPOutputError("a body without a head")
        return self._line.send(self._framed(chunk))

    def finish(self) -> None:
        if self.over:
            return
        if not self.begun:
            self._line.close()
            raise HTTPOutputError("an end without a head")
        if self._left:
            self._line.close()
            raise HTTPOutputError(f"{self._left} bytes less written than Content-Length says")
        if self._chunked:
            self._line.send(b"0\r\n\r\n")
        self.over = True
        self.on_close = None
        self._line.answered(self)

    # ------------------------------------------------------------------ more that handlers use
    def set_close_callback(self, callback: Callable[[], None] | None) -> None:
        """Called when the caller leaves between the end of the request and that of the answer."""
        self.on_close = callback

    def set_max_body_size(self, size: int) -> None:
        self._line.limit_body(size)

    def set_body_timeout(self, secs: float) -> None:
        self._line.limit_body_time(secs)

    def detach(self) -> None:
        raise NotImplementedError("this connection speaks HTTP/1 only")

    def _framed(self, chunk: bytes) -> bytes:
        if self._left is not None:
            if self._no_body:
                return b""
            self._left -= len(chunk)
            if self._left < 0:
                self._line.close()
                raise HTTPOutputError("more bytes written than Content-Length says")
        # An empty chunk would be the end of the body.
        return b"%x\r\n%b\r\n" % (len(chunk), chunk) if self._chunked and chunk else chunk
