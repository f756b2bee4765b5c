"""The gateway beside its peers, over loopback: `make bench` (python -m bench.gateway [--quick]).

Every peer is up during the whole run, pinned to one core; the stand-in upstream and the load have
the other. Each scenario goes over all peers in turn, and that several times: a noisy neighbour hits
all of them alike, and ratios are taken round by round. CPU is the operating system's account of the
peer's process tree. The whole stops by itself in under ten minutes.

What is written: a report on the screen, bench/results/<time>.json and .svg. See README.md.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from bench import extras, report
from bench.run import HERE, Bench, say


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.gateway", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.5, help="of load a cell (default 1.5)")
    parser.add_argument("--quick", action="store_true", help="one short round, no extras")
    parser.add_argument("--peer", action="append", default=[], help="only these; repeat")
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="PATH",
        help="aisix by it too; repeat",
    )
    parser.add_argument("--settle", type=int, default=10, help="seconds after the burst of bodies")
    parser.add_argument("--json", type=Path, help="where to write (default bench/results/)")
    given = parser.parse_args()
    rounds, seconds = (1, 0.5) if given.quick else (given.rounds, given.seconds)
    bench = Bench(rounds, seconds, given.peer, given.python)
    bench.start()
    try:
        bench.measure()
        if not given.quick:
            say("start, memory, callers who leave ...")
            bench.extras = extras.measure(bench, given.settle)
    finally:
        bench.stop()
    result = bench.result()
    target = given.json or HERE / "results" / time.strftime("%Y%m%d-%H%M.json")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(result, indent=1))
    target.with_suffix(".svg").write_text(report.picture(result))
    print(report.text(result))
    print(f"\n{target}\n{target.with_suffix('.svg')}")


if __name__ == "__main__":
    main()
