"""Under which names a listener for operators answers."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from aisix.listener.certificates import names
from aisix.listener.hosts import Hosts
from tests.authority import Authority

MACHINE = socket.gethostname()
LOOPBACK = [
    "127.0.0.1:3001",
    "127.0.0.1",
    "localhost",
    "LocalHost.:3001",
    "a.localhost",
    "[::1]:3001",
]
FOREIGN = ["evil.example", "evil.example:3001", "127.0.0.1.nip.io", "localhost.evil.example", "",
           "127.0.0.1@evil.example", "evil.example:x:y", "[::1", "*", "*.localhost."]  # fmt: skip


@pytest.mark.parametrize("addr", ["127.0.0.1:3001", "localhost:0", "[::1]:3001"])
def test_on_loopback_only_its_names(addr: str) -> None:
    hosts = Hosts(addr)
    assert [said for said in LOOPBACK if not hosts.allows(said)] == []
    for said in [*FOREIGN, "10.0.0.7", "169.254.169.254", "8.8.8.8:3001", "[2001:db8::1]"]:
        assert said in ("[::1", "*.localhost.") or not hosts.allows(said), said
    assert hosts.allows(None)  # HTTP/1.0; every browser says it


@pytest.mark.parametrize("addr", ["0.0.0.0:3001", ":::3001", "[::]:3001", "10.0.0.7:3001"])
def test_beyond_loopback_also_addresses_and_this_machine(addr: str) -> None:
    hosts = Hosts(addr)
    for said in [*LOOPBACK, "10.0.0.7", "192.168.1.4:3001", "[2001:db8::1]:3001", MACHINE]:
        assert hosts.allows(said), said
    for said in FOREIGN[:7]:
        assert not hosts.allows(said), said


def test_names_that_are_added_or_certified() -> None:
    hosts = Hosts("127.0.0.1:1", ["Gw.Internal:3001", "*.corp.example"], lambda: ("cert.example",))
    for said in (
        "gw.internal",
        "gw.internal:80",
        "a.corp.example",
        "a.b.corp.example.",
        "CERT.example",
    ):
        assert hosts.allows(said), said
    for said in ("corp.example", "x.gw.internal", "a.cert.example", "acorp.example"):
        assert not hosts.allows(said), said
    assert Hosts("127.0.0.1:1", ["*"]).allows("evil.example")
    assert Hosts("gateway.lan:3001").allows("gateway.lan:3001")


def test_a_page_may_write_where_it_came_from() -> None:
    hosts = Hosts("127.0.0.1:3001", ["ui.example"])
    assert hosts.allows_origin("http://127.0.0.1:3001", "127.0.0.1:3001")
    assert hosts.allows_origin("https://ui.example:8443", "127.0.0.1:3001")
    for origin in (
        "http://127.0.0.1:8080",
        "null",
        "",
        "https://evil.example",
        "http://[",
        "file://",
    ):
        assert not hosts.allows_origin(origin, "127.0.0.1:3001"), origin


def test_the_names_of_a_certificate(tmp_path: Path) -> None:
    cert, key = Authority(tmp_path).sign("gateway")
    assert names(cert) == ()  # an address alone
    cert, _ = Authority(tmp_path).sign("gateway", names=("gw.example", "*.gw.example"))
    assert names(cert) == ("gw.example", "*.gw.example")
    assert names(key) == names(tmp_path / "nothing") == ()
