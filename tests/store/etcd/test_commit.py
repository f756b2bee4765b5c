"""A write whose reply is lost: found out, and done once."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aisix.errors import StoreError
from aisix.store.base import Put
from aisix.store.etcd.client import EtcdClient
from aisix.store.etcd.store import EtcdStore
from aisix.store.etcd.wire import NETWORK, EtcdError
from aisix.store.snapshot import Snapshot
from tests.cluster.cut import Cut
from tests.cluster.servers import Etcd
from tests.running import until
from tests.store.contract import KEY, MODEL
from tests.store.etcd.following import following, keyring, place_in
from tests.store.etcd.test_follow import put

WRITES = 15


def test_replies_that_are_lost_lose_and_double_nothing(
    etcd: Etcd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every third reply of a txn is thrown away, every seventh txn is not sent; three nodes count."""
    place = place_in(etcd)
    turns = iter(range(1_000_000))
    real = EtcdClient.txn

    def lossy(self: EtcdClient, *given: Any, **more: Any) -> Any:
        turn = next(turns)
        if turn % 7 == 0:
            raise EtcdError("not sent", NETWORK)
        answer = real(self, *given, **more)
        if turn % 3 == 0:
            raise EtcdError("the reply was lost", NETWORK)
        return answer

    with ExitStack() as stack:
        stores = []
        for name in "abc":
            stack.enter_context(following(tmp_path / name, place))
            stores.append(EtcdStore(tmp_path / name, keyring(), place))
        put(stores[0], KEY, MODEL)
        monkeypatch.setattr(EtcdClient, "txn", lossy)
        failed: list[Exception] = []

        def count(store: EtcdStore, name: str) -> None:
            def plan(now: Snapshot) -> list[Put]:
                old = now.entry("models", "small")
                assert old is not None
                options = {**old.document.get("options", {})}
                options[name] = options.get(name, 0) + 1
                return [Put("models", "small", {**old.document, "options": options}, None, 1)]

            try:
                for _ in range(WRITES):
                    store.update(plan)
            except StoreError as error:
                failed.append(error)

        threads = [
            threading.Thread(target=count, args=pair)
            for pair in zip(stores, ("a", "b", "c"), strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(100)
        assert failed == []
        newest = max(one.current().revision for one in stores)  # each has seen its own last one
        until(lambda: stores[0].current().revision == newest)
        stored = stores[0].current().entry("models", "small")
        assert stored is not None
        assert stored.document["options"] == {"a": WRITES, "b": WRITES, "c": WRITES}


def test_an_outcome_that_cannot_be_learned_is_told_as_such(
    etcd: Etcd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = place_in(etcd)
    with Cut(etcd.members[0].port) as cut, following(tmp_path, place):
        access = replace(
            place.access, endpoints=(f"http://127.0.0.1:{cut.port}",), request_timeout_ms=300
        )
        store = EtcdStore(tmp_path, keyring(), replace(place, access=access))
        put(store, KEY)
        cut.blackhole()
        with pytest.raises(StoreError, match="not known whether this was written"):
            put(store, MODEL)
        cut.heal()
