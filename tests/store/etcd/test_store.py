"""The store on etcd passes the suite of all stores, over a follower as each node has one."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from aisix.store.base import Store
from aisix.store.batch import ImportItem, import_items
from aisix.store.etcd.follow import Follower
from aisix.store.etcd.place import EtcdPlace
from aisix.store.etcd.store import EtcdStore
from tests.cluster.servers import Etcd
from tests.store.contract import KEY, Contract, Item
from tests.store.etcd.following import following, keyring, place_in

FOLLOWERS: dict[Path, Follower] = {}  # a test object goes to other processes; they do not


class TestEtcd(Contract):
    place: EtcdPlace

    @pytest.fixture(autouse=True)
    def _followed(self, etcd: Etcd, tmp_path: Path) -> Iterator[None]:
        self.place = place_in(etcd)
        with ExitStack() as stack:
            FOLLOWERS[tmp_path] = stack.enter_context(following(tmp_path / "data", self.place))
            yield

    def open(self) -> Store:
        return EtcdStore(self.folder / "data", keyring(), self.place)

    def put(self, store: Store, items: Sequence[Item]) -> None:
        read = [ImportItem(kind, id, body, id) for kind, id, body in items]
        import_items(store, read, now=time.time(), only=True)

    def source_is_named(self, store: Store) -> bool:
        return store.source == f"etcd {self.place.access.endpoints[0]} {self.place.prefix}/"

    def mute(self, store: Store) -> None:
        """The follower announces, and who wrote."""
        super().mute(store)
        FOLLOWERS[self.folder]._holdings._copy.signal.give = lambda: None  # type: ignore[method-assign]

    def test_a_write_is_in_effect_for_the_whole_node_also_before_the_follower_announced_it(
        self,
    ) -> None:
        mine, other = self.open(), self.open()
        FOLLOWERS[self.folder]._holdings._copy.signal.give = lambda: None  # type: ignore[method-assign]
        self.put(mine, [KEY])
        assert other.current().provider_key("pk") is not None
