"""How many requests at one time: who waits, who is let in, who is refused."""

from __future__ import annotations

import asyncio

import pytest

from aisix.errors import Fault
from aisix.proxy.admission import Admission


def test_who_waits_longest_is_let_in_first() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        gate = Admission(1, 2, 5)
        assert gate.take() and not gate.take()
        order = []

        async def come(name: str) -> None:
            await gate.wait(loop.create_future())
            order.append(name)

        tasks = [asyncio.ensure_future(come(name)) for name in "ab"]
        await asyncio.sleep(0)
        assert gate.full
        with pytest.raises(Fault) as caught:
            await gate.wait(loop.create_future())
        assert (caught.value.kind, caught.value.values) == ("overloaded", {"retry_after": 1})
        gate.leave()
        await tasks[0]
        assert (order, gate.taken, gate.waiting) == (["a"], 1, 1)
        gate.leave()
        await tasks[1]
        gate.leave()
        assert (order, gate.taken, gate.waiting) == (["a", "b"], 0, 0)

    asyncio.run(run())


def test_who_waits_too_long_or_leaves_takes_no_place() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        gate = Admission(1, 2, 0.01)
        assert gate.take()
        with pytest.raises(Fault):
            await gate.wait(loop.create_future())
        turn = loop.create_future()
        waiting = asyncio.ensure_future(gate.wait(turn))
        await asyncio.sleep(0)
        turn.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert gate.waiting == 0
        gate.leave()
        assert gate.take()

    asyncio.run(run())
