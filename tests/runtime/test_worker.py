"""Starting, draining, reloading: the life of the processes."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from aisix.standin.server import Standin
from tests.running import Running, chunks, send, until

MODEL = {"claude-prod": {"model_name": "claude-opus-5-5"}}


def refused(gateway: Running) -> bool:
    try:
        send(gateway.proxy_port, "GET", "/livez", timeout=2)
    except ConnectionError:
        return True
    return False


def test_sigterm_lets_a_stream_finish_and_takes_nobody_new(
    tmp_path: Path, standin: Standin
) -> None:
    with Running(tmp_path / "gateway") as gateway:
        gateway.set_up(standin.url, MODEL)
        gateway.allow("claude-prod")
        with gateway.streaming("standin:slow-40 standin:long-60") as stream:
            gateway.process.send_signal(signal.SIGTERM)
            until(lambda: refused(gateway))
            assert gateway.process.poll() is None, "refused because it is gone"
            assert list(chunks(stream.read()))[-1] == "[DONE]"
        assert gateway.process.wait(10) == 0


def test_a_stream_that_does_not_end_in_time_gets_an_error_and_no_done(
    tmp_path: Path, standin: Standin
) -> None:
    with Running(tmp_path / "gateway", {"shutdown": {"max_drain_secs": 1}}) as gateway:
        gateway.set_up(standin.url, MODEL)
        gateway.allow("claude-prod")
        with gateway.streaming("standin:slow-100 standin:long-900") as stream:
            gateway.process.send_signal(signal.SIGTERM)
            last = list(chunks(stream.read()))[-1]
        assert last["error"]["code"] == "gateway_stopping"
        assert gateway.process.wait(10) == 0


def test_a_dead_worker_is_replaced(tmp_path: Path, standin: Standin) -> None:
    with Running(tmp_path / "gateway", workers=2) as gateway:
        gateway.set_up(standin.url, MODEL)
        gateway.allow("claude-prod")
        assert len(gateway.worker_pids) == 2
        os.kill(gateway.worker_pids[0], signal.SIGKILL)
        until(lambda: "starting another" in gateway.log)
        assert {gateway.ask("Hi").status for _ in range(6)} == {200}
