"""Which documents of etcd serve: read leniently, refused by name, one never at another's expense.

    judge = Judge(keyring, good, refused)           what the replica had
    touched = judge.settle({("models", "a"): KeyValue(...), ("models", "b"): None})

An unknown field is served and noted (`partial`). What cannot serve is refused with every complaint,
and the last good document of its key serves on until it is good again or deleted: not JSON, a wrong
type or value, a missing field, a field that would only restrict and is not known here, a reference
to nothing, a name that an older document has. Refused ones are tried again after every change: a
model may come before its provider key. A good one whose reference goes is refused too.

Must never know: etcd, SQL. Complaints quote no value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from aisix.errors import Complaint
from aisix.store.etcd.layout import Name, Stored, UnreadableError, decode, encode
from aisix.store.etcd.wire import KeyValue
from aisix.store.kinds.registry import KINDS
from aisix.store.resources import Document
from aisix.store.schema import faults
from aisix.store.secrets import Keyring

# Fields that shut somebody out where they are known: to serve without them would let them in.
RESTRICTS = frozenset({"guardrails", "rate_limit_policies", "allowed_model_ids"})
UNKNOWN = "unknown field"
IGNORED = "~"  # before a field of the original's that is known, and not gone by
MOST_UNKNOWN = 100  # fields of one document that are passed over
ROUNDS = 8


@dataclass(frozen=True, slots=True)
class RefusedDocument:
    """A document that does not serve; `value` as it stood in etcd, complaints without a value."""

    kind: str
    id: str
    created: int
    mod: int
    value: bytes = field(repr=False)
    complaints: tuple[str, ...]

    @property
    def name(self) -> Name:
        return self.kind, self.id

    @property
    def age(self) -> tuple[int, str]:
        return self.created, self.id


class Judge:
    """`good`: what serves; `refused`: what does not; `partial`: fields that were passed over;
    `ignored`: how many documents there are of each kind that aisix does not have."""

    def __init__(
        self,
        keyring: Keyring,
        good: Iterable[Stored] = (),
        refused: Iterable[RefusedDocument] = (),
        partial: Mapping[Name, tuple[str, ...]] | None = None,
    ) -> None:
        self._keyring = keyring
        self.good: dict[Name, Stored] = {}
        self.refused: dict[Name, RefusedDocument] = {one.name: one for one in refused}
        self.partial: dict[Name, tuple[str, ...]] = dict(partial or {})
        self._holders: dict[tuple[str, str, Any], Name] = {}
        for one in good:
            self._admit(one)

    def settle(
        self, changes: Mapping[Name, KeyValue | None], alive: Callable[[], None] = lambda: None
    ) -> set[Name]:
        """Take over what changed (None: it was deleted); the names that may now be otherwise.
        `alive` is called meanwhile, often: thousands take seconds."""
        touched: set[Name] = set()
        tried: dict[Name, RefusedDocument] = {}
        for name, kv in changes.items():
            touched.add(name)
            if kv is None:
                self._dismiss(name)
                self.refused.pop(name, None)
                self.partial.pop(name, None)
            else:
                tried[name] = RefusedDocument(*name, kv.created, kv.mod, kv.value, ())
        for _ in range(ROUNDS):
            tried = {**self.refused, **tried}
            touched |= self._drop_dangling()
            moved: set[Name] = set()
            for one in self._in_order(tried.values()):
                moved |= self._try(one)
                alive()
            touched |= moved
            tried = {}
            if not self.refused or moved.isdisjoint(self.good):
                break  # nothing that others could have waited for
        return touched | self._drop_dangling()

    def _in_order(self, found: Iterable[RefusedDocument]) -> list[RefusedDocument]:
        """What is referred to comes first, then the older one."""
        place = {kind: number for number, kind in enumerate(KINDS.names)}
        return sorted(found, key=lambda one: (place[one.kind], one.age))

    def _try(self, one: RefusedDocument) -> set[Name]:
        """Let it serve, or keep why not; the names that were touched."""
        try:
            stored = decode(one.name, one.value, one.created, one.mod, self._keyring)
        except UnreadableError as error:
            return self._refuse(one, [str(error)])
        complaints, document, extra = fitting(
            one.kind, stored.document, stored.secret, stored.unknown
        )
        unknown = tuple(dict.fromkeys((*extra, *(f"{IGNORED}{name}" for name in stored.ignored))))
        stored = replace(stored, document=document)
        complaints += self._dangling(stored)
        if complaints:
            return self._refuse(one, complaints)
        evicted: set[Name] = set()
        for rival in self._rivals(stored):
            if rival.age <= stored.age:
                field_name = self._shared(stored, rival)
                return self._refuse(one, [f"{field_name}: is that of {rival.id} too"])
            evicted.add(rival.name)
        for name in evicted:
            rival = self.good[name]
            why = f"{self._shared(stored, rival)}: is that of {stored.id} too"
            self._evict(rival, why)
        self._dismiss(one.name)
        self._admit(stored)
        self.refused.pop(one.name, None)
        self.partial.pop(one.name, None)
        if unknown:
            self.partial[one.name] = unknown
        return {one.name, *evicted}

    def _refuse(self, one: RefusedDocument, complaints: list[str]) -> set[Name]:
        fresh = replace(one, complaints=tuple(complaints))
        if self.refused.get(one.name) == fresh:
            return set()
        self.refused[one.name] = fresh
        return {one.name}

    def _evict(self, stored: Stored, why: str) -> None:
        """One that served has to go: what it takes to try it again is kept."""
        self._dismiss(stored.name)
        self.partial.pop(stored.name, None)
        if stored.name not in self.refused:  # else a newer form of it is
            value = encode(stored, self._keyring)
            self.refused[stored.name] = RefusedDocument(
                *stored.name, stored.created, stored.mod, value, (why,)
            )

    def _drop_dangling(self) -> set[Name]:
        """Kinds are in the order of their references: what falls takes along what comes later."""
        gone: set[Name] = set()
        for kind in KINDS:
            if not kind.refers_to:
                continue
            fallen = True
            while fallen:  # one of a kind may refer to another of it
                fallen = False
                for stored in [one for one in self.good.values() if one.kind == kind.name]:
                    why = self._dangling(stored)
                    if why:
                        self._evict(stored, "; ".join(why))
                        gone.add(stored.name)
                        fallen = True
        return gone

    def _dangling(self, stored: Stored) -> list[str]:
        found = [
            f"{path}: there is no {KINDS[kind].noun} with this id that serves"
            for path, kind, id in KINDS[stored.kind].references(stored.document)
            if (kind, id) not in self.good
        ]
        return found + [
            f"{path}: there is no {KINDS[kind].noun} of this name that serves"
            for path, kind, name in KINDS[stored.kind].named(stored.document)
            if (kind, "display_name", name) not in self._holders
        ]

    # ------------------------------------------------------------------ names
    def _keys(self, stored: Stored) -> Iterator[tuple[str, str, Any]]:
        for name in KINDS[stored.kind].apart:
            if stored.document.get(name) is not None:
                yield stored.kind, name, stored.document[name]

    def _rivals(self, stored: Stored) -> list[Stored]:
        names = [self._holders.get(key) for key in self._keys(stored)]
        return [self.good[name] for name in names if name is not None and name != stored.name]

    def _shared(self, one: Stored, other: Stored) -> str:
        return next(key[1] for key in self._keys(one) if key in set(self._keys(other)))

    def _admit(self, stored: Stored) -> None:
        self.good[stored.name] = stored
        for key in self._keys(stored):
            self._holders[key] = stored.name

    def _dismiss(self, name: Name) -> None:
        old = self.good.pop(name, None)
        if old is not None:
            for key in self._keys(old):
                if self._holders.get(key) == name:
                    del self._holders[key]


def fitting(
    kind: str, document: Document, secret: str | None, foreign: Iterable[str] = ()
) -> tuple[list[str], Document, tuple[str, ...]]:
    """Every complaint, the document in its stored form, and the fields that were passed over;
    `foreign`: those that were left out before."""
    declared = KINDS[kind]
    body = dict(document)
    if declared.secret is not None and secret is not None:
        body[declared.secret.name] = secret
    unknown: list[str] = list(foreign)[:MOST_UNKNOWN]
    while True:
        unfit: list[str] = []
        found, good = faults(declared, body, unfit)
        extra = [one for one in found if one.text.startswith(UNKNOWN)]
        if not extra or len(unknown) >= MOST_UNKNOWN:
            break
        body = _without(body, [one.path for one in extra])
        unknown += [one.path for one in extra]
    if declared.secret is not None:
        good.pop(declared.secret.name, None)
    complaints = [_said(one) for one in found]
    complaints += [
        f"{path}: is not known here, and to serve without it would let more callers in"
        for path in unknown
        if path.rpartition(".")[2] in RESTRICTS
    ]
    return complaints, good, (*sorted(unknown), *(f"{IGNORED}{name}" for name in unfit))


def _said(complaint: Complaint) -> str:
    return f"{complaint.path}: {complaint.text}" if complaint.path else complaint.text


def _without(body: Document, paths: Iterable[str]) -> Document:
    """A copy without the fields of these paths ("tls.x", "targets[0].y")."""
    wanted = set(paths)

    def copied(value: Any, at: str) -> Any:
        if isinstance(value, dict):
            paths = {key: f"{at}.{_cut(key)}" if at else _cut(key) for key in value}
            return {k: copied(v, paths[k]) for k, v in value.items() if paths[k] not in wanted}
        if isinstance(value, list):
            return [copied(one, f"{at}[{number}]") for number, one in enumerate(value)]
        return value

    return dict(copied(body, ""))


def _cut(key: str) -> str:
    """A name as `schema.unknown` writes it."""
    return (key if len(key) <= 60 else key[:60] + "...") or '""'
