"""What a list of bytes cannot show: time, back-pressure, leaving, TLS, the end of a listener."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tornado.iostream import StreamClosedError

from aisix.listener.connection import Connection
from aisix.listener.connection_table import Admitted
from aisix.listener.fast import FastListener
from tests.listener.caller import Caller
from tests.listener.cases import GET, HOST, NEXT, POST
from tests.listener.conftest import LIMITS, Bench
from tests.upstream.conftest import Certificates

RESETS = struct.pack("ii", 1, 0)
SLOW = b"GET /slow HTTP/1.1\r\n" + HOST + b"\r\n"


async def until(true: Callable[[], bool], secs: float = 10) -> None:
    async with asyncio.timeout(secs):
        while not true():
            await asyncio.sleep(0.005)


# ---------------------------------------------------------------- time
@pytest.mark.parametrize("begun", [b"", b"G", b"GET /echo HTTP/1.1\r\nHost: x\r\n"])
def test_a_head_that_does_not_come_ends_the_connection(bench: Bench, begun: bytes) -> None:
    async def work() -> None:
        async with bench.site(replace(LIMITS, head_secs=0.2, idle_secs=0.4)) as site:
            caller = await site.call()
            caller.send(begun)
            answer = await asyncio.wait_for(caller.answer(), 5)
            assert answer is None or answer.status == 408
            assert await caller.closed()
            assert site.notes.requests == []

    bench.run(work())


def test_a_head_byte_by_byte_ends_too(bench: Bench) -> None:
    async def work() -> None:
        async with bench.site(replace(LIMITS, head_secs=0.3, idle_secs=0.3)) as site:
            caller = await site.call()

            async def drip() -> None:
                with contextlib.suppress(ConnectionError):
                    for byte in NEXT:
                        caller.send(bytes([byte]))
                        await asyncio.sleep(0.05)  # each far within the limit, all of them not

            talk = asyncio.ensure_future(drip())
            answer = await asyncio.wait_for(caller.answer(), 5)
            assert answer is None or answer.status == 408
            talk.cancel()
            assert site.notes.requests == []

    bench.run(work())


@pytest.mark.parametrize("path", [b"/echo", b"/whole"])
def test_a_body_that_does_not_come_ends_the_connection(bench: Bench, path: bytes) -> None:
    async def work() -> None:
        async with bench.site(replace(LIMITS, body_secs=0.2)) as site:
            caller = await site.call()
            caller.send(b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab" % path)
            answer = await asyncio.wait_for(caller.answer(), 5)
            assert answer is None or answer.status == 408
            assert site.notes.bodies == []
            if path == b"/echo":
                await until(lambda: site.notes.left == ["/echo"])

    bench.run(work())


def test_between_two_requests_the_idle_time_counts_from_the_last(bench: Bench) -> None:
    async def work() -> None:
        async with bench.site(replace(LIMITS, idle_secs=0.5, head_secs=0.5)) as site:
            caller = await site.call()
            for _ in range(4):
                caller.send(NEXT)
                answer = await caller.answer()
                assert answer is not None and answer.status == 200
                await asyncio.sleep(0.2)  # less than the limit, four times more
            began = time.monotonic()
            assert await caller.closed()
            assert time.monotonic() - began > 0.1

    bench.run(work())


def test_a_request_under_way_is_never_late(bench: Bench) -> None:
    async def work() -> None:
        limits = replace(LIMITS, idle_secs=0.15, head_secs=0.15, body_secs=0.15)
        async with bench.site(limits) as site:
            caller = await site.call()
            caller.send(SLOW)
            await asyncio.sleep(0.6)  # more than any of its limits
            site.notes.go.set()
            answer = await caller.answer()
            assert answer is not None and answer.body == b"at last"

    bench.run(work())


def test_after_so_many_requests_the_connection_is_closed(fast: Bench) -> None:
    async def work() -> None:
        async with fast.site(replace(LIMITS, requests=3)) as site:
            caller = await site.call()
            caller.send(NEXT * 5)
            for number in range(3):
                answer = await caller.answer()
                assert answer is not None
                assert (answer.headers.get("connection") == "close") == (number == 2)
            assert await caller.closed()
            assert len(site.notes.requests) == 3

    fast.run(work())


# ---------------------------------------------------------------- a caller who leaves
@pytest.mark.parametrize("ahead", [NEXT, b"\r\n"], ids=["pipelined", "line"])
def test_a_caller_who_leaves_with_more_sent_is_seen_too(fast: Bench, ahead: bytes) -> None:
    fast.run(leaves_while_we_wait(fast, ahead))


def test_a_caller_who_leaves_while_we_wait_is_seen_at_once(bench: Bench) -> None:
    bench.run(leaves_while_we_wait(bench, b""))


async def leaves_while_we_wait(bench: Bench, ahead: bytes) -> None:
    async with bench.site() as site:
        caller = await site.call()
        caller.send(SLOW + ahead)
        await until(lambda: bool(site.notes.requests))
        assert site.notes.left == []
        caller.close()
        await until(lambda: site.notes.left == ["/slow"])
        assert len(site.notes.requests) == 1


def test_a_caller_who_resets_is_seen_at_once(bench: Bench) -> None:
    async def work() -> None:
        async with bench.site() as site:
            caller = await site.call()
            caller.send(SLOW)
            await until(lambda: bool(site.notes.requests))
            sock = caller.writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            caller.writer.transport.abort()
            await until(lambda: site.notes.left == ["/slow"])

    bench.run(work())


def test_a_caller_who_leaves_in_the_body_is_told(bench: Bench) -> None:
    async def work() -> None:
        async with bench.site() as site:
            caller = await site.call()
            caller.send(POST + b"Content-Length: 5\r\n\r\nab")
            await until(lambda: bool(site.notes.requests))
            caller.close()
            await until(lambda: site.notes.left == ["/echo"])
            assert site.notes.bodies == []

    bench.run(work())


def test_a_caller_who_leaves_in_a_stream_stops_it(bench: Bench) -> None:
    async def work() -> None:
        async with bench.site() as site:
            caller = await site.call()
            caller.send(b"GET /stream?size=100000&count=1000 HTTP/1.1\r\n" + HOST + b"\r\n")
            await caller.reader.readexactly(200_000)
            caller.close()
            await until(lambda: "/stream" in site.notes.left)
            flushed = site.notes.flushed
            await asyncio.sleep(0.05)  # for another piece, if there were one
            assert site.notes.flushed == flushed < 100_000_000

    bench.run(work())


# ---------------------------------------------------------------- back-pressure
def test_flush_waits_for_a_caller_who_reads_slowly(bench: Bench) -> None:
    async def work() -> None:
        async with bench.site() as site:
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 10)
            sock.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(sock, ("127.0.0.1", site.port))
            request = b"GET /stream?size=65536&count=400 HTTP/1.1\r\n" + HOST + b"\r\n"
            await loop.sock_sendall(sock, request)
            before = -1
            while before != site.notes.flushed or not before:  # until it stands still
                before = site.notes.flushed
                await asyncio.sleep(0.2)
            assert 0 < before < 400 * 65536
            got = 0
            while got < 400 * 65536:
                data = await loop.sock_recv(sock, 1 << 20)
                assert data
                got += len(data)
            await until(lambda: site.notes.flushed == 400 * 65536)
            sock.close()

    bench.run(work())


def test_a_caller_who_takes_nothing_at_all_is_closed(fast: Bench) -> None:
    async def work() -> None:
        async with fast.site(replace(LIMITS, idle_secs=0.3)) as site:
            reader, writer = await asyncio.open_connection("127.0.0.1", site.port, limit=1000)
            caller = Caller(reader, writer)
            caller.send(b"GET /stream?size=65536&count=400 HTTP/1.1\r\n" + HOST + b"\r\n")
            await until(lambda: "/stream" in site.notes.left)
            caller.close()

    fast.run(work())


def test_what_a_caller_sends_ahead_is_bounded(bench: Bench) -> None:
    async def work() -> None:
        async with bench.site() as site:
            loop = asyncio.get_running_loop()
            sock = socket.socket()
            sock.setblocking(False)
            await loop.sock_connect(sock, ("127.0.0.1", site.port))
            await loop.sock_sendall(sock, SLOW)
            sent, ahead = 0, NEXT * 2000
            with contextlib.suppress(TimeoutError):
                while sent < 400:
                    await asyncio.wait_for(loop.sock_sendall(sock, ahead), 0.5)
                    sent += 1
            assert sent < 400  # the system's own buffers are full, and ours did not grow
            assert len(site.notes.requests) == 1
            sock.close()

    bench.run(work())


# ---------------------------------------------------------------- 100-continue, early answers
def test_a_caller_who_waits_for_100_gets_it(bench: Bench) -> None:
    async def work() -> None:
        async with bench.site() as site:
            caller = await site.call()
            caller.send(POST + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n")
            answer = await caller.answer()
            assert answer is not None and answer.status == 100
            caller.send(b"hello")
            answer = await caller.answer()
            assert answer is not None and answer.json["body"] == "hello"

    bench.run(work())


def test_a_caller_who_is_refused_gets_no_100(bench: Bench) -> None:
    async def work() -> None:
        async with bench.site() as site:
            caller = await site.call()
            caller.send(
                b"POST /early HTTP/1.1\r\nContent-Length: 900000\r\nExpect: 100-continue\r\n"
                + HOST
                + b"\r\n"
            )
            answer = await caller.answer()
            assert answer is not None and answer.status == 401
            assert await caller.closed()

    bench.run(work())


def test_a_connection_goes_on_after_a_refusal_before_the_method(fast: Bench) -> None:
    async def work() -> None:
        async with fast.site() as site:
            caller = await site.call()
            for path, status in ((b"/early", 401), (b"/early", 401), (b"/echo", 200)):
                caller.send(b"GET %b HTTP/1.1\r\n%b\r\n" % (path, HOST))
                answer = await caller.answer()
                assert answer is not None and answer.status == status
            caller.send((b"GET /early HTTP/1.1\r\n" + HOST + b"\r\n") * 3)  # and at once
            for _ in range(3):
                answer = await caller.answer()
                assert answer is not None and answer.status == 401

    fast.run(work())


def test_a_refusal_reaches_a_caller_who_is_still_sending(fast: Bench) -> None:
    async def work() -> None:
        async with fast.site(replace(LIMITS, body=64 << 20)) as site:
            for _ in range(5):
                caller = await site.call()
                caller.send(b"POST /early HTTP/1.1\r\nContent-Length: 8000000\r\n" + HOST + b"\r\n")
                caller.send(b"x" * 8_000_000)
                answer = await caller.answer()
                assert answer is not None and (answer.status, answer.body) == (401, b"no")
                assert answer.headers["connection"] == "close"
                caller.close()

    fast.run(work())


def test_an_answer_that_breaks_its_promise_closes_the_connection(bench: Bench) -> None:
    async def work() -> None:
        async with bench.site() as site:
            for promised in (3, 9):
                caller = await site.call()
                caller.send(b"GET /promised/%d HTTP/1.1\r\n" % promised + HOST + b"\r\n" + NEXT)
                try:
                    got = await caller.reader.read()
                except ConnectionError:
                    got = b""
                assert got.count(b"HTTP/1.1") <= 1
                assert bench.kind == "tornado" or "GET /echo" not in site.notes.requests

    bench.run(work())


# ---------------------------------------------------------------- the socket
def test_answers_go_out_without_nagle_and_carry_a_date(bench: Bench) -> None:
    async def work() -> None:
        async with bench.site() as site:
            caller = await site.call()
            for _ in range(3):
                caller.send(NEXT)
                answer = await caller.answer()
                assert answer is not None and len(answer.headers["date"]) == 29
            caller.send(b"GET /stream?size=5&count=3 HTTP/1.1\r\n" + HOST + b"\r\n")
            began = time.monotonic()
            answer = await caller.answer()
            assert answer is not None and answer.body == b"x" * 15
            assert time.monotonic() - began < 5
            if isinstance(site.listener, FastListener):
                (connection,) = site.listener.connections
                sock = connection.transport.get_extra_info("socket")
                assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    bench.run(work())


def test_tls(bench: Bench, tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)

    async def work() -> None:
        context = ssl.create_default_context(cafile=certificates.ca_file)
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # as with many private authorities
        async with bench.site(tls=certificates.server()) as site:
            caller = await site.call(ssl=context, server_hostname="localhost")
            for size in (5, 200_000):
                body = b"x" * size
                caller.send(POST + b"Content-Length: %d\r\n\r\n" % size + body)
                answer = await caller.answer()
                assert answer is not None and answer.json["body"] == body.decode()
                assert answer.json["protocol"] == "https"
                assert answer.json["remote"] == "127.0.0.1"
            caller.send(SLOW)
            await until(lambda: site.notes.requests[-1] == "GET /slow")
            caller.close()
            await until(lambda: site.notes.left == ["/slow"])

    bench.run(work())


def test_who_came_before_a_listener_stopped_is_served(bench: Bench) -> None:
    """Connected, and not taken yet: the kernel would reset them, and what they sent."""

    async def work() -> None:
        async with bench.site() as site:
            came = [socket.create_connection(("127.0.0.1", site.port)) for _ in range(20)]
            site.listener.stop()  # the loop has had no turn in which to see them
            with pytest.raises(OSError):
                socket.create_connection(("127.0.0.1", site.port))
            await until(lambda: site.listener.kept == 20)
            for one in came:
                one.sendall(NEXT)
                caller = Caller(*await asyncio.open_connection(sock=one))
                answer = await caller.answer()
                assert answer is not None and answer.status == 200
                caller.close()

    bench.run(work())


def test_a_listener_that_stops_takes_nobody_new_and_finishes_what_it_has(bench: Bench) -> None:
    async def work() -> None:
        async with bench.site() as site:
            busy, idle = await site.call(), await site.call()
            busy.send(SLOW)
            idle.send(NEXT)
            assert await idle.answer() is not None
            await until(lambda: "GET /slow" in site.notes.requests)
            site.listener.stop()
            with pytest.raises(OSError):
                await site.call()
            site.listener.close_idle()
            if bench.kind == "fast":
                assert await idle.closed()
            site.notes.go.set()
            answer = await busy.answer()
            assert answer is not None and answer.body == b"at last"
            await site.listener.close_all_connections()
            assert await busy.closed()

    bench.run(work())


@pytest.mark.parametrize("caller", ["stays", "asks", "leaves", "resets"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_connection_just_made_when_its_listener_ends_is_told(
    fast: Bench, moment: str, caller: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the turn of the loop in which it is made: what ends its task must not end it unseen."""

    async def work() -> None:
        async with fast.site() as site:
            listener = site.listener
            assert isinstance(listener, FastListener)
            ends: list[asyncio.Task[None]] = []
            lost: set[Connection] = set()
            begun, made, over = (
                Connection.__init__,
                Connection.connection_made,
                Connection.connection_lost,
            )

            def begin(self: Connection, owner: FastListener, entry: Admitted) -> None:
                begun(self, owner, entry)
                if moment == "before":
                    for welcome in listener._welcomes:
                        listener.loop.call_soon(welcome.close)

            def make(self: Connection, transport: asyncio.BaseTransport) -> None:
                made(self, transport)
                if moment == "after":
                    ends.append(asyncio.ensure_future(listener.close_all_connections()))

            def noted(self: Connection, exc: BaseException | None) -> None:
                over(self, exc)
                lost.add(self)

            monkeypatch.setattr(Connection, "__init__", begin)
            monkeypatch.setattr(Connection, "connection_made", make)
            monkeypatch.setattr(Connection, "connection_lost", noted)
            with socket.create_connection(("127.0.0.1", site.port)) as there:
                if caller == "asks":
                    there.sendall(SLOW)
                elif caller == "leaves":
                    there.shutdown(socket.SHUT_WR)
                elif caller == "resets":
                    there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESETS)
                    there.close()
                await until(lambda: len(lost) == 1 and not listener.connections)
            await asyncio.gather(*ends)
            assert not listener.table.count
            site.notes.go.set()

    fast.run(work())


