"""A number that changes for all workers at once, and the bytes that belong to it."""

from __future__ import annotations

import os

from aisix.workers.generation import Generation
from tests.forking import alone


@alone
def test_a_turn_keeps_the_bytes_in_use_and_has_one_writer() -> None:
    turn = Generation()
    assert turn.number == 0
    assert turn.read(1) is None
    turn.put(1, b"one")
    turn.number = 1
    turn.put(2, b"two")
    assert (turn.read(1), turn.read(2)) == (b"one", b"two")
    turn.put(3, b"three" * 100_000)
    assert (turn.read(1), turn.read(2)) == (None, b"two")
    turn.write_note(b"a longer note")
    turn.write_note(b"note")
    assert turn.read_note() == b"note"
    assert turn.take()
    pid = os.fork()
    if not pid:
        os._exit(int(turn.take() or turn.number != 1))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    turn.give_back()
