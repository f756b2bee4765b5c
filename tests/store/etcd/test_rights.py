"""An etcd that asks for users: what a role must hold, and what is told where it does not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from aisix.errors import OperatorError
from aisix.store.base import ChangeRefused
from aisix.store.etcd import follow
from aisix.store.etcd.claims import claim_key
from aisix.store.etcd.client import Access, EtcdClient
from aisix.store.etcd.place import EtcdPlace
from aisix.store.etcd.registration import claim_name
from aisix.store.etcd.rights import rights_of
from aisix.store.etcd.store import EtcdStore
from aisix.store.etcd.wire import compare, delete_op, end_of, put_op, range_body, range_op
from tests.cluster.servers import PASSWORD, ROOT_PASSWORD, USER, Etcd, after, b64
from tests.running import until
from tests.store.contract import KEY, MODEL
from tests.store.etcd.following import following, keyring
from tests.store.etcd.test_follow import many, put

READ, READWRITE = 0, 2
OWN = "/x/aisix/"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Etcd]:
    with Etcd(tmp_path_factory.mktemp("guarded"), auth=True) as etcd:
        yield etcd


@contextmanager
def user(etcd: Etcd, name: str, **rights: int) -> Iterator[Access]:
    """One with a role of that name; rights: on `aisix` and `x`, the two roots."""
    etcd.call("/v3/auth/user/add", {"name": name, "password": PASSWORD})
    etcd.call("/v3/auth/role/add", {"name": name})
    etcd.call("/v3/auth/user/grant", {"user": name, "role": name})
    for root, kind in rights.items():
        grant(etcd, name, f"/{root}/", kind)
    yield Access(tuple(etcd.endpoints), name, PASSWORD)


def grant(etcd: Etcd, name: str, root: str, kind: int) -> None:
    perm = {"permType": kind, "key": b64(root), "range_end": b64(after(root))}
    etcd.call("/v3/auth/role/grant", {"name": name, "perm": perm})


def revoke(etcd: Etcd, name: str, root: str) -> None:
    body = {"role": name, "key": b64(root), "range_end": b64(after(root))}
    etcd.call("/v3/auth/role/revoke", body)


def test_who_may_read_the_prefix_alone_follows_it_and_is_told_what_is_missing(
    guarded: Etcd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a user of the original, whose role knows nothing of our own keys. With the right it is a
    node like the others, and when that is taken away it reads on."""
    monkeypatch.setattr(follow, "DENIED_SECS", 0.2)
    with ExitStack() as stack:
        access = stack.enter_context(user(guarded, "narrow", aisix=READWRITE))
        full = EtcdPlace(Access(tuple(guarded.endpoints), USER, PASSWORD), node_id="full")
        only = EtcdPlace(access, node_id="only")
        stack.enter_context(following(tmp_path / "full", full, facts={}))
        writer = EtcdStore(tmp_path / "full", keyring(), full)
        put(writer, KEY)
        client = EtcdClient(access)
        stack.callback(client.close)
        claim_key(client, only.layout, keyring())
        claim_name(client, only.layout, "only", "home")
        follower = stack.enter_context(following(tmp_path / "only", only, facts={}))
        store = EtcdStore(tmp_path / "only", keyring(), only)

        def without() -> bool:
            told = str(store.status()["not_registered"])
            needed = f"the role of user narrow (etcd.user) needs READ on {OWN}*"
            return not store.writable and needed in told and "READWRITE" in told

        until(without)
        until(lambda: store.current().entry(*KEY[:2]))
        put(writer, MODEL, *many(130))
        until(lambda: store.current().counts()["models"] == 131, "it does not follow")
        assert store.trouble is None and store.age is not None and store.live_nodes == 0
        with pytest.raises(ChangeRefused, match="needs READ on /x/aisix/") as refused:
            put(store, MODEL)
        assert refused.value.kind == "read_only"
        command = EtcdStore.direct(keyring(), only)
        assert command.current().counts() == store.current().counts()
        with pytest.raises(ChangeRefused, match="needs READ on /x/aisix/"):
            put(command, *many(2))
        with pytest.raises(OperatorError, match="needs READ on /x/aisix/"):
            command.rotate_key()
        command.close()
        grant(guarded, "narrow", OWN, READWRITE)
        until(lambda: store.writable and store.live_nodes == 2 == writer.live_nodes)
        assert store.status()["not_registered"] is None
        put(store, ("models", "mine", {**MODEL[2], "display_name": "mine"}))
        revoke(guarded, "narrow", OWN)
        until(without)
        until(lambda: follower.board.connected and not store.nodes())
        put(writer, ("models", "late", {**MODEL[2], "display_name": "late"}))
        until(lambda: store.current().model("late"))


