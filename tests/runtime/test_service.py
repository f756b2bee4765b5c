"""The life of the processes: crashes, hangs, new settings, a new program, systemd."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from aisix.config.declared import SETTINGS
from aisix.config.settings import load_settings
from aisix.runtime.supervisor import SIGNALS, STOP_SECS
from aisix.standin.server import Standin
from tests.load import Load
from tests.running import ROOT, Running, free_port, send, until

MODELS = {"claude-prod": {"model_name": "claude-opus-5-5"}}


def change(gateway: Running, **more: Any) -> None:
    """Write other settings into the file the gateway reads."""
    file = gateway.folder / "config.yaml"
    config = json.loads(file.read_text())
    for section, values in more.items():
        config[section] = (
            {**config.get(section, {}), **values} if isinstance(values, dict) else values
        )
    file.write_text(json.dumps(config))


def test_a_crash_is_logged_and_a_crash_loop_waits_longer_each_time(
    tmp_path: Path, standin: Standin
) -> None:
    with Running(tmp_path / "gateway") as gateway:
        gateway.set_up(standin.url, MODELS)
        gateway.allow("*")
        for number in range(2):
            until(lambda: bool(gateway.worker_pids))
            pid = gateway.worker_pids[0]
            os.kill(pid, signal.SIGSEGV)
            until(lambda pid=pid: f"worker {pid} crashed (SIGSEGV)" in gateway.log)  # type: ignore[misc]
            assert f"starting another in {0.5 * 2**number:g} s" in gateway.log
        until(lambda: bool(gateway.worker_pids))
        assert gateway.ask("Hi").status == 200
        assert gateway.metrics()['aisix_worker_exits_total{how="SIGSEGV"}'] == 2
        assert "Fatal Python error: Segmentation fault" in gateway.log


def test_a_stuck_worker_is_ended_and_replaced(tmp_path: Path, standin: Standin) -> None:
    with Running(tmp_path / "gateway", {"worker_silence_secs": 2}) as gateway:
        gateway.set_up(standin.url, MODELS)
        gateway.allow("*")
        pid = gateway.worker_pids[0]
        os.kill(pid, signal.SIGSTOP)
        until(lambda: f"worker {pid} has been stuck" in gateway.log)
        until(lambda: bool(gateway.worker_pids) and gateway.worker_pids[0] != pid)
        assert gateway.ask("Hi").status == 200


def test_changed_settings_replace_the_workers_and_no_request_fails(
    tmp_path: Path, standin: Standin
) -> None:
    with Running(tmp_path / "gateway", workers=2) as gateway:
        gateway.set_up(standin.url, MODELS)
        gateway.allow("*")
        before = set(gateway.worker_pids)
        with Load(gateway) as load:
            until(lambda: load.seen["good"] > 20)
            change(gateway, proxy={"request_body_limit_bytes": 4096}, workers=3)
            gateway.process.send_signal(signal.SIGHUP)
            until(lambda: len(set(gateway.worker_pids) - before) == 3)
            until(lambda: not set(gateway.worker_pids) & before)
            good = load.seen["good"]
            until(lambda: load.seen["good"] > good + 20)
        assert set(load.seen) == {"good"}, load.seen
        assert gateway.ask("x" * 5000).status == 413
        page = gateway.metrics()
        assert page['aisix_reloads_total{what="settings",result="ok"}'] == 1
        assert page['aisix_workers{state="ready"}'] == 3
        done = 'aisix_requests_total{route="openai-chat",alias="claude-prod",status="200"}'
        until(lambda: gateway.metrics()[done] == load.seen["good"])


def test_a_new_address_is_taken_and_the_old_one_let_go(tmp_path: Path, standin: Standin) -> None:
    with Running(tmp_path / "gateway") as gateway:
        gateway.set_up(standin.url, MODELS)
        gateway.allow("*")
        old, gateway.proxy_port = gateway.proxy_port, free_port()
        change(gateway, proxy={"addr": f"127.0.0.1:{gateway.proxy_port}"})
        gateway.process.send_signal(signal.SIGHUP)

        def refused(port: int) -> bool:
            try:
                return send(port, "GET", "/livez").status == 0
            except OSError:
                return True

        until(lambda: not refused(gateway.proxy_port))
        assert gateway.ask("Hi").status == 200
        until(lambda: refused(old))


def test_settings_that_are_wrong_change_nothing(tmp_path: Path, standin: Standin) -> None:
    with Running(tmp_path / "gateway") as gateway:
        gateway.set_up(standin.url, MODELS)
        gateway.allow("*")
        before = gateway.worker_pids
        change(gateway, proxy={"adr": "x"})
        gateway.process.send_signal(signal.SIGHUP)
        until(lambda: "config.yaml:1: proxy.adr: unknown setting" in gateway.log)
        taken = gateway.admin_port
        (gateway.folder / "config.yaml").write_text(f"proxy: {{addr: '127.0.0.1:{taken}'}}")
        gateway.process.send_signal(signal.SIGHUP)
        until(lambda: f"not reloaded: proxy.addr 127.0.0.1:{taken}" in gateway.log)
        assert gateway.worker_pids == before
        assert gateway.ask("Hi").status == 200
        assert gateway.metrics()['aisix_reloads_total{what="settings",result="failed"}'] == 2


def test_a_new_program_takes_over_and_no_request_fails(tmp_path: Path, standin: Standin) -> None:
    with Running(tmp_path / "gateway", workers=2) as gateway:
        gateway.set_up(standin.url, MODELS)
        gateway.allow("*")
        before, pid = set(gateway.worker_pids), gateway.process.pid
        with Load(gateway, threads=2) as load:
            until(lambda: load.seen["good"] > 20)
            gateway.process.send_signal(signal.SIGUSR2)
            until(lambda: len(set(gateway.worker_pids) - before) == 2)
            until(lambda: not set(gateway.worker_pids) & before)
            good = load.seen["good"]
            until(lambda: load.seen["good"] > good + 20)
        assert set(load.seen) == {"good"}, load.seen
        assert gateway.process.pid == pid
        assert gateway.log.count("2 workers") == 2
        assert gateway.metrics()['aisix_workers{state="ready"}'] == 2
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.process.wait(15) == 0


def test_a_new_program_that_would_not_start_is_not_tried(tmp_path: Path) -> None:
    with Running(tmp_path / "gateway") as gateway:
        before = gateway.worker_pids
        change(gateway, workers="many")
        gateway.process.send_signal(signal.SIGUSR2)
        until(lambda: "staying as we are" in gateway.log)
        assert "config.yaml:1: workers" in gateway.log
        assert gateway.worker_pids == before
        assert send(gateway.proxy_port, "GET", "/livez").status == 200


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    with Running(tmp_path / "gateway", workers=2) as gateway:
        pids = gateway.worker_pids
        gateway.process.kill()
        gateway.process.wait(5)

        def gone(pid: int) -> bool:
            try:
                return "Z" in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                return True

        until(lambda: all(gone(pid) for pid in pids))


@pytest.fixture
def systemd(tmp_path: Path) -> Any:
    """What systemd hears."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(path))
        heard.setblocking(False)
        said: list[str] = []

        def all_said() -> str:
            while True:
                try:
                    said.append(heard.recv(4096).decode())
                except BlockingIOError:
                    return "\n".join(said)

        yield path, all_said


