"""The keys that are aisix's own: the guard, the cluster's key, an import under way, the nodes.

    own = OwnKeys(layout, keyring, board, members, guard)
    own.read(client, since)       all of them as they are; then a watch can begin after own.revision
    own.took(result)              what the watch told
    own.author(revision)          whose a change of documents was

Documents come by another watch, which may be ahead of this one or behind it: what depends on both
asks `look` first.

Must never know: a document.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any

from aisix import log
from aisix.store.etcd import board as cells
from aisix.store.etcd.board import Board
from aisix.store.etcd.claims import foreign_key
from aisix.store.etcd.client import EtcdClient
from aisix.store.etcd.layout import Layout
from aisix.store.etcd.members import Members
from aisix.store.etcd.wire import (
    DENIED,
    OUT_OF_RANGE,
    EtcdError,
    KeyValue,
    RangeAnswer,
    TxnAnswer,
    WatchResult,
    end_of,
    range_body,
    range_op,
)
from aisix.store.secrets import Keyring

LOOK_MS = 1500
MOST_STEPS = 1000  # writes of ours that are looked for one by one, after this node was away


@dataclass(frozen=True, slots=True)
class ImportPart:
    """How far the last import of several parts came, by the guard it moved."""

    name: str
    node: str
    done: int
    total: int

    @property
    def broke_off(self) -> str:
        return (
            f"import {self.name} of {self.node} broke off after {self.done} of {self.total} parts,"
            " which serve; the same import again completes it"
        )


class OwnKeys:
    """guard: the revision of the newest write of ours that was seen; revision: up to which these
    keys are known; held: an import of several parts is under way; closed: we may not read them."""

    def __init__(
        self, layout: Layout, keyring: Keyring, board: Board, members: Members, guard: int
    ) -> None:
        self._layout, self._keyring, self._board = layout, keyring, board
        self.members = members
        self.guard, self.revision = guard, 0
        self.held = self.closed = False
        self.foreign = ""  # that we do not know the cluster's key
        self.part: ImportPart | None = None
        self._guards: dict[int, bool] = {}  # writes of ours, since `forget`: part of an import
        self._complete_after = 0  # every write of ours after this revision is in `_guards`
        self._told_broken = self._told_closed = ""

    @property
    def marker(self) -> bytes:
        """A key whose reading proves that all was seen: one we may read."""
        return self._layout.documents if self.closed else self._layout.guard

    @property
    def probe(self) -> dict[str, Any]:
        """A read, with little to say, that only who may read all of these keys is answered."""
        return range_body(self._layout.own, self._layout.own_end, limit="1", keys_only=True)

    def may_read(self, client: EtcdClient) -> bool:
        """Who may not follows the documents all the same, and is no node to the others."""
        try:
            client.asked("kv/range", self.probe, RangeAnswer, LOOK_MS)
        except EtcdError as error:
            if error.code != DENIED:
                raise
            self._close(str(error))
            return False
        if self.closed:
            self.closed, self._told_closed = False, ""
            self._board.set(cells.READ_ONLY, 0)  # its entry will say whether it may write
            self._board.note = ""
            log.info("etcd: %s* can be read now", self._layout.own.decode())
        return True

    def _close(self, why: str) -> None:
        text = f"this node only reads and knows of no other node: {why} (to write: READWRITE)"
        if text != self._told_closed:
            self._told_closed = text
            log.error("etcd: %s", text)
        self.closed, self.held, self.part, self.foreign = True, False, None, ""
        self._guards.clear()
        self._complete_after = sys.maxsize  # whose a change is cannot be known
        self._board.set(cells.READ_ONLY, 1)
        self._board.set(cells.OPEN_BATCH, 0)
        self._board.note = text
        self.members.reset(())
        self.judge_import()

    def read(self, client: EtcdClient, since: int) -> None:
        """All as it is now. since: the documents' changes after this revision will be asked for."""
        if not self.may_read(client):
            return
        layout = self._layout
        answer = client.ranges(
            range_op(layout.guard),
            range_op(layout.cluster_key),
            range_op(layout.batch),
            range_op(layout.nodes, end_of(layout.nodes)),
            timeout_ms=LOOK_MS,
        )
        guard, key, batch, nodes = answer.ranges()
        self.revision = answer.revision
        self._complete_after = since
        self._guards.clear()
        for kv in guard.kvs:
            if kv.mod > since:
                self._complete_after = self._walk(client, kv.mod, since)
            self._moved(kv)
        for kv in key.kvs:
            self._look_at_key(kv.value)
        self._hold(bool(batch.kvs))
        self.members.reset(nodes.kvs)
        self.judge_import()

    def took(self, result: WatchResult) -> None:
        """What the watch tells."""
        for event in result.events:
            kv, deleted = event.kv, event.type == "DELETE"
            self.revision = max(self.revision, kv.mod)
            if kv.key == self._layout.guard and not deleted:
                self._moved(kv)
            elif kv.key == self._layout.cluster_key:
                self._look_at_key(b"" if deleted else kv.value)
            elif kv.key == self._layout.batch:
                self._hold(not deleted)
            elif deleted:
                self.members.gone(kv.key)
            else:
                self.members.put(kv)
        self.judge_import()

    def look(self, client: EtcdClient) -> None:
        """Guard and import as they are now, at the member that is followed."""
        if self.closed:
            return
        operations = range_op(self._layout.guard), range_op(self._layout.batch)
        body = {"compare": [], "success": operations}
        answer = client.call("kv/txn", body, TxnAnswer, LOOK_MS)
        guard, batch = answer.ranges()
        for kv in guard.kvs:
            if kv.mod > self.guard:
                known = self._walk(client, kv.mod, self.guard)
                if known != self.guard:
                    self._complete_after = known
                self._moved(kv)
        self._hold(bool(batch.kvs))
        self.revision = max(self.revision, answer.revision)

    def ahead_of(self, revision: int) -> bool:
        """Whether parts of an import are known here whose documents, up to this revision, are yet
        to come by the other watch: those before them serve with them."""
        return self.part is not None and self.guard > revision

    def author(self, revision: int) -> str | None:
        """Of a change of a document that nobody told the audit: "etcd", somebody else; "import",
        one of ours that broke off before it could. "": it was told; None: that cannot be known."""
        part = self._guards.get(revision)
        if part is not None:
            return "import" if part and self.broke_off else ""
        return "etcd" if revision > self._complete_after else None

    def forget(self, revision: int) -> None:
        """Nobody asks any more about changes up to this one."""
        self._guards = {one: part for one, part in self._guards.items() if one > revision}

    @property
    def broke_off(self) -> str:
        """Of an import that ended before its last part; "" for none."""
        return self._told_broken

    def judge_import(self) -> None:
        """Look for one, and tell of it."""
        part, told = self.part, ""
        if part is not None and not self.held and part.done < part.total:
            told = part.broke_off
        if told and told != self._told_broken:
            log.error("etcd: %s", told)
        self._told_broken = told

    def _walk(self, client: EtcdClient, newest: int, since: int) -> int:
        """Learn the writes of ours between two of them, the newer one of which is the guard's; the
        revision after which they are all known."""
        for _ in range(MOST_STEPS):
            body = range_body(self._layout.guard, revision=str(newest - 1))
            try:
                found = client.call("kv/range", body, RangeAnswer, LOOK_MS).kvs
            except EtcdError as error:
                if error.code == OUT_OF_RANGE:  # compacted
                    break
                raise
            if not found or found[0].mod <= since:
                return since
            newest = found[0].mod
            self._guards[newest] = part_of(found[0].value) is not None
        return newest - 1

    def _moved(self, kv: KeyValue) -> None:
        part = part_of(kv.value)
        self._guards[kv.mod] = part is not None
        if kv.mod >= self.guard:
            self.guard, self.part = kv.mod, part

    def _hold(self, held: bool) -> None:
        self.held = held
        self._board.set(cells.OPEN_BATCH, float(held))

    def _look_at_key(self, value: bytes) -> None:
        """Whether the cluster's key is one we know; else nobody may write here what others cannot
        read."""
        named = foreign_key(value, self._keyring) if value else None
        self.foreign = ""
        if named is not None:
            self.foreign = f"the cluster's encryption key is now {named}, which is not here"
            log.error("etcd: %s: give this node the same encryption_key", self.foreign)
        self._board.text = self.foreign


def part_of(value: bytes) -> ImportPart | None:
    """What a guard tells of an import it is part of."""
    try:
        told = json.loads(value)
        name, done, total = told["part"]
        return ImportPart(str(name)[:40], str(told["node"])[:100], int(done), int(total))
    except (ValueError, KeyError, TypeError):
        return None
