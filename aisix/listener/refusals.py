"""What could not be read as a request: what kind it is, and how that is answered.

    kind    a plain word of ours with a status; whoever serves may say it in its own words

A request that has a handler is refused by it (`Refusable`), for it knows whose it is; before that
the listener asks whom it was given (`Refuse`) for an answer, and that one tells of it too.

Must never know: what is served, what an error looks like.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.client import responses

from tornado.httputil import HTTPHeaders, HTTPMessageDelegate, RequestStartLine

from aisix.listener.heads import Headers, date, header_text, status_line

STATUS = {
    "bad_request": 400,
    "bad_host": 400,
    "request_timeout": 408,
    "too_large": 413,
    "url_too_long": 414,
    "bad_expectation": 417,
    "head_too_large": 431,
    "bug": 500,
    "unsupported_coding": 501,
    "unsupported_version": 505,
}
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

Shown = tuple[int, Mapping[str, str], bytes]  # status, headers, body


class Bad(Exception):
    """The request is refused, by a kind of STATUS, and the connection closed."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class RefusedRequest:
    """Something that has no handler. Of method, path and headers: what had been read of them;
    secs: since its first byte."""

    kind: str
    remote: str
    method: str = ""
    path: str = ""  # without the query
    headers: HTTPHeaders = field(default_factory=Headers)
    secs: float = 0.0


Refuse = Callable[[RefusedRequest], Shown]


class Refusable(HTTPMessageDelegate):
    """A request on its way that can answer for itself. `head`: as it was read, if no handler could
    be made for it."""

    head: tuple[RequestStartLine, HTTPHeaders] | None = None

    def refused(self, kind: str) -> bool:
        """The rest of it cannot be read: answer that. False: there is nobody who could."""
        raise NotImplementedError


def bare(refusal: RefusedRequest) -> Shown:
    """A status and nothing else."""
    return STATUS[refusal.kind], {}, b""


def written(shown: Shown, method: str = "") -> bytes:
    """The whole answer; the connection is to be closed after it.

    >>> written((400, {}, b"")).split(b"\\r\\n")[0]
    b'HTTP/1.1 400 Bad Request'
    """
    status, headers, body = shown
    told: Iterable[tuple[str, str]] = (
        ("Date", date()),
        *headers.items(),
        ("Content-Length", str(len(body))),
        ("Connection", "close"),
    )
    lines = "".join(f"{name}: {header_text(value)}\r\n" for name, value in told)
    head = f"{status_line(status, responses.get(status, 'Unknown'))}{lines}\r\n".encode("latin-1")
    return head if method == "HEAD" else head + body
