"""Requests read from bytes: llhttp, fed so that no piece holds bytes of two messages.

    reader = Reader(limits)
    at = reader.feed(data, at)          # as far as one piece goes; raises Bad
    reader.headed, reader.head()        # then the head
    reader.body()                       # what has come of the body since
    reader.complete                     # the request has been read to its end; feed no more
    reader.fresh()                      # on to the next one

A head and a chunked body both end with an empty line, so a piece ends after each empty line; a body
with a length ends where its length says. The parser's callbacks only collect.

Anything that could be read in two ways is refused with 400: two lengths, a length beside chunks,
a transfer coding that does not end in chunks, folded lines, bare CR or LF, control characters,
white space before a colon (most of it by llhttp itself).

Must never know: a socket, a handler.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from tornado.httputil import HTTPHeaders, RequestStartLine

from aisix.listener.heads import Headers, Pairs, request_headers
from aisix.listener.limits import ListenerLimits
from aisix.listener.refusals import Bad

END = b"\r\n\r\n"
SPREAD = 16  # bytes of chunk framing allowed for each byte of a body
FRAMING = 64 << 10  # and beside those
# What a client writes that takes us for its proxy; every server must take it (RFC 9112, 3.2.2).
_ABSOLUTE = re.compile(r"^https?://[^/?#]+/?", re.IGNORECASE)
# Whose end is told by chunks, and which only lack somebody who undoes them (RFC 9112, 6.1 and 7).
_CODINGS = re.compile(r"(((x-)?(gzip|compress)|deflate)[ \t]*,[ \t]*)+chunked")


@dataclass(slots=True)
class Head:
    """keep: whether the connection may be used again; expecting: a 100 before the body."""

    start: RequestStartLine
    headers: HTTPHeaders
    keep: bool
    expecting: bool


class Reader:
    """Bytes of one connection -> heads and bodies of its requests; `Bad` for what is no request.

    `length`: bytes of the body still to come; None: not known, or no body.
    """

    __slots__ = (
        "_got",
        "_headers",
        "_keep",
        "_limits",
        "_pairs",
        "_parser",
        "_pieces",
        "_tail",
        "_url",
        "complete",
        "headed",
        "length",
        "read",
    )

    def __init__(self, limits: ListenerLimits) -> None:
        self._limits = limits
        self._parser = HttpRequestParser(self)
        self.fresh()

    def fresh(self) -> None:
        """Begin with the next request."""
        self._url = b""
        self._pairs: Pairs = []
        self._headers: HTTPHeaders | None = None
        self._pieces: list[bytes] = []
        self._tail = b""  # of the piece before, when an empty line may have been cut
        self._got = 0  # bytes of the body without its framing
        self.read = 0  # bytes of the head, then of the body as it came
        self.length: int | None = None
        self.headed = self.complete = self._keep = False

    def close(self) -> None:
        """Let go of the parser, which holds us."""
        del self._parser

    def feed(self, data: bytes, at: int) -> int:
        """Read one piece of `data` from `at`; where it ended."""
        if not self.headed and not self.read:
            while at < len(data) and data[at] in b"\r\n":  # left over by the request before
                at += 1
            if at == len(data):
                return at
        if self.length is not None:
            end = min(len(data), at + self.length)
            self.length -= end - at
        else:
            end = self._piece_end(data, at)
        self.read += end - at
        headed = self.headed
        if not headed and self.read > self._limits.head:
            long = self._long_line(data, at)
            with suppress(HttpParserError):  # as much as tells whose it is
                self._parser.feed_data(memoryview(data)[at : min(end, at + self._limits.line)])
            raise Bad("url_too_long" if long else "head_too_large")
        try:
            self._parser.feed_data(memoryview(data)[at:end])
        except HttpParserUpgrade:
            self._stay()
        except HttpParserError as error:
            version = "HTTP version" in str(error)
            raise Bad("unsupported_version" if version else "bad_request") from None
        if headed:
            self._check_body()
        elif len(self._url) > self._limits.line:
            raise Bad("url_too_long")
        return end

    def _long_line(self, data: bytes, at: int) -> bool:
        line = self._limits.line
        return len(self._url) > line or not (self._pairs or b"\r\n" in data[at : at + line])

    def head(self) -> Head:
        """The head, checked; from here on the body is read."""
        parser = self._parser
        version = parser.get_http_version()
        if version not in ("1.1", "1.0"):
            raise Bad("unsupported_version")
        if len(self._pairs) > self._limits.headers:
            raise Bad("head_too_large")
        self._headers = headers = request_headers(self._pairs)
        self._pairs = []
        self.read = 0
        told = headers._as_list
        if "Content-Length" in told:
            self.length = int(headers["Content-Length"])
        if "Transfer-Encoding" in told:
            coding = headers["Transfer-Encoding"].lower()
            if coding != "chunked" or version == "1.0":
                lacking = version == "1.1" and _CODINGS.fullmatch(coding)
                raise Bad("unsupported_coding" if lacking else "bad_request")
        expecting = "Expect" in told and version == "1.1"
        if expecting and headers["Expect"].lower() != "100-continue":
            raise Bad("bad_expectation")
        return Head(
            RequestStartLine(*self._target(), f"HTTP/{version}"),
            headers,
            self._keep,
            expecting and not self.complete,
        )

    def seen(self) -> tuple[str, str, HTTPHeaders]:
        """Method, path and headers of what is being refused, as far as they were read."""
        if not self._url:
            return "", "", Headers()
        method, url = self._target()
        headers = self._headers or request_headers(self._pairs[: self._limits.headers])
        return method, url.partition("?")[0], headers

    def _target(self) -> tuple[str, str]:
        method, url = self._parser.get_method().decode("latin-1"), self._url.decode("latin-1")
        if not url.startswith(("/", "*")):
            url = _ABSOLUTE.sub("/", url)
        return method, url

    def body(self) -> bytes:
        """What has come of it and not been taken yet."""
        pieces = self._pieces
        if not pieces:
            return b""
        self._pieces = []
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    # ------------------------------------------------------------------ called by llhttp
    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._pairs.append((name, value))

    def on_headers_complete(self) -> None:
        self.headed = True
        self._keep = self._parser.should_keep_alive()  # it forgets with the end of the message

    def on_body(self, body: bytes) -> None:
        self._pieces.append(body)
        self._got += len(body)

    def on_message_complete(self) -> None:
        self.complete = True

    # ------------------------------------------------------------------ steps
    def _piece_end(self, data: bytes, at: int) -> int:
        """Where the next piece ends: after an empty line, or with what there is."""
        tail = self._tail
        if tail:
            cut = (tail + data[at : at + 3]).find(END)
            if cut >= 0:
                self._tail = b""
                return at + cut + 4 - len(tail)
        found = data.find(END, at)
        if found >= 0:
            self._tail = b""
            return found + 4
        self._tail = (tail + data[at:])[-3:] if len(data) - at < 3 else data[-3:]
        return len(data)

    def _check_body(self) -> None:
        if self.length is None:
            self._pairs = []  # trailers: nobody wants them
            if self.read > FRAMING + SPREAD * self._got:
                raise Bad("bad_request")

    def _stay(self) -> None:
        """The caller offered another protocol; we go on with this one, as if it had not."""
        framing = [
            name + b":" + value + b"\r\n"
            for name, value in self._pairs
            if name.lower() in (b"content-length", b"transfer-encoding")
        ]
        method, version = self._parser.get_method(), self._parser.get_http_version()
        if method == b"CONNECT":
            raise Bad("bad_request")
        if not framing:
            return
        # llhttp has left out the body: have it begin that again.
        if not self._keep:
            framing.append(b"Connection: close\r\n")
        head = b"%b / HTTP/%b\r\n%b\r\n" % (method, version.encode(), b"".join(framing))
        pairs, url = self._pairs, self._url
        self._pairs = []
        self.complete = False
        self._parser = HttpRequestParser(self)
        self._parser.feed_data(head)
        self._pairs, self._url = pairs, url
