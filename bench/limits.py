"""What rate limits cost a request, counted in memory and in Redis: `python -m bench.limits`.

One gateway with one worker for each way, all with the same upstream and load; they take turns in
every round, so that a noisy neighbour hits all. `redis-server` runs on the load's core. For each:
CPU per request of the gateway, what that is above the gateway without limits, its ratio to counting
in memory, and of Redis its CPU and calls per request.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import socket
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tabulate import tabulate

from bench import procs
from bench.peers import Peer, Running, free_port, nothing, spawn, start_aisix
from bench.run import HERE, LOAD_CORE, Bench
from bench.scenarios import Scenario

MANY = 10**9
RULES: dict[str, tuple[dict[str, int], dict[str, int]]] = {
    "rpm": ({"rpm": MANY}, {}),
    "rpm, tpm": ({"rpm": MANY, "tpm": MANY}, {}),
    "4 rules": ({"rpm": MANY, "tpm": MANY, "concurrency": 10_000}, {"rpd": MANY}),
}
FOLDER = HERE / ".peers" / "limits"
HELD = 1000  # ms for an answer: on a machine this small, a late one is no outage


@contextlib.contextmanager
def redis_server() -> Iterator[tuple[int, int]]:
    """(port, process id)"""
    program = shutil.which("redis-server")
    if program is None:
        raise SystemExit("redis-server is not installed: apt-get install redis-server")
    port = free_port()
    process = spawn(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
        FOLDER / "redis",
        core=LOAD_CORE,
    )
    try:
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.01)
        yield port, process.pid
    finally:
        process.kill()
        process.wait()


def calls(port: int) -> int:
    """Scripts Redis has run."""
    with socket.create_connection(("127.0.0.1", port), 5) as asked:
        asked.sendall(b"INFO commandstats\r\n")
        found = b""
        while not found.endswith(b"\r\n\r\n") and len(found) < 1 << 16:
            found += asked.recv(1 << 16)
    told = re.search(rb"cmdstat_evalsha:calls=(\d+)", found)
    return int(told[1]) if told else 0


def peers(redis: int) -> list[Peer]:
    def peer(name: str, backend: str, rules: str | None) -> Peer:
        more = "observability:\n  metrics_addr: null\n"
        if backend == "redis":
            more += f"ratelimit:\n  backend: redis\n  timeout_ms: {HELD}\n"
            more += f"  redis:\n    url: redis://127.0.0.1:{redis}\n"
        of_key, of_model = RULES[rules] if rules else ({}, {})

        def start(folder: Path, upstream: int) -> Running:
            return start_aisix(folder, upstream, more, of_key=of_key, of_model=of_model)

        return Peer(name, "", nothing, start)

    found = [peer("no limits", "memory", None)]
    for rules in RULES:
        found += [peer(f"{rules}: {where}", where, rules) for where in ("memory", "redis")]
    return found


def measured(rounds: int, seconds: float, connections: int) -> dict[str, Any]:
    scenario = Scenario(f"JSON small, {connections}", "json", connections)
    cells: dict[str, list[dict[str, Any]]] = {}
    with redis_server() as (port, pid):
        bench = Bench(rounds, seconds, [])
        bench.peers = peers(port)
        try:
            bench.start()
            if bench.skipped:
                raise SystemExit(str(bench.skipped))
            for name, running in bench.running.items():  # once, for what is done at first
                bench.cell(running, scenario, slack=False)
                cells[name] = []
            for _ in range(rounds):
                for name, running in bench.running.items():
                    cpu, done = procs.cpu(pid), calls(port)
                    cell = bench.cell(running, scenario, slack=False)
                    cell["redis_us"] = (procs.cpu(pid) - cpu) / cell["requests"] * 1e6
                    cell["calls"] = (calls(port) - done) / cell["requests"]
                    cells[name].append(cell)
        finally:
            bench.stop()
    return cells


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    cells = measured(args.rounds, args.seconds, args.connections)
    if args.json:
        print(json.dumps(cells))
        return 0
    rows = []
    base = cells["no limits"]
    for name, found in cells.items():

        def middle(key: str, found: list[dict[str, Any]] = found) -> float:
            return statistics.median(one[key] for one in found)

        above = statistics.median(
            one["cpu_us"] - other["cpu_us"] for one, other in zip(found, base, strict=True)
        )
        memory = cells.get(name.replace("redis", "memory"), found)
        ratio = statistics.median(
            one["cpu_us"] / other["cpu_us"] for one, other in zip(found, memory, strict=True)
        )
        wrong = sum(one["wrong"] for one in found)
        there = [round(middle("redis_us"), 1), round(middle("calls"), 2)]
        in_redis = there if "redis" in name else ["", ""]
        times = [round(middle("p50_ms"), 2), round(middle("p99_ms"), 2)]
        cpu = [round(middle("cpu_us"), 1), round(above, 1), round(ratio, 3)]
        rows.append([name, *cpu, *times, *in_redis, wrong])
    titles = ["limits", "CPU us", "above none", "to memory", "p50 ms", "p99 ms"]
    titles += ["Redis us", "calls", "wrong"]
    print(tabulate(rows, titles))
    print(f"{args.connections} connections, {args.rounds} rounds, load {os.getloadavg()[0]:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
