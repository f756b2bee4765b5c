"""The servers of the tests and the proxy before them do what their names say."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.authority import Authority
from tests.cluster.cut import Cut
from tests.cluster.servers import PASSWORD, USER, Etcd, Redis
from tests.running import until


def test_an_etcd_that_is_killed_has_what_it_had(tmp_path: Path) -> None:
    with Etcd(tmp_path) as etcd:
        revision = etcd.put("/aisix/models/a", b"{}")
        etcd.members[0].restart()
        assert etcd.get("/aisix/models/a") == b"{}"
        assert etcd.put("/aisix/models/b", b"") == revision + 1
        assert etcd.all("/aisix/") == {"/aisix/models/a": b"{}", "/aisix/models/b": b""}


def test_three_members_go_on_without_their_leader(tmp_path: Path) -> None:
    with Etcd(tmp_path, members=3) as etcd:
        etcd.put("k", b"1")
        old = etcd.leader()
        old.kill()

        def led() -> bool:
            try:
                return etcd.leader() is not old
            except AssertionError:
                return False

        until(led)
        etcd.put("k", b"2")
        old.start()
        assert etcd.get("k") == b"2"


def test_etcd_with_names_and_certificates(tmp_path: Path) -> None:
    with Etcd(tmp_path, tls=Authority(tmp_path / "tls"), auth=True) as etcd:
        token = etcd.authenticate(USER, PASSWORD)
        body = {"key": "L2Fpc2l4L2E=", "value": "MQ=="}  # /aisix/a
        etcd.members[0].post("/v3/kv/put", body, token)
        assert etcd.get("/aisix/a") == b"1"
        with pytest.raises(AssertionError, match="permission denied"):
            etcd.members[0].post("/v3/kv/put", {"key": "eg==", "value": ""}, token)


def test_redis_with_a_password(tmp_path: Path) -> None:
    with Redis(tmp_path, password="of the tests") as redis:
        assert redis.call("SET", "a", "1") == "OK"
        assert redis.call("MGET", "a", "b") == [b"1", None]
        with pytest.raises(RuntimeError, match="unknown command"):
            redis.call("NONSENSE")
        redis.restart()
        assert redis.call("DBSIZE") == 0


def test_the_proxy_cuts_and_heals(tmp_path: Path) -> None:
    with Redis(tmp_path) as redis, Cut(redis.port) as cut:

        def connected() -> socket.socket:
            return socket.create_connection(("127.0.0.1", cut.port), timeout=30)

        with connected() as held:
            held.sendall(b"PING\r\n")
            assert held.recv(100) == b"+PONG\r\n"
            cut.blackhole()
            held.sendall(b"PING\r\n")
            held.settimeout(0.2)
            with pytest.raises(TimeoutError):
                held.recv(100)
            cut.heal()
            held.settimeout(30)
            assert held.recv(100) == b"+PONG\r\n", "what was held back arrives"
            cut.reset()
            with pytest.raises(ConnectionResetError):
                held.recv(100)
        cut.refuse()
        with pytest.raises(ConnectionResetError), connected() as refused:
            refused.recv(100)  # or before, where the connection was made more slowly
        cut.heal()
        with connected() as again:
            again.sendall(b"PING\r\n")
            assert again.recv(100) == b"+PONG\r\n"
