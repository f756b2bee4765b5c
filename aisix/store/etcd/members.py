"""The live nodes, as the follower learns of them and every process of the node reads it.

    members.put(kv); members.gone(key); members.save(now)       the follower
    MembersFile(folder, board).read()                           everybody else

They stand in a file of data_dir that is replaced whole, and a number on the board says that there
is a new one. What nodes differ in, and since when, is kept with them.

Must never know: a socket.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

from aisix import log
from aisix.store.etcd import board as cells
from aisix.store.etcd.board import Board
from aisix.store.etcd.layout import Layout
from aisix.store.etcd.wire import KeyValue
from aisix.store.nodes import Node, ToldDifferences, differing

FILE = "replica.nodes"
SAVE_SECS = 0.05  # the longest that a change waits for others to come with it
MOST_NODES = 1000  # a cluster is measured to 200


class KnownNodes(msgspec.Struct, frozen=True):
    """nodes: by name; since: {what they differ in: Unix seconds}."""

    nodes: tuple[Node, ...] = ()
    since: dict[str, float] = {}


def node_of(name: str, value: bytes, now: float) -> Node | None:
    """An entry's value; None: it is none of ours."""
    try:
        found = msgspec.json.decode(value, type=Node)
    except (msgspec.DecodeError, ValueError):
        return None
    return msgspec.structs.replace(found, name=name, seen=now)


class MembersFile:
    """What the follower knows of them, read again only where it has changed."""

    def __init__(self, folder: Path, board: Board) -> None:
        self._file, self._board = folder / FILE, board
        self._turn = -1.0
        self._known = KnownNodes()

    def read(self) -> KnownNodes:
        turn = self._board.get(cells.NODES_TURN)
        if turn != self._turn:
            with suppress(OSError, msgspec.DecodeError):
                self._known = msgspec.json.decode(self._file.read_bytes(), type=KnownNodes)
                self._turn = turn
        return self._known


class Members:
    """The writing half. own: this node's name."""

    def __init__(self, folder: Path, layout: Layout, board: Board, own: str) -> None:
        self._folder, self._layout, self._board, self._own = folder, layout, board, own
        known = MembersFile(folder, board).read()
        self._since = dict(known.since)
        self.nodes = {one.name: one for one in known.nodes}
        self._before: dict[str, Node] = {}
        self._changed = False
        self.counted = False  # whether we were among them when they were told last
        self._saved = 0.0
        self._told = ToldDifferences()

    def name_of(self, key: bytes) -> str | None:
        """Of the node whose key this is; None: it is no node's."""
        if not key.startswith(self._layout.nodes):
            return None
        return key[len(self._layout.nodes) :].decode("utf-8", "replace")

    def put(self, kv: KeyValue) -> None:
        name = self.name_of(kv.key)
        found = node_of(name, kv.value, time.time()) if name else None
        if found is None or (found.name not in self.nodes and len(self.nodes) >= MOST_NODES):
            return
        old = self._before.get(found.name)
        if old is not None and old.at == found.at:
            found = old  # seen before
        self.nodes[found.name] = found
        self._changed = True

    def gone(self, key: bytes) -> None:
        if self.nodes.pop(self.name_of(key) or "", None) is not None:
            self._changed = True

    def reset(self, found: Iterable[KeyValue]) -> None:
        """All of them, as they are."""
        self._before, self.nodes = self.nodes, {}
        for kv in found:
            self.put(kv)
        self._before = {}
        self._changed = True

    @property
    def due(self) -> float | None:
        """When `save` has something to do, by the monotonic clock; None: nothing changed."""
        return self._saved + SAVE_SECS if self._changed else None

    def save(self, counted: bool) -> None:
        """Tell everybody. counted: we are one of them, also where our entry is still to come, so
        their number is that of all."""
        now = time.time()
        nodes = tuple(self.nodes[name] for name in sorted(self.nodes))
        differ = differing(nodes)
        self._since = {what: self._since.get(what, now) for what in differ}
        for one in self._told.news(nodes, self._since, now):
            log.warning("nodes differ %s", one)
        self._changed, self._saved = False, time.monotonic()
        raw = msgspec.json.encode(KnownNodes(nodes, self._since))
        try:
            fd, temporary = tempfile.mkstemp(prefix=".nodes.", dir=self._folder)
            with os.fdopen(fd, "wb") as out:
                out.write(raw)
            os.replace(temporary, self._folder / FILE)
        except OSError as error:
            log.warning("what is known of other nodes cannot be kept: %s", error.strerror)
        self.counted = counted
        count = len({self._own, *self.nodes})
        self._board.set(cells.NODES, count if counted else 0)
        self._board.set(cells.NODES_TURN, self._board.get(cells.NODES_TURN) + 1)
