"""The store on etcd: read from the local copy that the follower keeps, written by compare-and-swap.

    EtcdStore(folder, keyring, place)            beside a follower: in a worker
    EtcdStore.direct(keyring, place)             without one: for a command, over a copy of its own

What `update` answers with is durable in etcd's quorum and in effect in every process of this node;
other nodes have it some milliseconds later. While etcd is away reads go on and `update` raises
StoreError. A plan runs again whenever somebody else was faster.

Must never know: HTTP, what a document's fields mean.
"""

from __future__ import annotations

import fcntl
import os
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from aisix.errors import OperatorError, StoreError
from aisix.store.base import ChangePlan, ChangeRefused
from aisix.store.change_signal import ChangeSignal
from aisix.store.config_state import ConfigState, LoadRecord
from aisix.store.connection import BUSY_READ_SECONDS, connect, translated
from aisix.store.etcd import board as cells
from aisix.store.etcd import telling
from aisix.store.etcd.board import Board
from aisix.store.etcd.claims import claim_key
from aisix.store.etcd.client import EtcdClient
from aisix.store.etcd.commit import (
    UNDER_WAY,
    Committer,
    Lost,
    Position,
    TooLongError,
    made_by,
)
from aisix.store.etcd.copy import (
    DATABASE,
    REPLICA,
    SIGNAL,
    CopyFacts,
    LocalCopy,
    copy_facts,
    passed_over,
)
from aisix.store.etcd.emptied import EMPTIED, accept
from aisix.store.etcd.follow import Follower
from aisix.store.etcd.members import MembersFile
from aisix.store.etcd.parts import in_parts
from aisix.store.etcd.place import EtcdPlace
from aisix.store.etcd.rotation import lacking, name_key, sealed_again
from aisix.store.etcd.telling import TOLD_SECS
from aisix.store.nodes import Node
from aisix.store.replica import Replica
from aisix.store.secrets import Keyring
from aisix.store.snapshot import Snapshot

SEE_SECS = 2.0  # for the copy to have what etcd has
SECS_PER_CHANGE = 0.003  # and for each document of a long import: the follower looks at all of them
WRITE_SECS = 10.0  # for one update, tries and all
LOOK_SECS = 0.001
LOCK = "etcd.lock"


