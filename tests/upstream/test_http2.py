"""The driver against a real HTTP/2 upstream: many requests on one connection, each its own."""

from __future__ import annotations

import asyncio
import random

from aisix.upstream.curl import Driver
from aisix.upstream.request import Request, Timeouts, Tls
from tests.upstream.conftest import Certificates, Run
from tests.upstream.http2 import Http2Peer
from tests.upstream.sinks import Notes

HEADERS = ("content-type: application/json",)


def test_many_requests_share_a_connection_and_none_gets_anothers_bytes(
    run: Run, certificates: Certificates
) -> None:
    async def work() -> None:
        tls = Tls(ca_file=certificates.ca_file)
        async with Http2Peer(certificates) as peer:
            driver = Driver()
            bodies = [random.Random(n).randbytes(n * 7000) for n in range(1, 21)]
            await driver.send(Request(peer.url + "echo", HEADERS, b"{}", tls=tls))
            answers = await asyncio.gather(
                *(driver.send(Request(peer.url + "echo", HEADERS, b, tls=tls)) for b in bodies)
            )
            assert [answer.body for answer in answers] == bodies
            assert {answer.status for answer in answers} == {200}
            assert [version for version, _ in peer.seen] == ["2"] * 21
            assert len({port for _, port in peer.seen}) == 1
            driver.close()

    run(work())


def test_one_who_pauses_and_one_who_is_left_do_not_disturb_the_others(
    run: Run, certificates: Certificates
) -> None:
    async def work() -> None:
        tls = Tls(ca_file=certificates.ca_file)
        large = random.Random(5).randbytes(1 << 20)
        async with Http2Peer(certificates, large) as peer:
            driver = Driver()
            chance = random.Random(3)
            gone, slow, other = Notes(), Notes(), Notes()
            leaving = driver.stream(Request(peer.url + "endless", HEADERS, b"{}", tls=tls), gone)
            await gone.fed.wait()
            pausing = driver.stream(Request(peer.url + "large", HEADERS, b"{}", tls=tls), slow)
            driver.stream(Request(peer.url + "large", HEADERS, b"{}", tls=tls), other)
            while not (slow.ended.is_set() and other.ended.is_set()):
                chance.choice((pausing.pause, pausing.resume, pausing.resume))()
                await asyncio.sleep(0.002)
            assert slow.body == large
            assert other.body == large
            assert (slow.error, other.error) == (None, None)
            leaving.cancel()
            while not peer.left:
                await asyncio.sleep(0.005)
            assert "end" not in gone.told
            answer = await driver.send(Request(peer.url + "echo", HEADERS, b"still", tls=tls))
            assert answer.body == b"still"
            assert {version for version, _ in peer.seen} == {"2"}
            driver.close()

    run(work())


def test_a_stream_that_takes_too_long_is_reset_and_the_upstream_is_told(
    run: Run, certificates: Certificates
) -> None:
    async def work() -> None:
        tls = Tls(ca_file=certificates.ca_file)
        async with Http2Peer(certificates) as peer:
            driver = Driver()
            sink = Notes()
            limit = Timeouts(total_ms=300)
            request = Request(peer.url + "endless", HEADERS, b"{}", timeouts=limit, tls=tls)
            driver.stream(request, sink)
            await sink.ended.wait()
            assert sink.error is not None
            assert (sink.error.kind, sink.error.values["phase"]) == ("timeout", "total")
            while not peer.left:
                await asyncio.sleep(0.005)
            driver.close()

    run(work())
