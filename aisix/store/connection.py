"""Opening the database, and SQLite's errors as ours.

    open_database(file)                   the writing connection, with the schema up to date
    connect(file, read_only=True)         another one
    with translated(): ...                the one place where SQLite's errors become ours

Must never know: what is stored.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from aisix.errors import StoreError
from aisix.store.base import DiskFull
from aisix.store.migrations import migrate

BUSY_SECONDS = 3.0  # how long a write waits for another process's; ours take milliseconds
# How long a read does: in WAL it waits for nobody but another program's recovery or exclusive lock,
# and the event loop waits with it. The last good content serves meanwhile.
BUSY_READ_SECONDS = 0.1


def open_database(file: Path, wait: float) -> sqlite3.Connection:
    """The writing connection, with the schema up to date; a write waits `wait` seconds at most."""
    private_file(file)
    db = connect(file, wait)
    try:
        if not os.access(file, os.W_OK):
            return db  # serve what is there; a write will say why it cannot be done
        use_wal(db, wait)
        migrate(db, str(file))
    except BaseException:
        db.close()
        raise
    return db


def private_file(file: Path) -> None:
    """Make it, empty and closed to others, where there is none."""
    if not file.exists():
        with suppress(FileExistsError):  # another process is starting too
            os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def connect(file: Path, wait: float, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection for any thread, in autocommit mode; waits `wait` seconds where it is locked."""
    db = sqlite3.connect(
        f"file:{quote(str(file))}{'?immutable=1' if _frozen(file) else ''}",
        timeout=wait,
        isolation_level=None,
        check_same_thread=False,
        uri=True,
    )
    # One row whose text is no UTF-8 must not make the others unreadable.
    db.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA secure_delete = ON")
    db.execute("PRAGMA temp_store = MEMORY")  # another disk may be full too
    if read_only:
        db.execute("PRAGMA query_only = ON")
    return db


def identity(file: Path) -> tuple[int, int] | None:
    """Which file this name is now; None: none."""
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_dev, found.st_ino


@contextmanager
def translated() -> Iterator[None]:
    """SQLite's errors become ours."""
    try:
        yield
    except sqlite3.Error as error:
        code = _code(error)
        if code == sqlite3.SQLITE_FULL:
            raise DiskFull("the disk is full: nothing was written") from error
        raise StoreError(_SAID.get(code, f"the database failed: {error}")) from error


def no_room(error: sqlite3.Error) -> bool:
    """Whether it may be that the disk is full, or a file at its limit."""
    return _code(error) in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


def _code(error: sqlite3.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def use_wal(db: sqlite3.Connection, wait: float) -> None:
    """Switch to WAL; the switch ignores the busy timeout while another process makes it."""
    give_up = time.monotonic() + wait
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(0.01)


def _frozen(file: Path) -> bool:
    """Whether nobody can write here: WAL then finds no place for its files, and needs none."""
    wal = file.with_name(f"{file.name}-wal")
    return not os.access(file.parent, os.W_OK) and not (wal.exists() and wal.stat().st_size)


_SAID = {
    sqlite3.SQLITE_READONLY: "the database can only be read: nothing was written",
    sqlite3.SQLITE_BUSY: "the database is busy with another program's work: try again",
    sqlite3.SQLITE_LOCKED: "the database is busy with another program's work: try again",
    sqlite3.SQLITE_IOERR: "the disk failed or is full: nothing was written",
    sqlite3.SQLITE_CANTOPEN: "the database file cannot be opened",
    sqlite3.SQLITE_CORRUPT: "the database file is damaged: restore it from a copy",
    sqlite3.SQLITE_NOTADB: "the database file is damaged: restore it from a copy",
}
