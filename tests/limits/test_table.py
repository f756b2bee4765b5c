"""Rows of holders: found, made, given up, against a dict that does the same."""

from __future__ import annotations

import errno
import random
from typing import Any

import pytest

from aisix.limits import SharedRateLimiter
from aisix.limits.table import HolderTable, TableFull


def test_random_makings_and_givings_up_are_as_in_a_dict() -> None:
    dice = random.Random(17)
    table = HolderTable(places=2, width=2, rows=64)
    held: dict[str, int] = {}
    idle: set[int] = set()
    for _ in range(20_000):
        ident = f"key:{dice.randrange(200)}"
        row = table.find(ident)
        assert row == held.get(ident, 0)
        if not row and len(held) < 64:
            row = held[ident] = table.make(ident)
            at = table.windows(row)
            assert list(table.cells[at : at + 2]) == [0.0, 0.0], "what another one counted"
            table.cells[at] = table.cells[at + 1] = 7.0
        elif not row:
            with pytest.raises(TableFull):
                table.make(ident)
        if dice.random() < 0.4:
            idle = set(dice.sample(sorted(held.values()), len(held) // 3))
            table.tidy(idle.__contains__)
            gone = {name for name in held if not table.find(name)}
            assert {held.pop(name) for name in gone} <= idle
        assert table.held == len(held)
    assert table.refused > 0


def test_a_full_table_gives_up_one_idle_row_wherever_it_is() -> None:
    table = HolderTable(places=1, width=2, rows=64)
    rows = [table.make(f"key:{number}") for number in range(64)]
    table.tidy(lambda row: row == rows[40])
    assert (table.held, table.find("key:40")) == (63, 0)
    assert table.make("key:new") == rows[40]


def test_leases_of_one_worker_are_freed_and_those_of_others_stay() -> None:
    table = HolderTable(places=3, width=2, rows=64)
    rows = [table.make(f"key:{number}") for number in range(5)]
    for row in rows:
        for number in range(3):
            table.leases[row * 3 + number] = 2 + number
    table.free(1)
    assert [table.under_way(row) for row in rows] == [6] * 5


def test_less_memory_than_usual_makes_fewer_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    mapped = HolderTable._mapped

    def scarce(table: HolderTable, rows: int) -> Any:
        if rows > 20_000:
            raise OSError(errno.ENOMEM, "no")
        return mapped(table, rows)

    monkeypatch.setattr(HolderTable, "_mapped", scarce)
    assert SharedRateLimiter().room == 1 << 14
    monkeypatch.setattr(HolderTable, "_mapped", lambda *given: scarce(given[0], 1 << 20))
    with pytest.raises(OSError):
        SharedRateLimiter()
