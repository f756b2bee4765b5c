"""Tells of the store what its reader must know: that it cannot be renewed, what is in quarantine.

    watch = StoreWatch(store, metrics, tells_rows=seat == 0)
    watch.look()        once a second; a change is logged once, not with every request
    facts(store)        the same for the page of metrics

Must never know: which store it is.
"""

from __future__ import annotations

from aisix import log
from aisix.store.base import Store
from aisix.store.kinds.registry import KINDS
from aisix.store.snapshot import Quarantined
from aisix.telemetry.metrics import Metrics

MOST_TOLD = 100  # rows of one change


class StoreWatch:
    """One per worker; rows are the same for all of them, so one worker tells of those."""

    def __init__(self, store: Store, metrics: Metrics, *, tells_rows: bool) -> None:
        self._store, self._metrics, self._tells_rows = store, metrics, tells_rows
        self._trouble: str | None = None
        self._bad: tuple[Quarantined, ...] = ()
        self._reserved = True

    def look(self) -> None:
        """Tell what has changed since the last look."""
        store = self._store
        trouble, bad = store.trouble, store.current().quarantined
        if trouble is not None:
            self._metrics.add("aisix_store_failures_total")
        if trouble != self._trouble:
            self._trouble = trouble
            if trouble is None:
                log.info("the store is well again")
            else:
                log.error("the store is in trouble: %s", trouble)
        if bad != self._bad:
            before, self._bad = self._bad, bad
            if self._tells_rows:
                _tell(before, bad)
        if self._tells_rows and store.reserved is not self._reserved:
            self._reserved = store.reserved
            if not self._reserved:
                text = "no room in data_dir to put space aside: if the disk is full, keys"
                log.warning("%s can perhaps not be revoked", text)


def _tell(before: tuple[Quarantined, ...], now: tuple[Quarantined, ...]) -> None:
    still = {(one.kind, one.id) for one in now}
    fresh = [one for one in now if one not in before]
    for one in fresh[:MOST_TOLD]:
        log.error("in quarantine: %s", one)
    if len(fresh) > MOST_TOLD:
        log.error("in quarantine: %d more", len(fresh) - MOST_TOLD)
    well = sum((one.kind, one.id) not in still for one in before)
    if well:
        log.info("%d resources are out of quarantine", well)


def facts(store: Store) -> dict[tuple[str, ...], float]:
    """Of the worker that is asked."""
    found = dict(store.numbers())
    found["aisix_store_trouble",] = float(store.trouble is not None)
    for kind, number in store.not_served.items():
        found["aisix_config_not_served", kind] = float(number)
    for one in store.current().quarantined:
        key = ("aisix_store_quarantined", one.kind if one.kind in KINDS.names else "unknown")
        found[key] = found.get(key, 0.0) + 1.0
    return found
