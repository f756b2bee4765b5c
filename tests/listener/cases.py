"""What callers send, and what they get: one list for both listeners.

`sent` goes out as it stands (a float waits); `status` are the answers in order, where a set means
any of these and 0 means that the connection is closed without an answer; `handled` is how many
requests a handler saw. `tornado` says what Tornado's own server does where it differs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

HOST = b"Host: x\r\n"
POST = b"POST /echo HTTP/1.1\r\n" + HOST
GET = b"GET /echo HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
NEXT = GET + b"\r\n"


@dataclass(frozen=True)
class Case:
    name: str
    sent: bytes
    status: tuple[Any, ...]
    bodies: tuple[bytes, ...] = ()
    closed: bool = False
    handled: int | None = None
    head: bool = False  # the first request is a HEAD
    tornado: dict[str, Any] | None = None


def length(body: bytes, more: bytes = b"", path: bytes = b"/echo") -> bytes:
    head = b"POST %b HTTP/1.1\r\n%b%bContent-Length: %d\r\n\r\n"
    return head % (path, HOST, more, len(body)) + body


VALID = [
    Case("a body with a length", length(b"hello"), (200,), (b"hello",)),
    Case("an empty body", length(b""), (200,), (b"",)),
    Case("no body at all", POST + b"\r\n", (200,), (b"",)),
    Case("a body of empty lines", length(b"\r\n\r\n\r\n\r\n"), (200,), (b"\r\n\r\n\r\n\r\n",)),
    Case("chunks", CHUNKED + b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", (200,), (b"hello world",)),
    Case("no chunk", CHUNKED + b"0\r\n\r\n", (200,), (b"",)),
    Case(
        "chunks of empty lines",
        CHUNKED + b"4\r\n\r\n\r\n\r\n8\r\n\r\n\r\n\r\n\r\n\r\n0\r\n\r\n",
        (200,),
        (b"\r\n" * 6,),
    ),
    Case(
        "a size in capitals", CHUNKED + b"A\r\n0123456789\r\n00\r\n\r\n", (200,), (b"0123456789",)
    ),
    Case(
        "a chunk extension",
        CHUNKED + b'5;a=b;c="d"\r\nhello\r\n0;e\r\n\r\n',
        (200,),
        (b"hello",),
        tornado={"status": (400,), "bodies": (), "closed": True},
    ),
    Case(
        "trailers",
        CHUNKED + b"5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n" + NEXT,
        (200, 200),
        (b"hello", b""),
        tornado={"status": (400,), "bodies": (), "closed": True},
    ),
    Case("the body read whole", length(b"hello", path=b"/whole"), (200,), (b"hello",)),
    Case("a handler that makes us wait", length(b"hello", path=b"/held"), (200,), (b"hello",)),
    Case(
        "three requests at once",
        length(b"one") + CHUNKED + b"3\r\ntwo\r\n0\r\n\r\n" + length(b"three", path=b"/held"),
        (200, 200, 200),
        (b"one", b"two", b"three"),
    ),
    Case("forty requests at once", NEXT * 40, (200,) * 40, (b"",) * 40),
    Case(
        "a refusal, then another request",
        length(b"nobody reads this", path=b"/early") + NEXT,
        (401, 200),
        (b"",),
        tornado={"status": (401,), "bodies": None, "closed": True},
    ),
    Case("a line left over", b"\r\n" + length(b"one") + b"\r\n" + NEXT, (200, 200), (b"one", b"")),
    Case("close", length(b"a", b"Connection: close\r\n"), (200,), (b"a",), closed=True),
    Case(
        "nothing is read after close",
        length(b"a", b"Connection: close\r\n") + NEXT,
        (200,),
        (b"a",),
        closed=True,
        tornado={"bodies": None},
    ),
    Case("keep-alive, close", length(b"a", b"Connection: CLOSE\r\n"), (200,), (b"a",), closed=True),
    Case(
        "the whole URL, as for a proxy",
        b"POST http://x/echo?a=/b HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\n\r\na"
        b"GET HTTPS://x:1/echo HTTP/1.1\r\n" + HOST + b"\r\n",
        (200, 200),
        (b"a", b""),
        tornado={"status": (404, 404), "bodies": None},
    ),
    Case("http/1.0", b"GET /echo HTTP/1.0\r\n\r\n", (200,), (b"",), closed=True),
    Case(
        "http/1.0 kept",
        b"GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + NEXT,
        (200, 200),
        (b"", b""),
    ),
    Case("http/1.0 stream", b"GET /stream HTTP/1.0\r\n\r\n", (200,), closed=True),
    Case(
        "a stream, and another request",
        b"GET /stream HTTP/1.1\r\n" + HOST + b"\r\n" + NEXT,
        (200, 200),
        (b"",),
    ),
    Case(
        "head",
        b"HEAD /echo HTTP/1.1\r\n" + HOST + b"\r\n" + NEXT,
        (200, 200),
        (b"", b""),
        head=True,
    ),
    Case("204", b"GET /status/204 HTTP/1.1\r\n" + HOST + b"\r\n" + NEXT, (204, 200), (b"",)),
    Case("304", b"GET /status/304 HTTP/1.1\r\n" + HOST + b"\r\n" + NEXT, (304, 200), (b"",)),
    Case("404", b"GET /nothing HTTP/1.1\r\n" + HOST + b"\r\n" + NEXT, (404, 200), (b"",)),
    Case("a method nobody knows here", b"PATCH /echo HTTP/1.1\r\n" + HOST + b"\r\n", (405,)),
    Case("a bug", b"GET /bug HTTP/1.1\r\n" + HOST + b"\r\n" + NEXT, (500, 200), (b"",)),
    Case(
        "an offer to change the protocol is not taken",
        length(
            b"hello",
            b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n",
        )
        + b"POST /echo HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
        + b"Transfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n"
        + b"GET /echo HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
        + NEXT,
        (200, 200, 200, 200),
        (b"hello", b"two", b"", b""),
    ),
    Case(
        "expect, with the body at once",
        length(b"hello", b"Expect: 100-continue\r\n"),
        ({100, 200}, 200),
        (b"hello",),
    ),
    Case("a header twice", length(b"a", b"A: 1\r\nB: 2\r\na: 3\r\n"), (200,), (b"a",)),
    Case("a header of high bytes", length(b"a", b"A: \xe9\xff\r\n"), (200,), (b"a",)),
    Case("a tab around a length", POST + b"Content-Length:\t2 \r\n\r\nab", (200,), (b"ab",)),
    Case(
        "a long header that is fine", length(b"a", b"A: %b\r\n" % (b"x" * 30_000)), (200,), (b"a",)
    ),
    Case("a large body", length(b"x" * 300_000), (200,), (b"x" * 300_000,)),
    Case(
        "a large body in chunks",
        CHUNKED + b"3e8\r\n" + b"\r\n3e8\r\n".join([b"x" * 1000] * 200) + b"\r\n0\r\n\r\n",
        (200,),
        (b"x" * 200_000,),
    ),
]


def refused(name: str, sent: bytes, status: Any = 400, **more: Any) -> Case:
    """What follows on the connection must not be read as a request."""
    return Case(name, sent + NEXT, (status,), closed=True, handled=0, **more)


def broken(name: str, sent: bytes, status: Any = 400) -> Case:
    """The same for a body: a handler is there, but never gets all of it."""
    return Case(name, sent + NEXT, (status,), closed=True, handled=1)


EITHER = {400, 0}
LENIENT = {"status": (200, 200), "closed": False, "handled": 2, "bodies": None}
UNKNOWN = {"status": ({404, 405, 0},), "closed": False, "handled": None, "bodies": None}

HOSTILE = [
    refused(
        "two lengths",
        POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nab",
        tornado={"handled": 1},
    ),
    refused("two lengths in one", POST + b"Content-Length: 2, 3\r\n\r\nab", tornado={"handled": 1}),
    refused(
        "one length twice",
        POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nab",
        tornado=LENIENT,
    ),
    refused(
        "length and chunks",
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        tornado={"handled": 1},
    ),
    refused(
        "chunks and length",
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        tornado={"handled": 1},
    ),
    *(
        refused(
            f"a length of {text!r}",
            POST + b"Content-Length: " + text + b"\r\n\r\nab",
            tornado={"handled": 1},
        )
        for text in (b"+2", b"-2", b"0x2", b"2 2", b"2a", b"", b"1_0", b"\xb2")
    ),
    refused(
        "a length beyond all bounds",
        POST + b"Content-Length: 99999999999999999999999\r\n\r\nab",
        tornado={"handled": 1},
    ),
    *(
        refused(
            f"a coding of {text!r}",
            POST + b"Transfer-Encoding: " + text + b"\r\n\r\n0\r\n\r\n",
            tornado={"handled": 1},
        )
        for text in (
            b"gzip",
            b"chunked, identity",
            b"identity",
            b"xchunked",
            b"chunked chunked",
            b"chunked;q=1",
        )
    ),
    refused(
        "a coding nobody undoes here",
        POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        501,
        tornado={"status": (400,), "handled": 1},
    ),
    refused(
        "a coding with a control character",
        POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    ),
    refused(
        "chunked twice",
        POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        tornado={"handled": 1},
    ),
    refused(
        "chunks in http/1.0",
        b"POST /echo HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        tornado=LENIENT,
    ),
    refused("white space before the colon", POST + b"Content-Length : 2\r\n\r\nab"),
    refused("a folded line", POST + b"A: b\r\n c\r\n\r\n"),
    refused("a folded first line", b"POST /echo HTTP/1.1\r\n Host: x\r\n\r\n"),
    refused("a bare LF between headers", POST + b"A: b\nC: d\r\n\r\n", tornado=LENIENT),
    refused(
        "a bare LF after the request line", b"GET /echo HTTP/1.1\nHost: x\r\n\r\n", tornado=LENIENT
    ),
    refused(
        "a head that ends with bare LFs", b"GET /echo HTTP/1.1\r\nHost: x\n\n", tornado=LENIENT
    ),
    refused("a bare CR", POST + b"A: b\rC: d\r\n\r\n"),
    refused("a NUL in a value", POST + b"A: b\0c\r\n\r\n"),
    refused("a NUL in a name", POST + b"A\0: b\r\n\r\n"),
    refused("a control character in a value", POST + b"A: b\x01c\r\n\r\n"),
    refused("no name", POST + b": b\r\n\r\n"),
    refused("no colon", POST + b"abc\r\n\r\n"),
    refused("a name with a space", POST + b"A B: c\r\n\r\n"),
    refused("no host", b"GET /echo HTTP/1.1\r\nA: b\r\n\r\n"),
    refused("two hosts", GET + b"Host: y\r\n\r\n"),
    refused("a host that is none", b"GET /echo HTTP/1.1\r\nHost: x/y z\r\n\r\n"),
    refused("http/0.9", b"GET /echo HTTP/0.9\r\n\r\n", {400, 505}),
    refused("no version", b"GET /echo\r\n\r\n", {400, 505}),
    refused("http/2", b"GET /echo HTTP/2.0\r\n" + HOST + b"\r\n", {400, 505}),
    refused("http/2 at once", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    refused("http/1.10", b"GET /echo HTTP/1.10\r\n" + HOST + b"\r\n", {400, 505}),
    refused(
        "a method in small letters",
        b"get /echo HTTP/1.1\r\n" + HOST + b"\r\n",
        tornado=UNKNOWN,
    ),
    refused("a space in the url", b"GET /ec ho HTTP/1.1\r\n" + HOST + b"\r\n"),
    refused("a control character in the url", b"GET /ec\x01ho HTTP/1.1\r\n" + HOST + b"\r\n"),
    refused("TLS on a plain port", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    refused(
        "connect",
        b"CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n",
        {400, 405},
        tornado=UNKNOWN,
    ),
    refused(
        "an expectation nobody can meet", POST + b"Expect: 200-maybe\r\n\r\n", 417, tornado=LENIENT
    ),
    refused(
        "a url without end",
        b"GET /" + b"a" * 80_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
        414,
        tornado={"status": (0,)},
    ),
    refused(
        "headers without end",
        POST + b"A: %b\r\n" % (b"x" * 100) * 700 + b"\r\n",
        431,
        tornado={"status": (0,)},
    ),
    refused(
        "one header without end",
        POST + b"A: %b\r\n\r\n" % (b"x" * 70_000),
        431,
        tornado={"status": (0,)},
    ),
    refused("too many headers", POST + b"A: b\r\n" * 300 + b"\r\n", 431, tornado=LENIENT),
    *(
        broken(f"a chunk size of {text!r}", CHUNKED + text + b"\r\nab\r\n0\r\n\r\n")
        for text in (b"0x2", b"-2", b"+2", b"2 ", b" 2", b"", b"g", b"fffffffffffffffff", b"2_0")
    ),
    broken("a chunk longer than it says", CHUNKED + b"2\r\nabc\r\n0\r\n\r\n"),
    broken("a chunk shorter than it says", CHUNKED + b"4\r\nab\r\n0\r\n\r\n"),
    broken("a bare LF after a chunk size", CHUNKED + b"2\nab\r\n0\r\n\r\n", EITHER),
    broken("a bare LF in a chunk extension", CHUNKED + b"2;a\nb\r\nab\r\n0\r\n\r\n"),
    broken("a bare LF after a chunk", CHUNKED + b"2\r\nab\n0\r\n\r\n"),
    broken("a length among the trailers", CHUNKED + b"0\r\nContent-Length: 9\r\n\r\n"),
    broken(
        "a chunk extension without end",
        CHUNKED + b"1;" + b"a" * 120_000 + b"\r\na\r\n0\r\n\r\n",
        EITHER,
    ),
    broken("trailers without end", CHUNKED + b"0\r\n" + b"A: b\r\n" * 20_000 + b"\r\n", EITHER),
    Case(
        "a length over the limit",
        POST + b"Content-Length: 2000000\r\n\r\n" + b"x" * 1000,
        ({413, 400},),
        closed=True,
    ),
    Case(
        "chunks over the limit",
        CHUNKED + (b"10000\r\n" + b"x" * 65536 + b"\r\n") * 17,
        ({413, 400},),
        closed=True,
    ),
    Case(
        "a length over the handler's limit",
        length(b"x" * 11, path=b"/small"),
        ({413, 400},),
        closed=True,
    ),
    Case(
        "a refusal before a body that is not worth reading",
        b"POST /early HTTP/1.1\r\n" + HOST + b"Content-Length: 900000\r\n\r\n" + b"x" * 500_000,
        (401,),
        closed=True,
        tornado={"status": ({401, 0},)},
    ),
]
