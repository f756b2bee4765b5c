"""One run of the benchmark: who is up, each scenario over all of them in turn, what was found."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aisix import __version__
from bench import procs
from bench.peers import BEARER, PEERS, Peer, Running, free_port, on_python, spawn
from bench.scenarios import SCENARIOS, Scenario

HERE = Path(__file__).resolve().parent
LOAD_CORE = 1


class Bench:
    """One run. `figures[scenario][peer]` is a list of cells, one a round; None where it failed."""

    def __init__(
        self, rounds: int, seconds: float, wanted: list[str], pythons: Sequence[str] = ()
    ) -> None:
        self.rounds = rounds
        self.seconds = seconds
        self.wanted = wanted
        self.upstream = free_port()
        self.running: dict[str, Running] = {}
        self.skipped: dict[str, str] = {}
        self.figures: dict[str, dict[str, list[Any]]] = {s.name: {} for s in SCENARIOS}
        self.extras: dict[str, dict[str, Any]] = {}
        self.peers = [peer for peer in PEERS if not wanted or peer.name in {*wanted, "aisix"}]
        self.peers[1:1] = map(on_python, pythons)

    def folder(self, peer: Peer) -> Path:
        name = peer.name if peer.name.startswith("aisix,") else peer.name.partition(" ")[0]
        return HERE / ".peers" / name.lower().replace(", ", "-").replace(" ", "-")

    def start(self) -> None:
        self.standin = spawn(
            [sys.executable, "-m", "bench.upstream", str(self.upstream)],
            HERE / ".peers" / "upstream",
            core=LOAD_CORE,
        )
        time.sleep(0.5)
        for peer in self.peers:
            say(f"{peer.name} {peer.version}".strip() + " ...")
            why = peer.install(self.folder(peer))
            if not why:
                try:
                    self.running[peer.name] = peer.start(self.folder(peer), self.upstream)
                except RuntimeError as error:
                    why = f"did not start: {error}"
            if why:
                self.skipped[peer.name] = why
                say(f"  skipped: {why}")

    def stop(self) -> None:
        for running in self.running.values():
            running.stop()
        self.standin.kill()
        self.standin.wait()

    def measure(self) -> None:
        for number in range(self.rounds):
            for scenario in SCENARIOS:
                say(f"round {number + 1}/{self.rounds}: {scenario.name}")
                direct = Running(self.standin, self.upstream, "/v1/messages")
                cells = self.figures[scenario.name]
                cells.setdefault("direct", []).append(self.cell(direct, scenario, slack=True))
                for peer in self.peers:
                    running = self.running.get(peer.name)
                    if running is not None:
                        found = self.cell(running, scenario, slack=not peer.translates)
                        cells.setdefault(peer.name, []).append(found)

    def cell(self, running: Running, scenario: Scenario, slack: bool) -> dict[str, Any]:
        """One peer, one scenario, one round."""
        spec = {
            **scenario.spec(running.model, self.seconds),
            "port": running.port,
            "path": running.path,
            "headers": running.headers if running.path != "/v1/messages" else BEARER,
            "slack": scenario.count // 50 if slack else 0,
        }
        before = procs.cpu(running.pid)
        out = subprocess.run(
            [sys.executable, "-m", "bench.load", json.dumps(spec)],
            cwd=HERE.parent,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            preexec_fn=lambda: os.sched_setaffinity(0, {LOAD_CORE % (os.cpu_count() or 1)}),
        )
        if out.returncode:
            return {"requests": 0, "wrong": 1, "samples": [out.stderr[-300:]]}
        found: dict[str, Any] = json.loads(out.stdout)
        spent = procs.cpu(running.pid) - before
        parts = found["requests"] * (scenario.count if scenario.per == "chunk" else 1)
        found["cpu_us"] = round(spent / parts * 1e6, 2) if parts else None
        found["per_second"] = round(parts / found["seconds"], 1)
        found["busy"] = round(spent / found["seconds"], 3)
        return found

    def result(self) -> dict[str, Any]:
        return {
            "taken": time.strftime("%Y-%m-%d %H:%M", time.gmtime()) + " UTC",
            "aisix": __version__,
            "machine": {
                "cpu": cpu_name(),
                "cores": os.cpu_count(),
                "system": platform.platform(terse=True),
                "python": platform.python_version(),
            },
            "rounds": self.rounds,
            "seconds": self.seconds,
            "versions": {peer.name: peer.version for peer in self.peers if peer.version},
            "skipped": self.skipped,
            "figures": self.figures,
            "extras": self.extras,
        }


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(": ")[2] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown"