def test_a_connection_that_cannot_be_made_leaves_its_place(
    fast: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(transport: asyncio.BaseTransport) -> None:
        raise ValueError

    async def work() -> None:
        async with fast.site() as site:
            assert isinstance(site.listener, FastListener)
            monkeypatch.setattr("aisix.listener.connection.Context", wrong)
            caller = await site.call()
            assert await caller.closed()
            table = site.listener.table
            await until(lambda: not table.count)

    fast.run(work())


def test_many_callers_at_once(bench: Bench) -> None:
    async def work() -> None:
        async with bench.site() as site:

            async def one(number: int) -> None:
                caller = await site.call()
                for turn in range(5):
                    text = f"{number}-{turn}".encode()
                    caller.send(POST + b"Content-Length: %d\r\n\r\n" % len(text) + text)
                    answer = await caller.answer()
                    assert answer is not None and answer.json["body"] == text.decode()
                caller.close()

            await asyncio.gather(*(one(number) for number in range(60)))
            if isinstance(site.listener, FastListener):
                listener = site.listener
                await until(lambda: not listener.connections)

    bench.run(work())


def test_a_late_writer_writes_into_nothing(fast: Bench) -> None:
    """A handler that goes on after its caller has left must not reach the next answer."""

    async def work() -> None:
        async with fast.site() as site:
            assert isinstance(site.listener, FastListener)
            caller = await site.call()
            caller.send(GET + b"\r\n")
            assert await caller.answer() is not None
            caller.send(SLOW)
            await until(lambda: site.notes.requests[-1] == "GET /slow")
            (connection,) = site.listener.connections
            reply = connection._reply
            assert reply is not None
            site.notes.go.set()
            assert await caller.answer() is not None
            with pytest.raises(StreamClosedError):
                await reply.write(b"HTTP/1.1 200 OK\r\n\r\n")
            reply.finish()
            caller.send(NEXT)
            answer = await caller.answer()
            assert answer is not None and answer.json["body"] == ""

    fast.run(work())
