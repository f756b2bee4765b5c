"""Driver.stream(): blocks of bounded size, pause and resume, cancel, the limits of time."""

from __future__ import annotations

import asyncio
import random

import pytest

from aisix.upstream.curl import Driver
from aisix.upstream.request import Request, Timeouts
from aisix.upstream.transfer import STREAM_BLOCK
from tests.upstream.conftest import Run
from tests.upstream.peer import Call, Peer
from tests.upstream.sinks import Notes

BODY = random.Random(7).randbytes(3 << 20)


async def large(call: Call) -> None:
    await call.reply(BODY)


def test_however_much_comes_at_once_the_receiver_is_told_in_blocks(run: Run) -> None:
    async def work() -> None:
        async with Peer(large) as peer:
            driver = Driver()
            sink = Notes()
            driver.stream(Request(peer.url), sink)
            await sink.ended.wait()
            assert sink.body == BODY
            assert max(map(len, sink.data)) <= STREAM_BLOCK
            driver.close()

    run(work())


def test_a_transfer_can_be_paused_or_cancelled_before_libcurl_has_begun_with_it(run: Run) -> None:
    async def work() -> None:
        async with Peer(large) as peer:
            driver = Driver()
            sinks = [Notes() for _ in range(3)]
            paused, cancelled, other = (driver.stream(Request(peer.url), s) for s in sinks)
            paused.pause()
            cancelled.cancel()
            await sinks[2].ended.wait()
            assert sinks[2].body == BODY
            assert "data" not in sinks[0].told
            paused.resume()
            await sinks[0].ended.wait()
            assert sinks[0].body == BODY
            assert sinks[1].told == []
            assert other.done
            assert driver.in_flight == 0
            driver.close()

    run(work())


def test_a_receiver_who_pauses_is_not_told_more_and_misses_nothing(run: Run) -> None:
    class Pausing(Notes):
        def on_data(self, data: bytes) -> None:
            super().on_data(data)
            transfer.pause()

    async def work() -> None:
        nonlocal transfer
        async with Peer(large) as peer:
            driver = Driver()
            sink = Pausing()
            transfer = driver.stream(Request(peer.url), sink)
            while not sink.ended.is_set():
                told = len(sink.data)
                await asyncio.sleep(0.005)
                if transfer.paused:
                    assert len(sink.data) <= told + 1
                    transfer.resume()
            assert sink.body == BODY
            assert sink.error is None
            assert max(map(len, sink.data)) <= STREAM_BLOCK
            driver.close()

    from aisix.upstream.transfer import Transfer

    transfer: Transfer
    run(work())


def test_pausing_and_resuming_at_random_loses_nothing(run: Run) -> None:
    async def work() -> None:
        async with Peer(large) as peer:
            driver = Driver()
            chance = random.Random(3)
            sinks = [Notes() for _ in range(5)]
            transfers = [driver.stream(Request(peer.url), sink) for sink in sinks]
            while not all(sink.ended.is_set() for sink in sinks):
                for transfer in transfers:
                    chance.choice((transfer.pause, transfer.resume, transfer.resume))()
                await asyncio.sleep(0.001)
            assert all(sink.body == BODY for sink in sinks)
            driver.close()

    run(work())


def test_a_paused_stream_feels_its_upstream_full(run: Run) -> None:
    async def work() -> None:
        written = 0

        async def endless(call: Call) -> None:
            nonlocal written
            await call.begin()
            while True:
                await call.chunk(b"x" * 65536)
                written += 65536

        async with Peer(endless) as peer:
            driver = Driver()
            sink = Notes()
            transfer = driver.stream(Request(peer.url), sink)
            await sink.more()
            transfer.pause()
            before = -1
            while written != before:  # until the sockets are full
                before = written
                await asyncio.sleep(0.2)
            assert written < 64 << 20
            transfer.cancel()
            driver.close()

    run(work())


def test_a_cancelled_stream_is_told_nothing_more_and_its_upstream_is_left(run: Run) -> None:
    async def work() -> None:
        left = asyncio.Event()

        async def answer(call: Call) -> None:
            await call.begin()
            await call.chunk(b"one")
            await call.gone.wait()
            left.set()

        async with Peer(answer) as peer:
            driver = Driver()
            sink = Notes()
            transfer = driver.stream(Request(peer.url), sink)
            await sink.more()
            transfer.cancel()
            await left.wait()
            assert sink.told == ["response", "data"]
            assert driver.in_flight == 0
            driver.close()

    run(work())


@pytest.mark.parametrize(
    ("limits", "phase"),
    [
        (Timeouts(first_byte_ms=500), None),
        (Timeouts(idle_ms=500), None),
        (Timeouts(idle_ms=50), "idle"),
        (Timeouts(total_ms=300), "total"),
    ],
)
def test_only_a_silence_or_the_whole_is_too_long(
    run: Run, limits: Timeouts, phase: str | None
) -> None:
    async def answer(call: Call) -> None:
        await call.begin()
        for _ in range(6):
            await call.chunk(b"x")
            await asyncio.sleep(0.1)  # of 0.6 s in all, never long silent
        await call.finish()

    async def work() -> None:
        async with Peer(answer) as peer:
            driver = Driver()
            sink = Notes()
            driver.stream(Request(peer.url, timeouts=limits), sink)
            await sink.ended.wait()
            if phase is None:
                assert sink.error is None
            else:
                assert sink.error is not None
                assert sink.error.values["phase"] == phase
            driver.close()

    run(work())
