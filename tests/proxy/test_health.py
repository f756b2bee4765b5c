"""/livez and /readyz, for whoever sends requests this way."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from aisix.standin.server import Standin
from tests.running import Running, send

MODEL = {"claude-prod": {"model_name": "claude-opus-5-5"}}


def test_health_says_no_while_draining_and_without_a_model(
    tmp_path: Path, standin: Standin
) -> None:
    with Running(tmp_path / "gateway", {"shutdown": {"min_drain_secs": 2}}) as gateway:
        answer = send(gateway.proxy_port, "GET", "/readyz")
        assert (answer.status, answer.json["status"]) == (503, "unconfigured")
        gateway.set_up(standin.url, MODEL)
        assert send(gateway.proxy_port, "GET", "/readyz").status == 200
        gateway.process.send_signal(signal.SIGTERM)
        end = time.monotonic() + 1.5
        statuses = set()
        while time.monotonic() < end and 503 not in statuses:
            statuses.add(send(gateway.proxy_port, "GET", "/readyz").status)
        assert 503 in statuses
        assert send(gateway.proxy_port, "GET", "/livez").status == 200
