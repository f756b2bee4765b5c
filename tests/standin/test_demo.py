"""`aisix demo`: what it shows, and that nothing of it stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import ROOT, send


def test_the_demo_shows_all_four_hops_and_no_key() -> None:
    command = [sys.executable, "-m", "aisix", "demo", "--once"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    for hop in ("1 caller request", "2 upstream request", "3 upstream answer", "4 caller answer"):
        assert done.stdout.count(hop) == 2
    assert "data: [DONE]" in done.stdout
    assert "sk-ant-standin-" not in done.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_demo_that_is_ended_takes_its_gateway_along(tmp_path: Path, number: int) -> None:
    command = [sys.executable, "-m", "aisix", "demo"]
    env = os.environ | {"TMPDIR": str(tmp_path)}
    demo = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
    assert demo.stdout is not None
    for line in demo.stdout:
        if line.startswith("The gateway stays up on"):
            port = int(line.split(":")[2].split()[0])
            break
    assert send(port, "GET", "/livez").status == 200
    demo.send_signal(number)
    assert demo.wait(30) == 0
    demo.stdout.close()
    with pytest.raises(ConnectionRefusedError):
        send(port, "GET", "/livez")
    assert list(tmp_path.iterdir()) == []
