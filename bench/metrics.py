"""What the original's metrics cost a request, above ours: `python -m bench.metrics`.

Two gateways with one worker, the same upstream and load; they take turns in every round, so that a
noisy neighbour hits both. CPU per request, what `metrics_names: aisix` is above `ours`, the ratio.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

from tabulate import tabulate

from bench.peers import Peer, Running, nothing, start_aisix
from bench.run import Bench
from bench.scenarios import Scenario

NAMES = ("ours", "aisix")
OF_KEY = {"rpm": 10**9}


def peers() -> list[Peer]:
    def peer(names: str) -> Peer:
        def start(folder: Path, upstream: int) -> Running:
            more = f"metrics_names: {names}\nobservability:\n  metrics_addr: null\n"
            return start_aisix(folder, upstream, more, of_key=OF_KEY)

        return Peer(names, "", nothing, start)

    return [peer(names) for names in NAMES]


def measured(rounds: int, seconds: float, connections: int) -> dict[str, Any]:
    """Cells by names, one for each round."""
    scenario = Scenario(f"JSON small, {connections}", "json", connections)
    cells: dict[str, list[dict[str, Any]]] = {names: [] for names in NAMES}
    bench = Bench(rounds, seconds, [])
    bench.peers = peers()
    try:
        bench.start()
        if bench.skipped:
            raise SystemExit(str(bench.skipped))
        for running in bench.running.values():  # once, for what is done at first
            bench.cell(running, scenario, slack=False)
        for _ in range(rounds):
            for names, running in bench.running.items():
                cells[names].append(bench.cell(running, scenario, slack=False))
    finally:
        bench.stop()
    return cells


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    cells = measured(args.rounds, args.seconds, args.connections)
    if args.json:
        print(json.dumps(cells))
        return 0
    pairs = [*zip(cells["ours"], cells["aisix"], strict=True)]
    above = [theirs["cpu_us"] - ours["cpu_us"] for ours, theirs in pairs]
    ratio = [theirs["cpu_us"] / ours["cpu_us"] for ours, theirs in pairs]
    rows = [
        [names, round(statistics.median(one["cpu_us"] for one in cells[names]), 1)]
        for names in NAMES
    ]
    print(tabulate(rows, ["metrics_names", "CPU us per request"]))
    print(f"above: {statistics.median(above):.1f} us, ratio {statistics.median(ratio):.3f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
