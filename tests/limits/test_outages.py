"""What workers know together of an outage: told once, however many there are."""

from __future__ import annotations

import fcntl
import os
import signal

import pytest

from aisix.limits import SharedRateLimiter
from aisix.limits.outages import OutageBoard
from tests.forking import alone


def test_the_first_begins_it_and_the_last_ends_it() -> None:
    board = OutageBoard(3)
    assert not board.since
    assert [board.begin(1), board.begin(0), board.begin(1)] == [True, False, False]
    since = board.since
    assert since > 1_700_000_000
    assert not board.end(1) and board.since == since
    assert board.end(0) and not board.since
    assert not board.end(0), "it had ended"


@alone
def test_the_outage_of_a_dead_worker_ends_when_the_parent_looks() -> None:
    limits = SharedRateLimiter(places=2)
    pid = os.fork()
    if not pid:
        limits.outages.begin(1)
        os._exit(0)
    os.waitpid(pid, 0)
    assert limits.outages.since
    assert limits.free(1) and not limits.outages.since


@alone
def test_who_looks_after_the_workers_does_not_wait_for_one() -> None:
    limits = SharedRateLimiter(places=2)
    ours, theirs = os.pipe()
    pid = os.fork()
    if not pid:
        with limits.outages._locked(0):
            os.write(theirs, b"x")
            signal.pause()
    os.read(ours, 1)
    assert not limits.free(1)
    with pytest.raises(BlockingIOError):
        limits.outages.end(1, fcntl.LOCK_NB)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert limits.free(1)
