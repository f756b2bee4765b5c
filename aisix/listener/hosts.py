"""Under which names a listener may be asked for: against DNS rebinding.

A page in somebody's browser may have a name of its own lead to 127.0.0.1 and then speak with what
listens there, as the same origin. It cannot choose another Host than that name. So a listener for
operators answers only under names that are its own:

    addresses   loopback ones; bound beyond loopback every address, since no name leads to one
    names       localhost and below it, the host of the bound address; bound beyond loopback also
                this machine's name; those of its certificate; what the operator adds

Must never know: what is served, the settings.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

ANY = "*"


class Hosts:
    """addr: "host:port" as bound; more: names, "*.example.com" for all below one, "*" for any;
    certified(): the names of the certificate that is shown now."""

    def __init__(
        self,
        addr: str,
        more: Iterable[str] = (),
        certified: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        bound = addr.rpartition(":")[0].strip("[]").lower()
        self.beyond = not _loopback(bound)
        self._added = frozenset(_name(one) for one in more)
        self._certified = certified
        self._own = {"localhost", "*.localhost", bound}
        if self.beyond:
            machine = socket.gethostname().lower()
            self._own |= {machine, machine.partition(".")[0]}
        self._own.discard("")

    def allows(self, said: str | None) -> bool:
        """Whether a Host header names us; none at all is no browser's."""
        if said is None:
            return True
        name = _name(said)
        try:
            address = ip_address(name)
        except ValueError:
            return any(_fits(name, names) for names in (self._own, self._added, self._certified()))
        return self.beyond or address.is_loopback or name in self._own or name in self._added

    def allows_origin(self, origin: str, said: str | None) -> bool:
        """Whether a page of this origin may have us change something: one we have served, or of a
        name that was added."""
        try:
            netloc = urlsplit(origin).netloc.lower()
        except ValueError:
            return False
        if not netloc:
            return False
        return netloc == (said or "").lower() or _fits(_name(netloc), self._added)


def _fits(name: str, names: Iterable[str]) -> bool:
    names = {one.lower() for one in names}
    if name in names or ANY in names:
        return True
    above = name.partition(".")[2]
    while above:  # "*.example.com" stands for "a.example.com" and "a.b.example.com"
        if f"*.{above}" in names:
            return True
        above = above.partition(".")[2]
    return False


def _name(said: str) -> str:
    """The host of "host", "host:port", "[::1]:port", without what makes no difference."""
    said = said.strip().lower()
    if said.startswith("["):
        return said[1:].partition("]")[0].partition("%")[0]
    if said.count(":") == 1:
        said = said.partition(":")[0]
    return said.removesuffix(".")


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
