"""A write whose reply is lost: found out, and done once."""

from __future__ import annotations

import threading
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aisix.errors import StoreError
from aisix.store.base import Change, Delete, Put
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


def test_an_answer_is_of_its_own_write_though_others_wrote_since(
    etcd: Etcd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a writer who goes on with the tag of its answer would undo what it never saw."""
    place = place_in(etcd)
    with ExitStack() as stack:
        first, second = stores = [
            stack.enter_context(closing(EtcdStore(folder, keyring(), place)))
            for folder in (tmp_path / "a", tmp_path / "b")
            if stack.enter_context(following(folder, place))
        ]
        put(first, KEY, MODEL)
        began = first.current().entry("models", "small")
        assert began is not None
        real = EtcdStore._visible

        def named(name: str) -> Put:
            return Put("models", "small", {**MODEL[2], "model_name": name}, None, 7)

        for theirs in (named("theirs"), Delete("models", "small")):

            def late(
                self: EtcdStore, revision: int, seconds: float, theirs: Change = theirs
            ) -> Any:
                if self is first:  # the other node has this, and writes
                    until(lambda: second.current().revision >= revision)
                    later = second.update(lambda now: [theirs]).revision
                    until(lambda: first.current().revision >= later)
                return real(self, revision, seconds)

            monkeypatch.setattr(EtcdStore, "_visible", late)
            before = first.current().entry("models", "small")
            after = first.update(lambda now: [named("ours")])
            [entry] = after.entries("models")
            assert (entry.document["model_name"], entry.updated_at) == ("ours", 7)
            assert entry.revision == after.revision
            assert before is not None and entry.revision > before.revision
            assert (entry.seq, entry.created_at) == (began.seq, began.created_at)
            written = entry.revision
            until(lambda least=written: all(s.current().revision > least for s in stores))  # type: ignore[misc]
        assert second.current().entries("models") == []
        after = first.update(lambda now: [named("new")])
        [entry] = after.entries("models")
        assert entry.revision == after.revision and entry.created_at == 7
