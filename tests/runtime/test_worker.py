"""Starting, draining, reloading: the life of the processes."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

from aisix.standin.server import Standin
from tests.running import Running, chunks, send

MODEL = {"claude-prod": {"model_name": "claude-opus-5-5"}}


def test_sigterm_lets_a_stream_finish_and_takes_nobody_new(
    tmp_path: Path, standin: Standin
) -> None:
    with Running(tmp_path / "gateway") as gateway:
        gateway.set_up(standin.url, MODEL)
        gateway.allow("claude-prod")
        got: list[bytes] = []
        ask = threading.Thread(
            target=lambda: got.append(
                gateway.ask("standin:slow-40 standin:long-40", stream=True).body
            )
        )
        standin.received.clear()
        ask.start()
        while not standin.received:
            time.sleep(0.01)
        time.sleep(0.2)
        gateway.process.send_signal(signal.SIGTERM)
        refused = False
        while ask.is_alive() and not refused:
            try:
                send(gateway.proxy_port, "GET", "/livez", timeout=2)
            except ConnectionError:
                refused = True
        assert refused, "who called during the drain had to wait"
        ask.join(20)
        assert list(chunks(got[0]))[-1] == "[DONE]"
        assert gateway.process.wait(10) == 0


def test_a_stream_that_does_not_end_in_time_gets_an_error_and_no_done(
    tmp_path: Path, standin: Standin
) -> None:
    with Running(tmp_path / "gateway", {"shutdown": {"max_drain_secs": 1}}) as gateway:
        gateway.set_up(standin.url, MODEL)
        gateway.allow("claude-prod")
        got: list[bytes] = []
        text = "standin:slow-100 standin:long-900"
        ask = threading.Thread(target=lambda: got.append(gateway.ask(text, stream=True).body))
        standin.received.clear()
        ask.start()
        while not standin.received:
            time.sleep(0.01)
        time.sleep(0.3)
        gateway.process.send_signal(signal.SIGTERM)
        ask.join(20)
        last = list(chunks(got[0]))[-1]
        assert last["error"]["code"] == "upstream_stream_interrupted"
        assert gateway.process.wait(10) == 0


def test_a_dead_worker_is_replaced(tmp_path: Path, standin: Standin) -> None:
    with Running(tmp_path / "gateway", workers=2) as gateway:
        gateway.set_up(standin.url, MODEL)
        gateway.allow("claude-prod")
        pid = gateway.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        assert len(children) == 2
        os.kill(int(children[0]), signal.SIGKILL)
        end = time.monotonic() + 10
        while "starting another" not in gateway.log and time.monotonic() < end:
            time.sleep(0.02)
        assert {gateway.ask("Hi").status for _ in range(6)} == {200}
