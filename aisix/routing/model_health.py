"""How each model does, known to all workers of a gateway together: what groups choose by.

    health = ModelHealth(places=4)          # before the workers are forked
    health.sit(2); health.free(2)           # in a worker; in the parent, when worker 2 has died
    cells = health.of(model, "secret of its key")      # of one direct model, as it is written now
    row = cells.enter(); cells.leave(row)              # an attempt is under way
    cells.good(ms); cells.failed(ModelFailure(status=503), now)
    cells.condition(now)                               # WELL, COOLS or UNWELL
    cells.state()                                      # ModelState, for a status page
    health.turn("group", (3, 1))                       # of a rotation: the place that comes now

A row of shared memory for each model (`limits/table.py`): found by the model's id and what its
document and key say, so that a change is a new beginning and the same written again is none. When
there is no room for another row, such a model counts as well and nothing is known of it.

Must never know: an attempt, a caller, what a status means to one.
"""

from __future__ import annotations

import fcntl
import hashlib
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from aisix import log
from aisix.limits.shared import RecordLock
from aisix.limits.table import WINDOWS, HolderTable, TableFull
from aisix.store.resources import BackgroundCheck, Cooldown, Model

MODELS = 1 << 15  # models, and turns of groups, that are known of at one time
WIDTH = 16  # cells of a row
DAY = 86_400  # s
WELL, COOLS, UNWELL = range(3)
CONDITIONS = ("healthy", "cooldown", "unhealthy")
MOST_FAILURES = 1000.0  # in a row; more of them say nothing new
SHARE = 0.3  # of the newest in the moving average of latencies
TIMED_OUT = 408  # what a check that took too long is shown as
RATE_LIMITED = 429

# Cells: when the cooldown ends (on the machine's clock and in Unix seconds), why; when it was
# checked last (the same two), the status, whether that was bad; the latency; failures in a row.
UNTIL, UNTIL_UNIX, REASON, CHECKED, CHECKED_UNIX, STATUS, BAD_CHECK, LATENCY, FAILURES = range(9)
MARKED = 9  # whether a success has anything to end

REASONS = (
    "",
    "upstream_auth_failure",
    "upstream_request_timeout",
    "upstream_rate_limited",
    "upstream_server_error",
    "upstream_status_failure",
    "upstream_in_band_error",
    "request_timeout",
    "transport_error",
    "upstream_decode_error",
    "background_check_failed",
    "ignored_transient_error",
)
OF_STATUS = {401: 1, TIMED_OUT: 2, RATE_LIMITED: 3}
SERVER, OTHER_STATUS, IN_BAND, LATE, BROKEN, NONSENSE, CHECK_FAILED, CHECK_IGNORED = range(4, 12)


class ModelState(NamedTuple):
    """How a model does, for people. Times are Unix seconds; failures: retryable ones in a row."""

    status: str = CONDITIONS[WELL]
    cooldown_until: float | None = None
    last_checked_at: float | None = None
    last_check_status: int | None = None
    status_reason: str | None = None
    failures: int = 0


class ModelFailure(NamedTuple):
    """Why an attempt failed. status: HTTP's, also of an error inside a stream (`in_band`); without
    one `why` is LATE, BROKEN or NONSENSE, or IN_BAND; told: seconds of its `retry-after`, whole
    ones; retryable: another attempt might do better."""

    status: int = 0
    why: int = 0
    told: int | None = None
    in_band: bool = False
    retryable: bool = True


