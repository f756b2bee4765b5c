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

import hashlib
import json
import os
import re
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from aisix import log
from aisix.errors import AisixError, Complaint, OperatorError, StoreError
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
from aisix.store.config_state import (
    LONGEST_ERROR,
    MISFIT,
    MOST_REJECTED,
    NOT_ENFORCED,
    THERE,
    ConfigState,
    LoadRecord,
    Rejected,
    counts_of,
)
from aisix.store.secrets import EarlierForm, Keyring
from aisix.store.snapshot import Entry, Snapshot

ACCEPTED = "resources.accepted"
REFUSED = "resources.refused"  # why the last reload changed nothing, for the status of all
SIGNAL = "resources.bell"
STATE = "resources.state"  # what became of the file, a LoadRecord
PLACED = re.compile(r"([a-z0-9_]+)(\[\d+\])?(?:\.(.*))?")  # models[2].routing.targets[0]


class FileStore(Store):
    """Entries as a file has them; a reload takes the file over."""

    def __init__(
        self,
        file: Path,
        data_dir: Path,
        keyring: Keyring,
        environ: Mapping[str, str],
        refuse: bool = False,
    ) -> None:
        """What was accepted last; nothing before the first `reload`. refuse: kinds that restrict,
        and are not enforced here, are at fault."""
        self._file = file
        self._accepted = data_dir / ACCEPTED
        self._refused = data_dir / REFUSED
        self._state = data_dir / STATE
        self._refuse = refuse
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
            record = self._record()
            try:
                fresh = self._take_over(base, extra, record)
            except Exception as error:
                self._keep(record)
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
            self._keep(record)
            if fresh is not base:
                with suppress(OSError):  # the others then notice at their next poll
                    self._signal.give()
                    self._seen = self._signal.number
            return fresh

    def watch(self, told: Told) -> Callable[[], None]:
        return self._watchers.join(told)

    def close(self) -> None:
        with self._lock:
            self._signal.close()

    @property
    def not_served(self) -> Mapping[str, int]:
        return self._record().not_served

    def config_state(self) -> ConfigState:
        record = self._record()
        return ConfigState("file", record, tuple(record.rejected), ready=bool(record.apply_seq))

    def _record(self) -> LoadRecord:
        with suppress(OSError):
            return LoadRecord.decoded(self._state.read_bytes())
        return LoadRecord()

    def _keep(self, record: LoadRecord) -> None:
        with suppress(OSError):
            fresh = self._state.with_suffix(".new")
            fresh.touch(0o600)
            fresh.write_text(record.encoded(), "utf-8")
            os.replace(fresh, self._state)

    def _take_over(self, base: Snapshot, extra: ExtraCheck, record: LoadRecord) -> Snapshot:
        """The file as a snapshot, `base` itself when nothing differs, and what became of it.
        OperatorError."""
        name, now = str(self._file), time.time()
        try:
            raw = self._file.read_bytes()
        except OSError as error:
            record.unreachable(f"cannot be read: {error.strerror}", now)
            raise OperatorError(f"{name}: cannot be read: {error.strerror}") from None
        record.source_hash, record.observed_at = hashlib.sha256(raw).hexdigest(), now
        try:
            fresh, lines = self._fresh(raw, base, extra)
        except OperatorError as error:
            _refused_whole(record, error, now)
            raise
        self._tell(lines)
        record.whole, record.rejected = False, []
        record.ignored = _ignored(lines)
        record.not_served = lines.not_served
        record.unguarded = list(lines.unguarded.values())
        record.applied(record.source_hash, {**counts_of(fresh), **lines.not_served}, now)
        record.judged((), now, reload=True)
        return fresh

    def _fresh(
        self, raw: bytes, base: Snapshot, extra: ExtraCheck
    ) -> tuple[Snapshot, yaml_document.Lines]:
        name = str(self._file)
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            raise OperatorError(f"{name}: is not UTF-8") from None
        items, lines = yaml_document.read(text, name, self._environ)
        if self._refuse and lines.unguarded:
            wrong = [Complaint("", kind, NOT_ENFORCED) for kind in lines.unguarded]
            raise OperatorError(lines.placed(wrong))
        try:
            puts = check_items(Snapshot((), 0), items, now=time.time(), extra=extra)
        except ChangeRefused as refused:
            raise OperatorError(lines.placed(refused.complaints)) from None
        revision = base.revision + 1
        entries = [_entry(base, put, seq, revision) for seq, put in enumerate(puts, 1)]
        if [_same(entry) for entry in entries] == [_same(entry) for entry in base.all_entries()]:
            return base, lines
        return Snapshot(entries, revision), lines

    def _tell(self, lines: yaml_document.Lines) -> None:
        """What of a file of the original's is not what it was, once for each content; what is not
        enforced, each time."""
        for kind, words in lines.unguarded.items():
            log.warning("%s: %s", lines.where(kind), words)
        lost = [one for one in lines.said if one.lost and one.name not in lines.unguarded]
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


def _refused_whole(record: LoadRecord, error: OperatorError, now: float) -> None:
    """None of the file serves."""
    record.whole = True
    old = {(one.kind, one.id, one.error): one.since for one in record.rejected}
    record.rejected = []
    for one in error.complaints[:MOST_REJECTED]:
        found = PLACED.fullmatch(one.path)
        kind, place, field = found.groups() if found else ("", "", one.path)
        kind = THERE.get(kind, kind) if place else ""
        id = f"{kind}{place}" if place else ""
        text = f"{field}: {one.text}" if field else one.text
        since = old.get((kind, id, text), now)
        record.rejected.append(Rejected(kind, id, MISFIT, text[:LONGEST_ERROR], since))
    record.judged([(one.error_kind, one.error) for one in record.rejected], now, reload=True)


def _ignored(lines: yaml_document.Lines) -> list[tuple[str, str, int]]:
    """(kind, field, documents) of the fields that are known there and do nothing here."""
    found: Counter[tuple[str, str]] = Counter()
    for one in lines.said:
        if one.lost and one.where not in lines.not_served:
            found[one.where.partition("[")[0], one.name] += 1
    return [(*key, number) for key, number in sorted(found.items())]


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
