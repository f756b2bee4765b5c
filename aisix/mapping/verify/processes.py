"""Work that is shared out among processes: what is independent takes as long as the machine needs.

    found = spread(cases, run, processes=2, kind=list[str])    # [run(case) for case in cases]

Each of the others is forked, works through its part and sends what it found back; what one of them
did not do, this process does itself, so that a mistake shows as it would without them.

Must never know: what the work is. Must never be called where there are threads.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

FEW = 16  # pieces of work for which no process is made
MOST = 4  # processes: more would wait for the slowest part
PIECE = 1 << 16  # bytes of one read or write

Job = TypeVar("Job")
Result = TypeVar("Result")


def usable() -> int:
    """Processes that the cores this one may use are worth."""
    return min(MOST, len(os.sched_getaffinity(0)))


def spread(
    jobs: Sequence[Job], work: Callable[[Job], Result], processes: int, kind: Any
) -> list[Result]:
    """What `work` gives for each job, in order; `kind`: its type, for msgpack.

    Neighbours are done by one process: they may share what is made once.
    """
    count = max(1, min(processes, len(jobs) // FEW))
    parts = [
        jobs[len(jobs) * number // count : len(jobs) * (number + 1) // count]
        for number in range(count)
    ]
    others: dict[int, tuple[int, int]] = {}  # by the number of their part
    try:
        for number in range(1, count):
            with contextlib.suppress(OSError):  # no room for one more: its part is done here
                others[number] = _forked(parts[number], work)
        results = [work(job) for job in parts[0]]
        for number in range(1, count):
            found = _received(others[number][1], list[kind]) if number in others else None
            results += [work(job) for job in parts[number]] if found is None else found
        return results
    finally:
        for pid, pipe in others.values():
            os.close(pipe)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _forked(part: Sequence[Job], work: Callable[[Job], Result]) -> tuple[int, int]:
    """(process, pipe its results come through)"""
    reading, writing = os.pipe()
    try:
        pid = os.fork()
    except OSError:
        os.close(reading)
        os.close(writing)
        raise
    if pid:
        os.close(writing)
        return pid, reading
    try:
        data = memoryview(msgspec.msgpack.encode([work(job) for job in part]))
        while data:
            data = data[os.write(writing, data[:PIECE]) :]
    finally:
        os._exit(0)


def _received(pipe: int, kind: Any) -> Any:
    """The results of a part; None when they did not come, or not whole."""
    data = bytearray()
    while piece := os.read(pipe, PIECE):
        data += piece
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except msgspec.DecodeError:
        return None
