"""The short form of the chaos run; `python -m tests.cluster.run --exchanges 50000` is the long one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cluster.run import EVENTS, chaos


@pytest.mark.timeout(300)
def test_nothing_is_wrong_or_lost_while_parts_of_a_cluster_die(tmp_path: Path) -> None:
    report = chaos(tmp_path)
    assert report.wrong == [], report.table()
    assert len(report.rows) == len(EVENTS) + 1
    assert report.exchanges > 1000
