"""The counters of one process, in its own slot of the scoreboard.

Nearly all of them are derived at one place, `finished`, from the same record as the access line.

Must never know: HTTP handlers, a key, any content.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aisix.telemetry.families import BY_NAME
from aisix.workers.scoreboard import ScoreboardFull, Slot

CANCELLED = 499


class Metrics:
    """The counters of one process."""

    def __init__(self, slot: Slot) -> None:
        self.slot = slot
        self._cells = slot.cells
        self._at: dict[tuple[str, ...], int] = {}
        slot.adopt()
        for key, _ in list(slot.series()):
            family = BY_NAME.get(key[0])
            if family is not None and family.kind == "gauge":  # of the process before this one
                self._cells[slot.cell(key, 1)] = 0.0
        self._find(("aisix_series_refused_total",))
        self._under_way = self._find(("aisix_in_flight",))

    # ------------------------------------------------------------------ by hand
    def add(self, name: str, *labels: str, amount: float = 1.0) -> None:
        """Add to a counter or a gauge."""
        self._cells[self._find((name, *labels))] += amount

    def set(self, name: str, value: float, *labels: str) -> None:
        self._cells[self._find((name, *labels))] = value

    def observe(self, name: str, seconds: float, *labels: str) -> None:
        """One measurement of a histogram."""
        at = self._find((name, *labels))
        cells = self._cells
        bounds = BY_NAME[name].bounds
        cells[at + bisect_left(bounds, seconds)] += 1.0
        cells[at + len(bounds) + 1] += seconds

    def merge(self, name: str, values: Sequence[float], *labels: str) -> None:
        """Measurements of a histogram that somebody has counted by its bounds: how many each, how
        many above all, the sum."""
        at = self._find((name, *labels))
        for value in values:
            self._cells[at] += value
            at += 1

    def _find(self, key: tuple[str, ...]) -> int:
        at = self._at.get(key)
        if at is None:
            at = self.place(key, BY_NAME[key[0]].width)
        return at

    def place(self, key: tuple[str, ...], width: int) -> int:
        """The first of the cells of any series, made when it is new."""
        at = self._at.get(key)
        if at is None:
            try:
                at = self._at[key] = self.slot.cell(key, width)
            except ScoreboardFull:
                return self._refused()
        return at

    def _refused(self) -> int:
        """Where counts go for which there is no room: cells that the page does not show."""
        self.add("aisix_series_refused_total")
        return self.slot.spare()

    # ------------------------------------------------------------------ requests
    def enter(self) -> None:
        self._cells[self._under_way] += 1.0

    def leave(self) -> None:
        self._cells[self._under_way] -= 1.0

    def finished(
        self,
        route: str,
        alias: str,
        record: Mapping[str, Any],
        *,
        stream: bool = False,
        faults: Sequence[str] = (),
        rules: Iterable[tuple[str, str]] = (),
        estimated: Sequence[str] = (),
    ) -> None:
        """One request, whatever became of it.

        record: the access line's; alias: as the operator wrote it, "" for none; faults: why
        attempts upstream failed; rules: (where it is written, how) of each warning; estimated:
        kinds of tokens.
        """
        status = record["status"]
        self.add("aisix_requests_total", route, alias, str(status))
        if alias:
            seconds = record["ms"] / 1000
            self.observe("aisix_request_seconds", seconds, alias, "true" if stream else "false")
            first = record.get("first_token_ms")
            if first is not None:
                self.observe("aisix_first_token_seconds", first / 1000, alias)
            tokens = record.get("tokens")
            if tokens:
                for kind, count in tokens.items():
                    if count:
                        self.add("aisix_tokens_total", alias, kind, amount=count)
                        if kind in estimated:
                            self.add("aisix_tokens_estimated_total", alias, kind, amount=count)
            attempts = record.get("attempts", 1)
            if attempts > 1:
                self.add("aisix_retries_total", alias, amount=attempts - 1)
            for kind in _with_last(faults, record):
                self.add("aisix_upstream_errors_total", alias, kind)
            for rule, how in rules:
                self.add("aisix_warnings_total", alias, rule, how)
        if status == CANCELLED:
            self.add("aisix_cancelled_total", alias)
        elif "error" in record:
            self.add("aisix_errors_total", alias, record["error"])
            if status < 400:
                self.add("aisix_streams_failed_total", alias)


def _with_last(faults: Sequence[str], record: Mapping[str, Any]) -> list[str]:
    """Also what failed when no further attempt was thought of: later in a stream, or by status."""
    kinds = list(faults)
    last = record.get("upstream_fault")
    if last is not None and last not in kinds:
        kinds.append(last)
    status = record.get("upstream_status", 0)
    if status >= 400 and str(status) not in kinds:
        kinds.append(str(status))
    return kinds
