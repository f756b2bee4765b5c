"""The page in the original AISIX's form: its metrics, and ours whose names it does not have.

    page = OriginalPage(read_families({}), env_id="prod", etcd=True)
    page(scoreboard, {("aisix_deployment_state", "openai", ...): 2.0})

Must never know: what is counted, and when.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from aisix.telemetry.families import BY_NAME, FAMILIES
from aisix.telemetry.original.families import (
    CountedRow,
    TheirFamilies,
    TheirMetric,
    outcome,
    words,
)
from aisix.telemetry.page import (
    Join,
    Key,
    added,
    head_of,
    lines_of,
    of_family,
    samples_of,
    text_of,
    totals,
)
from aisix.workers.scoreboard import Scoreboard

Counted = Mapping[Key, list[float]]
TURNS: dict[str, Callable[[str], str]] = {
    "outcome": outcome,
    "llm": lambda endpoint: "true" if endpoint in words().handlers else "false",
}


def newest(one: list[float], other: list[float]) -> list[float]:
    """Of two values with the time they were set at."""
    return one if one[-1] >= other[-1] else other


class OriginalPage:
    """env_id: of the environment, "" for none; etcd: whether resources come from one."""

    def __init__(self, theirs: TheirFamilies, env_id: str, etcd: bool) -> None:
        self._theirs, self._etcd = theirs, etcd
        self._env = {"env_id": env_id or words().missing}
        self._ours = [one for one in FAMILIES if one.name not in theirs.metrics]
        self._rows = {row.key: row for row in theirs.rows.values()}

    def __call__(self, scoreboard: Scoreboard, made: Mapping[Key, float]) -> bytes:
        """The text; KeyError for what was `made` of no metric."""
        counted = totals(scoreboard, self._how)
        by_row: dict[str, dict[Key, list[float]]] = {}
        ours: dict[Key, list[float]] = {}
        for key, values in counted.items():
            if key[0] in self._rows:
                by_row.setdefault(key[0], {})[key[1:]] = values
            else:
                ours[key] = values
        own = {key: value for key, value in made.items() if key[0] in BY_NAME}
        theirs = {key: value for key, value in made.items() if key[0] not in BY_NAME}
        return text_of(
            [*self._lines(by_row, ours, theirs), *lines_of(self._ours, ours, own)],
        )

    def _how(self, key: Key, width: int) -> tuple[bool, Join] | None:
        row = self._rows.get(key[0])
        if row is None:
            return of_family(key, width)
        if len(key) != len(row.labels) + 1 or width != row.width:
            return None  # of a version before this one
        return row.gauge, newest if row.newest else added

    def _lines(
        self,
        by_row: Mapping[str, Counted],
        ours: Counted,
        made: Mapping[Key, float],
    ) -> Iterator[str]:
        shown: dict[str, list[tuple[Key, list[float]]]] = {}
        for key, value in made.items():
            self._theirs.metrics[key[0]]  # KeyError: none of theirs either
            shown.setdefault(key[0], []).append((key[1:], [value]))
        for name, metric in self._theirs.metrics.items():
            if metric.etcd and not self._etcd:
                continue
            row = metric.row
            if row is None:
                samples = sorted(shown.get(name, ()))
            elif row.key in self._rows:
                samples = self._samples(metric, row, by_row.get(row.key, {}))
            else:
                listed = {key[1:]: values for key, values in ours.items() if key[0] == row.key}
                samples = self._samples(metric, row, listed)
            yield from head_of(metric.family)
            for labels, values in samples:
                yield from samples_of(metric.family, labels, values)

    def _samples(
        self, metric: TheirMetric, row: CountedRow, counted: Counted
    ) -> list[tuple[Key, list[float]]]:
        """The series of one metric, added up over what is no label of it."""
        parts = [self._part(metric, row, label) for label in metric.family.labels]
        found: dict[Key, list[float]] = {}
        for labels, values in counted.items():
            if metric.only and not _among(metric, row, labels):
                continue
            for cell, mine in self._values(metric, row, values):
                key = tuple([part(labels, cell) for part in parts])
                old = found.get(key)
                found[key] = mine if old is None else added(old, mine)
        if not metric.zeros:
            return sorted((key, values) for key, values in found.items() if values[-1])
        return sorted(found.items())

    def _values(
        self, metric: TheirMetric, row: CountedRow, values: list[float]
    ) -> Sequence[tuple[str, list[float]]]:
        if metric.split:
            return [(name, [value]) for name, value in zip(row.cells, values, strict=True)]
        if row.bounds:
            return [("", values)]
        return [("", [values[at] for at in metric.cells])]

    def _part(self, metric: TheirMetric, row: CountedRow, label: str) -> Callable[[Key, str], str]:
        """What a label says, by the row's labels and the name of a cell."""
        if label == metric.split:
            return lambda labels, cell: cell
        if label in metric.fixed:
            value = self._env.get(label, metric.fixed[label])
            return lambda labels, cell: value
        at = row.labels.index(metric.turned.get(label, label))
        turn = TURNS.get(label)
        if turn is None or label not in metric.turned:
            return lambda labels, cell: labels[at]
        return lambda labels, cell: turn(labels[at])


def _among(metric: TheirMetric, row: CountedRow, labels: Key) -> bool:
    for label, values in metric.only.items():
        value = labels[row.labels.index(metric.turned.get(label, label))]
        turn = TURNS.get(label) if label in metric.turned else None
        if (value if turn is None else turn(value)) not in values:
            return False
    return True
