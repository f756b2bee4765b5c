"""Space that is there when it is needed, and taken again afterwards."""

from __future__ import annotations

import fcntl
from pathlib import Path

from aisix.store.reserve import FILE, SIZE, Reserve


def test_it_is_let_go_and_taken_again(tmp_path: Path) -> None:
    reserve, file = Reserve(tmp_path), tmp_path / FILE
    assert not reserve.whole
    assert reserve.make() and reserve.whole
    assert file.stat().st_blocks * 512 >= SIZE  # no hole
    with reserve.released():
        assert file.stat().st_size == 0
    assert reserve.whole


def test_nobody_takes_it_while_another_uses_what_it_let_go(tmp_path: Path) -> None:
    mine, other = Reserve(tmp_path), Reserve(tmp_path)
    mine.make()
    with mine.released():
        assert not other.make()
    assert other.make()
    with open(tmp_path / FILE, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert mine.make()  # it is there: nothing to do


def test_without_a_place_for_it_there_is_none(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path / "nowhere")
    assert not reserve.make()
    with reserve.released():
        assert not reserve.whole
