"""Work that would hold everybody up, done in a thread beside the loop: few at a time, others wait.

    result = await beside.run(work, *args, budget=budget)  # Fault("overloaded"), or its own

Whoever waits too long for the thread is told to come back, as in the queue for a place. Who cancels
`run` gets its place back at once; the thread ends with the next step of its budget.

The interpreter lets only one thread run Python; `SWITCH` is how long the loop waits for its turn
beside a busy one, each time it comes back from the system (5 ms otherwise).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from aisix.mapping.syntax.budget import Budget
from aisix.mapping.verbs.census import marks
from aisix.proxy.admission import Admission

THREADS = 1  # per worker: more of them would take turns with the loop more often
SWITCH = 0.0005  # s; for sys.setswitchinterval
LARGE = 1 << 18  # bytes of a body: longer ones are read and translated beside the loop
LIGHT = 1 << 14, 2_000  # bytes, or marks, of an answer: a longer one is translated beside the loop
INLINE = 5_000  # steps of a translation on the loop: about 20 ms; one that takes more begins anew

T = TypeVar("T")


def is_light(body: bytes) -> bool:
    """Whether a plain answer is translated on the loop: most are, however long their text is."""
    size, values = LIGHT
    return len(body) <= size or (len(body) <= LARGE and marks(body) <= values)


class Beside:
    """`queue` may wait for the thread, each for `secs` at most."""

    __slots__ = ("_places", "_pool")

    def __init__(self, queue: int, secs: float) -> None:
        self._places = Admission(THREADS, queue, secs)
        self._pool = ThreadPoolExecutor(THREADS, "aisix-beside")  # starts with the first work

    @property
    def busy(self) -> int:
        """How many are done or wait to be done."""
        return self._places.taken + self._places.waiting

    async def finish(self, work: Callable[..., T], *args: Any) -> T:
        """The same for what is paid for already: it waits for the thread as long as it takes."""
        return await asyncio.wrap_future(self._pool.submit(work, *args))

    async def run(self, work: Callable[..., T], *args: Any, budget: Budget | None = None) -> T:
        """What `work(*args)` gives or raises."""
        loop, places = asyncio.get_running_loop(), self._places
        if not places.take():
            place = loop.create_future()
            try:
                await places.wait(place)
            except asyncio.CancelledError:
                if place.done() and not place.cancelled():  # given at that very moment
                    places.leave()
                raise

        def over(job: Future[T]) -> None:
            with suppress(RuntimeError):  # the loop is gone, and who waited with it
                loop.call_soon_threadsafe(places.leave)

        job = self._pool.submit(work, *args)
        job.add_done_callback(over)  # not before the thread is free, whoever still waits for it
        try:
            return await asyncio.wrap_future(job)
        except asyncio.CancelledError:
            if budget is not None:
                budget.stop()
            raise
