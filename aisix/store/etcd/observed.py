"""Everything that etcd was seen to hold, as it stands there: what the hashes of a status are of.

    observed = Observed(layout, ObservedTable(db, keyring).rows())
    observed.take({key: KeyValue or None});  judge.settle(...);  observed.settled(judge)
    observed.hashes(judge, others)    (of all that was seen, of what serves)
    table.write(observed.changed())   into the copy: sealed, as values hold secrets

A document that is refused while its last good form serves counts there as that form.

Must never know: etcd's protocol, what a document means.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from aisix.errors import StoreError
from aisix.store.config_state import canonical, hash_of
from aisix.store.etcd.judge import Judge
from aisix.store.etcd.layout import Layout
from aisix.store.etcd.wire import KeyValue
from aisix.store.secrets import Keyring

TABLE = """CREATE TABLE observed (
     key BLOB PRIMARY KEY,
     created INTEGER NOT NULL,
     mod_revision INTEGER NOT NULL,
     value BLOB NOT NULL,
     serving BLOB
   ) STRICT"""
BOUND = "observed"


@dataclass(slots=True)
class Seen:
    """One key. serving: what serves in place of the value; None: the value, or nothing."""

    created: int
    mod: int
    value: bytes = field(repr=False)
    serving: bytes | None = field(default=None, repr=False)


class ObservedTable:
    """The same in the copy."""

    def __init__(self, db: sqlite3.Connection, keyring: Keyring) -> None:
        self._db, self._keyring = db, keyring

    def rows(self) -> dict[bytes, Seen]:
        """Of those that can be read; who lacks one reads all of etcd again."""
        query = "SELECT key, created, mod_revision, value, serving FROM observed"
        found = {}
        for key, created, mod, value, serving in self._db.execute(query):
            with suppress(StoreError, UnicodeError):
                old = None if serving is None else self._opened(serving)
                found[bytes(key)] = Seen(created, mod, self._opened(value), old)
        return found

    def write(self, changed: Mapping[bytes, Seen | None]) -> None:
        """Within the transaction of whoever calls."""
        for key, one in changed.items():
            if one is None:
                self._db.execute("DELETE FROM observed WHERE key = ?", (key,))
                continue
            old = None if one.serving is None else self._sealed(one.serving)
            values = (key, one.created, one.mod, self._sealed(one.value), old)
            self._db.execute("INSERT OR REPLACE INTO observed VALUES (?, ?, ?, ?, ?)", values)

    def _sealed(self, value: bytes) -> bytes:
        return self._keyring.seal(value.decode("latin-1"), BOUND)

    def _opened(self, sealed: bytes) -> bytes:
        return self._keyring.unseal(sealed, BOUND).encode("latin-1")


class Observed:
    """By key. size: bytes of all values, more or less."""

    def __init__(self, layout: Layout, rows: dict[bytes, Seen]) -> None:
        self._layout, self._seen = layout, rows
        self._changed: set[bytes] = set()
        self._before: dict[bytes, bytes] = {}  # what served under a key that was just taken
        self.size = sum(len(one.value) for one in rows.values())

    def items(self) -> Iterable[tuple[bytes, Seen]]:
        return self._seen.items()

    def take(self, changes: Mapping[bytes, KeyValue | None]) -> None:
        """What was seen of these keys; None: it is gone. Before the judge has its say."""
        for key, kv in changes.items():
            old = self._seen.pop(key, None)
            self._changed.add(key)
            if old is not None:
                self.size -= len(old.value)
                self._before[key] = old.serving or old.value
            if kv is not None:
                value = canonical(kv.value)
                self.size += len(value)
                self._seen[key] = Seen(kv.created, kv.mod, value)

    def settled(self, judge: Judge) -> None:
        """After the judge: of those that were taken, which serve in their last good form."""
        for key, before in self._before.items():
            one, name = self._seen.get(key), self._layout.served(key)
            if one is not None and name in judge.refused and name in judge.good:
                one.serving = before
        self._before.clear()

    def changed(self) -> dict[bytes, Seen | None]:
        """Since the last time."""
        found = {key: self._seen.get(key) for key in self._changed}
        self._changed.clear()
        return found

    def hashes(self, judge: Judge, rejected: Collection[bytes]) -> tuple[str, str]:
        """rejected: keys of kinds that are not ours, whose documents do not fit."""
        order = sorted(self._seen)
        source = hash_of((key, self._seen[key].value) for key in order)
        if not judge.refused and not rejected:
            return source, source
        return source, hash_of(self._serving(order, judge, rejected))

    def _serving(
        self, order: Iterable[bytes], judge: Judge, rejected: Collection[bytes]
    ) -> Iterator[tuple[bytes, bytes]]:
        for key in order:
            one, name = self._seen[key], self._layout.served(key)
            if name is None:
                if key not in rejected:
                    yield key, one.value
            elif name not in judge.refused:
                yield key, one.value
            elif name in judge.good:
                yield key, one.serving or one.value
