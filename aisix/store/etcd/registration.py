"""This node among the live ones: a key with a lease, that goes when the node does.

    claim_name(client, layout, name, home)     once, at a start: OperatorError for a taken name
    registration.begin(calls); registration.tend(now, told)     the follower, each turn

Two live nodes must not have one name: each would take the other's entry for its own. Which of them
an entry is of, its `home` says, an id kept in data_dir: after a crash the same node is not refused
because of what it left behind. What another one left behind is waited for until its lease ends.

Must never know: what the facts of a node are.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from aisix import log
from aisix.errors import OperatorError
from aisix.store.etcd import board as cells
from aisix.store.etcd.board import Board
from aisix.store.etcd.client import EtcdClient
from aisix.store.etcd.layout import Layout
from aisix.store.etcd.lines import EtcdCalls
from aisix.store.etcd.members import node_of
from aisix.store.etcd.wire import (
    DENIED,
    UNAUTHENTICATED,
    EtcdError,
    KeptAnswer,
    LeaseAnswer,
    TxnAnswer,
    compare,
    put_op,
    range_op,
)

LEASE_SECS = 15  # after the last sign of life of a node it is none any more
KEEP_SECS = 5.0  # between two signs
AGAIN_SECS = 0.05  # between two entries, while what is applied moves on
TELL_SECS, TELL_SECS_PER_NODE = 5.0, 0.25  # between two entries otherwise: each is told to all
CALL_MS = 1500
LATER_SECS, DENIED_SECS = 1.0, 30.0  # until what failed is tried again
LOOK_SECS = 0.25
HOME = "node.id"

Facts = Callable[[], Mapping[str, Any]]


def known_home(folder: Path) -> str:
    """The id of this data directory; "": it has none yet."""
    with suppress(OSError, UnicodeError):
        return (folder / HOME).read_text().strip()[:64]
    return ""


def home_of(folder: Path) -> str:
    """The id of this data directory, made at its first use. OperatorError."""
    file = folder / HOME
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not file.exists() or not file.read_text().strip():
            fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            with os.fdopen(fd, "w") as out:
                out.write(uuid.uuid4().hex + "\n")
        return file.read_text().strip()[:64]
    except (OSError, UnicodeError) as error:
        raise OperatorError(f"{file}: {getattr(error, 'strerror', None) or error}") from None


def claim_name(client: EtcdClient, layout: Layout, name: str, home: str) -> None:
    """Take the name, if no live node has it. OperatorError when one does; EtcdError when etcd does
    not answer. Without the permission for it nothing is taken, and any name is good."""
    try:
        _claimed(client, layout.node(name), name, home)
    except EtcdError as error:
        if error.code != DENIED:
            raise


def _claimed(client: EtcdClient, key: bytes, name: str, home: str) -> None:
    end = time.monotonic() + LEASE_SECS + KEEP_SECS
    before: tuple[int, int] | None = None
    while True:
        found = client.range(key).kvs
        if not found:
            if _taken(client, key, name, home):
                return
            continue
        node = node_of(name, found[0].value, 0.0)
        if node is not None and node.home == home:
            return
        lease = int(found[0].lease)
        now = found[0].mod, client.left(lease) if lease else 0
        alive = before is not None and (now[0] != before[0] or now[1] > before[1])
        if alive or not lease or time.monotonic() > end:
            who = f"aisix {node.version} at {node.proxy}" if node and node.proxy else "another one"
            raise OperatorError(
                f"node_id: a live node is called {name} already ({who}): give every node its own"
            )
        if before is None:
            log.info("an entry of another node called %s is there: is it alive?", name)
        before = now
        time.sleep(LOOK_SECS)


def _taken(client: EtcdClient, key: bytes, name: str, home: str) -> bool:
    told = msgspec.json.encode({"name": name, "home": home, "starting": True})
    absent = compare(key, "CREATE", "EQUAL", 0)
    return client.txn([absent], [put_op(key, told, client.grant(LEASE_SECS))]).succeeded


class Registration:
    """Of this node, by its follower. facts(): what the entry says beside what the follower knows;
    asked at most once a second."""

    def __init__(self, layout: Layout, name: str, home: str, facts: Facts, board: Board) -> None:
        self._key, self.name, self.home = layout.node(name), name, home
        self._facts, self._board = facts, board
        self._calls: EtcdCalls | None = None
        self.lease = 0
        self._mod = 0  # of our entry, as we last saw it
        self.registered = False
        self._under_way = False
        self._not_before = self._keep_due = self._tell_due = self._told_at = 0.0
        self._told: Mapping[str, Any] = {}
        self._known: Mapping[str, Any] = {}
        self._known_until = 0.0

    def begin(self, calls: EtcdCalls) -> None:
        """A session with a member begins."""
        self._calls, self._under_way = calls, False
        self._keep_due = self._tell_due = self._not_before = 0.0

    def tend(self, now: float, told: Mapping[str, Any], nodes: int) -> None:
        """Whatever is due. told: what the follower says of itself; nodes: how many there are."""
        if self._under_way or now < self._not_before:
            return
        moved = told != self._told and now >= self._told_at + AGAIN_SECS
        if not self.lease:
            self._ask("lease/grant", {"TTL": str(LEASE_SECS)}, LeaseAnswer, self._granted)
        elif now >= self._keep_due:
            self._keep_due = now + KEEP_SECS
            self._ask("lease/keepalive", {"ID": str(self.lease)}, KeptAnswer, self._kept)
        elif moved or now >= self._tell_due:
            self._told, self._told_at = told, now
            self._tell_due = now + max(TELL_SECS, nodes * TELL_SECS_PER_NODE)
            put = put_op(self._key, self._entry(now, told), self.lease)
            body = {
                "compare": [compare(self._key, "MOD", "EQUAL", self._mod)],
                "success": [put],
                "failure": [range_op(self._key)],
            }
            self._ask("kv/txn", body, TxnAnswer, self._put)

    def due(self, now: float, told: Mapping[str, Any]) -> float:
        """When there is something to do, at the latest."""
        if self._under_way:
            return now + CALL_MS / 1000
        tell = self._tell_due if told == self._told else self._told_at + AGAIN_SECS
        return max(self._not_before, min(self._keep_due, tell))

    def _entry(self, now: float, told: Mapping[str, Any]) -> bytes:
        if now >= self._known_until:
            self._known, self._known_until = self._facts(), now + 1.0
        own = {"name": self.name, "home": self.home, "at": time.time()}
        return msgspec.json.encode(
            {
                **self._known,
                **told,
                **own,
                "as_of": self._board.get(cells.AS_OF),
                "clock_off": self._board.get(cells.CLOCK_OFF),
            }
        )

    def _ask(
        self, path: str, body: dict[str, Any], kind: type[Any], took: Callable[[Any], None]
    ) -> None:
        def done(answer: Any) -> None:
            self._under_way = False
            if not isinstance(answer, EtcdError):
                took(answer)
                return
            if answer.code == UNAUTHENTICATED:
                raise answer  # a new session asks for a new token
            self._tell_due = 0.0
            denied = answer.code == DENIED
            self._not_before = time.monotonic() + (DENIED_SECS if denied else LATER_SECS)
            if denied:
                self._out(f"this node only reads: {answer}", read_only=True)

        assert self._calls is not None
        self._under_way = True
        self._calls.ask(path, body, kind, CALL_MS, done)

    def _granted(self, answer: LeaseAnswer) -> None:
        self.lease = int(answer.ID)
        self._tell_due, self._keep_due = 0.0, time.monotonic() + KEEP_SECS

    def _kept(self, answer: KeptAnswer) -> None:
        if int(answer.result.TTL) <= 0:
            self.lease = 0

    def _put(self, answer: TxnAnswer) -> None:
        if answer.succeeded:
            self._mod = answer.revision
            if self._board.note:
                log.info("etcd: this node is registered as %s", self.name)
            self.registered, self._board.note = True, ""
            self._board.set(cells.READ_ONLY, 0)
            return
        found = answer.ranges()[0].kvs
        self._tell_due = 0.0
        if not found:
            self._mod = 0
            return
        node = node_of(self.name, found[0].value, 0.0)
        if node is not None and node.home == self.home:
            self._mod = found[0].mod
            return
        self._not_before = time.monotonic() + LATER_SECS
        at = f" at {node.proxy}" if node is not None and node.proxy else ""
        self._out(f"another live node{at} is called {self.name} too: this one is not registered")

    def _out(self, why: str, read_only: bool = False) -> None:
        self.registered, self._mod = False, 0
        self._board.set(cells.READ_ONLY, float(read_only))
        if why != self._board.note:
            self._board.note = why
            log.error("etcd: %s", why)
