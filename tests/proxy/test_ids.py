"""Ids: many from one read of the system's randomness, and none twice, in no process."""

from __future__ import annotations

import os

from aisix.proxy import ids
from tests.forking import alone


def test_no_id_comes_twice() -> None:
    made = [ids.new() for _ in range(3 * ids.AT_ONCE + 1)]
    assert len(set(made)) == len(made)
    assert {len(one) for one in made} == {ids.DIGITS}


@alone
def test_a_worker_does_not_go_on_with_the_ids_of_its_parent() -> None:
    ids.new()  # so that some are left
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.write(write, ids.new().encode())
        os._exit(0)
    os.close(write)
    theirs = os.read(read, ids.DIGITS).decode()
    os.close(read)
    os.waitpid(child, 0)
    ours = [ids.new() for _ in range(ids.AT_ONCE)]
    assert len(theirs) == ids.DIGITS and theirs not in ours
