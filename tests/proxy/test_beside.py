"""Work beside the loop: one at a time, places given back when the thread is free again."""

from __future__ import annotations

import asyncio
import threading

import pytest

from aisix.errors import Fault
from aisix.mapping.syntax.budget import Budget, Spent
from aisix.proxy.beside import LIGHT, Beside, is_light


def test_it_gives_what_the_work_gives_or_raises() -> None:
    async def run() -> None:
        beside = Beside(1, 5)
        assert await beside.run(max, 1, 2) == 2
        assert await beside.finish(threading.current_thread) is not threading.current_thread()
        with pytest.raises(ZeroDivisionError):
            await beside.run(divmod, 1, 0)
        while beside.busy:
            await asyncio.sleep(0)

    asyncio.run(run())


def test_who_leaves_ends_the_work_and_its_place_is_free_when_the_thread_is() -> None:
    begun, ended = threading.Event(), threading.Event()

    def work(budget: Budget) -> None:
        begun.set()
        try:
            while True:
                budget.spend(0)
        except Spent:
            ended.wait()
            raise

    async def run() -> None:
        beside, budget = Beside(1, 5), Budget()
        first = asyncio.ensure_future(beside.run(work, budget, budget=budget))
        await asyncio.to_thread(begun.wait)
        second = asyncio.ensure_future(beside.run(max, 1, 2))
        third = asyncio.ensure_future(beside.run(max, 1, 3))
        await asyncio.sleep(0)
        with pytest.raises(Fault, match="overloaded"):  # not even the queue has a place
            await third
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert not second.done(), "the thread is not free yet"
        ended.set()
        assert await second == 2

    asyncio.run(run())


def test_who_waits_too_long_is_told_to_come_back() -> None:
    go = threading.Event()

    async def run() -> None:
        beside = Beside(1, 0.01)
        first = asyncio.ensure_future(beside.run(go.wait))
        await asyncio.sleep(0)
        with pytest.raises(Fault, match="overloaded"):
            await beside.run(max, 1, 2)
        go.set()
        assert await first

    asyncio.run(run())


def test_an_answer_is_heavy_by_what_it_holds() -> None:
    size, values = LIGHT
    assert is_light(b"," * size)
    assert is_light(b"a" * 10 * size)
    assert not is_light(b"[1" + b",1" * max(size, values) + b"]")
