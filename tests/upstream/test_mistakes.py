"""A mistake of our own, in a sink or in what libcurl and the loop call: that transfer ends, no other."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aisix.upstream.curl import Driver
from aisix.upstream.request import Request
from tests.upstream.conftest import Run
from tests.upstream.peer import Call, Peer
from tests.upstream.sinks import Notes

BODY = bytes(range(256)) * 1000


async def answer(call: Call) -> None:
    await call.reply(BODY)


def complaints() -> list[dict[str, Any]]:
    """What the loop is told from now on."""
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    return told


async def goes_well(driver: Driver, url: str) -> bool:
    return (await driver.send(Request(url))).body == BODY


@pytest.mark.parametrize("step", ["on_response", "on_data", "on_end"])
def test_a_sink_that_raises_hears_of_it_and_of_nothing_more(run: Run, step: str) -> None:
    class Raising(Notes):
        def raising(self, *args: Any) -> None:
            raise RuntimeError("in a sink")

    setattr(Raising, step, Raising.raising)

    async def work() -> None:
        async with Peer(answer) as peer:
            driver, sink, other = Driver(), Raising(), Notes()
            driver.stream(Request(peer.url), sink)
            driver.stream(Request(peer.url), other)
            await sink.ended.wait()
            await other.ended.wait()
            assert sink.told[-1] == "crashed"
            assert isinstance(sink.crash, RuntimeError)
            assert (other.body, other.error) == (BODY, None)
            assert driver.in_flight == 0
            assert await goes_well(driver, peer.url)
            assert sink.told.count("crashed") == 1
            driver.close()

    run(work())


def test_a_sink_that_cannot_even_be_told_is_reported(run: Run) -> None:
    class Hopeless(Notes):
        def on_data(self, data: bytes) -> None:
            raise RuntimeError("in a sink")

        def crashed(self, error: Exception) -> None:
            super().crashed(error)
            raise RuntimeError("again")

    async def work() -> None:
        async with Peer(answer) as peer:
            driver, sink, told = Driver(), Hopeless(), complaints()
            driver.stream(Request(peer.url), sink)
            await sink.ended.wait()
            assert await goes_well(driver, peer.url)
            assert [str(one["exception"]) for one in told] == ["again"]
            driver.close()

    run(work())


@pytest.mark.parametrize("where", ["lines", "pieces"])
def test_what_libcurl_calls_back_may_fail(run: Run, where: str) -> None:
    class Full(list[Any]):
        def append(self, item: Any) -> None:
            raise MemoryError

    async def work() -> None:
        async with Peer(answer) as peer:
            driver, sink = Driver(), Notes()
            transfer = driver.stream(Request(peer.url), sink)
            setattr(transfer, where, Full())
            await sink.ended.wait()
            assert isinstance(sink.crash, MemoryError)
            assert driver.in_flight == 0
            assert await goes_well(driver, peer.url)
            driver.close()

    run(work())


def test_a_socket_that_could_not_be_watched_is_watched_a_little_later(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        async with Peer(answer) as peer:
            driver, told = Driver(), complaints()
            watch, failed = driver._sockets.watch, []

            def fails_once(fd: int, what: int) -> None:
                if not failed:
                    failed.append(fd)
                    raise OSError("no room")
                watch(fd, what)

            monkeypatch.setattr(driver._sockets, "watch", fails_once)
            assert await goes_well(driver, peer.url)
            assert [str(one["exception"]) for one in told] == ["no room"]
            driver.close()

    run(work())


def test_a_driver_that_fails_again_and_again_ends_its_transfers(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: Any) -> None:
        raise OSError("no room")

    async def work() -> None:
        async with Peer(answer) as peer:
            driver, sink, told = Driver(), Notes(), complaints()
            with monkeypatch.context() as patched:
                patched.setattr(driver._sockets, "watch", fails)
                driver.stream(Request(peer.url), sink)
                await sink.ended.wait()
            assert isinstance(sink.crash, OSError)
            assert driver.in_flight == 0
            assert told
            assert await goes_well(driver, peer.url)
            driver.close()

    run(work())
