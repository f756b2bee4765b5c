"""The store in one file an operator writes: read-only here, taken over whole or not at all.

`reload` reads the file, checks all of it, gives each changed entry a new revision, and puts the
result beside the database as `resources.accepted`, encrypted like stored secrets are. That is what
every process serves: one that starts after the file was edited, and not yet reloaded, serves what
the others do. The change signal tells them of a new one, as it does for the SQLite store.

    accepted   sealed JSON {"revision": 7, "entries": [[kind, id, seq, revision, created_at,
               updated_at, document, secret], ...]}

Must never know: HTTP, what a document's fields mean, where `${NAME}` values come from.
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from aisix import log
from aisix.errors import AisixError, OperatorError, StoreError
from aisix.movein.declared import TheirSaid
from aisix.store import yaml_document
from aisix.store.base import (
    ChangePlan,
    ChangeRefused,
    ExtraCheck,
    Put,
    Store,
    Told,
    Watchers,
    no_extra_check,
)
from aisix.store.batch import check_items
from aisix.store.change_signal import ChangeSignal
from aisix.store.secrets import EarlierForm, Keyring
from aisix.store.snapshot import Entry, Snapshot

ACCEPTED = "resources.accepted"
REFUSED = "resources.refused"  # why the last reload changed nothing, for the status of all
SIGNAL = "resources.bell"


class FileStore(Store):
    """Entries as a file has them; a reload takes the file over."""

    def __init__(
        self, file: Path, data_dir: Path, keyring: Keyring, environ: Mapping[str, str]
    ) -> None:
        """What was accepted last; nothing before the first `reload`."""
        self._file = file
        self._accepted = data_dir / ACCEPTED
        self._refused = data_dir / REFUSED
        self._keyring = keyring
        self._environ = environ
        self._watchers = Watchers()
        self._lock = threading.RLock()
        self._trouble: str | None = None
        self._told: list[TheirSaid] = []
        self._signal = ChangeSignal(data_dir / SIGNAL)
        self._seen = self._signal.number
        try:
            self._snapshot = self._read_accepted()
        except StoreError as error:
            raise OperatorError(str(error)) from None

    @property
    def source(self) -> str:
        return str(self._file)

    @property
    def writable(self) -> bool:
        return False

    @property
    def trouble(self) -> str | None:
        """What this process met, or what the last reload of any process was refused for."""
        with suppress(OSError):
            return self._trouble or self._refused.read_text("utf-8")
        return self._trouble

    def current(self) -> Snapshot:
        if self._signal.number != self._seen:
            self._refresh()
        return self._snapshot

    def update(self, plan: ChangePlan) -> Snapshot:
        text = f"resources come from the file {self._file}: edit it, then reload (SIGHUP)"
        raise ChangeRefused("read_only", text)

    def poll(self) -> None:
        self._refresh(without_signal=True)

    def reload(self, extra: ExtraCheck = no_extra_check) -> Snapshot:
        with self._lock:
            base = self.current()
            try:
                fresh = self._take_over(base, extra)
            except Exception as error:
                why = str(error) if isinstance(error, AisixError) else log.place(error)
                with suppress(OSError):
                    self._refused.touch(0o600)
                    self._refused.write_text(f"the last good content serves: {why}", "utf-8")
                raise
            with suppress(OSError):
                self._refused.unlink(missing_ok=True)
            self._trouble = None
            if fresh is not base:
                self._write_accepted(fresh)
                self._publish(fresh)
                with suppress(OSError):  # the others then notice at their next poll
                    self._signal.give()
                    self._seen = self._signal.number
            return fresh

    def watch(self, told: Told) -> Callable[[], None]:
        return self._watchers.join(told)

    def close(self) -> None:
        with self._lock:
            self._signal.close()

    def _take_over(self, base: Snapshot, extra: ExtraCheck) -> Snapshot:
        """The file as a snapshot; `base` itself when nothing differs. OperatorError."""
        name = str(self._file)
        try:
            text = self._file.read_text("utf-8")
        except OSError as error:
            raise OperatorError(f"{name}: cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise OperatorError(f"{name}: is not UTF-8") from None
        items, lines = yaml_document.read(text, name, self._environ)
        self._tell(lines)
        try:
            puts = check_items(Snapshot((), 0), items, now=time.time(), extra=extra)
        except ChangeRefused as refused:
            raise OperatorError(lines.placed(refused.complaints)) from None
        revision = base.revision + 1
        entries = [_entry(base, put, seq, revision) for seq, put in enumerate(puts, 1)]
        if [_same(entry) for entry in entries] == [_same(entry) for entry in base.all_entries()]:
            return base
        return Snapshot(entries, revision)

    def _tell(self, lines: yaml_document.Lines) -> None:
        """What of a file of the original's is not what it was, once for each content."""
        lost = [one for one in lines.said if one.lost]
        if lost == self._told:
            return
        self._told = lost
        for one in lost:
            log.warning("%s: %s: %s", lines.where(one.where), one.name, one.why)

    def _refresh(self, *, without_signal: bool = False) -> None:
        with self._lock:
            number = self._signal.number
            if number == self._seen and not without_signal:
                return
            try:
                fresh = self._read_accepted()
                self._trouble = None
                if fresh.revision != self._snapshot.revision:
                    self._publish(fresh)
            except Exception as error:
                self._trouble = f"the last good content serves: {error}"
            self._seen = number  # only now: who looks meanwhile waits for it

    def _publish(self, fresh: Snapshot) -> None:
        self._snapshot = fresh
        self._watchers.tell(fresh)

    def _read_accepted(self) -> Snapshot:
        try:
            sealed = self._accepted.read_bytes()
        except FileNotFoundError:
            return Snapshot((), 0)
        except OSError as error:
            raise StoreError(f"{self._accepted}: cannot be read: {error.strerror}") from None
        remedy = f"remove it, {self._file} is then read anew"
        try:
            data = json.loads(self._keyring.unseal(sealed, ACCEPTED))
            return Snapshot((Entry(*row) for row in data["entries"]), data["revision"])
        except EarlierForm:
            text = f"was written by an earlier aisix: {remedy}"
            raise StoreError(f"{self._accepted}: {text}") from None
        except StoreError as error:
            raise StoreError(f"{self._accepted}: {error}; {remedy}") from None
        except Exception as error:  # its words may quote what is in it
            text = f"cannot be understood ({type(error).__name__}): {remedy}"
            raise StoreError(f"{self._accepted}: {text}") from None

    def _write_accepted(self, fresh: Snapshot) -> None:
        rows = [[*_same(e)[:2], *_numbers(e), e.document, e.secret] for e in fresh.all_entries()]
        text = json.dumps({"revision": fresh.revision, "entries": rows})
        folder = self._accepted.parent
        try:
            handle, temporary = tempfile.mkstemp(prefix=".accepted.", dir=folder)  # 0600
            try:
                with os.fdopen(handle, "wb") as out:
                    out.write(self._keyring.seal(text, ACCEPTED))
                    out.flush()
                    os.fsync(out.fileno())
                os.replace(temporary, self._accepted)
            except BaseException:
                os.unlink(temporary)
                raise
        except OSError as error:
            raise StoreError(f"{self._accepted}: cannot be written: {error.strerror}") from None


def _entry(base: Snapshot, put: Put, seq: int, revision: int) -> Entry:
    """The entry there will be: an unchanged one keeps its revision and times."""
    made = Entry(put.kind, put.id, seq, revision, put.now, put.now, put.document, put.secret)
    old = base.entry(put.kind, put.id)
    if old is None:
        return made
    times = (old.revision, old.created_at, old.updated_at)
    if (old.document, old.secret) != (put.document, put.secret):
        times = (revision, old.created_at, put.now)
    return Entry(put.kind, put.id, seq, *times, put.document, put.secret)


def _same(entry: Entry) -> tuple[object, ...]:
    return (entry.kind, entry.id, entry.document, entry.secret)


def _numbers(entry: Entry) -> tuple[int, ...]:
    return (entry.seq, entry.revision, entry.created_at, entry.updated_at)
