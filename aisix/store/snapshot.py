"""Everything stored, at one moment, ready for lookups: the only thing a request reads.

A Snapshot is never edited; a store replaces it, by one that shares what did not change. A request
keeps the one it began with. Lookups are dictionary reads (wildcard aliases are a short scan); no
SQL, no I/O.

    entries  {"models": {"<id>": Entry(...)}, "apikeys": {...}, "provider_keys": {...}}
             each in the order of creation

Must never know: where it came from, HTTP.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

from aisix.store.kinds.registry import KINDS
from aisix.store.resources import (
    ApiKey,
    Document,
    Glob,
    Model,
    ProviderKey,
    Resource,
    timestamp,
)

LONGEST_NAME = 100  # characters of a damaged id in a message


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored resource with its bookkeeping; `seq` orders lists, times are Unix seconds,
    0: unknown."""

    kind: str
    id: str
    seq: int
    revision: int
    created_at: int
    updated_at: int
    document: Document = field(repr=False)  # whole: with what is hidden in what is shown
    secret: str | None = field(repr=False)
    resource: Resource = field(init=False)

    def __post_init__(self) -> None:
        kind = KINDS[self.kind]
        made = kind.build(self.id, self.document, self.secret, self.created_at)
        object.__setattr__(self, "resource", made)

    def envelope(self) -> dict[str, Any]:
        """The entry as the admin API shows it."""
        return {
            "id": self.id,
            "value": KINDS[self.kind].view(self.document, self.secret),
            "revision": self.revision,
            "created_at": timestamp(self.created_at) if self.created_at else None,
            "updated_at": timestamp(self.updated_at) if self.updated_at else None,
        }


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A stored resource that cannot be read, and why, without a value of it.

    serves: in the form it was last read in; else it is as if it were not there. since: Unix seconds
    of when it was first refused; 0: that is not known.
    """

    kind: str
    id: str
    revision: int
    why: str
    serves: bool = False
    since: int = 0

    def with_last_good(self, serves: bool) -> Quarantined:
        """The same, told whether there is a last good form of it."""
        return replace(self, serves=serves)

    def told(self) -> dict[str, Any]:
        """For a status or a message: text that any encoding takes."""
        kind, id = (t.encode("utf-8", "backslashreplace").decode() for t in (self.kind, self.id))
        serving = "as it was last read" if self.serves else None
        since = timestamp(self.since) if self.since else None
        return {"kind": kind, "id": id, "why": self.why, "serving": serving, "since": since}

    def __str__(self) -> str:
        name = f"{self.kind}/{self.id[:LONGEST_NAME]}"
        name = ascii(name)[1:-1] if not (name.isascii() and name.isprintable()) else name
        then = "it serves as it was last read" if self.serves else "it is left out"
        return f"{name}: cannot be read: {self.why}; {then}"


class Snapshot:
    """Immutable; `revision` is that of the newest write in it. `quarantined`: what is stored and
    could not be read. `turn`: the state of the file it was read from; it grows where that is
    written without a new revision too. damaged: of that file, some row could not be read."""

    __slots__ = (
        *("_aliases", "_before", "_by_hash", "_entries", "_holders", "_provider_keys"),
        *("_wildcards", "damaged", "quarantined", "revision", "turn"),
    )

    def __init__(
        self,
        entries: Iterable[Entry],
        revision: int,
        quarantined: tuple[Quarantined, ...] = (),
        turn: int | None = None,
        *,
        damaged: bool = False,
    ) -> None:
        self.revision = revision
        self.quarantined = quarantined
        self.turn = revision if turn is None else turn
        self.damaged = damaged
        self._entries: dict[str, dict[str, Entry]] = {kind: {} for kind in KINDS.names}
        # By kind and what no two of it may have: whose it is.
        self._holders: dict[str, dict[tuple[str, Any], str]] = {kind: {} for kind in KINDS.names}
        self._by_hash: dict[str, ApiKey] = {}
        self._before: dict[str, ApiKey] = {}
        self._provider_keys: dict[str, ProviderKey] = {}
        self._aliases: dict[str, Model] = {}
        self._wildcards: tuple[tuple[Glob, Model], ...] = ()
        for entry in entries:
            self._entries[entry.kind][entry.id] = entry
            for key in _unique(entry):
                self._holders[entry.kind].setdefault(key, entry.id)
            self._index(entry)
        self._index_before()
        self._index_wildcards()

    def _index(self, entry: Entry) -> None:
        match entry.resource:
            case ApiKey() as key:
                self._by_hash[key.key_hash] = key
            case ProviderKey() as key:
                self._provider_keys[key.id] = key
            case Model() as model if "*" not in model.display_name:
                self._aliases[model.display_name] = model

    def _index_before(self) -> None:
        self._before = {}
        for key in self._by_hash.values():
            if key.before is not None:
                self._before.setdefault(key.before.key_hash, key.before)

    def _index_wildcards(self) -> None:
        found = [
            (Glob.of(alias), entry.resource)
            for entry in self._entries["models"].values()
            if isinstance(entry.resource, Model) and "*" in (alias := entry.resource.display_name)
        ]
        self._wildcards = tuple(sorted(found, key=lambda pair: pair[0].rank))

    def with_changes(
        self,
        put: Iterable[Entry],
        gone: Iterable[Entry],
        revision: int,
        quarantined: tuple[Quarantined, ...],
        turn: int,
    ) -> Snapshot | None:
        """The one that comes after this: what did not change is taken over as it is, so that a
        change costs what it changes. None: that takes a look at everything, because two have what
        only one may have, or an older one came to newer ones."""
        put = sorted(put, key=lambda entry: entry.seq)
        old = [self.entry(one.kind, one.id) for one in put]
        gone = [*gone, *(one for one in old if one is not None)]
        kinds = {one.kind for one in (*put, *gone)}
        fresh = copy(self)
        fresh.revision, fresh.quarantined, fresh.turn = revision, quarantined, turn
        fresh._entries = {k: dict(v) if k in kinds else v for k, v in self._entries.items()}
        fresh._holders = {k: dict(v) if k in kinds else v for k, v in self._holders.items()}
        fresh._by_hash, fresh._aliases = dict(self._by_hash), dict(self._aliases)
        fresh._provider_keys = dict(self._provider_keys)
        stays = {(one.kind, one.id): one.seq for one in put}
        for one in gone:
            fresh._drop(one)
            if stays.get((one.kind, one.id)) != one.seq:
                del fresh._entries[one.kind][one.id]
        for one in put:
            entries, holders = fresh._entries[one.kind], fresh._holders[one.kind]
            last = next(reversed(entries.values()), None)
            if one.id not in entries and last is not None and last.seq > one.seq:
                return None
            entries[one.id] = one
            for key in _unique(one):
                if holders.setdefault(key, one.id) != one.id:
                    return None
            fresh._index(one)
        if any(isinstance(one.resource, ApiKey) for one in (*put, *gone)):
            fresh._index_before()
        if any("*" in str(one.document.get("display_name")) for one in (*put, *gone)):
            fresh._index_wildcards()
        return fresh

    def _drop(self, entry: Entry) -> None:
        for held in _unique(entry):
            self._holders[entry.kind].pop(held, None)
        match entry.resource:
            case ApiKey() as key:
                self._by_hash.pop(key.key_hash, None)
            case ProviderKey() as key:
                self._provider_keys.pop(key.id, None)
            case Model() as model:
                self._aliases.pop(model.display_name, None)

    def api_key(self, key_hash: str) -> ApiKey | None:
        """The caller's key by the lowercase hex SHA-256 of its text."""
        return self._by_hash.get(key_hash) or self._before.get(key_hash)

    def provider_key(self, id: str) -> ProviderKey | None:
        """The credential a model refers to."""
        return self._provider_keys.get(id)

    def model(self, alias: str) -> Model | None:
        """The model an alias stands for: an exact name, else the wildcard with most literal text.

        From a wildcard comes a Model of this alias: `display_name` is the alias, and the text under
        the `*` is put into `model_name` (also of its targets).
        """
        found = self._aliases.get(alias)
        if found is not None:
            return found
        for glob, model in self._wildcards:
            captured = glob.captures(alias)
            if captured:
                upstream = model.model_name.replace("*", captured)
                targets = tuple(
                    replace(target, model_name=target.model_name.replace("*", captured))
                    for target in model.targets
                )
                return replace(model, display_name=alias, model_name=upstream, targets=targets)
        return None

    def named_model(self, name: str) -> Model | None:
        """The model of exactly this display name."""
        return self._aliases.get(name)

    def stored_name(self, alias: str) -> str:
        """The display name that answers to an alias, a wildcard as its pattern; "" for none."""
        if alias in self._aliases:
            return alias
        for glob, model in self._wildcards:
            if glob.captures(alias):
                return model.display_name
        return ""

    def models_for(self, api_key: ApiKey) -> list[Model]:
        """What the key may call: exact aliases, and names it lists that a wildcard answers to."""
        found = {name: m for name, m in self._aliases.items() if api_key.may_use(name)}
        for name in api_key.allowed_models:
            if "*" not in name and name not in found:
                model = self.model(name)
                if model is not None:
                    found[name] = model
        return [found[name] for name in sorted(found)]

    def entry(self, kind: str, id: str) -> Entry | None:
        """The one stored under (kind, id)."""
        return self._entries[kind].get(id)

    def unreadable(self, kind: str, id: str) -> Quarantined | None:
        """What is stored under (kind, id) and cannot be read; it may have an entry all the same."""
        return next((q for q in self.quarantined if (q.kind, q.id) == (kind, id)), None)

    def entries(self, kind: str) -> list[Entry]:
        """All of a kind, oldest first."""
        return list(self._entries[kind].values())

    def all_entries(self) -> list[Entry]:
        """Kind by kind in the order of KINDS, so that what is referred to comes first."""
        return [entry for entries in self._entries.values() for entry in entries.values()]

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(map(len, self._entries.values()))

    def counts(self) -> dict[str, int]:
        """How many there are of each kind."""
        return {kind: len(entries) for kind, entries in self._entries.items()}

    def named(self, kind: str, display_name: str) -> Entry | None:
        """The entry that carries a display name."""
        id = self._holders[kind].get(("display_name", display_name))
        return None if id is None else self._entries[kind].get(id)


def _unique(entry: Entry) -> Iterator[tuple[str, Any]]:
    """What no other of its kind may have."""
    for name in KINDS[entry.kind].unique:
        value = entry.document.get(name)
        if value is not None:
            yield name, value
