"""The follower against a real etcd: cut off, compacted, emptied, put back; and long imports."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aisix.errors import OperatorError, StoreError
from aisix.store.base import ChangeRefused
from aisix.store.batch import ImportItem, import_items
from aisix.store.etcd import follow
from aisix.store.etcd.claims import claim_key
from aisix.store.etcd.client import Access, EtcdClient
from aisix.store.etcd.emptied import FILE as ACCEPT
from aisix.store.etcd.emptied import accept
from aisix.store.etcd.follow import Follower
from aisix.store.etcd.store import EtcdStore
from aisix.store.etcd.wire import KeyValue, WatchEvent, WatchResult
from aisix.store.secrets import Keyring
from tests.cluster.cut import Cut
from tests.cluster.servers import PASSWORD, USER, Etcd
from tests.running import until
from tests.store.contract import KEY, MODEL
from tests.store.etcd.following import following, keyring, place_in, through

NEW_KEY = "bmV3a2V5bmV3a2V5bmV3a2V5bmV3a2V5bmV3a2V5bmU="


def put(store: EtcdStore, *items: tuple[str, str, dict[str, object]]) -> None:
    import_items(store, [ImportItem(k, i, body, i) for k, i, body in items], now=time.time())


def many(count: int) -> list[tuple[str, str, dict[str, object]]]:
    names = (f"m{n:04}" for n in range(count))
    return [("models", one, {**MODEL[2], "display_name": one}) for one in names]


def test_a_node_that_is_cut_off_comes_back_by_its_watch_or_by_all(
    etcd: Etcd, tmp_path: Path
) -> None:
    """Also over a compaction of what it has not seen, and a document that went meanwhile."""
    place = place_in(etcd)
    with Cut(etcd.members[0].port) as cut, ExitStack() as stack:
        near = through(cut, place)
        far = stack.enter_context(following(tmp_path / "far", near))
        stack.enter_context(following(tmp_path / "near", place))
        writer = EtcdStore(tmp_path / "near", keyring(), place)
        reader = EtcdStore(tmp_path / "far", keyring(), near)
        put(writer, KEY, MODEL)
        until(lambda: reader.current().model("small"))
        for compacted in (False, True):
            cut.refuse()
            until(lambda: not far.board.connected)
            put(writer, *many(3))
            import_items(writer, [ImportItem(*KEY, "x")], now=1.0, only=True)
            if compacted:
                etcd.compact(etcd.revision())
            assert reader.current().model("small") is not None
            cut.heal()
            until(lambda: reader.current().counts()["models"] == 0)
            put(writer, MODEL)
            until(lambda: reader.current().model("small"))
        assert far.board.counts["aisix_config_resyncs_total", "compacted"] == 1


def test_an_emptied_etcd_is_taken_over_only_when_told(tmp_path: Path) -> None:
    """By a word for this one; what was said of another counts for nothing. Something that is there
    again ends it, and what was refused before is forgotten."""
    with Etcd(tmp_path / "one") as first, Etcd(tmp_path / "two") as second:
        place = place_in(first, "/aisix")
        folder = tmp_path / "data"

        def refused(store: EtcdStore) -> dict[str, Any] | None:
            found = store.status()["refused"]
            assert found is None or isinstance(found, dict)
            return found

        with following(folder, place):
            here = EtcdStore(folder, keyring(), place)
            put(here, KEY, MODEL)
            assert refused(here) is None and here.accept_emptied(1.0) is None
        other = place_in(second, "/aisix")
        store = EtcdStore(folder, keyring(), other)
        with following(folder, other, wait=False):
            until(lambda: refused(store))
            assert "aisix store accept" in (store.trouble or "")
            since = (refused(store) or {})["since"]
            assert since in (store.trouble or "")
            with pytest.raises(StoreError, match="nothing was written"):
                put(store, *many(1))
        with following(folder, place):
            until(lambda: refused(store) is None, "the first one is there again")
            assert store.trouble is None
        accept(folder, "another")
        with following(folder, other, wait=False) as follower:
            until(lambda: refused(store) and not (folder / ACCEPT).exists())
            assert store.current().model("small") is not None
            assert store.accept_emptied(60.0)
            until(lambda: follower.board.connected and store.current().model("small") is None)
            assert refused(store) is None and store.trouble is None
            assert not (folder / ACCEPT).exists()


@pytest.mark.parametrize("compacted", [False, True])
def test_an_emptied_prefix_of_the_same_etcd_is_believed(
    etcd: Etcd, tmp_path: Path, compacted: bool
) -> None:
    """Whether a watch tells of it, or all is read again after this node was cut off."""
    place = place_in(etcd)
    with Cut(etcd.members[0].port) as cut:
        near = through(cut, place)
        with following(tmp_path, near) as follower:
            store = EtcdStore(tmp_path, keyring(), near)
            put(store, KEY, MODEL)
            if compacted:
                cut.refuse()
                until(lambda: not follower.board.connected)
            etcd.delete_all(f"{place.prefix}/")
            if compacted:
                etcd.compact(etcd.revision())
                assert store.current().model("small") is not None
                cut.heal()
            until(lambda: not store.current().all_entries())
            until(lambda: follower.board.connected)
            assert store.status()["refused"] is None


def test_since_when_a_document_is_refused_is_told(
    etcd: Etcd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays while the document is not good, whatever it is changed to, and over a restart."""
    place = place_in(etcd)
    seconds = [1_700_000_000.0]
    monkeypatch.setattr(follow.time, "time", lambda: seconds[0])
    store = EtcdStore(tmp_path, keyring(), place)
    where = f"{place.prefix}/models/bad"

    def told(why: str) -> object:
        until(lambda: [why in one.why for one in store.current().quarantined] == [True])
        return store.current().quarantined[0].told()["since"]

    with following(tmp_path, place):
        etcd.put(where, b"{")
        assert told("not JSON") == "2023-11-14T22:13:20Z"
        seconds[0] += 60
        etcd.put(where, b"[]")
        assert told("no object") == "2023-11-14T22:13:20Z"
    with following(tmp_path, place):
        assert told("no object") == "2023-11-14T22:13:20Z"
        etcd.delete(where)
        until(lambda: not store.current().quarantined)
        etcd.put(where, b"{")
        assert told("not JSON") == "2023-11-14T22:14:20Z"
    store.close()


