"""What a write is told as: who, what, when, the names of the changed fields; never a value.

    record({"admin_key": "ff823db4"}, now, "merge", entry, ("strict",))   of one write
    records({"by": "file"}, now, before, after)   of many: one for each resource that differs

Must never know: where the records go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from aisix.store.kinds.declare import Kind
from aisix.store.kinds.registry import KINDS
from aisix.store.resources import Document, timestamp
from aisix.store.snapshot import Entry, Quarantined, Snapshot

EVENT = "admin_write"


def record(
    who: Mapping[str, Any],
    now: float,
    action: str,
    entry: Entry | Quarantined,
    changed: Iterable[str] = (),
) -> dict[str, Any]:
    """The record of one write at `now` (Unix seconds); changed: names of fields."""
    return {
        "event": EVENT,
        "at": timestamp(int(now)),
        **who,
        "action": action,
        "kind": entry.kind,
        "id": entry.id,
        "revision": entry.revision,
        "changed": list(changed),
    }


def records(
    who: Mapping[str, Any], now: float, before: Snapshot, after: Snapshot
) -> Iterator[dict[str, Any]]:
    """A record for each resource that differs between two snapshots; what went comes first."""
    for entry in before.all_entries():
        if after.entry(entry.kind, entry.id) is None:
            yield record(who, now, "delete", entry)
    for entry in after.all_entries():
        old = before.entry(entry.kind, entry.id)
        changed = changed_fields(KINDS[entry.kind], old, entry.document, entry.secret)
        if old is None or changed:
            yield record(who, now, "replace" if old else "create", entry, changed)


def rotation(who: Mapping[str, Any], now: float, count: int) -> dict[str, Any]:
    """Every stored secret was encrypted again; none of them changed."""
    at = timestamp(int(now))
    told = {"action": "rotate_key", "kind": "secrets", "count": count}
    return {"event": EVENT, "at": at, **who, **told}


def acceptance(who: Mapping[str, Any], now: float, count: int) -> dict[str, Any]:
    """An emptied etcd is to be taken over: so many resources go from a node's copy."""
    at = timestamp(int(now))
    told = {"action": "accept", "kind": "store", "count": count}
    return {"event": EVENT, "at": at, **who, **told}


def changed_fields(
    kind: Kind, old: Entry | None, document: Document, secret: str | None
) -> tuple[str, ...]:
    """The names of the fields that differ from what is stored, in alphabetical order."""
    before = old.document if old else {}
    names = {n for n in {*before, *document} if before.get(n) != document.get(n)}
    if kind.secret and secret != (old.secret if old else None):
        names.add(kind.secret.name)
    return tuple(sorted(names))
