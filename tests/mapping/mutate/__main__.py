"""All edits of all bases, or a fixed part of them: who tells, counted and listed.

python -m tests.mapping.mutate --count 3000 --processes 2 --list silent
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache

from tests.mapping.mutate.bases import Base, bases
from tests.mapping.mutate.edits import KINDS, Edit, edits
from tests.mapping.mutate.judge import CLASSES, PROGRAM, SILENT, Judge, Outcome

SEED = 18
AT_ONCE = 40  # edits that one process is given


def chosen(count: int, seed: int = SEED) -> Iterator[tuple[Base, list[Edit]]]:
    """So many edits of all there are, in parts of one base each."""
    found = [
        (base, edit)
        for base in bases()
        for path, text in base.files.items()
        for edit in edits(path, text, random.Random(seed))
    ]
    some = random.Random(seed).sample(found, min(count, len(found)))
    for base in dict.fromkeys(base.name for base, _ in found):
        own = [(one, edit) for one, edit in some if one.name == base]
        for at in range(0, len(own), AT_ONCE):
            yield own[0][0], [edit for _, edit in own[at : at + AT_ONCE]]


def judged(base: Base, some: Iterable[Edit]) -> tuple[list[str], list[Outcome]]:
    """(false alarms, what became of each edit)"""
    judge = Judge(base)
    return [f"{base.name}: {one}" for one in judge.alarms], [judge.sort(edit) for edit in some]


@cache
def _named() -> dict[str, Base]:
    return {base.name: base for base in bases()}


def _elsewhere(name: str, some: Sequence[Edit]) -> tuple[list[str], list[Outcome]]:
    """In another process, which has bases of its own: a recipe's tests do not travel."""
    return judged(_named()[name], some)


def table(outcomes: list[Outcome]) -> str:
    """Classes down, kinds of edits across."""
    count = Counter((one.kind, one.edit.kind) for one in outcomes)
    lines = [f"{'':16}" + "".join(f"{kind:>14}" for kind in KINDS) + f"{'all':>14}{'%':>8}"]
    for name in CLASSES:
        row = [count[name, kind] for kind in KINDS]
        share = 100 * sum(row) / max(1, len(outcomes))
        lines.append(f"{name:16}" + "".join(f"{n:>14}" for n in (*row, sum(row))) + f"{share:8.2f}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.mapping.mutate")
    parser.add_argument("--count", type=int, default=3000, help="edits, of some 8,000")
    parser.add_argument("--seed", type=int, default=SEED, help="which of them")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--list", nargs="*", default=[SILENT, PROGRAM], choices=CLASSES)
    args = parser.parse_args()
    alarms: list[str] = []
    outcomes: list[Outcome] = []
    work = list(chosen(args.count, args.seed))
    names, parts = [base.name for base, _ in work], [part for _, part in work]
    with ProcessPoolExecutor(args.processes) as pool:
        for wrong, found in pool.map(_elsewhere, names, parts):
            alarms += wrong
            outcomes += found
            counts = Counter(one.kind for one in found)
            print(f"{found[0].edit.path}: {dict(counts)}", file=sys.stderr, flush=True)
            for one in found:
                if one.kind in args.list:
                    print(f"{one.kind}: {one}", flush=True)
    print(f"\n{len(outcomes)} edits of {len({*names})} good overlays\n")
    print(table(outcomes))
    told = [one for one in outcomes if one.words and one.kind in CLASSES[:2]]
    print(f"\ntold at the edited line: {sum(one.at_line for one in told)} of {len(told)}")
    alarms = list(dict.fromkeys(alarms))
    print(f"false alarms about the good overlays: {len(alarms)}")
    print("\n".join(f"    {one}" for one in alarms))


if __name__ == "__main__":
    main()
