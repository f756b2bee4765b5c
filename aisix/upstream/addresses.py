"""Addresses no upstream is at: link-local ones, where a cloud tells a machine its credentials.

Whoever may name an upstream could have the gateway ask there and read the answer. So a host is
looked at twice: as it was written, and each address it resolves to, when it is connected to (a
name may lead elsewhere by then). Loopback and private networks are not among them: people run
upstreams there; nor are 0.0.0.0 and ::, which mean loopback.

    refused_host("metadata.google.internal")  ->  "is the metadata service of a cloud"
    refused_address("::ffff:169.254.1.1")     ->  "is a link-local address"

Must never know: pycurl, the settings, who wrote it.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

LINK_LOCAL = "is a link-local address"
METADATA = "is the metadata service of a cloud"
NO_SERVER = "is no address of a server (multicast, broadcast or reserved)"

_NETWORKS = tuple(
    (ip_network(network), why)
    for network, why in (
        ("169.254.0.0/16", LINK_LOCAL),
        ("fe80::/10", LINK_LOCAL),
        ("100.100.100.200/32", METADATA),  # Alibaba
        ("168.63.129.16/32", METADATA),  # Azure's wire server
        ("192.0.0.192/32", METADATA),  # Oracle
        ("fd00:ec2::/32", METADATA),  # Amazon; credentials of containers too
        ("fd20:ce::254/128", METADATA),  # Google
        ("fd00:42::42/128", METADATA),  # Scaleway
        ("fd00:c1::a9fe:a9fe/128", METADATA),  # Oracle
        ("224.0.0.0/4", NO_SERVER),
        ("240.0.0.0/4", NO_SERVER),
        ("ff00::/8", NO_SERVER),
    )
)
# Names that lead there; most resolve only inside that cloud, and a proxy may be inside.
_NAMES = frozenset(
    (
        "metadata",
        "metadata.google.internal",
        "metadata.goog",
        "instance-data",
        "instance-data.ec2.internal",
        "metadata.azure.internal",
        "metadata.azure.com",
        "metadata.tencentyun.com",
        "metadata.platformequinix.com",
        "metadata.packet.net",
        "api.metadata.cloud.ibm.com",
    )
)
# Prefixes of IPv6 addresses that carry an IPv4 address in their last 32 bits.
_LAST_32 = tuple(
    ip_network(network)
    for network in ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48")
)
_6TO4, _TEREDO = ip_network("2002::/16"), ip_network("2001::/32")
_ISATAP = (0x5EFE, 0x02005EFE)  # the third quarter of such an address


def refused_host(host: str) -> str | None:
    """Why a host as a URL has it (without brackets and port) is none of an upstream's; or None.

    An address may be spelled as libcurl reads it: decimal, octal, hexadecimal, with fewer dots.

    >>> refused_host("0xA9FEA9FE"), refused_host("10.0.0.1"), refused_host("api.example.com")
    ('is a link-local address', None, None)
    """
    host = host.lower().rstrip(".")
    if host in _NAMES:
        return METADATA
    try:
        return refused_address(host)
    except ValueError:
        pass
    try:
        return _why(IPv4Address(socket.inet_aton(host)))
    except OSError:
        return None


def refused_address(text: str) -> str | None:
    """The same of an address in its usual spelling; ValueError for what is none."""
    address = ip_address(text.partition("%")[0])
    why = _why(address)
    if why is None and isinstance(address, IPv6Address):
        return next(filter(None, map(_why, _inside(address))), None)
    return why


def _why(address: IPv4Address | IPv6Address) -> str | None:
    return next((why for network, why in _NETWORKS if address in network), None)


def _inside(address: IPv6Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses an IPv6 address leads to by way of a translator or a tunnel."""
    whole = int(address)
    if any(address in network for network in _LAST_32) or whole >> 32 & 0xFFFFFFFF in _ISATAP:
        yield IPv4Address(whole & 0xFFFFFFFF)
    if address in _6TO4:
        yield IPv4Address(whole >> 80 & 0xFFFFFFFF)
    if address in _TEREDO:
        yield IPv4Address(whole >> 64 & 0xFFFFFFFF)
        yield IPv4Address(whole & 0xFFFFFFFF ^ 0xFFFFFFFF)