class EtcdStore(Replica):
    """`folder`: the data directory of the node, where the follower keeps its copy."""

    lags = True

    def __init__(
        self,
        folder: Path,
        keyring: Keyring,
        place: EtcdPlace,
        read_again: Callable[[], None] | None = None,
    ) -> None:
        direct = read_again is not None
        file = (None if direct else place.copy_file) or folder / DATABASE
        super().__init__(file, ChangeSignal(folder / SIGNAL), keyring, REPLICA)
        self._place, self._layout = place, place.layout
        self._folder, self._read_again = folder, read_again
        self._writing = threading.Lock()
        self._client: EtcdClient | None = None  # made by the first write: it must not cross a fork
        self._unseen: str | None = None
        self._opened = time.monotonic()
        self._direct: tuple[Follower, tempfile.TemporaryDirectory[str]] | None = None
        with self._at_start():
            if not file.exists():
                LocalCopy(folder, keyring, file).close()
            self._reader = connect(file, BUSY_READ_SECONDS, read_only=True)
            self._board = Board(folder)
            self._members = MembersFile(folder, self._board)
            self._begin()

    @classmethod
    def direct(cls, keyring: Keyring, place: EtcdPlace) -> EtcdStore:
        """For a command: everything is read now, and again after each write. OperatorError."""
        folders = tempfile.TemporaryDirectory(prefix="aisix-")
        folder = Path(folders.name)
        reader = Follower(folder, keyring, place.access, place.layout)
        try:
            claim_key(reader.client, place.layout, keyring, take=False)
            reader.read_all("a command")
            store = cls(folder, keyring, place, reader.read_all)
        except OperatorError:
            reader.close()
            folders.cleanup()
            raise
        except StoreError as error:
            reader.close()
            folders.cleanup()
            raise OperatorError(str(error)) from None
        store._direct = reader, folders
        return store

    @property
    def source(self) -> str:
        return self._place.words

    @property
    def writable(self) -> bool:
        return not self._place.read_only and not self._board.get(cells.READ_ONLY)

    @property
    def unready(self) -> str | None:
        facts = self.facts
        return None if facts.cluster_id else "no configuration yet"

    @property
    def facts(self) -> CopyFacts:
        """What the copy says of itself."""
        with self._reading, translated():
            return copy_facts(self._reader)

    @property
    def newest(self) -> int:
        """No more than that: where all was read anew, the copy stands at a revision of the whole
        etcd, in which nothing of ours may have changed. The guard tells of our deletes."""
        found, guard = self.current(), 0
        with suppress(StoreError):  # as `current`, it never raises
            guard = self.facts.guard
        last = max((entry.revision for entry in found.all_entries()), default=0)
        return max(last, guard if guard <= found.revision else 0)

    @property
    def age(self) -> float | None:
        """Seconds since the copy was known to be what etcd has; None: it never was."""
        return self._board.age

    @property
    def trouble(self) -> str | None:
        board = self._board
        unnamed = "" if board.get(cells.READ_ONLY) else board.note  # to only read is no trouble
        return super().trouble or self._unseen or self._away() or unnamed or None

    def _away(self) -> str | None:
        if self._read_again is not None:
            return self._board.text or None  # a key that is not here
        return telling.away(self._board, self.facts)

    def accept_emptied(self, seconds: float) -> bool | None:
        """Have the follower take over an etcd that it does not believe; whether it did within so
        long; None: there is nothing of that kind. OSError."""
        cluster = self.facts.emptied_cluster
        if not cluster:
            return None
        accept(self._folder, cluster)
        end = time.monotonic() + seconds
        while self.facts.emptied_cluster and self._board.alive and time.monotonic() < end:
            time.sleep(LOOK_SECS)
        return not self.facts.emptied_cluster

    def close(self) -> None:
        with self._writing, self._reading:
            self._reader.close()
            self._signal.close()
            if self._client is not None:
                self._client.close()
            if self._direct is not None:
                self._direct[0].close()
                self._direct[1].cleanup()

    def poll(self) -> None:
        self._refresh(without_signal=True)

    # ------------------------------------------------------------------ writing
    def update(self, plan: ChangePlan) -> Snapshot:
        if not self.writable:
            raise ChangeRefused("read_only", self._only_read)
        with self._writing, self._alone():
            end = time.monotonic() + WRITE_SECS
            committer = self._committer()
            while True:
                self._wait_for_sight(end)
                if self._board.connected and self._board.text:
                    raise StoreError(f"{self._board.text}; nothing was written")
                base, at = self._seen_all(end)
                changes = plan(base)
                if not changes:
                    return base
                done = self._sent(committer, committer.operations(base, changes), at)
                if not isinstance(done, Lost):
                    found = self._visible(done, SEE_SECS + len(changes) * SECS_PER_CHANGE)
                    # Others may have written since: the answer is of this write, and so is its tag.
                    own = None if found.revision == done else made_by(base, changes, done)
                    return own or found
                self._caught_up(done, at)
                if time.monotonic() > end:
                    text = f"others write all the time: nothing was written in {WRITE_SECS:g} s"
                    raise StoreError(text)
                time.sleep(random.uniform(0, 0.005))

    @property
    def _only_read(self) -> str:
        why = "etcd.read_only" if self._place.read_only else self._board.note
        return f"{self.source} is only read here ({why})"

    def _sent(
        self, committer: Committer, operations: list[dict[str, Any]], at: Position
    ) -> int | Lost:
        """In one txn, however long: operators may have raised etcd's limits. Else in parts."""
        try:
            return committer.send(operations, at)
        except TooLongError:
            if len(operations) < 2 or self._client is None:
                raise
            return in_parts(self._client, self._layout, committer, operations, at)

    def _committer(self) -> Committer:
        if self._client is None:
            self._client = EtcdClient(self._place.access)
            if self._direct is not None:  # no node may have been here yet
                claim_key(self._client, self._layout, self._keyring)
        keyring = None if self._place.plain else self._keyring
        return Committer(self._client, self._layout, keyring, self._place.node_id)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One writer per node: two would only make each other try again."""
        fd = os.open(self._folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            end = time.monotonic() + WRITE_SECS
            while True:
                with suppress(BlockingIOError):
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                if time.monotonic() > end:
                    raise StoreError(
                        "another write of this node takes too long; nothing was written"
                    )
                time.sleep(LOOK_SECS)
            yield
        finally:
            os.close(fd)

    def _now(self) -> tuple[Snapshot, Position]:
        """A snapshot, and where it stands: of one moment of the copy."""
        self._refresh(without_signal=True)
        with self._reading, translated():
            facts = copy_facts(self._reader)
        return self._snapshot, Position(min(facts.revision, self._snapshot.revision), facts.guard)

    def _seen_all(self, end: float) -> tuple[Snapshot, Position]:
        """Guard and documents come by two watches: what the guard tells of must be here."""
        give_up = min(end, time.monotonic() + SEE_SECS)
        while True:
            base, at = self._now()
            if self._board.get(cells.OPEN_BATCH):  # its parts are seen when it has ended
                raise ChangeRefused("conflict", UNDER_WAY)
            if at.revision >= at.guard:
                return base, at
            if not self._look_again(give_up):
                why = self._why_blind() or "this node does not see all of etcd yet"
                raise StoreError(f"{why}; nothing was written")

    def _visible(self, revision: int, seconds: float) -> Snapshot:
        give_up = time.monotonic() + seconds
        if self._read_again is not None:
            self._read_again()
        while True:
            found, at = self._now()
            if at.revision >= revision:
                self._unseen = None
                with suppress(OSError):  # a full disk: the follower's own comes, or the next poll
                    self._signal.give()  # the follower gives it after it wrote what we have seen
                return found
            if time.monotonic() > give_up:
                text = f"written to etcd (revision {revision}), but this node does not see it yet"
                self._unseen = text
                raise StoreError(text)
            time.sleep(LOOK_SECS)

    def _caught_up(self, lost: Lost, at: Position) -> None:
        """Wait for what a failed compare named; where nothing was named, for anything newer."""
        give_up = time.monotonic() + SEE_SECS
        while True:
            _, now = self._now()
            moved = now.revision > at.revision or now.guard > at.guard
            if now.revision >= lost.revision and now.guard >= lost.guard and moved:
                return
            if not self._look_again(give_up):
                return  # the next try tells; perhaps a delete of somebody else's was all

    def _look_again(self, give_up: float) -> bool:
        """After a moment, or a full read where nobody follows; False: there is nothing to wait for,
        or the time is over."""
        if time.monotonic() > give_up or self._why_blind() is not None:
            return False
        if self._read_again is not None:
            self._read_again()
        time.sleep(LOOK_SECS)
        return True

    def _wait_for_sight(self, end: float) -> None:
        """A failover takes a moment and is waited for; an outage is a StoreError at once."""
        while (why := self._why_blind()) is not None:
            age, now = self._board.age, time.monotonic()
            away = not self._board.alive or age is None or age > TOLD_SECS
            if now > end or (away and now > self._opened + TOLD_SECS):  # it has just begun
                raise StoreError(f"{why}; nothing was written")
            time.sleep(LOOK_SECS)

    def _why_blind(self) -> str | None:
        """Why nothing new comes; None: it does."""
        if self._read_again is not None or (self._board.alive and self._board.connected):
            return None
        if not self._board.alive:
            return "the follower of etcd does not run"
        text = self._board.text or "not reached yet"
        return text if text == EMPTIED else f"etcd is away: {text}"

    def rotate_key(self, key: bytes | None = None) -> int:
        """Seal every secret with the first key of the settings; how many there were. Interrupted
        anywhere, running it again completes it. OperatorError while a live node lacks that key."""
        if self._place.plain:
            raise OperatorError("etcd.secrets is plain: nothing is encrypted there")
        if not self.writable:
            raise OperatorError(self._only_read)
        lacking(self.nodes(), self._keyring.current)
        count = sealed_again(self)
        self._client = self._client or EtcdClient(self._place.access)
        name_key(self._client, self._layout, self._keyring)
        return count

    # ------------------------------------------------------------------ nodes
    def nodes(self) -> tuple[Node, ...]:
        return self._members.read().nodes

    @property
    def differing_since(self) -> Mapping[str, float]:
        return self._members.read().since

    @property
    def key_ids(self) -> tuple[str, ...]:
        return tuple(self._keyring.ids)

    @property
    def live_nodes(self) -> int:
        return int(self._board.get(cells.NODES))

    # ------------------------------------------------------------------ told
    def status(self) -> dict[str, object]:
        facts = self.facts
        with self._reading, translated():
            partial = passed_over(self._reader)
        return telling.status(self._board, facts, partial)

    @property
    def not_served(self) -> Mapping[str, int]:
        return LoadRecord.decoded(self.facts.loaded).not_served

    def config_state(self) -> ConfigState:
        snapshot = self.current()
        return telling.config_state(self._board, self.facts, snapshot)

    def numbers(self) -> dict[tuple[str, ...], float]:
        return telling.numbers(self._board, self._snapshot)
