"""The reading half of a store in an SQLite file: a snapshot in memory, renewed on a signal.

    class SqliteStore(Replica)     writes the file itself
    class EtcdStore(Replica)       the file is written by a process that follows etcd

Only rows newer than the snapshot are read and decrypted; the rest is taken over from it. Whatever
fails while it is renewed, the last good snapshot serves on, and `trouble` says why. The connection
is opened by the half that writes, or knows who does.

Must never know: HTTP, what a document's fields mean, how the file is written.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from aisix import log
from aisix.errors import AisixError, OperatorError, StoreError
from aisix.store.base import ExtraCheck, Store, Told, Watchers, no_extra_check
from aisix.store.change_signal import ChangeSignal
from aisix.store.connection import translated
from aisix.store.rows import OWN, RowForm, read
from aisix.store.secrets import Keyring
from aisix.store.snapshot import Snapshot

EMPTY = Snapshot((), -1)  # in the place of one that is to be read from the beginning


class Replica(Store):
    """`_reader`: an open connection; `_snapshot` and `_seen`: what `_begin` sets once there is one.

    form: how the file says what is new in it.
    """

    _reader: sqlite3.Connection
    _snapshot: Snapshot
    _seen: int

    def __init__(
        self, file: Path, signal: ChangeSignal, keyring: Keyring, form: RowForm = OWN
    ) -> None:
        self._file, self._signal, self._keyring, self._form = file, signal, keyring, form
        self._watchers = Watchers()
        self._reading = threading.RLock()  # a watcher that is told may look again
        self._publishing = threading.Lock()
        self._trouble: str | None = None
        self._bug: str | None = None  # of ours, that was logged

    def _begin(self) -> None:
        """The first look."""
        self._seen = self._signal.number
        self._snapshot = self._read_at_once(EMPTY)

    @contextmanager
    def _at_start(self) -> Iterator[None]:
        """What goes wrong before there is a snapshot stops the start."""
        try:
            yield
        except sqlite3.Error as error:
            raise OperatorError(f"{self._file}: cannot be opened: {error}") from None
        except StoreError as error:
            raise OperatorError(f"{self._file}: {error}") from None
        except OperatorError:
            raise
        except Exception as error:
            text = f"cannot be read, and it should be: {log.place(error)}"
            raise OperatorError(f"{self._file}: {text}") from None

    @property
    def trouble(self) -> str | None:
        return self._trouble

    def current(self) -> Snapshot:
        if self._signal.number != self._seen:
            self._refresh()
        return self._snapshot

    def reload(self, extra: ExtraCheck = no_extra_check) -> Snapshot:
        self.poll()
        return self._snapshot

    def watch(self, told: Told) -> Callable[[], None]:
        return self._watchers.join(told)

    def _refresh(self, *, without_signal: bool = False) -> None:
        with self._reading:
            number = self._signal.number
            if number == self._seen and not without_signal:
                return
            base = self._snapshot
            try:
                with translated():
                    fresh = self._read_at_once(base)
                # Begun after it, this saw at least as much: an older state was put back.
                self._publish(fresh, whatever=fresh.turn < base.turn)
                self._trouble = self._bug = None
            except Exception as error:
                # The last good snapshot goes on serving; poll() tries again every second.
                self._failed(error)
            # Only now: who looks meanwhile must wait for it, not take the old snapshot.
            self._seen = number

    def _failed(self, error: Exception) -> None:
        """Keep why the snapshot may be old; a mistake of ours is logged, once."""
        why = str(error)
        if not isinstance(error, AisixError | sqlite3.Error):
            why = f"it cannot be read: {log.place(error)}"
            if why != self._bug:
                self._bug = why
                log.error("bug in the store: %s", why)
        self._trouble = f"the last good content serves: {why}"

    def _publish(self, fresh: Snapshot, *, whatever: bool = False) -> None:
        """Serve it, unless a newer one does; `whatever`: of another file or an older state,
        whose numbers differ."""
        with self._publishing:
            old = self._snapshot
            same = fresh.turn == old.turn and fresh.quarantined == old.quarantined
            if fresh is old or ((same or fresh.turn < old.turn) and not whatever):
                return
            self._snapshot = fresh
        self._watchers.tell(fresh)

    def _read_at_once(self, base: Snapshot) -> Snapshot:
        """One moment of the database: between two queries another process may write."""
        self._reader.execute("BEGIN")
        try:
            return read(self._reader, self._keyring, base, self._form)
        finally:
            with suppress(sqlite3.Error):
                self._reader.execute("ROLLBACK")
