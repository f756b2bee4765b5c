"""Where a caller is: the address of its connection, or what trusted proxies before us say.

    real_ip = RealIp.of(settings.proxy.real_ip)      None: a connection's address is its caller's
    real_ip.address("10.0.0.7", headers)             "203.0.113.9"

Only of a connection from a trusted proxy the header is read. What is no address there is passed
over, so that nobody becomes somebody else by nonsense.

Must never know: what is done with an address.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network

from tornado.httputil import HTTPHeaders

from aisix.config.sections import RealIpSettings
from aisix.routing.networks import parsed, within
from aisix.store.resources import Network

MOST = 1000  # addresses in a header that are looked at, from the right


@dataclass(frozen=True, slots=True)
class RealIp:
    trusted: tuple[Network, ...]
    recursive: bool
    header: str

    @classmethod
    def of(cls, given: RealIpSettings) -> RealIp | None:
        """None: there is no trusted proxy."""
        if not given.trusted_proxies:
            return None
        return cls(tuple(map(ip_network, given.trusted_proxies)), given.recursive, given.header)

    def address(self, peer: str, headers: HTTPHeaders) -> str:
        """The caller's; `peer`: that of the connection."""
        own = parsed(peer)
        if own is None or not within(peer, self.trusted):
            return str(own or peer)
        named = ",".join(headers.get_list(self.header)).split(",")[-MOST:]
        found = [one for one in map(parsed, named) if one is not None]
        if not found:
            return str(own)
        if not self.recursive:
            return str(found[-1])
        strange = (one for one in reversed(found) if not within(str(one), self.trusted))
        return str(next(strange, found[0]))
