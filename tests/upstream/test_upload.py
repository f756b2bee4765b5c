"""A body that is sent as it comes, over the real driver."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from aisix.errors import UpstreamError
from aisix.standin.neighbour_handler import ReceivedRaw
from aisix.standin.server import Standin
from aisix.upstream.buffered import BufferedSink
from aisix.upstream.curl import Driver
from aisix.upstream.request import Request, Timeouts
from aisix.upstream.upload import WINDOW, Upload
from tests.upstream.peer import Call, Peer

HEADERS = ("authorization: Bearer x", "content-type: application/json")


def request(url: str, upload: Upload, **limits: int) -> Request:
    return Request(f"{url}/v1/embeddings", HEADERS, timeouts=Timeouts(**limits), upload=upload)


async def sent(url: str, pieces: list[bytes], length: int | None, keep: int = 0) -> int:
    """The status of an answer to these pieces, put in as fast as they are taken."""
    loop = asyncio.get_running_loop()
    driver, upload = Driver(), Upload(keep, loop.time)
    # A handle that has sent bytes is there to be used again; an upload must not.
    await driver.send(Request(f"{url}/v1/embeddings", HEADERS, body=b'{"model":"m"}'))
    upload.again(b"", length)
    sink = BufferedSink(loop.create_future())
    driver.stream(request(url, upload), sink)
    for piece in pieces:
        upload.put(piece)
        assert upload.held <= WINDOW + len(piece) + keep
        if upload.room is not None:
            await upload.room
        await asyncio.sleep(0)
    upload.end()
    try:
        return (await sink.response).status
    finally:
        driver.close()


@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("size", [1, 1000, 300_000])
def test_it_comes_as_it_was_put(standin: Standin, size: int, counted: bool) -> None:
    pieces = [bytes([n]) * size for n in range(1, 60)]
    length = size * len(pieces) if counted else None
    asyncio.run(sent(standin.url, pieces, length))
    received: ReceivedRaw = standin.passed[-1]
    assert received.whole
    assert received.sha256.hexdigest() == hashlib.sha256(b"".join(pieces)).hexdigest()
    assert ("content-length" in received.headers) is counted


def test_it_begins_anew_with_another_head() -> None:
    upload = Upload(100, lambda: 5.0)
    upload.again(b"one:", 10)
    upload.put(b"abc")
    assert [upload.read(2), upload.read(9), upload.read(9), upload.read(9)] == [
        b"on",
        b"e:",
        b"ab",
        None,
    ]
    upload.again(b"two:", 10)
    upload.put(b"def")
    upload.end()
    assert b"".join(iter(lambda: upload.read(4), b"")) == b"two:abcdef"
    assert upload.sent_at == 5.0
    upload.again(b"3:", 8)
    assert upload.read(9) == b"3:"
    assert upload.replays
    assert upload.held == 8


def test_what_is_too_long_is_not_kept() -> None:
    upload = Upload(5, lambda: 0.0)
    upload.again(b"h", None)
    upload.put(b"abcde")
    assert not upload.replays
    assert upload.held == 6
    while upload.read(3):
        pass
    assert upload.held == 1
    upload.end()
    assert (upload.read(3), upload.read(3), upload.held) == (b"e", b"", 0)


def test_the_last_byte_waits_for_the_end() -> None:
    """However long the whole is said to be."""
    for length in (3, None):
        upload = Upload(100, lambda: 5.0)
        upload.again(b"", length)
        upload.put(b"abc")
        assert (upload.read(9), upload.read(9), upload.sent_at) == (b"ab", None, None)
        upload.end()
        assert upload.read(9) == b"c"
        assert (upload.read(9), upload.sent_at) == (b"", 5.0)


def test_who_waits_is_told() -> None:
    upload, told = Upload(5, lambda: 0.0), []
    upload.again(b"", None)
    assert upload.read(9) is None
    upload.wanted = lambda: told.append(1)
    upload.put(b"")
    assert told == []
    upload.put(b"x")
    upload.put(b"y")
    assert told == [1]


def test_an_answer_can_be_late_only_once_all_was_sent() -> None:
    async def run() -> tuple[bool, str]:
        async def silent(call: Call) -> None:
            await call.gone.wait()

        async with Peer(silent) as peer:
            loop = asyncio.get_running_loop()
            driver, upload = Driver(), Upload(0, loop.time)
            upload.again(b"x", 2)
            sink = BufferedSink(loop.create_future())
            driver.stream(request(peer.url.rstrip("/"), upload, first_byte_ms=100), sink)
            done, _ = await asyncio.wait([sink.response], timeout=0.5)
            upload.put(b"y")
            upload.end()
            try:
                await sink.response
            except UpstreamError as error:
                return not done, str(error.values["phase"])
            finally:
                driver.close()
        raise AssertionError

    assert asyncio.run(run()) == (True, "first_byte")
