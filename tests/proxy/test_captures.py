"""Captures over several workers: who takes an exchange, what ends one, a worker that dies."""

from __future__ import annotations

import asyncio
import errno
import os
from typing import Any

import pytest
from tornado.httputil import HTTPHeaders

from aisix.config.settings import load_settings
from aisix.errors import StoreError
from aisix.proxy.captures import FULL, GONE, GONE_SECS, TIME, Captures
from aisix.workers.spool import Spool
from tests.forking import alone


class Host:
    recorder: Captures | None = None
    gone = False

    def record_with(self, recorder: Captures | None) -> None:
        self.recorder = recorder

    def label(self, alias: str) -> str:
        return "" if self.gone else {"small": "small", "gpt-7": "gpt-*"}.get(alias, "")


def worker(spool: Spool, clock: list[float], **env: str) -> tuple[Captures, Host]:
    host = Host()
    settings = load_settings(None, {f"AISIX_CAPTURE__{k.upper()}": v for k, v in env.items()})
    return Captures(settings.capture, spool, host, now=lambda: clock[0]), host


class Handler:
    """Of a request for `alias`, without one."""

    request_id, left = "req_1", False

    class caller:
        credentials = ()

    class request:
        headers = HTTPHeaders()

    def __init__(self, alias: str) -> None:
        self.seen = {"alias": alias}


def take(captures: Captures, document: bytes | None = b"{}", alias: str = "small") -> bool:
    """Whether an exchange is taken, of which this document comes."""
    handler: Any = Handler(alias)
    recording = captures.record(handler, {})
    if recording is not None:
        recording._keep(document)
    return recording is not None


def test_any_worker_takes_and_any_answers_for_all() -> None:
    async def main() -> None:
        spool, clock = Spool(4), [1000.0]
        (one, host), (other, watching) = worker(spool, clock), worker(spool, clock)
        row = await one.begin({"alias": "small", "next": 2})
        other.look()
        assert host.recorder is one and watching.recorder is other
        assert take(one, b'{"n":1}') and take(other, b'{"n":2}') and not take(one)
        assert other.exchange(row["id"], 2) == b'{"n":2}' and one.exchange(row["id"], 3) is None
        found = one.one(row["id"])
        assert found is not None and not found["waiting"] and found["ended"] == "enough"
        other.look()
        assert watching.recorder is None
        assert await other.cancel(row["id"]) and one.one(row["id"]) is None
        assert not await one.cancel(row["id"])
        one.close()
        other.close()

    asyncio.run(main())


def test_one_that_is_under_way_holds_its_place() -> None:
    async def main() -> None:
        spool, clock = Spool(4), [1000.0]
        (one, _), (other, _) = worker(spool, clock), worker(spool, clock)
        await one.begin({"alias": "small", "next": 1})
        handler: Any = Handler("small")
        recording = one.record(handler, {})
        assert recording is not None and not take(other)
        recording._keep(b"")  # nothing translated it
        assert take(other)
        one.close()
        other.close()

    asyncio.run(main())


def test_time_and_room_have_an_end_and_nothing_is_kept_for_ever() -> None:
    async def main() -> None:
        spool, clock = Spool(4), [1000.0]
        captures, host = worker(spool, clock, limit_bytes="1024", keep_secs="60")
        timed = await captures.begin({"alias": "gpt-7", "secs": 10})
        full = await captures.begin({"alias": "small"})
        assert take(captures, b"x" * 1000) and take(captures, b"x" * 100)
        found = captures.one(full["id"])
        assert found is not None and (found["ended"], found["exchanges"]) == (FULL, 1)
        clock[0] += 11
        found = captures.one(timed["id"])
        assert found is not None and found["ended"] == TIME
        captures.look()
        assert host.recorder is None
        clock[0] += 61
        assert captures.listed() == [] and captures.exchange(full["id"], 1) is None
        captures.close()

    asyncio.run(main())


def test_what_is_kept_of_one_that_ended_early_is_gone_in_time_though_nobody_asks() -> None:
    async def main() -> None:
        spool, clock = Spool(4), [1000.0]
        captures, host = worker(spool, clock, keep_secs="60")
        await captures.begin({"alias": "small", "next": 1, "secs": 3600})
        assert take(captures, b"what was said")
        await asyncio.sleep(0)
        assert host.recorder is None and captures._timer is not None
        left = captures._timer.when() - asyncio.get_running_loop().time()
        assert left <= 60
        clock[0] += 61
        captures.look()
        assert spool.read(0, 0, 99) == b""
        captures.close()

    asyncio.run(main())


def test_an_exchange_that_no_disk_takes_is_lost_and_another_has_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        spool, clock = Spool(4), [1000.0]
        captures, _ = worker(spool, clock)
        row = await captures.begin({"alias": "small", "next": 1})
        with monkeypatch.context() as full:
            full.setattr(spool, "append", raises_no_space)
            assert take(captures)
        found = captures.one(row["id"])
        assert found is not None and (found["lost"], found["under_way"]) == (1, 0)
        assert found["waiting"] and take(captures)
        captures.close()

    asyncio.run(main())


def raises_no_space(lane: int, data: bytes) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_one_whose_model_was_deleted_ends_soon_and_says_so() -> None:
    async def main() -> None:
        spool, clock = Spool(4), [1000.0]
        captures, host = worker(spool, clock)
        row = await captures.begin({"alias": "small"})
        host.gone = True  # or this worker has not heard of it yet
        found = captures.one(row["id"])
        assert found is not None and found["waiting"]
        clock[0] += GONE_SECS
        found = captures.one(row["id"])
        assert found is not None and not found["waiting"] and found["ended"] == GONE
        captures.close()

    asyncio.run(main())


@alone
def test_what_a_worker_had_under_way_when_it_died_is_told_and_another_takes_its_place() -> None:
    async def main() -> None:
        spool, clock = Spool(4), [1000.0]
        captures, _ = worker(spool, clock)
        row = await captures.begin({"alias": "small", "next": 1})
        pid = os.fork()
        if not pid:
            with spool.held() as state:
                state["rows"][0]["under_way"].append([1, os.getpid()])
            os._exit(0)
        os.waitpid(pid, 0)
        found = captures.one(row["id"])
        assert found is not None and (found["lost"], found["under_way"]) == (1, 0)
        assert found["waiting"] and take(captures)
        captures.close()

    asyncio.run(main())


@alone
def test_while_another_process_does_not_let_go_callers_are_told_and_a_look_is_tried_again() -> None:
    async def main() -> None:
        spool, clock = Spool(4), [1000.0]
        captures, host = worker(spool, clock)
        row = await captures.begin({"alias": "small"})
        (held, holds), (done, end) = os.pipe(), os.pipe()
        pid = os.fork()
        if not pid:
            with spool.held():
                os.write(holds, b"1")
                os.read(done, 1)
            os._exit(0)
        os.read(held, 1)
        with pytest.raises(StoreError, match="SpoolBusy"):
            captures.listed()
        captures.look()
        assert captures._timer is not None and host.recorder is captures
        os.write(end, b"1")
        os.waitpid(pid, 0)
        assert captures.one(row["id"]) is not None
        captures.close()

    asyncio.run(main())


def test_an_exchange_that_cannot_be_written_down_is_told_as_lost() -> None:
    async def main() -> None:
        captures, _ = worker(Spool(4), [1000.0])
        row = await captures.begin({"alias": "small"})
        assert take(captures, None)
        found = captures.one(row["id"])
        assert found is not None and (found["lost"], found["exchanges"]) == (1, 0)
        captures.close()

    asyncio.run(main())
