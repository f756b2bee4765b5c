"""What one thing costs beside another, in CPU time: rounds in which all take turns.

A noisy neighbour hits all of a round alike: a figure is the median of its rounds, a ratio the
median of the rounds' own ratios, with the tenth and ninetieth percentile.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

ROUNDS = 40


@dataclass
class Case:
    """One row. `who`: name -> (what to run on each of `things`, a maker of fresh things)."""

    name: str
    who: dict[str, tuple[Callable[[Any], Any], Callable[[], Iterable[Any]]]]
    count: int = 1  # how many things one run does
    before: str = "by hand"  # whom the ratio is to
    taken: dict[str, list[float]] = field(default_factory=dict)


def measure(cases: Sequence[Case], ours: str, rounds: int = ROUNDS) -> list[dict[str, Any]]:
    """Microseconds per thing, and the ratio of `ours` to each case's `before`."""
    for _ in range(rounds):
        for case in cases:
            for key, (run, fresh) in case.who.items():
                things = list(fresh())
                gc.collect(0)
                began = time.process_time()
                for thing in things:
                    run(thing)
                spent = (time.process_time() - began) / len(things) / case.count * 1e6
                case.taken.setdefault(key, []).append(spent)
    columns = list(dict.fromkeys(key for case in cases for key in case.who))
    return [_row(case, columns, ours) for case in cases]


def _row(case: Case, columns: Sequence[str], ours: str) -> dict[str, Any]:
    row: dict[str, Any] = {"microseconds per": case.name}
    for key in columns:
        taken = case.taken.get(key)
        row[key] = round(statistics.median(taken), 2) if taken else None
    pairs = zip(case.taken[ours], case.taken[case.before], strict=True)
    ratios = sorted(a / b for a, b in pairs)
    tenth = len(ratios) // 10
    row[f"{ours} / {case.before}"] = round(statistics.median(ratios), 2)
    row["spread"] = f"{ratios[tenth]:.2f} to {ratios[-1 - tenth]:.2f}"
    return row
