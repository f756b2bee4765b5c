"""The spool: what one process writes another reads, also when the first has died."""

from __future__ import annotations

import os

import pytest

from aisix.workers.spool import Spool
from tests.forking import alone


@alone
def test_what_a_process_that_died_has_written_is_there() -> None:
    spool = Spool(2)
    pid = os.fork()
    if not pid:
        with spool.held() as state:
            state["at"] = [spool.append(1, b"one"), spool.append(1, b"two")]
        os._exit(0)
    os.waitpid(pid, 0)
    with spool.held() as state:
        assert state == {"at": [0, 3]}
    assert spool.read(1, 3, 3) == b"two" and spool.read(0, 0, 3) == b""
    spool.clear(1)
    assert spool.read(1, 0, 3) == b""


def test_what_raises_inside_changes_nothing() -> None:
    spool = Spool(1)
    with pytest.raises(KeyError), spool.held() as state:
        state["n"] = 1
        raise KeyError
    with spool.held() as state:
        assert state == {}
