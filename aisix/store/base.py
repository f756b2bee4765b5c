"""The small interface every store implements, and the words it uses.

A store holds entries and a revision that grows with every write. It can do five things:

    current()     the Snapshot of now: cheap enough to be asked once per request, never any I/O
                  unless something changed
    update(plan)  change it: `plan` reads the newest snapshot and answers with the changes; the
                  store applies all of them or none, and nobody writes between the two
    watch(told)   `told(snapshot)` after every change this process learns of, whoever made it
    poll()        look for changes whose announcement was lost; the server calls it every second
    reload()      read the source again because an operator asked, whole or not at all; for a store
                  that is written through `update` there is nothing to do

What a write *means* (checks, references, cascades) is in `writes.py` and is the same for all
stores; a store only has to apply changes atomically. A distributed store makes `update` a loop of
compare-and-swap on its revision, so a plan may be called more than once and has no side effects.

When `update` returns, the change is durable and every other process on this machine sees it at its
next `current()`. That is what lets an admin write be acknowledged.

Must never know: HTTP, SQL, what the fields of a resource mean.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from aisix.errors import AisixError, Complaint, OperatorError, StoreError
from aisix.store.config_state import ConfigState, of_snapshot
from aisix.store.nodes import Node
from aisix.store.resources import Document
from aisix.store.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Put:
    """Write this document and secret (None: it has none) under (kind, id), new or not.

    now: Unix seconds. frees: it only shuts somebody out, and is written on a full disk too.
    """

    kind: str
    id: str
    document: Document = field(repr=False)
    secret: str | None = field(repr=False)
    now: int
    frees: bool = False


@dataclass(frozen=True, slots=True)
class Delete:
    """Take the entry of (kind, id) away."""

    kind: str
    id: str
    frees: ClassVar[bool] = True


Change = Put | Delete
ChangePlan = Callable[[Snapshot], Sequence[Change]]
Told = Callable[[Snapshot], None]

# More faults of a checked document, by what only the gateway knows (which adapters exist):
# (kind, document, the snapshot it will be part of) -> complaints.
ExtraCheck = Callable[[str, Document, Snapshot], Sequence[Complaint]]


def no_extra_check(kind: str, document: Document, snapshot: Snapshot) -> Sequence[Complaint]:
    """The Extra that adds nothing."""
    return ()


class ChangeRefused(AisixError):
    """A write that must not happen; nothing was changed.

    kind: "invalid" (the document), "missing" (no such resource), "conflict" (taken, or still
    referred to), "stale" (the caller's revision is not the newest), "read_only" (this store takes
    no writes). complaints: all faults at once, each with its path.
    """

    def __init__(self, kind: str, complaints: Sequence[Complaint] | str) -> None:
        if isinstance(complaints, str):
            complaints = [Complaint("", "", complaints)]
        self.kind = kind
        self.complaints = tuple(complaints)
        super().__init__("\n".join(str(c) for c in self.complaints))


class DiskFull(StoreError):
    """There is no room for the write; reads, proxy traffic and what takes away go on."""


class Store(ABC):
    """Entries and a revision; thread-safe: `update` may run in a thread beside `current`.

    Times are Unix seconds. Only `update` and `reload` raise: ChangeRefused for a change that must
    not be, StoreError when it cannot be written, OperatorError for a source that is not sound.
    """

    # Whether what others have written comes some time later, and not with the next `current()`.
    lags: ClassVar[bool] = False

    @property
    @abstractmethod
    def source(self) -> str:
        """Where the content comes from, in words for a status page."""

    @property
    @abstractmethod
    def writable(self) -> bool:
        """False for a store whose content is written elsewhere (a file); `update` then refuses."""

    @property
    def unready(self) -> str | None:
        """Why there is nothing to serve with yet, in words; None: there is."""
        return None

    def status(self) -> dict[str, object]:
        """More for a status page, where there is more to tell."""
        return {}

    def numbers(self) -> dict[tuple[str, ...], float]:
        """More for a page of metrics: {(name, labels...): value}."""
        return {}

    def nodes(self) -> tuple[Node, ...]:
        """Every live node that shares what is stored here; () where there are no others."""
        return ()

    @property
    def age(self) -> float | None:
        """Seconds since what serves was known to be what is stored; None: it never was."""
        return 0.0

    @property
    def differing_since(self) -> Mapping[str, float]:
        """Since when, in Unix seconds, nodes differ, by what they differ in (`nodes.ALIKE`)."""
        return {}

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The encryption keys that other nodes are told of; () where there are no others."""
        return ()

    @property
    def live_nodes(self) -> int:
        """How many nodes there are; 0: that is not known."""
        return 0

    @property
    def reserved(self) -> bool:
        """Whether there is space put aside for what takes away; True where none is needed."""
        return True

    @property
    def newest(self) -> int:
        """The revision of the newest change in `current()`: every other node comes to have it."""
        return self.current().revision

    @property
    def not_served(self) -> Mapping[str, int]:
        """How many documents there are of kinds that are not served, by kind."""
        return {}

    def config_state(self) -> ConfigState:
        """What became of the configuration, for `/status/config`; here: what is stored serves."""
        return of_snapshot(self.current())

    @property
    @abstractmethod
    def trouble(self) -> str | None:
        """Why the snapshot may be old, in words for a status page; None when all is well."""

    @abstractmethod
    def current(self) -> Snapshot:
        """The snapshot of now. Never raises: when it cannot be renewed, the last good one."""

    @abstractmethod
    def update(self, plan: ChangePlan) -> Snapshot:
        """Apply what the plan answers; the snapshot after it. Raises ChangeRefused, StoreError."""

    def rotate_key(self, key: bytes | None) -> int:
        """Encrypt every stored secret anew, with this key or the first one of the settings; how
        many there were. Raises OperatorError where none are stored."""
        raise OperatorError(f"{self.source}: there are no stored secrets to encrypt")

    @abstractmethod
    def poll(self) -> None:
        """Notice changes that nobody announced. Never raises; see `trouble`."""

    @abstractmethod
    def reload(self, extra: ExtraCheck = no_extra_check) -> Snapshot:
        """Read the source again, for every process; on a fault OperatorError and no change."""

    @abstractmethod
    def watch(self, told: Told) -> Callable[[], None]:
        """Call `told` with every new snapshot, in the thread that noticed; answers with the end."""

    @abstractmethod
    def close(self) -> None:
        """Let go of files; nothing may be asked of it afterwards."""

    @property
    def snapshot(self) -> Snapshot:
        """`current()` under the name a reader expects."""
        return self.current()


class Watchers:
    """The callbacks of one store, told in the order they joined."""

    def __init__(self) -> None:
        self._told: list[Told] = []

    def join(self, told: Told) -> Callable[[], None]:
        """Tell this one too; what is answered ends that."""
        self._told.append(told)

        def leave() -> None:
            if told in self._told:
                self._told.remove(told)

        return leave

    def tell(self, snapshot: Snapshot) -> None:
        """Tell all of them, in this thread."""
        for told in tuple(self._told):
            told(snapshot)
