"""Addresses of callers, and the networks they lie in.

    within("203.0.113.9", networks)     True

Must never know: a request.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from aisix.store.resources import Network

Address = IPv4Address | IPv6Address

WITH_PORT = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::\d{1,5})?|(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}")


@lru_cache(4096)
def parsed(text: str) -> Address | None:
    """An address, without its port; one of IPv4 within IPv6 as itself; None: it is none.

    >>> str(parsed("[2001:db8::1]:443")), str(parsed("::ffff:10.0.0.1")), parsed("unknown")
    ('2001:db8::1', '10.0.0.1', None)
    """
    found = WITH_PORT.fullmatch(text.strip())
    if found is not None:
        text = found[1] or found[2]
    try:
        address = ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def within(address: str | None, networks: Sequence[Network]) -> bool:
    """No address lies in none of them."""
    found = parsed(address) if address else None
    return found is not None and any(
        found.version == one.version and found in one for one in networks
    )
