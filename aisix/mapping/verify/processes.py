"""Work that is shared out among processes: what is independent takes as long as the machine needs.

    found = spread(cases, run, processes=2, kind=list[str])    # [run(case) for case in cases]

Each process, the others forked, takes the next piece of the work until none is left, and the others
send what they found back; what one of them did not do, this process does itself, so that a mistake
shows as it would without them.

Must never know: what the work is. Must never be called where there are threads.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import msgspec

FEW = 16  # jobs for which no process is made
MOST = 4  # processes: more would wait for the slowest part
SHARE = 8  # pieces for each process: the last ones are done at nearly the same time
PIECE = 1 << 16  # bytes of one read or write
NUMBER = 4  # bytes of the number of a piece

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
    if count == 1:
        return [work(job) for job in jobs]
    pieces = count * SHARE
    parts = [
        jobs[len(jobs) * number // pieces : len(jobs) * (number + 1) // pieces]
        for number in range(pieces)
    ]
    done: dict[int, list[Result]] = {}
    others: list[tuple[int, int]] = []  # (process, pipe its results come through)
    waiting = _numbers(pieces)
    try:
        for _ in range(1, count):
            with contextlib.suppress(OSError):  # no room for one more: the others do its part
                others.append(_forked(parts, work, waiting))
        for number in _taken(waiting):
            done[number] = [work(job) for job in parts[number]]
        for _, pipe in others:
            done |= _received(pipe, dict[int, list[kind]])
        for number in range(pieces):
            if len(done.get(number, ())) != len(parts[number]):
                done[number] = [work(job) for job in parts[number]]
        return [result for number in range(pieces) for result in done[number]]
    finally:
        os.close(waiting)
        for pid, pipe in others:
            os.close(pipe)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _numbers(count: int) -> int:
    """A pipe that holds the numbers of pieces: whoever reads one has it alone."""
    reading, writing = os.pipe()
    with open(writing, "wb") as pipe:
        pipe.write(b"".join(number.to_bytes(NUMBER, "big") for number in range(count)))
    return reading


def _taken(waiting: int) -> Iterator[int]:
    while number := os.read(waiting, NUMBER):
        yield int.from_bytes(number, "big")


def _forked(
    parts: Sequence[Sequence[Job]], work: Callable[[Job], Result], waiting: int
) -> tuple[int, int]:
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
        done = {number: [work(job) for job in parts[number]] for number in _taken(waiting)}
        data = memoryview(msgspec.msgpack.encode(done))
        while data:
            data = data[os.write(writing, data[:PIECE]) :]
    finally:
        os._exit(0)


def _received(pipe: int, kind: Any) -> Any:
    """The results of a process, by piece; {} when they did not come, or not whole."""
    data = bytearray()
    while piece := os.read(pipe, PIECE):
        data += piece
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except msgspec.DecodeError:
        return {}
