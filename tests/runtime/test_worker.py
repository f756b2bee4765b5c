"""Starting, draining, reloading: the life of the processes."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from aisix.standin.server import Standin
from tests.running import Running, until

MODEL = {"claude-prod": {"model_name": "claude-opus-5-5"}}


def test_a_dead_worker_is_replaced(tmp_path: Path, standin: Standin) -> None:
    with Running(tmp_path / "gateway", workers=2) as gateway:
        gateway.set_up(standin.url, MODEL)
        gateway.allow("claude-prod")
        assert len(gateway.worker_pids) == 2
        os.kill(gateway.worker_pids[0], signal.SIGKILL)
        until(lambda: "starting another" in gateway.log)
        assert {gateway.ask("Hi").status for _ in range(6)} == {200}