class ModelHealth:
    """That of all models of one gateway. `places`: how many workers there can be at one time."""

    def __init__(self, places: int = 1, rows: int = MODELS) -> None:
        self.number = 0
        self.table = HolderTable(places, WIDTH, rows)
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  # open as long as its lock is used
        self._lock = RecordLock(self._file)
        self._threads = threading.Lock()  # the system's lock does not keep out other threads

    def of(self, model: Model, key: str, watched: bool = True) -> ModelCells:
        """The cells of a direct model; `key`: what its provider key is now, also its secret.
        watched: its latency and requests under way matter, as a group may go by them."""
        said = repr((replace(model, created_at=0), model.background_model_check))
        digest = hashlib.sha256(f"{said}\0{key}".encode()).hexdigest()[:16]
        return ModelCells(self, f"{model.id}\0{digest}", model, watched)

    def row(self, ident: str) -> int:
        """Its row, made if it has none; 0: there is no room."""
        table = self.table
        found = table.find(ident)
        if found:
            return found
        with self._threads, self._lock:
            try:
                if table.full:
                    now = time.monotonic()
                    table.tidy(lambda row: self._idle(row, now))
                return table.find(ident) or table.make(ident)
            except TableFull:
                text = "%d models are known of, and there is no room for what others do"
                log.often("model health", text, table.held, level=log.ERROR)
                return 0

    def _idle(self, row: int, now: float) -> bool:
        """Whether little is lost without it."""
        at, cells = self.table.windows(row), self.table.cells
        checked = cells[at + BAD_CHECK] and now - cells[at + CHECKED] < DAY
        told = cells[at + UNTIL] > now or checked
        return not told and not self.table.under_way(row)

    def turn(self, ident: str, weights: Sequence[int]) -> int:
        """The place whose turn it is in a smooth rotation: all earn their weight, the richest is
        chosen, of equals the first, and pays for all."""
        rows = [self.row(f"{ident}\0{n}") for n in range(-(-len(weights) // WIDTH))]
        if not all(rows):
            return 0
        cells, starts = self.table.cells, [self.table.windows(row) for row in rows]
        with self._threads, self._lock:
            chosen, most, total = 0, -float("inf"), 0
            for place, weight in enumerate(weights):
                at = starts[place // WIDTH] + place % WIDTH
                cells[at] += weight
                total += weight
                if cells[at] > most:
                    chosen, most = place, cells[at]
            cells[starts[chosen // WIDTH] + chosen % WIDTH] -= total
        return chosen

    def sit(self, number: int) -> None:
        """This process is worker `number` now; what a dead predecessor had under way is over."""
        self.number = number
        with self._lock:
            self.table.free(number)

    def free(self, number: int) -> bool:
        """Worker `number` is dead: nothing of it is under way. False: not now, ask again."""
        try:
            with RecordLock(self._file, fcntl.LOCK_NB):
                self.table.free(number)
        except BlockingIOError:
            return False
        return True


class ModelCells:
    """Those of one model, as its document and key are now."""

    __slots__ = (
        *("_cells", "_check", "_cooldown", "_health", "_ident", "_name"),
        *("_names", "_place", "_row", "_whose", "watched"),
    )

    def __init__(self, health: ModelHealth, ident: str, model: Model, watched: bool) -> None:
        self._health, self._ident, self.watched = health, ident, watched
        self._name = model.display_name
        self._cooldown: Cooldown = model.cooldown
        check = model.background_model_check
        self._check: BackgroundCheck | None = check if check and check.enabled else None
        self._cells, self._names = health.table.cells, health.table.names
        self._row = self._place = 0
        self._whose = -1  # what stands at `_place` as long as the row is ours

    def _at(self) -> int:
        """Where its cells begin; 0: it has none."""
        if self._names[self._place] != self._whose:
            table = self._health.table
            self._row = self._health.row(self._ident)
            if not self._row:
                self._place, self._whose = 0, -1
                return 0
            self._place, self._whose = table.mark(self._row)
        return self._place + WINDOWS

    # ------------------------------------------------------------------ attempts
    def enter(self) -> int:
        """An attempt begins; what `leave` is to be told."""
        if not self._at():
            return 0
        health, row = self._health, self._row
        health.table.leases[row * health.table.places + health.number] += 1
        return row

    def leave(self, row: int) -> None:
        if row:
            table, at = self._health.table, row * self._health.table.places + self._health.number
            table.leases[at] = max(1, table.leases[at]) - 1

    def good(self, ms: float | None = None) -> None:
        """It answered well; after so many milliseconds."""
        at, cells = self._at(), self._cells
        if not at:
            return
        if cells[at + MARKED]:
            cells[at + MARKED] = cells[at + FAILURES] = cells[at + UNTIL] = cells[
                at + UNTIL_UNIX
            ] = 0.0
            cells[at + BAD_CHECK] = cells[at + REASON] = 0.0
        if ms is not None:
            before, now = cells[at + LATENCY], max(ms, 1e-3)
            cells[at + LATENCY] = SHARE * now + (1 - SHARE) * before if before else now

    def failed(self, failure: ModelFailure, now: float) -> bool:
        """An attempt failed; whether it cools down by that, and did not before."""
        at, cells = self._at(), self._cells
        if not at:
            return False
        cells[at + MARKED] = 1.0
        if failure.retryable:
            cells[at + FAILURES] = min(cells[at + FAILURES] + 1, MOST_FAILURES)
        secs, reason = self._cools(failure)
        if not reason:
            return False
        cooled = cells[at + UNTIL] > now
        if not cooled:
            text = "model %s cools down for %d s: %s"
            log.often(("cools", self._ident), text, self._name, secs, REASONS[reason])
        cells[at + REASON] = float(reason)
        cells[at + UNTIL_UNIX] = time.time() + secs
        cells[at + UNTIL] = now + secs
        return not cooled

    def _cools(self, failure: ModelFailure) -> tuple[int, int]:
        """(seconds, the reason's number) of a cooldown; 0 as the number: it does not cool down."""
        rules = self._cooldown
        if not rules.enabled or not rules.default_seconds:
            return 0, 0
        secs, status = rules.default_seconds, failure.status
        if status:
            if status not in rules.trigger_statuses:
                return 0, 0
            if failure.told is not None and rules.honor_retry_after and not failure.in_band:
                secs = min(failure.told, rules.max_seconds)
            return secs, OF_STATUS.get(status, SERVER if status >= 500 else OTHER_STATUS)
        wanted = rules.trigger_on_timeout if failure.why == LATE else rules.trigger_on_transport
        return secs, failure.why if wanted else 0

    # ------------------------------------------------------------------ checks
    def checked(self, status: int | None, ignored: bool = False) -> None:
        """A background check failed, with this status if it had one; ignored: it says nothing."""
        at, cells = self._at(), self._cells
        if at:
            cells[at + MARKED] = 1.0
            cells[at + STATUS] = float(status or 0)
            cells[at + REASON] = float(CHECK_IGNORED if ignored else CHECK_FAILED)
            cells[at + CHECKED_UNIX], cells[at + CHECKED] = time.time(), time.monotonic()
            if not ignored:
                cells[at + BAD_CHECK] = 1.0

    def check_passed(self) -> None:
        """A background check went well. A cooldown goes on: what calls see is another matter."""
        at, cells = self._at(), self._cells
        if at:
            cells[at + CHECKED_UNIX], cells[at + CHECKED] = time.time(), time.monotonic()
            cells[at + STATUS] = cells[at + BAD_CHECK] = 0.0
            if cells[at + REASON] in (CHECK_FAILED, CHECK_IGNORED):
                cells[at + REASON] = 0.0

    # ------------------------------------------------------------------ what is known
    def condition(self, now: float) -> int:
        """WELL, COOLS or UNWELL; who cools down is that, whatever the checks say."""
        at, cells = self._at(), self._cells
        if not at:
            return WELL
        if cells[at + UNTIL] > now:
            return COOLS
        if cells[at + BAD_CHECK] and self._check is not None:
            fresh = now - cells[at + CHECKED] <= self._check.stale_after_seconds
            return UNWELL if fresh else WELL
        return WELL

    @property
    def latency(self) -> float:
        """ms, a moving average; -1: it never answered well."""
        at = self._at()
        return self._cells[at + LATENCY] or -1.0 if at else -1.0

    @property
    def under_way(self) -> int:
        """Attempts of all workers."""
        return self._health.table.under_way(self._row) if self._at() else 0

    def state(self) -> ModelState:
        """All of it, for people."""
        at, cells = self._at(), self._cells
        if not at:
            return ModelState()
        condition, reason = self.condition(time.monotonic()), REASONS[int(cells[at + REASON])]
        return ModelState(
            CONDITIONS[condition],
            cells[at + UNTIL_UNIX] if condition == COOLS else None,
            cells[at + CHECKED_UNIX] or None,
            int(cells[at + STATUS]) or None,
            reason or None,
            int(cells[at + FAILURES]),
        )
