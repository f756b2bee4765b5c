"""A number that changes for all workers at once, and the bytes that belong to it."""

from __future__ import annotations

import os

from aisix.workers.generation import Generation
from tests.forking import alone


@alone
def test_a_turn_keeps_the_bytes_in_use_and_has_one_writer() -> None:
    generation = Generation()
    assert generation.number == 0
    assert generation.read(1) is None
    generation.put(1, b"one")
    generation.number = 1
    generation.put(2, b"two")
    assert (generation.read(1), generation.read(2)) == (b"one", b"two")
    generation.put(3, b"three" * 100_000)
    assert (generation.read(1), generation.read(2)) == (None, b"two")
    generation.write_note(b"a longer note")
    generation.write_note(b"note")
    assert generation.read_note() == b"note"
    assert generation.take()
    assert not generation.take(), "a second reload of the same worker waits too"
    pid = os.fork()
    if not pid:
        os._exit(int(generation.take() or generation.number != 1))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    generation.give_back()
    assert generation.take()
    generation.give_back()
