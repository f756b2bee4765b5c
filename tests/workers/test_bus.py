"""Messages from one worker to all of them, and their answers."""

from __future__ import annotations

import asyncio
from typing import Any

from aisix.workers.bus import WorkerSlots


def test_everybody_on_the_bus_is_asked_and_who_is_silent_is_missing() -> None:
    async def talk() -> tuple[dict[int, Any], dict[int, Any], dict[int, Any]]:
        worker_slots = WorkerSlots(3)
        buses = [worker_slots.sit(n) for n in range(3)]
        for number, bus in enumerate(buses):
            bus.on("add", lambda given, n=number: given + n)
        buses[1].on("only", lambda given: "here")
        first = await buses[0].ask("add", 10, 5)
        second = await buses[2].ask("only", None, 0.2)
        # More than a seat's queue holds.
        many = await asyncio.gather(*(buses[0].ask("add", n, 20) for n in range(700)))
        for bus in buses:
            bus.close()
        worker_slots.close()
        return first, second, many[-1]

    first, second, last = asyncio.run(talk())
    assert first == {0: 10, 1: 11, 2: 12}
    assert second == {1: "here"}
    assert last == {0: 699, 1: 700, 2: 701}
