"""CPU time over size, and its exponent: 1 for what is linear, 2 for what is quadratic.

Two sizes four times apart are compared, large enough to be above the noise. A shape is suspected by
one quick look only, and found guilty when three careful ones, at growing sizes, all say the same:
a busy machine makes a figure too high now and then, a quadratic walk does every time.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tests.mapping.linear.jobs import Job

MOST = 1.2  # exponent
DEAR = 150  # microseconds a KiB: what is steep and cheaper is but out of the processor's cache
NOISE = 0.0005  # seconds: below that nothing is measured
TOO_LONG = 0.5  # seconds: no further look is needed
LARGER = 16  # than the most items, when a shape is suspected
DEEP = 1000  # items that stand in one another: no more of them can be read


@dataclass(frozen=True)
class Shape:
    """`make(size)`: the bytes of one body, or the pieces of a stream, of that many items."""

    name: str
    job: Job
    make: Callable[[int], Sequence[bytes]]
    most: int = 1 << 15  # items at most

    def __str__(self) -> str:
        how = " by rules" if self.job.rules else ""
        return f"{self.job.mapping.name} {self.job.kind}{how}: {self.name}"


class Measured(NamedTuple):
    shape: str
    items: int
    bytes: int
    cpu: float  # seconds
    exponent: float
    ended: str
    steps: int = 0  # charged to the budget

    @property
    def steep(self) -> bool:
        return self.exponent > MOST

    @property
    def bad(self) -> bool:
        return self.steep and self.cpu * 1e6 * 1024 > DEAR * self.bytes


class Timed(NamedTuple):
    cpu: float
    bytes: int
    ended: str
    steps: int


def timed(shape: Shape, items: int, times: int = 1) -> Timed:
    """The least of several: nothing makes it less than it is."""
    raw = shape.make(items)
    best, ended, steps = math.inf, "", 0
    was = gc.isenabled()
    gc.disable()
    try:
        for _ in range(times):
            work = shape.job.work(raw)
            begun = time.thread_time()
            ended, steps = work()
            best = min(best, time.thread_time() - begun)
            del work
    finally:
        if was:
            gc.enable()
    return Timed(best, sum(map(len, raw)), ended, steps)


def measured(shape: Shape, enough: float, looks: int = 3) -> Measured:
    """The exponent where the CPU is `enough` seconds, or at the most items there may be."""
    items, before = 16, timed(shape, 16)
    while True:
        more = min(shape.most, items * 4)
        now = timed(shape, more)
        found = _of(shape, more, items, now, before)
        if now.cpu >= enough or more >= shape.most:
            break
        items, before = more, now
    most = shape.most * LARGER if shape.most > DEEP else shape.most
    while found.steep and looks > 0 and found.cpu < TOO_LONG:
        looks -= 1
        items, more = (more // 4, more) if more == most else (more, min(most, more * 4))
        found = _of(shape, more, items, timed(shape, more, 2), timed(shape, items, 2))
    return found


def _of(shape: Shape, more: int, fewer: int, now: Timed, before: Timed) -> Measured:
    exponent = 0.0
    if now.cpu > NOISE:
        grown = max(now.cpu, NOISE) / max(before.cpu, NOISE / 4)
        exponent = math.log(grown) / math.log(more / fewer)
    return Measured(str(shape), more, now.bytes, now.cpu, exponent, now.ended, now.steps)
