"""The store in one SQLite file, for one machine: WAL, one writer at a time, any number of readers.

A request reads the Snapshot in memory; SQL runs only when something changed. Each process opens
its own store (after the fork: SQLite connections must not cross one). Two connections: writes may
run in a thread of their own while the event loop renews its snapshot.

    commit  BEGIN IMMEDIATE, read what others wrote, let the plan decide, write, COMMIT with fsync
            (`synchronous = FULL`: what was answered survives kill -9 and loss of power), give the
            change signal so that every process reads again

Only rows newer than the snapshot are read and decrypted; the rest is taken over from it.

Must never know: HTTP, what a document's fields mean.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from aisix.errors import AisixError, OperatorError, StoreError
from aisix.store.base import (
    Change,
    ChangePlan,
    Delete,
    DiskFull,
    ExtraCheck,
    Put,
    Store,
    Told,
    Watchers,
    no_extra_check,
)
from aisix.store.change_signal import ChangeSignal
from aisix.store.kinds.registry import KINDS
from aisix.store.migrations import IN_CLEAR, migrate
from aisix.store.resources import Document
from aisix.store.sealing import packed, unpacked
from aisix.store.secrets import Keyring
from aisix.store.snapshot import Entry, Snapshot

DATABASE = "aisix.db"
SIGNAL = "changes.bell"
BUSY_SECONDS = 3.0  # how long a write waits for another process's; ours take milliseconds

_ROW = "SELECT kind, id, seq, revision, created_at, updated_at, document, secret FROM resources"


class SqliteStore(Store):
    """Entries as one database has them, with what this process knows of it in memory."""

    def __init__(self, data_dir: Path, keyring: Keyring) -> None:
        """Open or create the database in `data_dir`; OperatorError when it cannot be used."""
        self._keyring = keyring
        self._file = data_dir / DATABASE
        self._watchers = Watchers()
        self._reading = threading.RLock()  # a watcher that is told may look again
        self._writing = threading.Lock()
        self._publishing = threading.Lock()
        self._trouble: str | None = None
        self._signal = ChangeSignal(data_dir / SIGNAL)
        try:
            self._writer = _open(self._file)
            self._reader = _connect(self._file, read_only=True)
            self._claim_key()
            self._seal_older()
            self._seen = self._signal.number
            self._snapshot = self._read_at_once(Snapshot((), -1))
        except sqlite3.Error as error:
            raise OperatorError(f"{self._file}: cannot be opened: {error}") from None
        except StoreError as error:
            raise OperatorError(f"{self._file}: {error}") from None

    @property
    def source(self) -> str:
        return str(self._file)

    @property
    def writable(self) -> bool:
        return os.access(self._file, os.W_OK)

    @property
    def trouble(self) -> str | None:
        return self._trouble

    def current(self) -> Snapshot:
        if self._signal.number != self._seen:
            self._refresh()
        return self._snapshot

    def update(self, plan: ChangePlan) -> Snapshot:
        with self._writing, _translated(), self._transaction():
            base = self._read(self._writer, self._snapshot)
            changes = plan(base)
            fresh = self._apply(base, changes) if changes else base
        self._publish(fresh)
        if changes:
            # A failed signal is no failed write: the others then notice at their next poll.
            with suppress(OSError):
                self._signal.give()
        return fresh

    def poll(self) -> None:
        self._refresh(without_signal=True)

    def reload(self, extra: ExtraCheck = no_extra_check) -> Snapshot:
        self.poll()
        return self._snapshot

    def watch(self, told: Told) -> Callable[[], None]:
        return self._watchers.join(told)

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
            with self._writing, _translated(), self._transaction():
                count = self._reseal()
            if key is not None:
                self._keyring.drop_older()
        with suppress(OSError):
            self._signal.give()
        return count

    def _reseal(self) -> int:
        rows = self._writer.execute(_ROW + " WHERE secret IS NOT NULL").fetchall()
        for kind, id, seq, *_, sealed in rows:
            secret = self._keyring.unseal(sealed, f"{kind}/{id}")
            fresh = self._keyring.seal(secret, f"{kind}/{id}")
            self._writer.execute("UPDATE resources SET secret = ? WHERE seq = ?", (fresh, seq))
        self._write_meta("key_id", self._keyring.current)
        return len(rows)

    def _refresh(self, *, without_signal: bool = False) -> None:
        with self._reading:
            number = self._signal.number
            if number == self._seen and not without_signal:
                return
            try:
                with _translated():
                    fresh = self._read_at_once(self._snapshot)
                self._trouble = None
                self._publish(fresh)
            except AisixError as error:
                # The last good snapshot goes on serving; poll() tries again every second.
                self._trouble = str(error)
            # Only now: who looks meanwhile must wait for it, not take the old snapshot.
            self._seen = number

    def _publish(self, fresh: Snapshot) -> None:
        with self._publishing:
            if fresh.revision <= self._snapshot.revision:
                return
            self._snapshot = fresh
        self._watchers.tell(fresh)

    def _read_at_once(self, base: Snapshot) -> Snapshot:
        """One moment of the database: between two queries another process may write."""
        self._reader.execute("BEGIN")
        try:
            return self._read(self._reader, base)
        finally:
            self._reader.execute("ROLLBACK")

    def _read(self, db: sqlite3.Connection, base: Snapshot) -> Snapshot:
        """The database as a snapshot, reusing what did not change since `base`."""
        revision = int(_meta(db, "revision") or 0)
        if revision == base.revision:
            return base
        changed = {
            (kind, id): self._entry(kind, id, *rest)
            for kind, id, *rest in db.execute(_ROW + " WHERE revision > ?", (base.revision,))
        }
        entries = []
        for kind, id in db.execute("SELECT kind, id FROM resources ORDER BY seq"):
            entry = changed.get((kind, id)) or base.entry(kind, id)
            if entry is None:
                raise StoreError(f"{kind}/{id}: stored without a revision of its own")
            entries.append(entry)
        return Snapshot(entries, revision)

    def _entry(
        self,
        kind: str,
        id: str,
        seq: int,
        revision: int,
        created_at: int,
        updated_at: int,
        document: str,
        sealed: bytes | None,
    ) -> Entry:
        text = None if sealed is None else self._keyring.unseal(sealed, f"{kind}/{id}")
        whole, secret = unpacked(json.loads(document), text)
        return Entry(kind, id, seq, revision, created_at, updated_at, whole, secret)

    def _apply(self, base: Snapshot, changes: Sequence[Change]) -> Snapshot:
        """Write the changes inside the open transaction; the snapshot there will be."""
        self._follow_key()
        revision = base.revision + 1
        for change in changes:
            match change:
                case Delete(kind, id):
                    self._writer.execute(
                        "DELETE FROM resources WHERE kind = ? AND id = ?", (kind, id)
                    )
                case Put():
                    self._put(change, revision)
        self._write_meta("revision", str(revision))
        return self._read(self._writer, base)

    def _put(self, put: Put, revision: int) -> None:
        document, sealed = self._at_rest(put.kind, put.id, put.document, put.secret)
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

    def _at_rest(
        self, kind: str, id: str, document: Document, secret: str | None
    ) -> tuple[str, bytes | None]:
        """The JSON and the sealed text of a row."""
        clear, text = packed(KINDS[kind], document, secret)
        sealed = None if text is None else self._keyring.seal(text, f"{kind}/{id}")
        return json.dumps(clear, ensure_ascii=True, separators=(",", ":")), sealed

    def _seal_older(self) -> None:
        """Once: seal what an earlier aisix kept in clear and is a secret now."""
        if not self.writable or _meta(self._writer, IN_CLEAR) is None:
            return
        with self._transaction():
            self._follow_key()
            for kind, id, seq, *_, text, sealed in self._writer.execute(_ROW).fetchall():
                plain = None if sealed is None else self._keyring.unseal(sealed, f"{kind}/{id}")
                document, secret = unpacked(json.loads(text), plain)
                if KINDS[kind].hidden(document):
                    row = (*self._at_rest(kind, id, document, secret), seq)
                    change = "UPDATE resources SET document = ?, secret = ? WHERE seq = ?"
                    self._writer.execute(change, row)
            self._writer.execute("DELETE FROM meta WHERE name = ?", (IN_CLEAR,))
        # What was in clear is overwritten in the database, and must not stay in its log.
        self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _claim_key(self) -> None:
        """Refuse to start with a key that cannot read the secrets; name ours if there are none."""
        named = _meta(self._writer, "key_id")
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
        named = _meta(self._writer, "key_id")
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


def _meta(db: sqlite3.Connection, name: str) -> str | None:
    row = db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def _open(file: Path) -> sqlite3.Connection:
    """The writing connection, with the schema up to date."""
    if not file.exists():
        with suppress(FileExistsError):  # another process is starting too
            os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    db = _connect(file)
    try:
        if not os.access(file, os.W_OK):
            return db  # serve what is there; a write will say why it cannot be done
        _use_wal(db)
        migrate(db, str(file))
    except BaseException:
        db.close()
        raise
    return db


def _use_wal(db: sqlite3.Connection) -> None:
    """Switch to WAL; the switch ignores the busy timeout while another process makes it."""
    give_up = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(0.01)


def _connect(file: Path, *, read_only: bool = False) -> sqlite3.Connection:
    db = sqlite3.connect(
        f"file:{quote(str(file))}{'?immutable=1' if _frozen(file) else ''}",
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        uri=True,
    )
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA secure_delete = ON")
    if read_only:
        db.execute("PRAGMA query_only = ON")
    return db


def _frozen(file: Path) -> bool:
    """Whether nobody can write here: WAL then finds no place for its files, and needs none."""
    wal = file.with_name(f"{file.name}-wal")
    return not os.access(file.parent, os.W_OK) and not (wal.exists() and wal.stat().st_size)


@contextmanager
def _translated() -> Iterator[None]:
    """The one place where SQLite's errors become ours."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            raise DiskFull("the disk is full: nothing was written") from error
        raise StoreError(_SAID.get(code, f"the database failed: {error}")) from error


_SAID = {
    sqlite3.SQLITE_READONLY: "the database can only be read: nothing was written",
    sqlite3.SQLITE_BUSY: "the database is busy with another program's work: try again",
    sqlite3.SQLITE_LOCKED: "the database is busy with another program's work: try again",
    sqlite3.SQLITE_IOERR: "the disk failed or is full: nothing was written",
    sqlite3.SQLITE_CANTOPEN: "the database file cannot be opened",
    sqlite3.SQLITE_CORRUPT: "the database file is damaged: restore it from a copy",
    sqlite3.SQLITE_NOTADB: "the database file is damaged: restore it from a copy",
}
