"""How an etcd is reached: certificates, names, several endpoints, and what is no etcd."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aisix.errors import OperatorError, StoreError
from aisix.standin.server import Standin
from aisix.store.etcd.client import Access, EtcdClient
from aisix.store.etcd.store import EtcdStore
from tests.authority import Authority
from tests.cluster.servers import PASSWORD, USER, Etcd
from tests.running import free_port, until
from tests.store.contract import KEY, MODEL
from tests.store.etcd.following import following, keyring, place_in
from tests.store.etcd.test_follow import put


def test_an_etcd_that_asks_for_certificates_and_a_name(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "tls")
    ours, key = authority.sign("gateway", common_name=False)
    named, its_key = authority.sign("named")
    more = ("--client-cert-auth", f"--trusted-ca-file={authority.file}")
    authority.sign("etcd", names=["etcd.example"], common_name=False)
    with Etcd(tmp_path, tls=authority, more=more, auth=True) as etcd:
        good = Access(
            tuple(etcd.endpoints),
            USER,
            PASSWORD,
            ca_file=str(authority.file),
            client_cert=str(ours),
            client_key=str(key),
        )
        place = replace(place_in(etcd, "/aisix"), access=good)
        with following(tmp_path / "node", place):
            store = EtcdStore(tmp_path / "node", keyring(), place)
            put(store, KEY, MODEL)
            assert store.current().model("small") is not None
        client = EtcdClient(replace(good, domain_name="etcd.example"))
        assert client.range(place.layout.key(*MODEL[:2])).kvs
        client.close()
        stranger = Authority(tmp_path / "other")
        for wrong, why in (
            (replace(good, client_cert=None, client_key=None), "certificate|alert|reset|SSL"),
            (
                replace(good, client_cert=str(named), client_key=str(its_key)),
                "without a common name",
            ),
            (replace(good, ca_file=str(stranger.file)), "certificate"),
            (replace(good, domain_name="other.example"), "other.example|no alternative"),
        ):
            with pytest.raises(OperatorError, match=why) as caught:
                EtcdStore.direct(keyring(), replace(place, access=wrong))
            assert good.endpoints[0] in str(caught.value)


def test_of_several_endpoints_one_that_answers_is_enough(
    etcd: Etcd, standin: Standin, tmp_path: Path
) -> None:
    """Whatever the others are: nobody, or something else that speaks HTTP."""
    place = place_in(etcd)
    others = (f"http://127.0.0.1:{free_port()}", standin.url)
    access = replace(place.access, endpoints=(*others, *place.access.endpoints))
    place = replace(place, access=access)
    with following(tmp_path, place):
        store = EtcdStore(tmp_path, keyring(), place)
        for at in range(len(access.endpoints)):
            if store._client is not None:
                store._client._at = at
            put(store, KEY, ("models", f"m{at}", {**MODEL[2], "display_name": f"m{at}"}))
        assert store.current().counts()["models"] == len(access.endpoints)


def test_what_is_no_etcd_is_told_as_such(etcd: Etcd, standin: Standin) -> None:
    place = place_in(etcd)
    place = replace(place, access=replace(place.access, endpoints=(standin.url,)))
    with pytest.raises(OperatorError, match=r"not as etcd's.*JSON gateway \(/v3\)"):
        EtcdStore.direct(keyring(), place)


def test_without_a_quorum_what_was_read_serves_and_writes_wait_for_it(tmp_path: Path) -> None:
    with Etcd(tmp_path / "etcd", members=3) as etcd:
        place = place_in(etcd)
        place = replace(place, access=replace(place.access, request_timeout_ms=1000))
        with following(tmp_path / "node", place) as follower:
            store = EtcdStore(tmp_path / "node", keyring(), place)
            put(store, KEY, MODEL)
            first = etcd.leader()
            first.kill()
            put(store, ("models", "m2", {**MODEL[2], "display_name": "m2"}))
            second = next(one for one in etcd.members if one.alive)
            second.kill()
            until(lambda: not follower.board.connected)
            with pytest.raises(StoreError, match=r"etcd is away: .*nothing was written"):
                put(store, ("models", "late", {**MODEL[2], "display_name": "late"}))
            assert store.current().model("m2") is not None
            assert "what was read at" in (store.trouble or "")
            first.start(wait=False)
            second.start(wait=False)
            until(lambda: follower.board.connected)
            put(store, ("models", "m3", {**MODEL[2], "display_name": "m3"}))
            assert store.current().model("m3") is not None
            assert store.trouble is None
