"""What each write means, the same for every store: check, resolve, compare, then one atomic change.

    create(store, "models", body, now=..., new_id=...)         -> Written
    replace(store, "models", id, body, now=..., if_match=...)  -> Written (created or not)
    merge(store, "models", id, patch, ...)                     -> Written
    delete(store, "models", id, cascade=..., if_match=...)     -> the removed entries
    rotate(store, "apikeys", id, ...)                          -> Written with the new key's text

All faults of a body are told at once: those of the schema and those that need the store's content
(a reference to nothing, a name that is taken) or the clock. `ExtraCheck` lets the gateway add what
only it knows, such as which adapters exist.

Must never know: HTTP, SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from aisix.errors import Complaint
from aisix.store.base import Change, ChangeRefused, Delete, ExtraCheck, Put, Store, no_extra_check
from aisix.store.kinds.api_keys import make_key
from aisix.store.kinds.registry import KINDS
from aisix.store.normalize import Normalizer
from aisix.store.resources import Document, timestamp
from aisix.store.snapshot import Entry, Quarantined, Snapshot


@dataclass(frozen=True, slots=True)
class Written:
    """The entry after the write, the names of the fields that changed, and a key made for it."""

    entry: Entry
    created: bool
    changed: tuple[str, ...]
    key: str | None = field(default=None, repr=False)


def create(
    store: Store,
    kind: str,
    body: Document,
    *,
    now: float,
    new_id: str,
    extra: ExtraCheck = no_extra_check,
) -> Written:
    """Store a new one under `new_id`; ChangeRefused, StoreError. `now` is in Unix seconds."""
    return _write(store, kind, new_id, lambda old: body, now, None, extra)


def replace(
    store: Store,
    kind: str,
    id: str,
    body: Document,
    *,
    now: float,
    if_match: str | None = None,
    only_new: bool = False,
    extra: ExtraCheck = no_extra_check,
) -> Written:
    """Full replacement, or creation under this id. A secret that is not given stays as it is."""

    def replaced(old: Entry | None) -> Document:
        if only_new and old is not None:
            raise ChangeRefused("stale", f"it exists already; the newest is {old.revision}")
        return body

    return _write(store, kind, id, replaced, now, if_match, extra)


def merge(
    store: Store,
    kind: str,
    id: str,
    patch: Document,
    *,
    now: float,
    if_match: str | None = None,
    extra: ExtraCheck = no_extra_check,
) -> Written:
    """JSON merge patch (RFC 7396): null removes a field, an object is merged, all else replaces."""

    def merged(old: Entry | None) -> Document:
        kept = [field.name for field in KINDS[kind].stored.values() if field.secret or field.hides]
        gone = {name: None for name in kept if patch.get(name, "") is None}
        return {**_merge(_found(kind, id, old).document, _as_stored(kind, patch)), **gone}

    return _write(store, kind, id, merged, now, if_match, extra)


def rotate(
    store: Store,
    kind: str,
    id: str,
    *,
    now: float,
    new_key: str,
    grace: int = 0,
    if_match: str | None = None,
) -> Written:
    """Give a key a new text; the old one opens for `grace` more seconds, then nothing.

    Only for a kind that declares `rotate`.
    """
    turn = KINDS[kind].rotate
    assert turn is not None, kind

    def rotated(old: Entry | None) -> Document:
        until = timestamp(int(now) + grace) if grace else None
        return turn(_found(kind, id, old).document, new_key, until)

    written = _write(store, kind, id, rotated, now, if_match, no_extra_check)
    return Written(written.entry, False, written.changed, new_key)


def delete(
    store: Store, kind: str, id: str, *, cascade: bool = False, if_match: str | None = None
) -> list[Entry | Quarantined]:
    """Remove an entry, with `cascade` also what refers to it; answers with all that went.

    What cannot be read can be removed all the same.
    """
    removed: list[Entry | Quarantined] = []

    def plan(now: Snapshot) -> Sequence[Change]:
        entry = now.entry(kind, id) or now.unreadable(kind, id) or _found(kind, id, None)
        _fresh(entry, if_match)
        users = dependants(now, entry)
        if users and not cascade:
            text = f"still used by the {_named(users)}; delete them first, or with ?cascade=true"
            raise ChangeRefused("conflict", text)
        going: dict[tuple[str, str], Entry | Quarantined] = {
            (e.kind, e.id): e for e in (*_with_dependants(now, users), entry)
        }
        removed[:] = going.values()
        return [Delete(e.kind, e.id) for e in removed]

    store.update(plan)
    return removed


def dependants(snapshot: Snapshot, entry: Entry | Quarantined) -> list[Entry]:
    """What refers to this entry, such as the models of a provider key."""
    wanted = (entry.kind, entry.id)
    return [
        other
        for kind in KINDS
        if entry.kind in kind.refers_to
        for other in snapshot.entries(kind.name)
        if any((at, id) == wanted for _, at, id in kind.references(other.document))
    ]


def _with_dependants(snapshot: Snapshot, users: Sequence[Entry]) -> Iterator[Entry]:
    """Each after all that refers to it; one may come twice."""
    for user in users:
        yield from _with_dependants(snapshot, dependants(snapshot, user))
        yield user


def _named(users: Sequence[Entry]) -> str:
    """The first five by their names, kind by kind."""
    groups: dict[str, list[str]] = {}
    for user in users[:5]:
        name = str(user.document.get("display_name", user.id))
        groups.setdefault(f"{KINDS[user.kind].noun}s", []).append(name)
    told = " and the ".join(f"{plural} {', '.join(names)}" for plural, names in groups.items())
    return told if len(users) <= 5 else f"{told} and {len(users) - 5} more"


def _write(
    store: Store,
    kind: str,
    id: str,
    body_for: Callable[[Entry | None], Document],
    now: float,
    if_match: str | None,
    extra: ExtraCheck,
) -> Written:
    new_key = make_key()
    told: dict[str, Written] = {}

    def plan(snapshot: Snapshot) -> Sequence[Change]:
        old = snapshot.entry(kind, id)
        _fresh(old, if_match)
        incoming = Normalizer(KINDS[kind], id, old, body_for(old), snapshot, now, new_key)
        document = incoming.document(extra)
        _names_something(kind, document, old, snapshot)
        frees = old is not None and KINDS[kind].closes(old.document, document)
        change = Put(kind, id, document, incoming.secret, int(now), frees)
        changed = incoming.changed(document)
        if old is not None and not changed and snapshot.unreadable(kind, id) is None:
            told["written"] = Written(old, False, ())
            return ()
        entry = Entry(kind, id, 0, 0, int(now), int(now), document, incoming.secret)
        told["written"] = Written(entry, old is None, changed, incoming.key)
        return (change,)

    after = store.update(plan)
    written = told["written"]
    entry = after.entry(kind, id) or written.entry
    return Written(entry, written.created, written.changed, written.key)


def _names_something(kind: str, document: Document, old: Entry | None, snapshot: Snapshot) -> None:
    """ChangeRefused for names of nothing, but for those that were there before."""
    before = set() if old is None else {(at, n) for _, at, n in KINDS[kind].named(old.document)}
    wrong = []
    for path, at, name in KINDS[kind].named(document):
        known = (entry.document.get("display_name") for entry in snapshot.entries(at))
        if (at, name) not in before and name not in known:
            text = f"no {KINDS[at].noun} has this display_name"
            wrong.append(Complaint("", path, text))
    if wrong:
        raise ChangeRefused("invalid", wrong)


def _found(kind: str, id: str, entry: Entry | None) -> Entry:
    if entry is None:
        raise ChangeRefused("missing", f"there is no {KINDS[kind].noun} with this id")
    return entry


def _fresh(entry: Entry | Quarantined | None, if_match: str | None) -> None:
    """If-Match: `*` wants any stored revision, a list of tags one of them."""
    if if_match is None:
        return
    tags = [tag.strip() for tag in if_match.split(",")]
    if entry is None or ("*" not in tags and f'"{entry.revision}"' not in tags):
        found = "it does not exist" if entry is None else f"the newest is {entry.revision}"
        raise ChangeRefused("stale", f"If-Match names another revision; {found}")


def _as_stored(kind: str, patch: Document) -> Document:
    """Names of headers in lower case, as they are stored: a null takes away what it names."""
    named = {n: patch.get(n) for n, field in KINDS[kind].stored.items() if field.hides}
    return patch | {
        name: {key.lower(): text for key, text in value.items()}
        for name, value in named.items()
        if isinstance(value, dict)
    }


def _merge(old: Document, patch: Document) -> Document:
    merged = dict(old)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            before = merged.get(name)
            merged[name] = _merge(before if isinstance(before, dict) else {}, value)
        else:
            merged[name] = value
    return merged
