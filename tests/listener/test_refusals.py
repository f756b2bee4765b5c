"""What is known of a refused request when it is told, and that its handler answers if it has one."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from aisix.listener.refusals import STATUS, RefusedRequest, bare, written
from tests.listener.cases import HOST, NEXT
from tests.listener.conftest import LIMITS, Bench

HEAD = b"POST /echo?secret=1 HTTP/1.1\r\nX-Request-Id: mine\r\n"


def test_an_answer_is_whole_and_ends_the_connection() -> None:
    head, _, body = written((400, {"X-A": "b\r\nc"}, b"no")).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\nDate: ")
    assert head.endswith(b"X-A: b%0D%0Ac\r\nContent-Length: 2\r\nConnection: close")
    assert body == b"no"
    assert written((400, {}, b"no"), "HEAD").endswith(
        b"Content-Length: 2\r\nConnection: close\r\n\r\n"
    )
    assert bare(RefusedRequest("bad_host", "127.0.0.1")) == (400, {}, b"")


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        (b"Host: a b\r\n\r\n", "bad_host"),
        (b"Host: a\r\nHost: b\r\n\r\n", "bad_host"),
        (b"\r\n", "bad_host"),
        (HOST + b"A : b\r\n\r\n", "bad_request"),
        (HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n", "unsupported_coding"),
        (HOST + b"Expect: more\r\n\r\n", "bad_expectation"),
        (HOST + b"A: b\r\n" * 300 + b"\r\n", "head_too_large"),
        (HOST + b"A: " + b"b" * 70_000 + b"\r\n\r\n", "head_too_large"),
    ],
)
def test_what_was_read_of_it_is_told(fast: Bench, sent: bytes, kind: str) -> None:
    async def work() -> None:
        async with fast.site() as site:
            caller = await site.call()
            caller.send(HEAD + sent + NEXT)
            answer = await caller.answer()
            (refusal,) = site.notes.refused
            assert (refusal.kind, refusal.method, refusal.path) == (kind, "POST", "/echo")
            assert refusal.headers["x-request-id"] == "mine"
            assert answer is not None and answer.status == STATUS[kind]
            assert await caller.closed()

    fast.run(work())


def test_a_head_that_does_not_come_is_told_with_its_time(fast: Bench) -> None:
    async def work() -> None:
        async with fast.site(replace(LIMITS, head_secs=0.1)) as site:
            caller = await site.call()
            caller.send(HEAD)
            answer = await asyncio.wait_for(caller.answer(), 10)
            (refusal,) = site.notes.refused
            assert answer is not None and (answer.status, refusal.kind) == (408, "request_timeout")
            assert refusal.path == "/echo" and refusal.secs > 0

    fast.run(work())


@pytest.mark.parametrize("name", ["fast-lean", "tornado-lean"])
def test_a_request_that_has_a_handler_is_refused_by_it(name: str) -> None:
    from tests.listener.conftest import make

    bench = make(name)

    async def work() -> None:
        async with bench.site() as site:
            caller = await site.call()
            caller.send(
                b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
            )
            answer = await caller.answer()
            assert answer is not None and answer.status == 400 and answer.body
            assert site.notes.refused == []

    bench.run(work())
