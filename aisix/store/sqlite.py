"""The store in one SQLite file, for one machine: WAL, one writer at a time, any number of readers.

A request reads the Snapshot in memory; SQL runs only when something changed. Each process opens
its own store (after the fork: SQLite connections must not cross one). Two connections: writes may
run in a thread of their own while the event loop renews its snapshot.

    commit  BEGIN IMMEDIATE, read what others wrote, let the plan decide, write, COMMIT with fsync
            (`synchronous = FULL`: what was answered survives kill -9 and loss of power), give the
            change signal so that every process reads again

This is the writing half; the reading half is `replica.py`.

On a full disk what takes something away is written all the same: the reserve is let go, the log is
brought into the database and gives its space back, and the reserve is taken again.

Must never know: HTTP, what a document's fields mean.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from aisix.errors import OperatorError, StoreError
from aisix.store.base import (
    Change,
    ChangePlan,
    Delete,
    Put,
)
from aisix.store.change_signal import ChangeSignal
from aisix.store.connection import (
    BUSY_READ_SECONDS,
    BUSY_SECONDS,
    connect,
    identity,
    no_room,
    open_database,
    translated,
)
from aisix.store.kinds.registry import KINDS
from aisix.store.migrations import IN_CLEAR
from aisix.store.replica import EMPTY, Replica
from aisix.store.reserve import Reserve
from aisix.store.rows import COLUMNS, at_rest, meta, read
from aisix.store.sealing import unpacked
from aisix.store.secrets import Keyring
from aisix.store.snapshot import Snapshot

DATABASE = "aisix.db"
SIGNAL = "changes.bell"
GONE = "the database file is gone: put it back"


class SqliteStore(Replica):
    """Entries as one database has them, with what this process knows of it in memory."""

    def __init__(self, data_dir: Path, keyring: Keyring) -> None:
        """Open or create the database in `data_dir`; OperatorError when it cannot be used."""
        file = data_dir / DATABASE
        super().__init__(file, ChangeSignal(data_dir / SIGNAL), keyring)
        self._writing = threading.Lock()
        self._reserve = Reserve(data_dir)
        with self._at_start():
            self._open()
            self._claim_key()
            self._seal_older()
            self._begin()
        if self.writable:
            self._reserve.make()

    def _open(self) -> None:
        writer = open_database(self._file, BUSY_SECONDS)
        try:
            self._reader = connect(self._file, BUSY_READ_SECONDS, read_only=True)
        except BaseException:
            writer.close()
            raise
        self._writer = writer
        self._identity = identity(self._file)

    @property
    def source(self) -> str:
        return str(self._file)

    @property
    def writable(self) -> bool:
        return os.access(self._file, os.W_OK)

    @property
    def reserved(self) -> bool:
        return self._reserve.whole

    def update(self, plan: ChangePlan) -> Snapshot:
        with self._writing, translated():
            self._look_at_file()
            changes: Sequence[Change] = ()

            def noted(base: Snapshot) -> Sequence[Change]:
                nonlocal changes
                changes = plan(base)
                return changes

            try:
                fresh = self._commit(noted)
            except sqlite3.Error as error:
                if not no_room(error) or not changes or not all(one.frees for one in changes):
                    raise
                fresh = self._commit_without_room(noted)
        self._publish(fresh)
        if changes:
            # A failed signal is no failed write: the others then notice at their next poll.
            with suppress(OSError):
                self._signal.give()
        return fresh

    def _commit(self, plan: ChangePlan) -> Snapshot:
        with self._transaction():
            base = read(self._writer, self._keyring, self._snapshot)
            changes = plan(base)
            return self._apply(base, changes) if changes else base

    def _commit_without_room(self, plan: ChangePlan) -> Snapshot:
        """The same on a full disk, in the reserve's place. Only for what takes away: the room that
        the log gives back is not to be used up by others."""
        with self._reserve.released():
            self._checkpoint()
            fresh = self._commit(plan)
            self._checkpoint()
        return fresh

    def _checkpoint(self) -> None:
        """Bring the log into the database and give its space back, which is more than that took.
        What stands in the way of it is no failed write."""
        with suppress(sqlite3.Error):
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def poll(self) -> None:
        if identity(self._file) != self._identity and self._writing.acquire(blocking=False):
            try:
                with self._reading:
                    self._look_at_file()
            except Exception as error:
                self._failed(error)
                return
            finally:
                self._writing.release()
        self._refresh(without_signal=True)
        if not self._reserve.whole and self.writable:
            self._reserve.make()

    def _look_at_file(self) -> None:
        """Whether the open file is still the one of this name: what is written into one that was
        taken away would be lost. Another in its place is opened. Raises StoreError."""
        found = identity(self._file)
        if found == self._identity:
            return
        if found is None:
            raise StoreError(f"{GONE}; nothing was written")
        reader, writer, signal = self._reader, self._writer, self._signal
        with self._reading:
            try:
                self._open()
                self._claim_key()
                self._seal_older()
                fresh = self._read_at_once(EMPTY)
            except BaseException as error:
                if self._writer is not writer:
                    self._reader.close()
                    self._writer.close()
                self._reader, self._writer, self._identity = reader, writer, None
                if isinstance(error, OperatorError):
                    raise StoreError(str(error)) from None
                raise
            self._signal = ChangeSignal(self._file.with_name(SIGNAL))
            self._seen = self._signal.number
            for old in (reader, writer, signal):
                old.close()
            self._publish(fresh, whatever=True)

    def close(self) -> None:
        with self._writing, self._reading:
            self._reader.close()
            self._writer.close()
            self._signal.close()

    def rotate_key(self, key: bytes | None) -> int:
        """Encrypt every secret with a new key; how many there were.

        `key` goes into the key file; with None the keyring's first key is taken (a key from the
        settings). Running gateways go on: while both keys are in the file they read either, and
        they write with the one the database names. Interrupted anywhere, running it again is safe.
        """
        with self._keyring.alone():
            if key is not None:
                self._keyring.add_newest(key)
            with self._writing, translated(), self._transaction():
                count = self._reseal()
            if key is not None:
                self._keyring.drop_older()
        with suppress(OSError):
            self._signal.give()
        return count

    def _reseal(self) -> int:
        rows = self._writer.execute(COLUMNS + " WHERE secret IS NOT NULL").fetchall()
        for kind, id, seq, *_, sealed in rows:
            secret = self._keyring.unseal(sealed, f"{kind}/{id}")
            fresh = self._keyring.seal(secret, f"{kind}/{id}")
            self._writer.execute("UPDATE resources SET secret = ? WHERE seq = ?", (fresh, seq))
        self._write_meta("key_id", self._keyring.current)
        return len(rows)

    def _apply(self, base: Snapshot, changes: Sequence[Change]) -> Snapshot:
        """Write the changes inside the open transaction; the snapshot there will be."""
        self._follow_key()
        revision = base.revision + 1
        for change in changes:
            match change:
                case Delete(kind, id):
                    self._delete(kind, id)
                case Put(kind, id):
                    if base.unreadable(kind, id):
                        self._delete(kind, id)  # whatever in it is damaged
                    self._put(change, revision)
        self._write_meta("revision", str(revision))
        return read(self._writer, self._keyring, base)

    def _delete(self, kind: str, id: str) -> None:
        self._writer.execute("DELETE FROM resources WHERE kind = ? AND id = ?", (kind, id))

    def _put(self, put: Put, revision: int) -> None:
        document, sealed = at_rest(self._keyring, put.kind, put.id, put.document, put.secret)
        self._writer.execute(
            """INSERT INTO resources (kind, id, document, secret, revision, created_at, updated_at)
               VALUES (:kind, :id, :document, :secret, :revision, :now, :now)
               ON CONFLICT (kind, id) DO UPDATE SET document = :document, revision = :revision,
                 secret = :secret, updated_at = :now""",
            {
                "kind": put.kind,
                "id": put.id,
                "document": document,
                "secret": sealed,
                "revision": revision,
                "now": put.now,
            },
        )

    def _seal_older(self) -> None:
        """Once: seal what an earlier aisix kept in clear and is a secret now."""
        if not self.writable or meta(self._writer, IN_CLEAR) is None:
            return
        with self._transaction():
            self._follow_key()
            whole = True
            for kind, id, seq, *_, text, sealed in self._writer.execute(COLUMNS).fetchall():
                try:
                    plain = None if sealed is None else self._keyring.unseal(sealed, f"{kind}/{id}")
                    document, secret = unpacked(json.loads(text), plain)
                    if not KINDS[kind].hidden(document):
                        continue
                    row = (*at_rest(self._keyring, kind, id, document, secret), seq)
                except Exception:
                    whole = False  # it is in quarantine, which is told; tried again another time
                    continue
                change = "UPDATE resources SET document = ?, secret = ? WHERE seq = ?"
                self._writer.execute(change, row)
            if whole:
                self._writer.execute("DELETE FROM meta WHERE name = ?", (IN_CLEAR,))
        # What was in clear is overwritten in the database, and must not stay in its log.
        self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _claim_key(self) -> None:
        """Refuse to start with a key that cannot read the secrets; name ours if there are none."""
        named = meta(self._writer, "key_id")
        if named is not None and self._keyring.knows(named):
            return
        secrets = "SELECT count(*) FROM resources WHERE secret IS NOT NULL"
        if self._writer.execute(secrets).fetchone()[0]:
            raise OperatorError(
                f"{self._file}: its secrets are encrypted with the key {named}, which is not here "
                f"(here is {self._keyring.current}): put that key back"
            )
        with self._transaction():
            self._write_meta("key_id", self._keyring.current)

    def _follow_key(self) -> None:
        """Before a write: take the key the database names, if another process rotated it."""
        named = meta(self._writer, "key_id")
        if named != self._keyring.current:
            self._keyring.reread()

    def _write_meta(self, name: str, value: str) -> None:
        self._writer.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._writer.execute("COMMIT")
        except BaseException:
            # SQLite may have rolled back by itself (a full disk); then there is nothing to undo.
            with suppress(sqlite3.Error):
                self._writer.execute("ROLLBACK")
            raise
