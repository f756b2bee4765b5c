"""Heads that no answer begins with, or that never end: the transfer ends all the same."""

from __future__ import annotations

import asyncio

import pytest

from aisix.upstream.curl import Driver
from aisix.upstream.request import Request, Timeouts, Tls
from tests.upstream.conftest import Certificates, Run
from tests.upstream.peer import Call, Peer
from tests.upstream.sinks import Notes

SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"
GOOD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
REST = b"\r\ncontent-length: 2\r\n\r\n{}"
# What comes, in pieces; the connection stays open after it. None of these needs a limit to end.
ODD: dict[str, tuple[bytes, ...]] = {
    "a 101 and an answer in one read": (SWITCHING + GOOD,),
    "a 101 and an answer in two": (SWITCHING, GOOD),
    "a 101 in two reads": (SWITCHING[:60], SWITCHING[60:] + GOOD),
    "a 101 alone": (SWITCHING,),
    "a 101 with a body": (b"HTTP/1.1 101 X" + REST,),
    "a 101 and much behind it": (SWITCHING + b"x" * 1_000_000,),
    "a 101 after a 103": (b"HTTP/1.1 103 Early Hints\r\n\r\n" + SWITCHING + GOOD,),
    "status 0": (b"HTTP/1.1 0 X" + REST,),
    "status 099": (b"HTTP/1.1 099 X" + REST,),
    "status 1000": (b"HTTP/1.1 1000 X" + REST,),
    "status -1": (b"HTTP/1.1 -1 X" + REST,),
    "no status": (b"HTTP/1.1" + REST,),
    "a status of letters": (b"HTTP/1.1 2x0 OK" + REST,),
    "no status line": (b"content-type: x\r\n\r\n",),
    "HTTP/0.9": (b"<html>It works!</html>",),
    "HTTP/9.9": (b"HTTP/9.9 200 OK" + REST,),
    "interim heads without end": (b"HTTP/1.1 102 Wait\r\n\r\n" * 30_000,),
}


async def ended(driver: Driver, request: Request) -> Notes:
    sink = Notes()
    driver.stream(request, sink)
    await sink.ended.wait()
    assert driver.in_flight == 0
    return sink


@pytest.mark.parametrize("tls", [False, True])
def test_what_can_be_no_answer_ends_at_once(
    run: Run, certificates: Certificates, tls: bool
) -> None:
    async def answer(call: Call) -> None:
        for number, piece in enumerate(ODD[call.header("x-name") or ""]):
            if number:
                await asyncio.sleep(0.01)  # so that they come as pieces
            await call.write(piece)
        await call.gone.wait()
        call.close()

    async def work() -> None:
        context = certificates.server() if tls else None
        async with Peer(answer, tls=context) as peer:
            driver = Driver()
            for name in ODD:
                request = Request(peer.url, (f"x-name: {name}",), tls=Tls(certificates.ca_file))
                sink = await ended(driver, request)
                assert sink.error is not None, name
                assert sink.error.kind == "bad_response", name
                assert sink.error.values["why"] in ("headers", "not_http"), name
                assert sink.told[-1] == "end"
            driver.close()

    run(work())


async def drip(call: Call, first: bytes, line: bytes) -> None:
    await call.write(first)
    while not call.gone.is_set():
        await call.write(line)
        await asyncio.sleep(0.02)
    call.close()


@pytest.mark.parametrize(
    ("first", "line", "phase"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"x-a: b\r\n", "idle"),
        (b"HTTP/1.1 103 Early Hints\r\n", b"x-a: b\r\n", "idle"),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n", b"HTTP/1.1 103 X\r\n\r\n", "first_byte"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"", "first_byte"),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n",
            b"a: b\r\n",
            "idle",
        ),
    ],
)
def test_lines_of_a_head_or_of_trailers_are_no_progress(
    run: Run, first: bytes, line: bytes, phase: str
) -> None:
    async def work() -> None:
        async with Peer(lambda call: drip(call, first, line)) as peer:
            driver = Driver()
            limits = Timeouts(first_byte_ms=300, idle_ms=150)
            sink = await ended(driver, Request(peer.url, timeouts=limits))
            assert sink.error is not None
            assert (sink.error.kind, sink.error.values["phase"]) == ("timeout", phase)
            driver.close()

    run(work())


def test_what_nobody_waits_for_any_more_has_an_end(run: Run) -> None:
    async def work() -> None:
        head = b"HTTP/1.1 200 OK\r\n\r\n"
        async with Peer(lambda call: drip(call, head, b": more\n\n")) as peer:
            driver, sink = Driver(), Notes()
            transfer = driver.stream(Request(peer.url), sink)
            await sink.fed.wait()
            transfer.finish_by(asyncio.get_running_loop().time() + 0.1)
            await sink.ended.wait()
            assert sink.error is not None
            assert transfer.over
            transfer.finish_by(0.0)  # it has ended: nothing more comes of it
            assert driver.in_flight == 0
            assert sink.told.count("end") == 1
            driver.close()

    run(work())
