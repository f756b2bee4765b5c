"""Addresses, and the networks they lie in."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from aisix.routing.networks import parsed, within


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("10.0.0.1", "10.0.0.1"),
        (" 10.0.0.1:8080 ", "10.0.0.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("fe80::1%eth0", "fe80::1"),
        ("unknown", None),
        ("_hidden", None),
        ("10.0.0", None),
        ("10.0.0.1:x", None),
        ("", None),
    ],
)
def test_an_address(text: str, address: str | None) -> None:
    found = parsed(text)
    assert (None if found is None else str(found)) == address


@pytest.mark.parametrize(
    ("address", "networks", "inside"),
    [
        ("10.1.2.3", ["10.0.0.0/8"], True),
        ("11.1.2.3", ["10.0.0.0/8"], False),
        ("::ffff:10.1.2.3", ["10.0.0.0/8"], True),
        ("10.1.2.3", ["::/0"], False),
        ("2001:db8::5", ["10.0.0.0/8", "2001:db8::/32"], True),
        ("10.1.2.3", [], False),
        ("", ["0.0.0.0/0"], False),
        (None, ["0.0.0.0/0"], False),
        ("nobody", ["0.0.0.0/0"], False),
    ],
)
def test_where_it_lies(address: str | None, networks: list[str], inside: bool) -> None:
    assert within(address, [ip_network(one) for one in networks]) is inside
