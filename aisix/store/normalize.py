"""One body on its way to a stored document: other ways to give a field, the stored secret,
references, the clock, values that are taken.

A Normalizer belongs to one attempt at one write. It sees the stored entry (None when it is new) and
the newest snapshot, and collects everything wrong before it says so. It is what a kind's hooks see
as `Incoming`.

Must never know: HTTP, SQL, how the document will be stored, what any one kind holds.
"""

from __future__ import annotations

from collections.abc import Collection

from aisix.errors import Complaint
from aisix.store import schema
from aisix.store.audit import changed_fields
from aisix.store.base import ChangeRefused, ExtraCheck
from aisix.store.kinds.checks import without_nulls
from aisix.store.kinds.declare import Field, Kind, objects_of
from aisix.store.kinds.registry import KINDS
from aisix.store.resources import Document, masked
from aisix.store.snapshot import Entry, Snapshot


class Normalizer:
    """`document(extra)` gives what to store; then `secret` and `key` (a new key's text) are set.

    now: Unix seconds; new_key: the text for a key, should one be made; "": none may be made.
    """

    def __init__(
        self,
        kind: Kind,
        id: str,
        old: Entry | None,
        body: Document,
        snapshot: Snapshot,
        now: float,
        new_key: str,
    ) -> None:
        self.kind, self.id, self.old, self.snapshot, self.now = kind, id, old, snapshot, now
        self.body = without_nulls(body)
        self.secret: str | None = None
        self.new_key = new_key
        self.key: str | None = None
        self._removed = {name for name, value in body.items() if value is None}
        self._wrong: list[Complaint] = []
        self._named: dict[str, str] = {}  # field -> the other name the writer used for it
        self._explained: set[str] = set()

    @property
    def stored(self) -> Document | None:
        """The document that is there; None: it is new."""
        return self.old.document if self.old else None

    def refuse(self, path: str, text: str) -> None:
        """Keep a complaint; `document` raises all of them."""
        self._wrong.append(Complaint("", path, text))

    def explained(self, path: str) -> None:
        """Leave out what the field table says against this path."""
        self._explained.add(path)

    def document(self, extra: ExtraCheck) -> Document:
        """The document to store; ChangeRefused with every fault, then for what is taken."""
        self._other_ways(self.kind.fields, self.body, "")
        self._keep_secret()
        if self.stored:
            keep_hidden(self.kind, self.stored, self.body, self._removed)
        complaints, document = schema.faults(self.kind, self.body)
        if self.kind.secret:
            self.secret = document.pop(self.kind.secret.name, None)
        self._wrong += [self._as_written(c) for c in complaints if c.path not in self._explained]
        for path, kind, id in self.kind.references(document):
            if self.snapshot.entry(kind, id) is None:
                self.refuse(path, f"no {KINDS[kind].noun} has this id")
        if self.kind.check:
            self.kind.check(self, document)
        self._wrong += extra(self.kind.name, document, self.snapshot)
        if self._wrong:
            raise ChangeRefused("invalid", sorted(set(self._wrong), key=lambda c: (c.path, c.text)))
        self._unique(document)
        return document

    def changed(self, document: Document) -> tuple[str, ...]:
        """The names of the fields that differ from what is stored."""
        return changed_fields(self.kind, self.old, document, self.secret)

    def _other_ways(self, table: tuple[Field, ...], body: Document, at: str) -> None:
        """Put what was given in another way where the field itself would stand."""
        for field in table:
            if field.name not in body:
                continue
            if any(one.instead_of for one in field.type.fields):
                value = body[field.name]
                if isinstance(value, list):  # the writer's own stay as they are
                    value = [dict(one) if isinstance(one, dict) else one for one in value]
                elif isinstance(value, dict):
                    value = dict(value)
                body[field.name] = value
                for path, below in objects_of(field, value):
                    self._other_ways(field.type.fields, below, f"{at}{path}.")
            elif field.taken:
                field.taken(self, body)
            elif field.instead_of and field.refers_to:
                self._by_name(field, body, at)
            elif field.instead_of:
                self._renamed(field, body, at)

    def _renamed(self, field: Field, body: Document, at: str) -> None:
        given = body.pop(field.name)
        if field.instead_of in body:
            text = f"is another name of `{field.instead_of}`: give one of them"
            self.refuse(at + field.name, text)
        else:
            body[field.instead_of] = given
            self._named[at + field.instead_of] = at + field.name

    def _by_name(self, field: Field, body: Document, at: str) -> None:
        """What is referred to may be named by its display_name."""
        name = body.pop(field.name)
        if name is None:
            return
        found = self.snapshot.named(field.refers_to, name) if isinstance(name, str) else None
        noun = KINDS[field.refers_to].noun
        if found is None:
            self.refuse(at + field.name, f"no {noun} has this display_name")
            self.explained(at + field.instead_of)
        elif body.setdefault(field.instead_of, found.id) != found.id:
            self.refuse(at + field.name, f"names another {noun} than `{field.instead_of}`")

    def _keep_secret(self) -> None:
        """A PUT of what a read showed, or without a secret, keeps the stored one.

        Null takes one away that need not be there.
        """
        field, stored = self.kind.secret, self.old.secret if self.old else None
        if field is None or stored is None:
            return
        taken_away = field.name in self._removed and not field.required
        if not taken_away and self.body.get(field.name) in (None, masked(stored)):
            self.body[field.name] = stored

    def _unique(self, document: Document) -> None:
        taken = []
        for name in self.kind.unique:
            before = self.old.document.get(name) if self.old else None
            if before == document.get(name) and name not in self.kind.apart:
                continue  # somebody else stored it twice: what is changed may be another field
            for entry in self.snapshot.entries(self.kind.name):
                same = name in document and entry.document.get(name) == document[name]
                if same and entry.id != self.id:
                    text = f"is taken by the {self.kind.noun} {entry.id}"
                    taken.append(Complaint("", name, text))
        if taken:
            raise ChangeRefused("conflict", taken)

    def _as_written(self, complaint: Complaint) -> Complaint:
        return Complaint("", self._named.get(complaint.path, complaint.path), complaint.text)


def keep_hidden(
    kind: Kind, stored: Document, body: Document, removed: Collection[str] = ()
) -> None:
    """Put into a body what a read does not show of the stored document.

    Where the field is given, a masked hint means the stored text; where it is not, and not removed,
    what is hidden stays.
    """
    for name, texts in kind.hidden(stored).items():
        given = body.get(name)
        if isinstance(given, dict):
            body[name] = {
                key: texts[key.lower()]
                if isinstance(key, str)
                and key.lower() in texts
                and text == masked(texts[key.lower()])
                else text
                for key, text in given.items()
            }
        elif name not in body and name not in removed:
            body[name] = texts