def test_systemd_is_told_of_start_reload_stop_and_life(tmp_path: Path, systemd: Any) -> None:
    path, said = systemd
    env = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "900000"}
    with Running(tmp_path / "gateway", env=env, workers=2) as gateway:
        until(lambda: "READY=1\nSTATUS=serving with 2 workers" in said())
        until(lambda: said().count("WATCHDOG=1") > 2)
        gateway.process.send_signal(signal.SIGHUP)
        until(lambda: "RELOADING=1\nMONOTONIC_USEC=" in said())
        until(lambda: said().count("READY=1") == 2)
        gateway.process.send_signal(signal.SIGTERM)
        until(lambda: "STOPPING=1" in said())
        assert gateway.process.wait(10) == 0


def test_the_documentation_and_the_unit_fit_what_is_there() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    told = SIGNALS - {signal.SIGUSR1, signal.SIGCHLD}  # these are between parent and workers
    assert {number.name for number in told} <= set(re.findall(r"SIG[A-Z0-9]+", text))
    for name in re.findall(r"`((?:shutdown|proxy|admin|observability)\.\w+)`", text):
        assert name in {setting.name for setting in SETTINGS}, name
    unit = (ROOT / "docs" / "aisix.service").read_text()
    values = dict(line.split("=", 1) for line in unit.split("\n") if re.match(r"\w+=", line))
    assert values["Type"] == "notify"
    assert values["ExecReload"].endswith("-HUP $MAINPID")
    drain = load_settings(None, {}).shutdown.max_drain_secs
    assert int(values["TimeoutStopSec"]) > drain + STOP_SECS


def test_a_second_signal_does_not_wait_for_the_drain(tmp_path: Path) -> None:
    with Running(tmp_path / "gateway", {"shutdown": {"min_drain_secs": 30}}) as gateway:
        gateway.process.send_signal(signal.SIGTERM)
        gateway.process.send_signal(signal.SIGTERM)  # some tell the process and then its group
        until(lambda: "draining" in gateway.log)
        time.sleep(1.1)  # SAME_STOP: later than that, the same signal is another one
        assert gateway.process.poll() is None
        began = time.monotonic()
        gateway.process.send_signal(signal.SIGTERM)
        gateway.process.wait(10)
        assert time.monotonic() - began < 10
