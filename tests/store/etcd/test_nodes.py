"""Nodes that know of each other by etcd: their entries, their names, what they tell of others."""

from __future__ import annotations

import json
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aisix import log
from aisix.errors import OperatorError
from aisix.store.base import ChangeRefused, Delete
from aisix.store.etcd import board as cells
from aisix.store.etcd.client import Access, EtcdClient
from aisix.store.etcd.commit import Committer, Position
from aisix.store.etcd.follow import Follower
from aisix.store.etcd.members import Members
from aisix.store.etcd.parts import in_parts
from aisix.store.etcd.place import EtcdPlace
from aisix.store.etcd.registration import LEASE_SECS, claim_name, home_of
from aisix.store.etcd.store import EtcdStore
from aisix.store.etcd.wire import EtcdError
from aisix.store.secrets import Keyring
from tests.cluster.cut import Cut
from tests.cluster.servers import PASSWORD, USER, Etcd, after, b64
from tests.running import until
from tests.store.contract import KEY, MODEL
from tests.store.etcd.following import following, keyring, place_in, through
from tests.store.etcd.test_follow import NEW_KEY, many, put


def named(place: EtcdPlace, name: str) -> EtcdPlace:
    return replace(place, node_id=name)


def test_every_node_knows_the_live_ones_and_what_they_serve(etcd: Etcd, tmp_path: Path) -> None:
    place = place_in(etcd)
    with ExitStack() as stack:
        stores = {}
        for name in ("a", "b"):
            mine = named(place, name)
            stack.enter_context(following(tmp_path / name, mine, facts={"tables": f"t-{name}"}))
            stores[name] = EtcdStore(tmp_path / name, keyring(), mine)
        for store in stores.values():
            until(lambda store=store: [n.name for n in store.nodes()] == ["a", "b"])  # type: ignore[misc]
            until(lambda store=store: store.live_nodes == 2)  # type: ignore[misc]
        put(stores["a"], KEY, MODEL)
        written = stores["a"].current().revision
        until(lambda: all(one.applied == written for one in stores["b"].nodes()))
        [a, b] = stores["a"].nodes()
        assert (a.tables, b.tables) == ("t-a", "t-b")
        assert a.key_ids == (keyring().current,) and not a.refused
        assert set(stores["b"].differing_since) == {"tables"}
        etcd.put(f"{place.prefix}/models/bad", b"{}")
        until(lambda: all(one.refused_names == ("models/bad",) for one in stores["a"].nodes()))
    assert not etcd.all(f"/x{place.prefix}/nodes/"), "they took their entries along"


def test_a_node_that_stops_or_is_cut_off_is_no_live_one_and_comes_back(
    etcd: Etcd, tmp_path: Path
) -> None:
    place = place_in(etcd)
    with Cut(etcd.members[0].port) as cut, following(tmp_path / "a", named(place, "a"), facts={}):
        far = replace(through(cut, place), node_id="far")
        store = EtcdStore(tmp_path / "a", keyring(), named(place, "a"))
        with following(tmp_path / "far", far, facts={}) as follower:
            theirs = EtcdStore(tmp_path / "far", keyring(), far)
            until(lambda: store.live_nodes == theirs.live_nodes == 2)
            cut.refuse()
            until(lambda: not follower.board.connected)
            entry = follower._registration
            assert entry is not None
            etcd.call("/v3/lease/revoke", {"ID": str(entry.lease)})  # as when its time is over
            until(lambda: store.live_nodes == 1)
            assert theirs.live_nodes == 2, "seen last"
            cut.heal()
            until(lambda: store.live_nodes == 2)
        until(lambda: store.live_nodes == 1)


