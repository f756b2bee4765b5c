"""Counters in shared memory: each worker writes its own, anyone reads them all."""

from __future__ import annotations

import os

import pytest

from aisix.workers.scoreboard import (
    DEAD,
    DRAINING,
    READY,
    SPARE,
    STARTING,
    Scoreboard,
    ScoreboardFull,
)
from tests.forking import alone


def test_a_series_keeps_its_cells_and_is_read_back() -> None:
    slot = Scoreboard(1).claim()
    first = slot.cell(("seconds", "a"), 3)
    second = slot.cell(("total", "b"), 1)
    assert slot.cell(("seconds", "a"), 3) == first != second
    slot.cells[first + 2] += 1.5
    slot.cells[second] += 1
    assert list(slot.series()) == [(("seconds", "a"), [0, 0, 1.5]), (("total", "b"), [1])]


def test_a_slot_is_free_again_when_its_process_is_dead_and_what_it_counted_stays() -> None:
    board = Scoreboard(2)
    one, two = board.claim(), board.claim()
    assert (one.number, two.number, one.state) == (0, 1, STARTING)
    with pytest.raises(ScoreboardFull):
        board.claim()
    one.state, two.state = READY, DEAD
    assert board.living() == [one]
    two.cells[two.cell(("total",), 1)] = 7
    again = board.claim()
    assert again.number == 1
    again.adopt()
    again.cells[again.cell(("total",), 1)] += 1
    assert list(again.series()) == [(("total",), [8])]


def test_when_the_cells_are_used_up_there_are_spare_ones() -> None:
    slot = Scoreboard(1).claim()
    slot.cell(("large",), slot.spare())
    with pytest.raises(ScoreboardFull):
        slot.cell(("one more",), 1)
    slot.cells[slot.spare() + SPARE - 1] = 1  # belongs to no series
    assert [key for key, _ in slot.series()] == [("large",)]


@alone
def test_who_was_forked_counts_for_all_to_see() -> None:
    board = Scoreboard(1)
    slot = board.claim()
    pid = os.fork()
    if not pid:
        slot.cells[slot.cell(("total",), 1)] = 3
        slot.beat = 12.5
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert (list(slot.series()), slot.beat) == ([(("total",), [3.0])], 12.5)


def test_the_first_worker_that_is_ready_leads() -> None:
    board = Scoreboard(4)
    parent, one, two = board.claim(), board.claim(), board.claim()
    parent.state = READY
    assert not board.leads(one) and not board.leads(two)
    two.state = READY
    assert board.leads(two) and not board.leads(one)
    one.state = READY
    assert board.leads(one) and not board.leads(two)
    one.state = DRAINING
    assert board.leads(two)
