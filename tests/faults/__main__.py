"""python -m tests.faults [FOLDER]: replays a folder of inputs, prints a table.

FOLDER holds files like those of requests/ and answers/, at any depth; without it, those. An input
known by its name is judged by what is wanted of it, any other by the strict checkers and by what
the provider would refuse. Ends with 1 if one is not right.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tabulate import tabulate

from tests.faults.replay import HERE, Replay, inputs_of

MOST = 2000  # inputs


def main(arguments: list[str]) -> int:
    inputs = inputs_of(Path(arguments[0]) if arguments else HERE)[:MOST]
    with tempfile.TemporaryDirectory() as folder, Replay(Path(folder), inputs) as replay:
        found = {one.id: replay.misses(one) for one in inputs}
        bugs = replay.gateway.bugs
    rows = [
        [name, "ok" if not why else "WRONG", "; ".join(why)[:200]] for name, why in found.items()
    ]
    print(tabulate(rows, headers=["input", "", "why"]))
    wrong = sum(map(bool, found.values()))
    print(f"\n{len(found) - wrong} of {len(found)} right")
    print(*bugs, sep="\n")
    return int(bool(wrong or bugs or not found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
