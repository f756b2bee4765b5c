"""What became of the configuration: what was read, what of it serves, what was refused and why.

    record = LoadRecord(); record.applied("sha...", {"models": 2}, now); record.judged([], now)
    ConfigState("etcd", record, connected=True, ...).shown(now)    GET /status/config
    ConfigState(...).moved_in()    what of it does nothing here, for GET /admin/v1/status

A LoadRecord is kept beside what serves, so that it outlives the process; times are Unix seconds.
Texts never quote a value. Must never know: where resources come from, HTTP.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from aisix.movein.declared import TheirSaid, kinds
from aisix.store.resources import timestamp
from aisix.store.snapshot import Quarantined, Snapshot

NEVER_LOADED, OUT_OF_SYNC, DEGRADED, EMPTY, SYNCED = STATES = (
    *("never_loaded", "out_of_sync", "degraded", "empty", "synced"),
)
BAD_KEY, NOT_JSON, UNKNOWN_KIND = "bad_key", "non_json", "unknown_kind"
MISFIT, UNREACHABLE = "schema_failed", "fetch"
REASONS = {NOT_JSON: "parse", UNREACHABLE: "fetch"}  # all else: validate
VALIDATE = "validate"
THERE: Mapping[str, str] = {"apikeys": "api_keys"}  # kinds called otherwise in etcd and a status
MOST_REJECTED = 1000  # rows of one page; there are as many as documents
MOST_FIELDS = 1000  # the same of fields that are passed over
NOT_ENFORCED = "is not enforced here, and not_served is refuse"
LONGEST_ERROR = 2000  # characters
NO_JSON = "it is not JSON"  # what the complaint about such a document begins with


class Rejected(msgspec.Struct, frozen=True, array_like=True):
    """One that does not serve as it stands. since, stale_since: when that was first seen, and since
    when its last good form serves instead; 0: none does."""

    kind: str
    id: str
    error_kind: str
    error: str
    since: float
    stale_since: float = 0.0


class LoadRecord(msgspec.Struct):
    """counts: what serves, by kind; partial, ignored: (kind, field, documents) of fields that
    nobody knows, and that are known and do nothing; whole: the last reading was refused as one."""

    source_hash: str = ""
    observed_at: float = 0.0
    config_hash: str = ""
    former_hash: str = ""
    apply_seq: int = 0
    applied_at: float = 0.0
    counts: dict[str, int] = msgspec.field(default_factory=dict)
    successful: bool = False
    reload_at: float = 0.0
    success_at: float = 0.0
    failure: tuple[float, str, str] | None = None
    rejected: list[Rejected] = msgspec.field(default_factory=list)
    partial: list[tuple[str, str, int]] = msgspec.field(default_factory=list)
    partial_documents: dict[str, int] = msgspec.field(default_factory=dict)
    ignored: list[tuple[str, str, int]] = msgspec.field(default_factory=list)
    not_served: dict[str, int] = msgspec.field(default_factory=dict)
    unguarded: list[str] = msgspec.field(default_factory=list)
    whole: bool = False
    reloads: int = 0
    failures: dict[str, int] = msgspec.field(default_factory=dict)

    def applied(self, config_hash: str, counts: Mapping[str, int], now: float) -> None:
        """This serves now; seq and time move with the hash alone."""
        if config_hash != self.config_hash or not self.apply_seq:
            self.former_hash = self.config_hash
            self.config_hash, self.applied_at = config_hash, now
            self.apply_seq += 1
        self.counts = {kind: number for kind, number in counts.items() if number}

    def judged(self, errors: Sequence[tuple[str, str]], now: float, reload: bool = False) -> None:
        """What was read has been judged. errors: (kind of error, text) of all that was refused;
        reload: all was read, not a change alone."""
        self.successful, self.reload_at = not errors, now
        if errors:
            self.failure = (now, *errors[0])
        else:
            self.success_at = now
        if reload:
            self.reloads += 1
            self._count({REASONS.get(kind, VALIDATE) for kind, _ in errors})

    def unreachable(self, text: str, now: float) -> None:
        """The source could not be read; what serves goes on."""
        self.successful, self.reload_at = False, now
        self.reloads += 1
        self.failure = (now, UNREACHABLE, text)
        self._count({REASONS[UNREACHABLE]})

    def _count(self, reasons: Iterable[str]) -> None:
        for reason in reasons:
            self.failures[reason] = self.failures.get(reason, 0) + 1

    def encoded(self) -> str:
        return msgspec.json.encode(self).decode()

    @classmethod
    def decoded(cls, text: str | bytes) -> LoadRecord:
        """A new one where it cannot be read: it is told anew with the next reading."""
        try:
            return msgspec.json.decode(text, type=cls)
        except (msgspec.MsgspecError, UnicodeError):
            return cls()


class ConfigState(msgspec.Struct, frozen=True):
    """`rejected`: of the record and of the store together. Of an etcd alone: connected, revisions.
    ready: there has been a configuration."""

    source: str
    record: LoadRecord
    rejected: tuple[Rejected, ...] = ()
    ready: bool = True
    connected: bool | None = None
    observed_revision: int | None = None
    applied_revision: int | None = None

    @property
    def state(self) -> str:
        served = sum(self.record.counts.values())
        if not self.ready:
            return NEVER_LOADED
        if self.record.whole or (self.rejected and not served):
            return OUT_OF_SYNC
        if self.rejected:
            return DEGRADED
        return SYNCED if served else EMPTY

    def shown(self, now: float, said: Iterable[TheirSaid] = ()) -> dict[str, Any]:
        """The page; said: of settings that do nothing, or something else."""
        record = self.record
        source: dict[str, Any] = {"type": self.source}
        applied: dict[str, Any] = {}
        if self.connected is not None:
            source["connected"] = self.connected
            if self.ready:
                source["observed_revision"] = self.observed_revision
                applied["applied_revision"] = self.applied_revision
        if record.source_hash:
            source["source_hash"] = record.source_hash
        if record.observed_at:
            source["observed_at"] = _stamp(record.observed_at)
        found: dict[str, Any] = {"state": self.state, "source": source}
        if self.ready:
            applied |= {"config_hash": record.config_hash, "apply_seq": record.apply_seq}
            if record.applied_at:
                applied["applied_at"] = _stamp(record.applied_at)
            found["applied"] = {**applied, "resource_counts": dict(sorted(record.counts.items()))}
        if record.reload_at:
            at = _stamp(record.reload_at)
            found["last_reload"] = {"successful": record.successful, "at": at}
        found["last_failure"] = None
        if record.failure is not None:
            at_, kind, text = record.failure
            found["last_failure"] = {
                "at": _stamp(at_),
                "last_error_kind": kind,
                "last_error": text,
            }
        rows = sorted(self.rejected, key=lambda one: (one.kind, one.id))[:MOST_REJECTED]
        found["rejected"] = [self._row(one, now) for one in rows]
        found["partially_compatible"] = [
            {"resource_kind": kind, "field": field, "count": count}
            for kind, field, count in sorted(record.partial)
        ]
        return {**found, "moved_in": self.moved_in(said)}

    def _row(self, one: Rejected, now: float) -> dict[str, Any]:
        seen = max(one.since, self.record.observed_at)
        row: dict[str, Any] = {
            "resource_kind": _text(one.kind),
            "resource_id": _text(one.id),
            "last_error_kind": one.error_kind,
            "last_error": _text(one.error),
            "first_seen_at": _stamp(one.since),
            "last_seen_at": _stamp(seen),
        }
        if one.stale_since:
            row["serving_stale_since"] = _stamp(one.stale_since)
            row["serving_stale_age_seconds"] = max(0, int(now - one.stale_since))
        return row

    def moved_in(self, said: Iterable[TheirSaid] = ()) -> dict[str, Any]:
        """{"ignored": [{"where", "field", "count"}], "not_served": {kind: n}}: all that is stored
        or set and is not gone by as the original would."""
        told = [(one.where, one.name, 1) for one in said if one.lost]
        told += [*self.record.ignored, *self.record.partial]
        ignored = [{"where": w, "field": f, "count": n} for w, f, n in sorted(told)]
        return {"ignored": ignored, "not_served": dict(sorted(self.record.not_served.items()))}

    def numbers(self) -> dict[tuple[str, ...], float]:
        """{(metric, labels...): value}; a kind that has none any more says 0."""
        record = self.record
        found: dict[tuple[str, ...], float] = {
            ("aisix_config_last_reload_successful",): float(record.successful),
            ("aisix_config_reloads_total",): float(record.reloads),
        }
        if record.success_at:
            stamp = "aisix_config_last_reload_success_timestamp_seconds"
            found[stamp,] = float(int(record.success_at))
        for reason, number in record.failures.items():
            found["aisix_config_reload_failures_total", reason] = float(number)
        if self.connected is not None:
            found["aisix_config_source_connected",] = float(self.connected)
            if self.ready:
                found["aisix_config_observed_revision",] = float(self.observed_revision or 0)
                found["aisix_config_applied_revision",] = float(self.applied_revision or 0)
        bad = Counter(one.kind for one in self.rejected)
        stale = Counter(one.kind for one in self.rejected if one.stale_since)
        for kind in kinds():
            found["aisix_config_rejected_resources", kind] = 0.0
            found["aisix_config_stale_served_resources", kind] = 0.0
            partial = record.partial_documents.get(kind, 0)
            found["aisix_config_partially_compatible_resources", kind] = float(partial)
            if not kinds()[kind].served:
                number = record.not_served.get(kind, 0)
                found["aisix_config_not_served", kind] = float(number)
        for counted, name in ((bad, "rejected"), (stale, "stale_served")):
            for kind, number in counted.items():
                known = kind if kind in kinds() else "unknown"
                key = (f"aisix_config_{name}_resources", known)
                found[key] = found.get(key, 0.0) + number
        if record.config_hash:
            found["aisix_config_hash_info", record.config_hash] = 1.0
        if record.former_hash and record.former_hash != record.config_hash:
            found["aisix_config_hash_info", record.former_hash] = 0.0
        return found


def rejected_rows(quarantined: Iterable[Quarantined]) -> Iterator[Rejected]:
    """What a snapshot does not serve as it stands."""
    for one in quarantined:
        error_kind = NOT_JSON if one.why.startswith(NO_JSON) else MISFIT
        stale = float(one.since) if one.serves else 0.0
        kind = THERE.get(one.kind, one.kind)
        yield Rejected(kind, one.id, error_kind, one.why[:LONGEST_ERROR], float(one.since), stale)


def counts_of(snapshot: Snapshot) -> dict[str, int]:
    """What serves, by the names of a status."""
    return {THERE.get(kind, kind): number for kind, number in snapshot.counts().items()}


def hash_of(lines: Iterable[tuple[bytes, bytes]]) -> str:
    """SHA-256 of (key, canonical value) in the order of keys, as the original takes it."""
    made = hashlib.sha256()
    for key, value in lines:
        made.update(key + b"\0" + value + b"\n")
    return made.hexdigest()


def canonical(value: bytes) -> bytes:
    """JSON with its keys sorted at every depth and no spaces; what is no JSON, as it is.

    >>> canonical(b'{"b": 1, "a": [ {"d":1.50,"c":2} ]}'), canonical(b"{")
    (b'{"a":[{"c":2,"d":1.5}],"b":1}', b'{')
    """
    try:
        return msgspec.json.encode(msgspec.json.decode(value), order="sorted")
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return value


def _text(text: str) -> str:
    """What any encoding takes."""
    return text.encode("utf-8", "backslashreplace").decode()


def _stamp(at: float) -> str:
    return timestamp(int(at))


def of_snapshot(snapshot: Snapshot) -> ConfigState:
    """Of a store that serves what it holds, at once: each write is a reload."""
    entries = snapshot.all_entries()
    newest = max((entry.updated_at for entry in entries), default=0)
    hash = _hash_of(snapshot)
    record = LoadRecord(
        source_hash=hash,
        observed_at=time.time(),
        config_hash=hash,
        apply_seq=snapshot.revision,
        applied_at=newest,
        counts={kind: number for kind, number in counts_of(snapshot).items() if number},
        successful=not snapshot.quarantined,
        reload_at=newest,
        success_at=0 if snapshot.quarantined else newest,
    )
    return ConfigState("sqlite", record, tuple(rejected_rows(snapshot.quarantined)))


@lru_cache(maxsize=2)
def _hash_of(snapshot: Snapshot) -> str:
    made = {}
    for entry in snapshot.all_entries():
        kind = THERE.get(entry.kind, entry.kind)
        value = {"document": entry.document, "secret": entry.secret}
        made[f"{kind}/{entry.id}".encode()] = msgspec.json.encode(value, order="sorted")
    return hash_of(sorted(made.items()))