def test_who_may_not_read_the_prefix_is_told_so_and_serves_when_the_right_comes(
    guarded: Etcd, tmp_path: Path
) -> None:
    with user(guarded, "beside", x=READWRITE) as access:
        place = EtcdPlace(access, node_id="beside")
        needed = r"user beside \(etcd.user\) needs READ on /aisix/\*"
        with pytest.raises(OperatorError, match=needed):
            EtcdStore.direct(keyring(), place)
        with following(tmp_path, place, wait=False, facts={}) as follower:
            until(lambda: "needs READ on /aisix/*" in follower.board.text)
            store = EtcdStore(tmp_path, keyring(), place)
            assert store.unready and "needs READ on /aisix/*" in (store.trouble or "")
            grant(guarded, "beside", "/aisix/", READ)
            until(lambda: store.live_nodes and not store.unready)
            with pytest.raises(ChangeRefused, match=r"WRITE on /x/aisix/guard, /aisix/models/s"):
                put(store, KEY, ("models", "s", {**MODEL[2], "display_name": "s"}))


def test_users_and_passwords_that_change_are_told_and_taken_up(tmp_path: Path) -> None:
    """Another password, no users any more, users again, a role taken away: the node serves on, says
    what is wrong, and follows and writes as soon as it is right."""
    with Etcd(tmp_path / "etcd", auth=True) as etcd:
        place = EtcdPlace(Access(tuple(etcd.endpoints), USER, PASSWORD), node_id="a")

        def password(word: str) -> None:
            etcd.call("/v3/auth/user/changepw", {"name": USER, "password": word})

        with following(tmp_path / "a", place, facts={}) as follower:
            store = EtcdStore(tmp_path / "a", keyring(), place)

            def writes(count: int) -> None:
                until(lambda: follower.board.connected and store.trouble is None)
                put(store, KEY, *many(count))
                assert store.current().counts()["models"] == count

            def told(why: str) -> None:
                until(lambda: why in (store.trouble or ""), why)
                assert store.current().provider_key("pk") is not None
                assert "of:the" not in (store.trouble or "")

            writes(1)
            password("another")
            told("authentication failed")
            password(PASSWORD)
            writes(2)
            etcd.call("/v3/auth/disable", {})
            writes(3)
            etcd.token = None
            etcd.call("/v3/auth/enable", {})
            writes(4)
            etcd.token = etcd.authenticate("root", ROOT_PASSWORD)
            etcd.call("/v3/auth/user/revoke", {"name": USER, "role": USER})
            told(f"the role of user {USER} (etcd.user) needs READ on /aisix/*")
            etcd.call("/v3/auth/user/grant", {"user": USER, "role": USER})
            writes(5)


@pytest.mark.parametrize(
    "path, body, needed",
    [
        ("kv/range", range_body(b"/a/b"), "READ on /a/b"),
        ("kv/range", range_body(b"/a/", b"/a0"), "READ on /a/*"),
        ("kv/range", range_body(b"/a/", b"/b"), "READ on /a/ to /b"),
        ("watch", {"create_request": range_body(b"/a/", b"/a0")}, "READ on /a/*"),
        ("lease/grant", {"TTL": "3"}, ""),
        (
            "kv/txn",
            {
                "compare": [compare(b"/a/", "MOD", "LESS", 3, end_of(b"/a/"))],
                "success": [put_op(b"/g", b""), *(delete_op(b"/a/%d" % n) for n in range(9))],
                "failure": [range_op(b"/g")],
            },
            "READ on /a/*, /g and WRITE on /g, /a/0, /a/1, /a/2, ...",
        ),
    ],
)
def test_rights_are_named_by_what_a_call_asks_for(path: str, body: object, needed: str) -> None:
    assert rights_of(path, body) == needed  # type: ignore[arg-type]