def test_a_long_import_comes_in_parts_and_shows_as_one(etcd: Etcd, tmp_path: Path) -> None:
    place = place_in(etcd)
    with following(tmp_path / "a", place) as follower:
        store = EtcdStore(tmp_path / "a", keyring(), place)
        counts: set[int] = set()
        store.watch(lambda now: counts.add(now.counts()["models"]))
        put(store, KEY, *many(300))
        assert counts - {0} == {300}
        assert not etcd.all(f"/x{place.prefix}/batch")
        assert len(etcd.all(f"{place.prefix}/models/")) == 300
        etcd.put(f"/x{place.prefix}/batch", b"{}")
        until(lambda: follower.own.held)
        with pytest.raises(ChangeRefused, match="a long import is under way"):
            put(store, MODEL)
        etcd.put(f"{place.prefix}/models/late", json.dumps({**MODEL[2]}).encode())
        etcd.delete(f"/x{place.prefix}/batch")
        until(lambda: store.current().model("small"))


def test_a_node_that_must_read_all_in_a_long_import_waits_for_its_end(
    etcd: Etcd, tmp_path: Path
) -> None:
    place = place_in(etcd)
    with Cut(etcd.members[0].port) as cut:
        far = through(cut, place)
        with following(tmp_path, far) as follower:
            store = EtcdStore(tmp_path, keyring(), far)
            put(store, KEY)
            cut.refuse()
            until(lambda: not follower.board.connected)
            etcd.put(f"/x{place.prefix}/batch", b"{}")
            etcd.put(f"{place.prefix}/models/part", json.dumps(MODEL[2]).encode())
            etcd.put(f"/x{place.prefix}/else", b"")
            etcd.compact(etcd.revision())
            cut.heal()
            until(lambda: "when a long import has ended" in (store.trouble or ""))
            assert store.current().counts()["models"] == 0
            etcd.delete(f"/x{place.prefix}/batch")
            until(lambda: store.current().model("small") and follower.board.connected)


def test_parts_serve_together_whichever_watch_is_ahead(etcd: Etcd, tmp_path: Path) -> None:
    """Documents and our own keys come by two watches: here each is told by hand."""
    place = place_in(etcd)
    guard_key, batch_key = (f"/x{place.prefix}/{name}" for name in ("guard", "batch"))
    writer = EtcdStore.direct(keyring(), place)
    put(writer, KEY)
    writer.close()
    follower = Follower(tmp_path, keyring(), place.access, place.layout)
    follower.catch_up()
    first = follower.revision + 1

    def told(revision: int, *changes: tuple[str, object]) -> WatchResult:
        events = []
        for key, value in changes:
            kv = KeyValue(key.encode(), json.dumps(value).encode(), str(revision), str(revision))
            events.append(WatchEvent(kv, "DELETE" if value is None else "PUT"))
        return WatchResult(events=events)

    def documents(revision: int, name: str) -> None:
        key = f"{place.prefix}/models/{name}"
        follower._took(told(revision, (key, {**MODEL[2], "display_name": name})))
        follower._publish_when_due()

    def own(revision: int, number: int, batch: object) -> None:
        guard = {"part": ["import", number, 2], "node": "a"}
        follower._took_own(told(revision, (guard_key, guard), (batch_key, batch)))
        follower._publish_when_due()

    reader = EtcdStore(tmp_path, keyring(), place)
    own(first, 1, {})
    documents(first, "one")
    assert follower.own.held
    own(first + 1, 2, None)
    assert not follower.own.held
    assert reader.current().counts()["models"] == 0, "the second part is yet to come"
    documents(first + 1, "two")
    until(lambda: follower._publish_when_due() or follower.revision == first + 1)
    assert reader.current().counts()["models"] == 2
    reader.close()
    follower.close()


