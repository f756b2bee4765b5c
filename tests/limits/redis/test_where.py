"""Where Redis is: what settings may say, and what is told when they are wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aisix.limits.redis.where import RedisWhere, show
from tests.authority import Authority

WORD = "p-of:the/tests"


def seeds(**given: Any) -> list[tuple[str, int]]:
    return [seed.address for seed in RedisWhere.of(**given).seeds]


def test_addresses_as_they_may_be_written() -> None:
    for url, address in (
        ("redis://10.0.0.1:7000", ("10.0.0.1", 7000)),
        ("redis://host", ("host", 6379)),
        ("host:7001", ("host", 7001)),
        ("redis://[::1]:7000/3", ("::1", 7000)),
        ("unix:///run/redis.sock?db=2", ("/run/redis.sock", 0)),
    ):
        assert seeds(mode="single", url=url) == [address]
    assert seeds(mode="cluster", nodes=["a:1", "redis://b"]) == [("a", 1), ("b", 6379)]
    given = {"sentinels": ["a", "redis://b:1"], "master_name": "m"}
    assert seeds(mode="sentinel", **given) == [("a", 26379), ("b", 1)]
    assert [show(one) for one in (("::1", 1), ("a", 2), ("/run/x", 0))] == [
        "[::1]:1",
        "a:2",
        "/run/x",
    ]


def test_who_we_are_and_which_database_settings_win_over_the_url() -> None:
    url = "redis://user:p-of%3Athe%2Ftests@host/4"
    where = RedisWhere.of("single", url)
    assert (where.login, where.database, where.tls) == (("user", WORD), 4, None)
    where = RedisWhere.of("single", url, username="other", password="new", database=0)
    assert (where.login, where.database) == (("other", "new"), 0)
    where = RedisWhere.of("single", "redis://:word@host")
    assert where.login == ("", "word")
    given = {"sentinels": ["redis://s:sw@a"], "master_name": "m", "password": WORD}
    where = RedisWhere.of("sentinel", **given)
    assert (where.login, where.seeds[0].login) == (("", WORD), ("s", "sw"))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"mode": "single"}, "url: needed with mode: single"),
        ({"mode": "cluster", "url": "redis://x"}, "nodes: needed with mode: cluster"),
        ({"mode": "sentinel", "sentinels": ["a"]}, "master_name: needed"),
        ({"mode": "single", "url": "http://secret@x"}, 'url: expected such as "redis://host:6379"'),
        ({"mode": "single", "url": "redis://x:secret"}, "url: expected such as"),
        ({"mode": "single", "url": "redis://x/secret"}, "number of a database"),
        ({"mode": "cluster", "nodes": ["a", "redis://:secret@b:0"]}, "nodes[1]: expected"),
        ({"mode": "cluster", "nodes": ["a", "rediss://b"]}, "nodes: all with rediss://, or none"),
        ({"mode": "cluster", "nodes": ["a"], "database": 2}, "database: a cluster has only 0"),
        ({"mode": "cluster", "nodes": ["unix:///x"]}, "with mode: single only"),
        ({"mode": "single", "url": "redis://x", "ca_file": Path("ca")}, "must begin with rediss://"),
        ({"mode": "single", "url": "rediss://x", "client_key_file": Path("k")}, "only together"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_without_the_url(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError) as caught:
        RedisWhere.of(**given)
    assert told in str(caught.value)
    assert "secret" not in str(caught.value)


def test_no_password_shows() -> None:
    where = RedisWhere.of("single", "redis://user:hidden@host", password="hidden too")
    assert "hidden" not in repr(where) + str(where) + where.shown


def test_tls_is_verified_unless_that_is_turned_off(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    where = RedisWhere.of("single", "rediss://host", ca_file=authority.file)
    assert where.tls is not None and where.tls.check_hostname
    where = RedisWhere.of("single", "rediss://host", verify=False)
    assert where.tls is not None and not where.tls.check_hostname
    with pytest.raises(OSError):
        RedisWhere.of("single", "rediss://host", ca_file=tmp_path / "none.pem")
