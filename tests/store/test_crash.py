"""kill -9 at any moment loses no acknowledged write."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.long import times
from tests.running import ROOT
from tests.store import ledger

ROUNDS = times(40)


def test_a_killed_writer_loses_no_acknowledged_write(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.store.crasher", tmp_path / "data", str(ROUNDS), "7"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60 + 2 * ROUNDS
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["rounds"] == ROUNDS
    assert told["acknowledged"] > ROUNDS / 2  # else the kills came too early to mean anything


def test_a_killed_gateway_loses_no_write_it_answered(tmp_path: Path) -> None:
    """Worker, parent and all of them; the long form is `python -m tests.store.ledger`."""
    rounds = max(3, ROUNDS // 20)
    told = ledger.main(tmp_path / "gateway", rounds, 7, ("worker", "all", "parent"))
    assert told["rounds"] == rounds
    assert told["create"] > rounds and told["calls"] > 0
