"""What this node holds of an etcd: which documents serve, what was seen of all others, the copy.

    holdings = Holdings(folder, keyring, layout)
    holdings.publish({key: KeyValue or None}, alive, revision=17)    judged, and into the copy
    holdings.differing(found)    what a reading of everything brings that is not held

Must never know: a socket, time beyond now.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from aisix.errors import StoreError
from aisix.store.etcd.copy import LocalCopy
from aisix.store.etcd.judge import Judge
from aisix.store.etcd.layout import Layout, Name
from aisix.store.etcd.observed import Observed
from aisix.store.etcd.report import LoadReport
from aisix.store.etcd.unserved import UnservedKinds
from aisix.store.etcd.wire import KeyValue
from aisix.store.secrets import Keyring

KeyChanges = Mapping[bytes, KeyValue | None]


class Holdings:
    """refuse: documents that restrict, and are not enforced here, are at fault."""

    def __init__(
        self,
        folder: Path,
        keyring: Keyring,
        layout: Layout,
        copy_file: Path | None = None,
        refuse: bool = False,
    ) -> None:
        self._layout = layout
        self._copy = LocalCopy(folder, keyring, copy_file, layout)
        self.judge: Judge = self._copy.judge()
        self.facts = self._copy.facts()
        self._observed = Observed(layout, self._copy.observed.rows())
        self._unserved = UnservedKinds(layout, refuse)
        for key, seen in self._observed.items():
            if self.named(key) is None:
                self._unserved.put(key, seen)
        self._report = LoadReport(self.facts.loaded, self._observed, self.judge, self._unserved)
        if self.facts.cluster_id:  # what is not enforced is told at each start
            self.keep(loaded=self._report.told(time.time(), reload=True))

    def close(self) -> None:
        self._copy.close()

    def named(self, key: bytes) -> Name | None:
        """Of a kind that we have."""
        return self._layout.served(key)

    @property
    def damaged(self) -> bool:
        """Something of it cannot be read, or was never kept: all of etcd is to be read again."""
        names = {self.named(key) for key, _ in self._observed.items()}
        return bool(self._copy.unreadable) or not (self._names() <= names)

    def _names(self) -> set[Name]:
        return {*self.judge.good, *self.judge.refused}

    def differing(self, found: Mapping[bytes, KeyValue]) -> dict[bytes, KeyValue | None]:
        """All that there is; what is held and not there any more is None."""
        held, known = dict(self._observed.items()), self._names()
        keys = {self._layout.key(*name) for name in self._copy.names()} | held.keys()
        changes: dict[bytes, KeyValue | None] = dict.fromkeys(keys - found.keys())
        for key, kv in found.items():
            old, name = held.get(key), self.named(key)
            same = old is not None and (old.mod, old.created) == (kv.mod, kv.created)
            if not same or (name is not None and name not in known):
                changes[key] = kv
        return changes

    def publish(
        self,
        changes: KeyChanges,
        alive: Callable[[], None],
        reload: bool = False,
        **facts: Any,
    ) -> None:
        """reload: they come of a reading of everything."""
        named = {name: kv for key, kv in changes.items() if (name := self.named(key)) is not None}
        self._observed.take(changes)
        touched = self.judge.settle(named, alive)
        self._observed.settled(self.judge)
        changed = self._observed.changed()
        for key, seen in changed.items():
            if self.named(key) is not None:
                continue
            if seen is None:
                self._unserved.gone(key)
            else:
                self._unserved.put(key, seen)
        now = time.time()
        loaded = self._report.told(now, reload=reload)
        self._copy.write(self.judge, touched, now, seen=changed, loaded=loaded, **facts)

    def keep(self, **facts: Any) -> None:
        """With the copy, as it is."""
        self._copy.write(self.judge, (), time.time(), **facts)

    def tend(self) -> None:
        """What a large configuration leaves for later."""
        now = time.time()
        if self._report.due(now):
            self.keep(loaded=self._report.caught_up(now))

    def not_read(self, whole: bool) -> None:
        """etcd did not answer; whole: it did, and what it said is not believed."""
        now = time.time()
        told = self._report.refused_whole(now) if whole else self._report.unreachable(now)
        with suppress(StoreError, sqlite3.Error, OSError):  # then that is told, elsewhere
            self.keep(loaded=told)
