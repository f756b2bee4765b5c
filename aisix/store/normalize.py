"""One body on its way to a stored document: aliases, references, the clock, names that are taken.

A Draft belongs to one attempt at one write. It sees the stored entry (None when it is new) and the
newest snapshot, and collects everything wrong before it says so.

Must never know: HTTP, SQL, how the document will be stored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from aisix.errors import Complaint
from aisix.store import schema
from aisix.store.audit import changed_fields
from aisix.store.base import ChangeRefused, Extra
from aisix.store.resources import Document, masked, seconds
from aisix.store.snapshot import Entry, Snapshot

NOUNS = {"provider_keys": "provider key", "models": "model", "apikeys": "api key"}
UNIQUE = {
    "provider_keys": ("display_name",),
    "models": ("display_name",),
    "apikeys": ("key_hash", "display_name"),
}


def hash_of(key: str) -> str:
    """The form in which a caller's key is stored and looked up."""
    return hashlib.sha256(key.encode()).hexdigest()


class Normalizer:
    """`document(extra)` gives what to store; then `secret` and `key` (a new key's text) are set."""

    def __init__(
        self,
        kind: str,
        id: str,
        old: Entry | None,
        body: Document,
        snapshot: Snapshot,
        now: float,
        new_key: str,
    ) -> None:
        self.kind, self.id, self.old, self.snapshot, self.now = kind, id, old, snapshot, now
        self.body = schema.without_nulls(body)
        self.secret: str | None = None
        self.key: str | None = None
        self._new_key = new_key
        self._wrong: list[Complaint] = []
        self._named: dict[str, str] = {}  # field -> the alias the writer used for it
        self._told: set[str] = set()  # fields whose absence is explained by another complaint

    def document(self, extra: Extra) -> Document:
        """The document to store; Refused with every fault, then for a name that is taken."""
        _PREPARE[self.kind](self)
        complaints, document = schema.faults(self.kind, self.body)
        self.secret = document.pop("secret", None)
        self._wrong += [self._as_written(c) for c in complaints if c.path not in self._told]
        self._references(document)
        self._expiry(document)
        self._wrong += extra(self.kind, document, self.snapshot)
        if self._wrong:
            raise ChangeRefused("invalid", sorted(set(self._wrong), key=lambda c: (c.path, c.text)))
        self._unique(document)
        return document

    def changed(self, document: Document) -> tuple[str, ...]:
        """The names of the fields that differ from what is stored."""
        return changed_fields(self.old, document, self.secret)

    def prepare_provider_key(self) -> None:
        if "api_key" in self.body:
            given = self.body.pop("api_key")
            if "secret" in self.body:
                self._refuse("api_key", "is another name of `secret`: give one of them")
            else:
                self.body["secret"] = given
                self._named["secret"] = "api_key"
        stored = self.old.secret if self.old else None
        # A PUT of what a read showed, or without a secret, keeps the stored one.
        if stored and self.body.get("secret") in (None, masked(stored)):
            self.body["secret"] = stored

    def prepare_model(self) -> None:
        self._name_key(self.body, "")
        targets = self.body.get("targets")
        if isinstance(targets, list):
            copies = [dict(one) if isinstance(one, dict) else one for one in targets]
            self.body["targets"] = copies  # the writer's own stay as they are
            for place, target in enumerate(copies):
                if isinstance(target, dict):
                    self._name_key(target, f"targets[{place}].")

    def _name_key(self, body: Document, at: str) -> None:
        """A provider key may be named by its display_name."""
        name = body.pop("provider_key", None)
        if name is None:
            return
        found = self.snapshot.named("provider_keys", name) if isinstance(name, str) else None
        if found is None:
            self._refuse(f"{at}provider_key", "no provider key has this display_name")
            self._told.add(f"{at}provider_key_id")
        elif body.setdefault("provider_key_id", found.id) != found.id:
            self._refuse(f"{at}provider_key", "names another provider key than `provider_key_id`")

    def prepare_api_key(self) -> None:
        wanted = self.body.pop("generate", None)
        if wanted is None or wanted is False:
            return
        self._told.add("key_hash")
        if wanted is not True:
            self._refuse("generate", "must be true or false")
        elif self.old is not None:
            # A script run twice: the key is there already. A new text is what rotate is for.
            self.body["key_hash"] = self.old.document["key_hash"]
        elif "key_hash" in self.body:
            self._refuse("generate", "makes a key: leave out `key_hash`")
        else:
            self.key = self._new_key
            self.body["key_hash"] = hash_of(self._new_key)

    def _references(self, document: Document) -> None:
        if self.kind != "models":
            return
        alias = document.get("display_name")
        for at, target in targets_of(document):
            wanted = target.get("provider_key_id")
            if wanted is not None and self.snapshot.entry("provider_keys", wanted) is None:
                self._refuse(f"{at}provider_key_id", "no provider key has this id")
            upstream = target.get("model_name")
            if alias and upstream and "*" in upstream and "*" not in alias:
                text = "may hold a `*` only when `display_name` holds one"
                self._refuse(f"{at}model_name", text)

    def _expiry(self, document: Document) -> None:
        wanted = document.get("expires_at")
        unchanged = self.old is not None and self.old.document.get("expires_at") == wanted
        if wanted and not unchanged and seconds(wanted) <= self.now:
            self._refuse("expires_at", "is in the past; to close a key, set `disabled`")

    def _unique(self, document: Document) -> None:
        taken = []
        for name in UNIQUE[self.kind]:
            for entry in self.snapshot.entries(self.kind):
                same = name in document and entry.document.get(name) == document[name]
                if same and entry.id != self.id:
                    text = f"is taken by the {NOUNS[self.kind]} {entry.id}"
                    taken.append(Complaint("", name, text))
        if taken:
            raise ChangeRefused("conflict", taken)

    def _as_written(self, complaint: Complaint) -> Complaint:
        return Complaint("", self._named.get(complaint.path, complaint.path), complaint.text)

    def _refuse(self, path: str, text: str) -> None:
        self._wrong.append(Complaint("", path, text))


def targets_of(document: Document) -> list[tuple[str, Document]]:
    """(where it stands, the target) of a model: its `targets`, else itself.

    >>> targets_of({"targets": [{"model_name": "m"}]})
    [('targets[0].', {'model_name': 'm'})]
    """
    targets = document.get("targets")
    if targets is None:
        return [("", document)]
    return [(f"targets[{place}].", target) for place, target in enumerate(targets)]


def provider_keys_of(document: Document) -> set[str | None]:
    """The ids of the provider keys a model refers to."""
    return {target.get("provider_key_id") for _, target in targets_of(document)}


_PREPARE: dict[str, Callable[[Normalizer], None]] = {
    "provider_keys": Normalizer.prepare_provider_key,
    "models": Normalizer.prepare_model,
    "apikeys": Normalizer.prepare_api_key,
}
