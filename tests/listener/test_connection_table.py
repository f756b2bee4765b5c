"""Who is let in when there is no room, and who goes for it."""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aisix.listener.connection_table import BODY, HEAD, IDLE, ConnectionTable
from tests.authority import Authority
from tests.listener.caller import Caller
from tests.listener.conftest import LIMITS, Bench, Site

GET = b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n"


class Guest:
    """A connection that waits for what it is told to."""

    def __init__(self, waits: int | None, since: float) -> None:
        self.waits, self.since, self.closed = waits, since, False

    def waiting(self) -> tuple[int, float] | None:
        return None if self.waits is None else (self.waits, self.since)

    def close(self) -> None:
        self.closed = True


class Table:
    """A table with a clock, and what it told."""

    def __init__(self, most: int, per_address: int = 0) -> None:
        self.told: list[str] = []
        self.table = ConnectionTable("proxy", most, per_address, self.told.append)
        self.now = 100.0

    def admit(self, waits: int | None, since: float, address: str = "192.0.2.1") -> Guest | None:
        entry = self.table.admit(address, self.now)
        if entry is None:
            return None
        guest = entry.connection = Guest(waits, since)
        return guest


def test_the_longest_idle_one_goes_then_what_has_not_come_whole() -> None:
    waits = [(BODY, 97), (IDLE, 99), (None, 1), (HEAD, 99), (IDLE, 98), (HEAD, 99.9), (BODY, 99)]
    table = Table(40)
    for n in range(33):
        assert table.admit(None, 1, f"198.51.100.{n}")
    guests = [table.admit(*each, f"192.0.2.{n}") for n, each in enumerate(waits)]
    order: list[int] = []
    for n in range(5):
        table.now += 0.001
        assert (table.admit(None, 100, f"203.0.113.{n}") is None) == (n == 4)
        gone = [place for place, guest in enumerate(guests) if guest and guest.closed]
        order += [place for place in gone if place not in order]
    assert order == [4, 1, 3, 0], "those at work and those that have just begun stay"
    assert table.table.status() == {"open": 40, "most": 40, "refused": 1}
    assert (table.told.count("given_up"), table.told.count("full")) == (4, 1)
    assert table.told.count("opened") - table.told.count("closed") == 40


def test_a_crowd_from_one_address_closes_its_own() -> None:
    table = Table(100)
    quiet = [table.admit(HEAD, 1, f"192.0.2.{n}") for n in range(5)]
    crowd = []
    for _ in range(195):
        table.now += 0.001
        crowd.append(table.admit(HEAD, 100, "198.51.100.1"))
    assert not any(guest and guest.closed for guest in quiet)
    assert sum(guest is not None and guest.closed for guest in crowd) == 100


def test_an_address_has_a_limit_of_its_own_and_ipv6_counts_by_the_network() -> None:
    table = Table(100, per_address=2)
    for address in ("192.0.2.1", "2001:db8::", "2001:db8:0:1::"):
        for n in range(3):
            own = address + str(n) if ":" in address else address
            assert (table.admit(None, 1, own) is None) == (n == 2)
    assert table.told.count("address") == 3
    assert table.table.count == 6


def test_nothing_is_kept_of_who_has_gone_and_a_look_is_not_taken_at_each_newcomer() -> None:
    table = Table(50)
    entries = [table.table.admit(f"192.0.2.{n}", 0) for n in range(50)]
    looks = 0

    class Counting(Guest):
        def waiting(self) -> tuple[int, float] | None:
            nonlocal looks
            looks += 1
            return None

    for entry in entries:
        assert entry is not None
        entry.connection = Counting(None, 0)
    for _ in range(1000):
        assert table.table.admit("192.0.2.99", 100) is None
    assert 0 < looks <= 65 * 1000
    for entry in entries:
        assert entry is not None
        entry.release()
        entry.release()
    assert table.table.count == 0
    assert table.table._by_source == {}


async def count(site: Site, wanted: int) -> None:
    while site.listener.table.count != wanted:
        await asyncio.sleep(0.005)


def test_idle_connections_are_closed_for_new_ones(bench: Bench) -> None:
    async def work() -> None:
        async with bench.site(replace(LIMITS, connections=4)) as site:
            kept = []
            for _ in range(4):
                kept.append(await site.call())
                kept[-1].send(GET)
                assert await kept[-1].answer()
                await asyncio.sleep(0.01)  # what a loop's clock can tell apart
            kept[0].send(GET)  # no longer the one that has been idle for longest
            assert await kept[0].answer()
            silent = await site.call()
            await count(site, 4)
            assert await kept[1].answer() is None
            silent.send(GET)
            assert await silent.answer()
            for caller in (kept[0], kept[2], kept[3]):
                caller.send(GET)
                assert await caller.answer()
                caller.writer.close()
            silent.writer.close()
            await count(site, 0)

    bench.run(work())


def test_requests_under_way_are_not_and_the_newcomer_is_told(bench: Bench) -> None:
    async def work() -> None:
        async with bench.site(replace(LIMITS, connections=3, per_address=3)) as site:
            busy = [await site.call() for _ in range(3)]
            for caller in busy:
                caller.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            while len(site.notes.requests) < 3:
                await asyncio.sleep(0.005)
            refused = await site.call()
            answer = await refused.answer()
            assert answer is not None and answer.status == 503
            assert await refused.answer() is None
            site.notes.go.set()
            for caller in busy:
                assert (await caller.answer()).body == b"at last"  # type: ignore[union-attr]
                caller.writer.close()
            await count(site, 0)

    bench.run(work())


def test_a_handshake_that_never_ends_is_counted_and_ends(
    bench: Bench, authority: Authority
) -> None:
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(*authority.sign("server"))

    async def work() -> None:
        limits = replace(LIMITS, connections=3, head_secs=0.2, idle_secs=0.2)
        async with bench.site(limits, server) as site:
            raw = [socket.create_connection(("127.0.0.1", site.port)) for _ in range(3)]
            await count(site, 3)
            await count(site, 0)
            caller = await site.call(ssl=authority.trusted(), server_hostname="127.0.0.1")
            caller.send(GET)
            assert await caller.answer()
            caller.writer.close()
            for one in raw:
                one.close()
            await count(site, 0)

    bench.run(work())


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def test_without_descriptors_it_waits_and_says_so_once_a_second(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    monkeypatch.setattr("aisix.log.often", lambda kind, *more, **named: told.append(kind))

    async def work() -> None:
        async with bench.site() as site:
            callers = [await site.call() for _ in range(2)]
            await count(site, 2)
            acceptor = site.listener._acceptor
            real, left = acceptor._own[:], 5

            class Short:
                """A listening socket whose process may open no more."""

                def __init__(self, one: socket.socket) -> None:
                    self._one = one

                def accept(self) -> Any:
                    nonlocal left
                    if left:
                        left -= 1
                        raise OSError(24, "Too many open files")
                    return self._one.accept()

                def fileno(self) -> int:
                    return self._one.fileno()

                def close(self) -> None:
                    self._one.close()

            loop = asyncio.get_running_loop()
            acceptor._own[:] = [Short(one) for one in real]  # type: ignore[misc]
            for one in acceptor._own:
                loop.remove_reader(one.fileno())
                loop.add_reader(one.fileno(), acceptor._ready, one)
            late = await Caller.connect(site.port)
            late.send(GET)
            assert await late.answer()
            assert left == 0
            assert told == [("proxy", "files")] * 5, "one for each pause"
            assert [await caller.answer() for caller in callers] == [None, None], "given up"
            late.writer.close()

    bench.run(work())
