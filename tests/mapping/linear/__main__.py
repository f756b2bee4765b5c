"""The table of all shapes: python -m tests.mapping.linear [--pair P] [--kind K] [--only TEXT] [--ms MS] [--rules]

Shape, size, CPU and exponent, the steepest first; ends with 1 when one is above the most.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

from tabulate import tabulate

from aisix.mapping.mappings import load_mappings
from aisix.mapping.verify import cases
from tests.mapping.linear import bad, generated
from tests.mapping.linear.jobs import KINDS
from tests.mapping.linear.measure import MOST, Measured, Shape, measured
from tests.running import ROOT


def shapes(pairs: list[str] | None = None, made: bool = True) -> Iterator[Shape]:
    for name, mapping in load_mappings([ROOT / "mappings"]).mappings.items():
        if pairs and name not in pairs:
            continue
        found = list(cases.find((ROOT / "mappings",), name))
        yield from bad.shapes(mapping)
        if made:
            yield from generated.shapes(mapping, found)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mapping.linear", description=__doc__)
    parser.add_argument("--pair", action="append", help="only this pair of dialects")
    parser.add_argument("--kind", action="append", choices=KINDS, help="only this kind of body")
    parser.add_argument("--only", default="", help="only shapes whose line has this text")
    parser.add_argument("--ms", type=float, default=60, help="CPU at which a shape is large enough")
    parser.add_argument("--rows", type=int, default=60, help="rows of the table")
    parser.add_argument("--rules", action="store_true", help="by the interpreter too")
    parser.add_argument("--bad", action="store_true", help="only the shapes thought of")
    options = parser.parse_args()
    rows: list[Measured] = []
    begun = time.monotonic()
    for shape in shapes(options.pair, not options.bad):
        if options.kind and shape.job.kind not in options.kind:
            continue
        both = (shape, replace(shape, job=replace(shape.job, rules=True)))
        for one in both if options.rules and not shape.job.rules else (shape,):
            if options.only not in str(one):
                continue
            try:
                found = measured(one, options.ms / 1000)
            except Exception as error:
                found = Measured(str(one), 0, 0, 0, 9.99, f"{type(error).__name__}: {error}"[:80])
            rows.append(found)
            if found.bad:
                print(
                    f"{found.exponent:.2f}  {found.cpu * 1000:.0f} ms at {found.items}  {found.ended}  {found.shape}",
                    flush=True,
                )
    print(table(rows, options.rows))
    failed = [row for row in rows if row.bad or not row.bytes]  # without bytes: an exception
    print(f"{len(rows)} shapes, {len(failed)} above {MOST}, {time.monotonic() - begun:.0f} s")
    return 1 if failed else 0


def table(rows: list[Measured], most: int) -> str:
    steepest = sorted(rows, key=lambda row: -row.exponent)[:most]
    dearest = sorted((r for r in rows if r.bytes), key=lambda row: -row.cpu / max(row.bytes, 1))[
        : most // 3
    ]
    head = ("shape", "items", "KiB", "CPU ms", "us/KiB", "us/step", "exponent", "ended")
    uncharged = sorted((r for r in rows if r.cpu > 0.002), key=lambda r: -r.cpu / (r.steps + 1))
    parts = []
    for title, some in (
        ("steepest", steepest),
        ("dearest", dearest),
        ("least charged", uncharged[:most]),
    ):
        lines = [
            (r.shape[:130], r.items, f"{r.bytes / 1024:.1f}", f"{r.cpu * 1000:.1f}",
             f"{r.cpu * 1e6 * 1024 / max(r.bytes, 1):.0f}", f"{r.cpu * 1e6 / (r.steps + 1):.1f}", f"{r.exponent:.2f}", r.ended)
            for r in some
        ]  # fmt: skip
        parts.append(f"{title}\n{tabulate(lines, head, disable_numparse=True)}")
    return "\n\n".join(parts)


if __name__ == "__main__":
    sys.exit(main())
