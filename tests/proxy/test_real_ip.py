"""Where a caller is, by its connection and by what trusted proxies say."""

from __future__ import annotations

import pytest
from tornado.httputil import HTTPHeaders

from aisix.config.sections import RealIpSettings
from aisix.proxy.real_ip import RealIp

TRUSTED = ("127.0.0.1/32", "10.0.0.0/8", "2001:db8::/32")


def real_ip(recursive: bool = True, header: str = "x-forwarded-for") -> RealIp:
    found = RealIp.of(RealIpSettings(TRUSTED, recursive, header))
    assert found is not None
    return found


def address(peer: str, *lines: str, recursive: bool = True) -> str:
    headers = HTTPHeaders()
    for line in lines:
        headers.add("X-Forwarded-For", line)
    return real_ip(recursive).address(peer, headers)


def test_without_trusted_proxies_there_is_nothing_to_ask() -> None:
    assert RealIp.of(RealIpSettings((), True, "x-forwarded-for")) is None


@pytest.mark.parametrize(
    ("peer", "lines", "last", "found"),
    [
        # a stranger says what it likes
        ("192.0.2.1", ["10.9.9.9"], "192.0.2.1", "192.0.2.1"),
        # of a trusted proxy: the last one, or from the right the first stranger
        ("127.0.0.1", ["203.0.113.9"], "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", ["1.1.1.1, 203.0.113.9, 10.0.0.2"], "10.0.0.2", "203.0.113.9"),
        ("127.0.0.1", ["1.1.1.1", "203.0.113.9", "10.0.0.2"], "10.0.0.2", "203.0.113.9"),
        # all trusted: the leftmost
        ("127.0.0.1", ["10.0.0.1, 10.0.0.2"], "10.0.0.2", "10.0.0.1"),
        # none: the peer
        ("127.0.0.1", [], "127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", ["unknown, _x"], "127.0.0.1", "127.0.0.1"),
        # what is no address is passed over, ports go, IPv4 within IPv6 is itself
        ("127.0.0.1", ["203.0.113.9, nonsense"], "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", ["203.0.113.9:1234"], "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", ["[2001:4860::8]:443"], "2001:4860::8", "2001:4860::8"),
        ("::ffff:127.0.0.1", ["::ffff:203.0.113.9"], "203.0.113.9", "203.0.113.9"),
        ("::ffff:192.0.2.1", [], "192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", ["2001:4860::8"], "2001:4860::8", "2001:4860::8"),
    ],
)
def test_a_caller(peer: str, lines: list[str], last: str, found: str) -> None:
    assert address(peer, *lines) == found
    assert address(peer, *lines, recursive=False) == last


def test_another_header() -> None:
    headers = HTTPHeaders({"X-Real-Ip": "203.0.113.9", "X-Forwarded-For": "198.51.100.1"})
    assert real_ip(header="x-real-ip").address("127.0.0.1", headers) == "203.0.113.9"


def test_a_header_of_any_length_is_read_from_its_end() -> None:
    assert address("127.0.0.1", "198.51.100.1, " + "10.0.0.1, " * 5000 + "10.0.0.2") == "10.0.0.1"
