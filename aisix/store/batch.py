"""Many documents at once: checked together, referring to each other, all of them or none.

    stage(base, [Wanted("models", "prod", {...}, "models[0]"), ...], now=...)  ->  [Put, ...]

What a resources file or an import holds. A wanted entry replaces the one of its id; provider keys
are staged first, so that a model may name one that is only now coming. Every fault of every
document is told at once, each with its path ("models[2].rate_limit.rpm").

Must never know: where the documents come from, how they will be stored.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from aisix.errors import Complaint
from aisix.store.base import Change, ChangeRefused, Delete, Extra, Put, Store, no_more
from aisix.store.normalize import UNIQUE, Normalizer
from aisix.store.resources import Document
from aisix.store.snapshot import KINDS, Entry, Snapshot

NO_CLOCK = 0.0  # a key that has expired by now is part of a file all the same


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


def stage(
    base: Snapshot, wanted: Sequence[ImportItem], *, now: float, extra: Extra = no_more
) -> list[Put]:
    """The writes that bring them; Refused("invalid") with every fault."""
    coming = {(one.kind, one.id) for one in wanted}
    kept = [entry for entry in base.all_entries() if (entry.kind, entry.id) not in coming]
    wrong = _twice(wanted)
    puts: list[Put] = []
    for kind in KINDS:
        around = Snapshot([*kept, *(_entry(put) for put in puts)], 0)
        for one in (w for w in wanted if w.kind == kind):
            draft = Normalizer(
                kind, one.id, base.entry(kind, one.id), one.body, around, NO_CLOCK, ""
            )
            try:
                if one.body.get("generate"):
                    text = "a key is made by the admin API, not in a file: give `key_hash`"
                    raise ChangeRefused("invalid", [Complaint("", "generate", text)])
                document = draft.document(extra)
            except ChangeRefused as refused:
                wrong += [at(one.path, complaint) for complaint in refused.complaints]
            else:
                puts.append(Put(kind, one.id, document, draft.secret, int(now)))
    wrong += _taken(wanted, puts)
    if wrong:
        raise ChangeRefused("invalid", wrong)
    return puts


def bring(
    store: Store,
    wanted: Sequence[ImportItem],
    *,
    now: float,
    only: bool = False,
    dry: bool = False,
    extra: Extra = no_more,
) -> ImportResult:
    """Write them all in one change; with `only`, what is not among them is deleted.

    `dry`: tell what would be done, and do nothing.
    """
    told: list[tuple[Snapshot, list[tuple[tuple[str, str], ...]]]] = []

    def plan(base: Snapshot) -> Sequence[Change]:
        puts = stage(Snapshot((), 0) if only else base, _with_secrets(wanted, base), now=now,
                     extra=extra)  # fmt: skip
        ids = {(put.kind, put.id) for put in puts}
        gone = [e for e in base.all_entries() if only and (e.kind, e.id) not in ids]
        created: list[Put] = []
        changed: list[Put] = []
        same: list[Put] = []
        for put in puts:
            old = base.entry(put.kind, put.id)
            group = created if old is None else same if _equal(old, put) else changed
            group.append(put)
        told[:] = [(base, [_ids(group) for group in (created, changed, same, gone)])]
        if dry:
            return ()
        # A model goes before the provider key it refers to.
        return [*(Delete(e.kind, e.id) for e in reversed(gone)), *created, *changed]

    after = store.update(plan)
    [(before, groups)] = told
    created, changed, same, gone = groups
    return ImportResult(created, changed, same, gone, before, after)


def at(path: str, complaint: Complaint) -> Complaint:
    """The complaint, said of a document that stands at `path`."""
    whole = f"{path}.{complaint.path}" if complaint.path else path
    return dataclasses.replace(complaint, path=whole)


def _with_secrets(wanted: Sequence[ImportItem], base: Snapshot) -> list[ImportItem]:
    """A provider key without a secret keeps the stored one."""
    filled = []
    for one in wanted:
        old = base.entry(one.kind, one.id)
        if old and old.secret and not {"secret", "api_key"} & one.body.keys():
            one = dataclasses.replace(one, body={**one.body, "secret": old.secret})
        filled.append(one)
    return filled


def _entry(put: Put) -> Entry:
    return Entry(put.kind, put.id, 0, 0, put.now, put.now, put.document, put.secret)


def _equal(old: Entry, put: Put) -> bool:
    return old.document == put.document and put.secret in (None, old.secret)


def _ids(group: Sequence[Put | Entry]) -> tuple[tuple[str, str], ...]:
    return tuple((one.kind, one.id) for one in group)


def _twice(wanted: Sequence[ImportItem]) -> list[Complaint]:
    seen: dict[tuple[str, str], str] = {}
    wrong = []
    for one in wanted:
        first = seen.setdefault((one.kind, one.id), one.path)
        if first != one.path:
            wrong.append(Complaint("", f"{one.path}.id", f"is the id of {first} too"))
    return wrong


def _taken(wanted: Sequence[ImportItem], puts: Sequence[Put]) -> list[Complaint]:
    """Names that must differ and do not, among the documents themselves."""
    paths = {(one.kind, one.id): one.path for one in wanted}
    seen: dict[tuple[str, str, str], str] = {}
    wrong = []
    for put in puts:
        for name in UNIQUE[put.kind]:
            if name in put.document:
                path = paths[put.kind, put.id]
                first = seen.setdefault((put.kind, name, put.document[name]), path)
                if first != path:
                    wrong.append(Complaint("", f"{path}.{name}", f"is taken by {first}"))
    return wrong
