"""The last limit of every request under way: one that nothing moves any more is ended here.

Whatever a request waits for has a limit that is kept by whoever waits: its body, a place, an
upstream's first byte, its silence, its end, a caller who takes nothing. This one trusts none of
them. Every now and then it looks at each request: where it is, what changes there while it goes on,
and how long it may stay as it is by the limits of that place. One that has stayed for GRACE longer
hangs, by a mistake of ours: it is told and counted with where it was, and ends with an error.

Nothing is done for it but when it looks. Time in which this process did not run (stopped, or a
machine asleep) is nobody's delay. What moves is never ended, however long it takes.

Must never know: what a request does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from math import inf
from typing import NamedTuple, Protocol

from aisix import log
from aisix.log import CRASHES

EVERY = 5.0  # s between two looks
CALLER = "caller"  # where it waits for a caller who takes nothing
GRACE = 30.0  # s; so much longer than its own limits a request may stay as it is


class Wait(NamedTuple):
    """Where a request is (of a closed list of words, fit for a label), what changes as it goes
    on, and for how many seconds it may not."""

    where: str
    progress: object
    secs: float = 0.0


class Hung(Exception):
    """A request that nothing moves any more; a mistake of ours."""


class Watched(Protocol):
    def wait(self) -> Wait:
        """What it waits for now."""

    def overdue(self, hung: Hung) -> None:
        """It hangs: it ends with an error and gives back what it holds."""

    def abandoned(self) -> None:
        """It has not even done that."""

    def give_up(self) -> None:
        """The process is going away: it ends with an answer that says so."""


class Backstop:
    """`requests()`: those under way; `count(where)`: one hung."""

    def __init__(
        self, requests: Callable[[], Iterable[Watched]], count: Callable[[str], None]
    ) -> None:
        self._requests = requests
        self._count = count
        self._seen: dict[Watched, tuple[Wait, float]] = {}  # and for how long it has been so
        self._ended: set[Watched] = set()

    async def run(self) -> None:
        """Look, for ever."""
        now = asyncio.get_running_loop().time
        before = now()
        while True:
            await asyncio.sleep(EVERY)
            at = now()
            try:
                self.look(min(at - before, 2 * EVERY))
            except CRASHES as error:
                log.bug("-", error)
            before = at

    def look(self, passed: float) -> None:
        """`passed`: seconds since the last look."""
        before, self._seen = self._seen, {}
        ended, self._ended = self._ended, set()
        for request in list(self._requests()):
            try:
                wait = request.wait()
                seen = before.get(request)
                same = seen is not None and seen[0][:2] == wait[:2]
                silent = seen[1] + passed if seen is not None and same else 0.0
                if request in ended:
                    request.abandoned()
                elif silent > wait.secs + GRACE:
                    self._count(wait.where)
                    self._ended.add(request)
                    request.overdue(Hung(wait.where))
                else:
                    self._seen[request] = wait, silent
            except CRASHES as error:
                log.bug("-", error)


def limit(*milliseconds: int) -> float:
    """The longest of these limits in seconds; one that is 0 is none."""
    return max(milliseconds) / 1000 if all(milliseconds) else inf
