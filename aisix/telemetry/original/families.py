"""families.toml and words.toml, read: which metrics there are, and what their labels may say.

    theirs = read_families({"request_ttft": (0.5, 3.0)})
    theirs.rows["request"].key        how the scoreboard names it
    theirs.metrics["aisix_requests_total"].family

Must never know: who counts, where it is shown.
"""

from __future__ import annotations

import tomllib
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from aisix.telemetry.families import BY_NAME, Family

FOLDER = Path(__file__).parent
NEWEST = "newest"
MARK = "@"  # before the name of a row on the scoreboard: no metric of ours has it
Bounds = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class CountedRow:
    """What is counted at one time. gauge: it is only of who lives; newest: two of them are not
    added up, the later one holds."""

    name: str
    key: str
    labels: tuple[str, ...]
    cells: tuple[str, ...]
    bounds: Bounds = ()
    gauge: bool = False
    newest: bool = False

    @property
    def width(self) -> int:
        return len(self.bounds) + 2 if self.bounds else len(self.cells)


@dataclass(frozen=True, slots=True)
class TheirMetric:
    """One metric, and how it is read: see families.toml. row: None for what is made when the page
    is read."""

    family: Family
    row: CountedRow | None
    cells: tuple[int, ...] = ()
    fixed: Mapping[str, str] = field(default_factory=dict)
    turned: Mapping[str, str] = field(default_factory=dict)
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    split: str = ""
    zeros: bool = True
    etcd: bool = False


@dataclass(frozen=True, slots=True)
class TheirFamilies:
    rows: Mapping[str, CountedRow]
    metrics: Mapping[str, TheirMetric]

    def family(self, name: str) -> Family:
        return self.metrics[name].family


@dataclass(frozen=True, slots=True)
class LabelWords:
    """words.toml."""

    missing: str
    unresolved: str
    elsewhere: str
    handlers: Mapping[str, str]
    routes: Mapping[str, bool]
    protocols: Mapping[str, str]
    outcomes: Mapping[str, str]
    denied: Mapping[str, tuple[str, str]]
    allowed: tuple[str, str]

    def endpoint(self, path: str) -> str:
        return path if path in self.handlers or path in self.routes else self.elsewhere

    def protocol(self, dialect: str) -> str:
        return self.protocols.get(dialect) or self.protocols["default"]


def outcome(status: str) -> str:
    """
    >>> [outcome(status) for status in ("200", "429", "404", "499", "503", "999")]
    ['success', 'rate_limited', 'client_error', 'client_error', 'upstream_error', 'upstream_error']
    """
    said = words().outcomes
    return said.get(status) or said.get(f"{status[:1]}xx") or said["else"]


def status_class(status: int) -> str:
    """
    >>> status_class(204), status_class(499), status_class(0)
    ('2xx', '4xx', 'other')
    """
    return f"{status // 100}xx" if 100 <= status < 600 else "other"


def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / name).read_text("utf-8"))


def read_families(buckets: Mapping[str, Sequence[float]]) -> TheirFamilies:
    """`buckets`: by the name of its setting, what an operator says instead of a histogram's own."""
    given = _toml("families.toml")
    sets: dict[str, list[str]] = given["sets"]
    rows = {name: _row(name, row, sets, buckets) for name, row in given["row"].items()}
    metrics = {name: _metric(name, one, rows, sets) for name, one in given["metric"].items()}
    return TheirFamilies(rows, metrics)


def _labels(listed: Sequence[str], sets: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for one in listed:
        if one.startswith("@"):
            yield from sets[one[1:]]
        else:
            yield one


def _row(
    name: str,
    row: Mapping[str, Any],
    sets: Mapping[str, Sequence[str]],
    buckets: Mapping[str, Sequence[float]],
) -> CountedRow:
    bounds = tuple(map(_plain, buckets.get(row.get("setting", "")) or row.get("buckets", ())))
    # Other bounds are other cells: a reload that brings them begins anew.
    key = MARK + name + (f"{zlib.crc32(repr(bounds).encode()):x}" if bounds else "")
    return CountedRow(
        name,
        key,
        tuple(_labels(row["labels"], sets)),
        tuple(row.get("cells", ())),
        bounds,
        bool(row.get("gauge")),
        row.get("gauge") == NEWEST,
    )


def _plain(bound: float) -> float:
    """As it is written: 1, not 1.0."""
    return int(bound) if bound == int(bound) else bound


def _metric(
    name: str,
    given: Mapping[str, Any],
    rows: Mapping[str, CountedRow],
    sets: Mapping[str, Sequence[str]],
) -> TheirMetric:
    row = None
    if "row" in given:
        row = rows.get(given["row"]) or _ours(BY_NAME[given["row"]])
    listed = given.get("labels")
    labels = [*_labels(listed, sets)] if listed is not None else [*(row.labels if row else ())]
    fixed: dict[str, str] = given.get("fixed", {})
    split = given.get("split", "")
    if listed is None:
        labels = [*fixed, *labels, *([split] if split else ())]
    cells = given.get("cell", [])
    cells = [cells] if isinstance(cells, str) else cells
    family = Family(
        name, given["kind"], tuple(labels), given["help"], row.bounds if row is not None else ()
    )
    return TheirMetric(
        family,
        row,
        tuple(row.cells.index(one) for one in cells) if row is not None else (),
        fixed,
        given.get("as", {}),
        {label: tuple(values) for label, values in given.get("only", {}).items()},
        split,
        given.get("zeros", True),
        given.get("etcd", False),
    )


def _ours(family: Family) -> CountedRow:
    """A metric of ours that one of theirs is read from."""
    return CountedRow(family.name, family.name, family.labels, ("count",))


@cache
def words() -> LabelWords:
    given = _toml("words.toml")
    return LabelWords(
        given["missing"],
        given["unresolved"],
        given["elsewhere"],
        given["handlers"],
        given["routes"],
        given["protocols"],
        given["outcomes"],
        {fault: (method, reason) for fault, (method, reason) in given["denied"].items()},
        (given["allowed"]["method"], given["allowed"]["reason"]),
    )
