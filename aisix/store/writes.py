"""What each write means, the same for every store: check, resolve, compare, then one atomic change.

    create(store, "models", body, now=..., new_id=...)         -> Written
    replace(store, "models", id, body, now=..., if_match=...)  -> Written (created or not)
    merge(store, "models", id, patch, ...)                     -> Written
    delete(store, "models", id, cascade=..., if_match=...)     -> the removed entries
    rotate(store, id, ...)                                     -> Written with the new key's text

All faults of a body are told at once: those of the schema and those that need the store's content
(a reference to nothing, a name that is taken) or the clock. `Extra` lets the gateway add what only
it knows, such as which adapters exist.

Must never know: HTTP, SQL.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from aisix.store.base import Change, ChangeRefused, Delete, Extra, Put, Store, no_more
from aisix.store.normalize import NOUNS, Normalizer, hash_of, provider_keys_of
from aisix.store.resources import Document, timestamp
from aisix.store.snapshot import Entry, Snapshot

KEY_PREFIX = "sk-aisix-"


@dataclass(frozen=True, slots=True)
class Written:
    """The entry after the write, the names of the fields that changed, and a key made for it."""

    entry: Entry
    created: bool
    changed: tuple[str, ...]
    key: str | None = field(default=None, repr=False)


def create(
    store: Store, kind: str, body: Document, *, now: float, new_id: str, extra: Extra = no_more
) -> Written:
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
    extra: Extra = no_more,
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
    extra: Extra = no_more,
) -> Written:
    """JSON merge patch (RFC 7396): null removes a field, an object is merged, all else replaces."""

    def merged(old: Entry | None) -> Document:
        return _merge(_found(kind, id, old).document, patch)

    return _write(store, kind, id, merged, now, if_match, extra)


def rotate(
    store: Store,
    id: str,
    *,
    now: float,
    new_key: str,
    grace: int = 0,
    if_match: str | None = None,
) -> Written:
    """Give an api key a new text; the old one opens for `grace` more seconds, then nothing."""

    def rotated(old: Entry | None) -> Document:
        document = {**_found("apikeys", id, old).document, "previous": None}
        if grace:
            until = timestamp(int(now) + grace)
            document["previous"] = {"key_hash": document["key_hash"], "expires_at": until}
        return {**document, "key_hash": hash_of(new_key)}

    written = _write(store, "apikeys", id, rotated, now, if_match, no_more)
    return Written(written.entry, False, written.changed, new_key)


def delete(
    store: Store, kind: str, id: str, *, cascade: bool = False, if_match: str | None = None
) -> list[Entry]:
    """Remove an entry, with `cascade` also what refers to it; answers with all that went."""
    removed: list[Entry] = []

    def plan(now: Snapshot) -> Sequence[Change]:
        entry = _found(kind, id, now.entry(kind, id))
        _fresh(entry, if_match)
        users = dependants(now, kind, id)
        if users and not cascade:
            names = ", ".join(str(user.document["display_name"]) for user in users[:5])
            more = "" if len(users) <= 5 else f" and {len(users) - 5} more"
            raise ChangeRefused(
                "conflict",
                f"still used by the models {names}{more}; delete them first, or with ?cascade=true",
            )
        removed[:] = [*users, entry]
        return [Delete(e.kind, e.id) for e in removed]

    store.update(plan)
    return removed


def dependants(snapshot: Snapshot, kind: str, id: str) -> list[Entry]:
    """What refers to this entry: the models of a provider key."""
    if kind != "provider_keys":
        return []
    return [e for e in snapshot.entries("models") if id in provider_keys_of(e.document)]


def make_key() -> str:
    """The text of a new caller's key: 256 random bits."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def _write(
    store: Store,
    kind: str,
    id: str,
    body_for: Callable[[Entry | None], Document],
    now: float,
    if_match: str | None,
    extra: Extra,
) -> Written:
    new_key = make_key()
    told: dict[str, Written] = {}

    def plan(snapshot: Snapshot) -> Sequence[Change]:
        old = snapshot.entry(kind, id)
        _fresh(old, if_match)
        draft = Normalizer(kind, id, old, body_for(old), snapshot, now, new_key)
        document = draft.document(extra)
        change = Put(kind, id, document, draft.secret, int(now))
        changed = draft.changed(document)
        if old is not None and not changed:
            told["written"] = Written(old, False, ())
            return ()
        secret = draft.secret if draft.secret is not None or old is None else old.secret
        entry = Entry(kind, id, 0, 0, int(now), int(now), document, secret)
        told["written"] = Written(entry, old is None, changed, draft.key)
        return (change,)

    after = store.update(plan)
    written = told["written"]
    entry = after.entry(kind, id) or written.entry
    return Written(entry, written.created, written.changed, written.key)


def _found(kind: str, id: str, entry: Entry | None) -> Entry:
    if entry is None:
        raise ChangeRefused("missing", f"there is no {NOUNS[kind]} with this id")
    return entry


def _fresh(entry: Entry | None, if_match: str | None) -> None:
    """If-Match: `*` wants any stored revision, a list of tags one of them."""
    if if_match is None:
        return
    tags = [tag.strip() for tag in if_match.split(",")]
    if entry is None or ("*" not in tags and f'"{entry.revision}"' not in tags):
        found = "it does not exist" if entry is None else f"the newest is {entry.revision}"
        raise ChangeRefused("stale", f"If-Match names another revision; {found}")


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