def test_a_command_needs_no_follower_and_what_it_moves_is_the_same(
    etcd: Etcd, tmp_path: Path
) -> None:
    one, other = place_in(etcd), place_in(etcd)
    first = EtcdStore.direct(keyring(), one)
    put(first, KEY, *many(130))
    second = EtcdStore.direct(keyring(), other)
    items = [
        (e.kind, e.id, {**e.document, **({"secret": e.secret} if e.secret else {})})
        for e in first.current().all_entries()
    ]
    put(second, *items)
    told = [(e.kind, e.id, e.document, e.secret) for e in second.current().all_entries()]
    assert told == [(e.kind, e.id, e.document, e.secret) for e in first.current().all_entries()]
    first.close()
    second.close()


def test_a_rotated_key_reads_what_the_old_one_wrote_until_that_goes(
    etcd: Etcd, tmp_path: Path
) -> None:
    place = place_in(etcd)
    old, new = keyring(), Keyring.open(tmp_path, NEW_KEY)
    both = Keyring([*new._keys.values(), *old._keys.values()])
    store = EtcdStore.direct(old, place)
    put(store, KEY, MODEL)
    store.close()
    client = EtcdClient(place.access)
    with pytest.raises(
        OperatorError, match=f"the key {old.current}, which is not here .here is {new.current}"
    ):
        claim_key(client, place.layout, new)
    with following(tmp_path / "running", place):
        running = EtcdStore(tmp_path / "running", old, place)
        rotating = EtcdStore.direct(both, place)
        assert rotating.rotate_key() == 1
        rotating.close()
        until(lambda: f"encryption key is now {new.current}" in (running.trouble or ""))
        assert running.current().provider_key("pk") is not None, "it serves on"
        with pytest.raises(StoreError, match=r"which is not here; nothing was written"):
            put(running, MODEL, ("models", "new", {**MODEL[2], "display_name": "new"}))
    claim_key(client, place.layout, new)
    client.close()
    after = EtcdStore.direct(new, place)
    key = after.current().provider_key("pk")
    assert key is not None and key.secret == "sk-the-secret-of-a-provider"
    after.close()
    with pytest.raises(OperatorError, match="which is not here"):
        EtcdStore.direct(old, place)


def test_a_password_is_asked_for_and_never_told(tmp_path: Path) -> None:
    with Etcd(tmp_path, auth=True) as etcd:
        good = Access(tuple(etcd.endpoints), USER, PASSWORD)
        place = replace(place_in(etcd, "/aisix"), access=good)
        store = EtcdStore.direct(keyring(), place)
        put(store, KEY)
        store.close()
        for access, why in (
            (replace(good, password="wrong"), "authentication failed"),
            (replace(good, user=None, password=None), "set etcd.user and etcd.password_env"),
        ):
            with pytest.raises(Exception, match=why) as caught:
                EtcdStore.direct(keyring(), replace(place, access=access))
            assert "wrong" not in str(caught.value) + repr(access)
        elsewhere = replace(place, prefix="/other")
        with pytest.raises(Exception, match="permission denied"):
            EtcdStore.direct(keyring(), elsewhere)


def test_a_guard_that_was_looked_for_is_kept_and_stops_no_later_write(
    etcd: Etcd, tmp_path: Path
) -> None:
    """Where our own keys come late: the documents' watch is ahead and has the guard asked for."""
    place = place_in(etcd)
    writer = EtcdStore.direct(keyring(), place)
    put(writer, KEY)
    follower = Follower(tmp_path, keyring(), place.access, place.layout)
    follower.catch_up()
    put(writer, MODEL)
    at = str(writer.current().revision)
    writer.close()
    key = f"{place.prefix}/models/{MODEL[1]}"
    kv = KeyValue(key.encode(), etcd.get(key) or b"", at, at)
    follower._took(WatchResult(events=[WatchEvent(kv)]))
    until(lambda: follower._publish_when_due() or follower.revision == int(at))
    reader = EtcdStore(tmp_path, keyring(), place)
    assert reader.facts.guard == reader.facts.revision == int(at)
    reader.close()
    follower.close()
