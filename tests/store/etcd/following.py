"""Followers on threads, for tests of what stands on them.

with following(folder, place): ...       keeps the copy of this folder as etcd is
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from aisix.store.etcd.board import Board
from aisix.store.etcd.client import Access
from aisix.store.etcd.follow import Follower
from aisix.store.etcd.place import EtcdPlace
from aisix.store.etcd.registration import Registration, home_of
from aisix.store.secrets import Keyring
from tests.cluster.cut import Cut
from tests.cluster.servers import Etcd
from tests.running import until

KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
_prefixes = itertools.count()


def keyring() -> Keyring:
    return Keyring.open(Path("/nowhere"), KEY)


def place_in(etcd: Etcd, prefix: str = "", **more: object) -> EtcdPlace:
    """A prefix that no other test has."""
    access = Access(tuple(etcd.endpoints))
    return EtcdPlace(access, prefix or f"/aisix-{next(_prefixes)}", node_id="node-a", **more)  # type: ignore[arg-type]


def through(cut: Cut, place: EtcdPlace) -> EtcdPlace:
    """The same place, by a way that can be cut off."""
    access = replace(place.access, endpoints=(f"http://127.0.0.1:{cut.port}",))
    return replace(place, access=access)


@contextmanager
def following(
    folder: Path,
    place: EtcdPlace,
    wait: bool = True,
    facts: Mapping[str, object] | None = None,
    keys: Keyring | None = None,
) -> Iterator[Follower]:
    """facts: of the node, which is registered then, by the name that `place` gives."""
    folder.mkdir(parents=True, exist_ok=True)
    entry = None
    if facts is not None:
        home, board = home_of(folder), Board(folder)
        entry = Registration(place.layout, place.node_id, home, lambda: facts, board)
    follower = Follower(folder, keys or keyring(), place.access, place.layout, entry)
    stop = threading.Event()
    thread = threading.Thread(target=follower.run, args=(stop.is_set,), daemon=True)
    thread.start()
    try:
        if wait:
            until(lambda: follower.board.connected, "it never followed")
        yield follower
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()
        follower.close()