def test_a_node_that_starts_is_one_of_those_who_share_before_its_entry_stands(
    etcd: Etcd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = place_in(etcd)
    told = list[float]()
    save = Members.save

    def saved(members: Members, counted: bool) -> None:
        save(members, counted)
        if members._own == "b":
            told.append(members._board.get(cells.NODES))

    with following(tmp_path / "a", named(place, "a"), facts={}):
        store = EtcdStore(tmp_path / "a", keyring(), named(place, "a"))
        until(lambda: [one.name for one in store.nodes()] == ["a"])  # it counts itself before
        monkeypatch.setattr(Members, "save", saved)
        for _ in range(2):  # a new one, and one that comes back
            told.clear()
            with following(tmp_path / "b", named(place, "b"), facts={}):
                until(lambda: store.live_nodes == 2)
            until(lambda: store.live_nodes == 1)
            assert set(told) == {2}, "it never took all for its share"


def test_a_copy_is_no_newer_than_what_it_has(
    etcd: Etcd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A member that answers may be late with what it tells of changes."""
    place, late = place_in(etcd), threading.Event()
    real = Follower._publish_when_due

    def publish(self: Follower) -> None:
        if not late.is_set() or self.own.members._own != "late":
            real(self)

    monkeypatch.setattr(Follower, "_publish_when_due", publish)
    with ExitStack() as stack:
        stack.enter_context(following(tmp_path / "a", named(place, "a"), facts={}))
        behind = stack.enter_context(following(tmp_path / "late", named(place, "late"), facts={}))
        store = EtcdStore(tmp_path / "a", keyring(), named(place, "a"))
        late.set()
        put(store, KEY, MODEL)
        written, now = store.current().revision, time.time()
        beats = behind.board.get(cells.OBSERVED)
        for _ in range(2):
            until(lambda seen=beats: behind.board.get(cells.OBSERVED) > seen)  # type: ignore[misc]
            beats = behind.board.get(cells.OBSERVED)
            put(store, (MODEL[0], "more", {**MODEL[2], "display_name": f"more-{beats}"}))
        assert behind.board.get(cells.OBSERVED) >= written > behind.revision
        assert behind.board.get(cells.AS_OF) <= now, "it says it is newer than it is"
        late.clear()
        until(lambda: behind.board.get(cells.AS_OF) > now)
        assert behind.revision >= written


def test_a_live_nodes_name_is_taken_and_a_dead_ones_is_not(etcd: Etcd, tmp_path: Path) -> None:
    place = place_in(etcd)
    layout, client = place.layout, EtcdClient(place.access)
    mine, other = home_of(tmp_path / "mine"), home_of(tmp_path / "other")
    assert mine == home_of(tmp_path / "mine") != other
    claim_name(client, layout, "a", mine)
    claim_name(client, layout, "a", mine)  # after a crash
    [lease] = [kv.lease for kv in client.range(layout.node("a")).kvs]
    assert int(lease) and client.left(int(lease)) <= LEASE_SECS
    with following(tmp_path / "mine", named(place, "a"), facts={"proxy": "http://here:3000"}):
        until(lambda: b"http://here:3000" in (etcd.get(f"/x{place.prefix}/nodes/a") or b""))
        with pytest.raises(OperatorError, match=r"a live node is called a already .*here:3000"):
            claim_name(client, layout, "a", other)
    claim_name(client, layout, "a", other)
    with following(tmp_path / "mine", named(place, "a"), facts={}) as follower:
        until(lambda: "another live node is called a too" in follower.board.note)
        store = EtcdStore(tmp_path / "mine", keyring(), named(place, "a"))
        assert "is called a too" in (store.trouble or "") and store.writable
        client.revoke(int(client.range(layout.node("a")).kvs[0].lease))
        until(lambda: not follower.board.note)
        until(lambda: store.live_nodes == 1)


def test_without_the_right_to_write_a_node_only_reads_and_says_so(tmp_path: Path) -> None:
    with Etcd(tmp_path / "etcd", auth=True) as etcd:
        for path, body in (
            ("user/add", {"name": "reader", "password": PASSWORD}),
            ("role/add", {"name": "reader"}),
            ("user/grant", {"user": "reader", "role": "reader"}),
        ):
            etcd.call(f"/v3/auth/{path}", body)
        for root in ("/aisix", "/x"):
            perm = {"permType": 0, "key": b64(root), "range_end": b64(after(root))}
            etcd.call("/v3/auth/role/grant", {"name": "reader", "perm": perm})
        writer = Access(tuple(etcd.endpoints), USER, PASSWORD)
        reader = replace(writer, user="reader")
        with ExitStack() as stack:
            full, only = EtcdPlace(writer, node_id="full"), EtcdPlace(reader, node_id="only")
            stack.enter_context(following(tmp_path / "full", full, facts={}))
            follower = stack.enter_context(following(tmp_path / "only", only, facts={}))
            claim_name(follower.client, only.layout, "only", "home")
            put(EtcdStore(tmp_path / "full", keyring(), full), KEY)
            store = EtcdStore(tmp_path / "only", keyring(), only)
            until(lambda: not store.writable)
            until(lambda: store.current().entry(*KEY[:2]))
            assert "this node only reads" in str(store.status()["not_registered"])
            with pytest.raises(ChangeRefused, match="this node only reads") as refused:
                put(store, MODEL)
            assert refused.value.kind == "read_only"
            assert [one.name for one in store.nodes()] == ["full"] and store.live_nodes == 0
            perm = {"permType": 2, "key": b64("/x"), "range_end": b64(after("/x"))}
            etcd.call("/v3/auth/role/grant", {"name": "reader", "perm": perm})
            entry = follower._registration
            assert entry is not None
            entry._not_before = 0.0  # half a minute later
            until(lambda: store.writable and store.live_nodes == 2)


def test_changes_of_others_are_audited_and_ours_are_not(
    etcd: Etcd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those of a time in which this node was cut off."""
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(log, "audit", told.append)
    place = place_in(etcd)
    with Cut(etcd.members[0].port) as cut, ExitStack() as stack:
        far = replace(through(cut, place), node_id="far")
        follower = stack.enter_context(following(tmp_path / "far", far, facts={}))
        direct = EtcdStore.direct(keyring(), place)
        stack.callback(direct.close)
        for cut_off in (False, True):
            told.clear()
            if cut_off:
                cut.refuse()
                until(lambda: not follower.board.connected)
            put(direct, KEY)
            theirs = json.dumps({**MODEL[2], "display_name": "x"}).encode()
            foreign = etcd.put(f"{place.prefix}/models/x", theirs)
            put(direct, MODEL)
            put(direct, *many(2))
            etcd.delete(f"{place.prefix}/models/x")
            put(direct, *many(3))
            newest = max(entry.revision for entry in direct.current().all_entries())
            cut.heal()
            until(lambda newest=newest: follower.revision >= newest)  # type: ignore[misc]
            until(lambda: len(told) == 2)
            seen = [(one["action"], one["kind"], one["id"]) for one in told]
            assert seen == [("create", "models", "x"), ("delete", "models", "x")]
            assert {(one["by"], one["node"]) for one in told} == {("etcd", "far")}
            assert told[0]["revision"] == foreign
            import_all_away(direct)


def test_a_copy_read_anew_claims_no_revision_that_others_never_come_to(
    etcd: Etcd, tmp_path: Path
) -> None:
    """Whose `?min_revision=` names what it told would wait for nothing."""
    place = place_in(etcd)
    with ExitStack() as stack:
        follower = stack.enter_context(following(tmp_path / "a", place))
        first = EtcdStore(tmp_path / "a", keyring(), place)
        stack.callback(first.close)
        put(first, KEY, MODEL, *many(2))
        first.update(lambda now: [Delete("models", "m0001")])
        etcd.put("/of-somebody-else", b"x")  # the revision is that of the whole etcd
        anew = EtcdStore.direct(keyring(), place)
        stack.callback(anew.close)
        assert anew.current().revision > follower.revision
        assert anew.newest == first.newest == follower.revision


def import_all_away(store: EtcdStore) -> None:
    names = [(e.kind, e.id) for e in store.current().all_entries()]
    store.update(lambda now: [Delete(*name) for name in reversed(names)])


def test_an_import_that_broke_off_is_told_until_it_is_completed(
    etcd: Etcd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its parts are in the audit of every node: it could not tell of them itself."""
    audited: list[dict[str, Any]] = []
    monkeypatch.setattr(log, "audit", audited.append)
    place = place_in(etcd)
    with following(tmp_path / "a", place, facts={}):
        store = EtcdStore(tmp_path / "a", keyring(), place)
        put(store, KEY)
        client = EtcdClient(place.access)
        committer = Committer(client, place.layout, keyring(), "dying")
        real, sent = committer.send, []

        def dies(*given: Any, **more: Any) -> Any:
            sent.append(1)
            if len(sent) == 3:
                raise EtcdError("gone", -1)
            return real(*given, **more)

        monkeypatch.setattr(committer, "send", dies)
        operations = [
            {"requestPut": {"key": b64(f"{place.prefix}/models/m{n}"), "value": b64(value)}}
            for n in range(400)
            if (value := json.dumps({**MODEL[2], "display_name": f"m{n}"}).encode())
        ]
        at = Position(store.current().revision, store.facts.guard)
        with pytest.raises(Exception, match="broke off after 2 of 4 parts"):
            in_parts(client, place.layout, committer, operations, at)
        until(lambda: store.status()["import_broke_off"])
        said = str(store.status()["import_broke_off"])
        assert "of dying broke off after 2 of 4 parts" in said
        until(lambda: store.current().counts()["models"] == 236)
        told = {(one["action"], one["kind"], one["id"]) for one in audited}
        assert told == {("create", "models", f"m{n}") for n in range(236)}
        assert {(one["by"], one["node"]) for one in audited} == {("import", "node-a")}
        audited.clear()
        put(store, *many(2))
        until(lambda: store.status()["import_broke_off"] is None)
        assert not audited, "who made it tells"


def test_a_key_is_rotated_only_when_every_live_node_has_it(etcd: Etcd, tmp_path: Path) -> None:
    place = place_in(etcd)
    old, new = keyring(), Keyring.open(tmp_path, NEW_KEY)
    both = Keyring([*new._keys.values(), *old._keys.values()])
    with following(tmp_path / "a", named(place, "a"), facts={}):
        store = EtcdStore(tmp_path / "a", keyring(), named(place, "a"))
        put(store, KEY)
        until(lambda: store.live_nodes == 1)
        command = EtcdStore.direct(both, place)
        with pytest.raises(OperatorError, match=f"^a: the key {new.current} is not there yet"):
            command.rotate_key()
        command.close()
    with following(tmp_path / "a", named(place, "a"), facts={}, keys=both):
        until(lambda: new.current.encode() in (etcd.get(f"/x{place.prefix}/nodes/a") or b""))
        command = EtcdStore.direct(both, place)
        assert command.rotate_key() == 1
        command.close()
