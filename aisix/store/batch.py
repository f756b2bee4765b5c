"""Many documents at once: checked together, referring to each other, all of them or none.

    check_items(base, [ImportItem("models", "prod", {...}, "models[0]")], now=...)  ->  [Put, ...]
    import_items(store, items, now=...)  ->  ImportResult

What a resources file or an import holds. An item replaces the entry of its id; kinds are taken in
the order of KINDS, so that an item may name one that is only now coming. Every fault of every
document is told at once, each with its path ("models[2].rate_limit.rpm").

Must never know: where the documents come from, how they will be stored.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from aisix.errors import Complaint
from aisix.store.base import Change, ChangeRefused, Delete, ExtraCheck, Put, Store, no_extra_check
from aisix.store.kinds.registry import KINDS
from aisix.store.normalize import Normalizer, keep_hidden
from aisix.store.resources import Document
from aisix.store.snapshot import Entry, Quarantined, Snapshot

NO_CLOCK = 0.0  # a key that has expired by now is part of a file all the same
NO_KEY = ""  # a file does not make keys: nobody would see their text


@dataclass(frozen=True, slots=True)
class ImportItem:
    """A document under its id; `path` is where it stands in what was read."""

    kind: str
    id: str
    body: Document
    path: str


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import did, as (kind, id); what was stored before it and after it."""

    created: tuple[tuple[str, str], ...]
    changed: tuple[tuple[str, str], ...]
    same: tuple[tuple[str, str], ...]
    deleted: tuple[tuple[str, str], ...]
    before: Snapshot
    after: Snapshot


def check_items(
    base: Snapshot, items: Sequence[ImportItem], *, now: float, extra: ExtraCheck = no_extra_check
) -> list[Put]:
    """The writes that bring them; ChangeRefused("invalid") with every fault. now: Unix seconds."""
    coming = {(item.kind, item.id) for item in items}
    kept = [entry for entry in base.all_entries() if (entry.kind, entry.id) not in coming]
    wrong = _twice(items)
    puts: list[Put] = []
    for kind in KINDS:
        around = Snapshot([*kept, *(_entry(put) for put in puts)], 0)
        for item in (one for one in items if one.kind == kind.name):
            old = base.entry(item.kind, item.id)
            incoming = Normalizer(kind, item.id, old, item.body, around, NO_CLOCK, NO_KEY)
            try:
                document = incoming.document(extra)
            except ChangeRefused as refused:
                wrong += [at(item.path, complaint) for complaint in refused.complaints]
            else:
                puts.append(Put(item.kind, item.id, document, incoming.secret, int(now)))
    wrong += _taken(items, puts)
    if wrong:
        raise ChangeRefused("invalid", wrong)
    return puts


def import_items(
    store: Store,
    items: Sequence[ImportItem],
    *,
    now: float,
    only: bool = False,
    dry: bool = False,
    extra: ExtraCheck = no_extra_check,
) -> ImportResult:
    """Write them all in one change; with `only`, what is not among them is deleted.

    `dry`: tell what would be done, and do nothing. now: Unix seconds. Raises ChangeRefused and
    StoreError.
    """
    told: list[tuple[Snapshot, list[tuple[tuple[str, str], ...]]]] = []

    def plan(base: Snapshot) -> Sequence[Change]:
        over = Snapshot((), 0) if only else base
        puts = check_items(over, _with_secrets(items, base), now=now, extra=extra)
        ids = {(put.kind, put.id) for put in puts}
        stored: dict[tuple[str, str], Entry | Quarantined]
        stored = {(e.kind, e.id): e for e in base.all_entries()}
        stored |= {(e.kind, e.id): e for e in base.quarantined}
        gone = [one for id, one in stored.items() if only and id not in ids]
        created: list[Put] = []
        changed: list[Put] = []
        same: list[Put] = []
        for put in puts:
            old = base.entry(put.kind, put.id)
            well = base.unreadable(put.kind, put.id) is None
            group = created if old is None else same if well and _equal(old, put) else changed
            group.append(put)
        told[:] = [(base, [_ids(group) for group in (created, changed, same, gone)])]
        if dry:
            return ()
        # What refers to another goes before that.
        return [*(Delete(e.kind, e.id) for e in reversed(gone)), *created, *changed]

    after = store.update(plan)
    [(before, groups)] = told
    created, changed, same, gone = groups
    return ImportResult(created, changed, same, gone, before, after)


def at(path: str, complaint: Complaint) -> Complaint:
    """The complaint, said of a document that stands at `path`."""
    whole = f"{path}.{complaint.path}" if complaint.path else path
    return dataclasses.replace(complaint, path=whole)


def _with_secrets(items: Sequence[ImportItem], base: Snapshot) -> list[ImportItem]:
    """One that comes without a secret keeps the stored one, and what else is hidden."""
    filled = []
    for item in items:
        old, field = base.entry(item.kind, item.id), KINDS[item.kind].secret
        if old and old.secret and field:
            ways = {field.name, *KINDS[item.kind].other_ways(field.name)}
            if not ways & item.body.keys():
                body = {**item.body, field.name: old.secret}
                item = dataclasses.replace(item, body=body)
        if old:
            body = dict(item.body)
            keep_hidden(KINDS[item.kind], old.document, body)
            item = dataclasses.replace(item, body=body)
        filled.append(item)
    return filled


def _entry(put: Put) -> Entry:
    return Entry(put.kind, put.id, 0, 0, put.now, put.now, put.document, put.secret)


def _equal(old: Entry, put: Put) -> bool:
    return old.document == put.document and put.secret == old.secret


def _ids(group: Sequence[Put | Entry | Quarantined]) -> tuple[tuple[str, str], ...]:
    return tuple((one.kind, one.id) for one in group)


def _twice(items: Sequence[ImportItem]) -> list[Complaint]:
    seen: dict[tuple[str, str], str] = {}
    wrong = []
    for item in items:
        first = seen.setdefault((item.kind, item.id), item.path)
        if first != item.path:
            wrong.append(Complaint("", f"{item.path}.id", f"is the id of {first} too"))
    return wrong


def _taken(items: Sequence[ImportItem], puts: Sequence[Put]) -> list[Complaint]:
    """Names that must differ and do not, among the documents themselves."""
    paths = {(item.kind, item.id): item.path for item in items}
    seen: dict[tuple[str, str, str], str] = {}
    wrong = []
    for put in puts:
        for name in KINDS[put.kind].unique:
            if name in put.document:
                path = paths[put.kind, put.id]
                first = seen.setdefault((put.kind, name, put.document[name]), path)
                if first != path:
                    wrong.append(Complaint("", f"{path}.{name}", f"is taken by {first}"))
    return wrong
