"""The open connections of one listener: how many, of which address, and who goes for a new one.

    table = ConnectionTable("proxy", 16384, 8192, tell)
    entry = table.admit("192.0.2.7", now)      # None: no room, and nobody to close for it
    entry.connection = ...                     # who can be asked, and closed
    entry.release()                            # it has ended

Connections are counted from `accept` on, so that one whose TLS handshake never ends is among them.
When there are as many as there may be, in all or of one address, room is made: first by whoever has
been idle for longest, then by whose handshake or head has not come whole, then by whose body has
not, each after its GRACE. Among alike an address with many connections pays first, and for its
heads without grace, so that a crowd from a few places closes its own. A request that has come whole
is never closed for a new one.

Addresses of IPv6 count by their /64: that is what one machine has.

Must never know: a socket, what a connection says.
"""

from __future__ import annotations

import heapq
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from aisix import log

IDLE, HEAD, BODY = 0, 1, 2  # what a connection waits for: a request, the rest of its head or body
GRACE = (0.0, 0.25, 2.0)  # s of it, before it may be closed for another
LOOKED_AT = 64  # connections for each newcomer, at most, on the average
PART = 4  # of them this part is remembered from one look; the rest may be others by then
MANY = 16  # an address with this part of all connections has many

OPENED, CLOSED, GIVEN_UP = "opened", "closed", "given_up"
FULL, ADDRESS, FILES = "full", "address", "files"  # why one was refused

# One of the words above.
Tell = Callable[[str], None]


class Guest(Protocol):
    """What a table asks of a connection."""

    def waiting(self) -> tuple[int, float] | None:
        """IDLE, HEAD or BODY, and since when (the loop's time); None: at work on a request."""

    def close(self) -> None:
        """At once."""


def at_work(guest: Guest) -> bool:
    """Whether its request is being answered, or a body is still coming."""
    waits = guest.waiting()
    return waits is None or waits[0] == BODY


class Admitted:
    """One connection; `connection` is None while it is being made."""

    __slots__ = ("_pools", "_since", "_table", "connection")

    def __init__(self, table: ConnectionTable, pools: tuple[Pool, ...], now: float) -> None:
        self._table = table
        self._pools = pools  # none: it has ended
        self._since = now
        self.connection: Guest | None = None
        for pool in pools:
            pool.members[self] = None

    def release(self) -> None:
        """It has ended; may be told more than once."""
        pools, self._pools = self._pools, ()
        for pool in pools:
            pool.members.pop(self, None)
        if pools:
            self._table.released(pools[-1])

    def waiting(self) -> tuple[int, float] | None:
        if not self._pools:
            return None
        return (HEAD, self._since) if self.connection is None else self.connection.waiting()

    def give_up(self) -> None:
        connection = self.connection
        self.release()
        if connection is not None:
            connection.close()

    def crowded(self, total: int) -> bool:
        """Whether its address has many of so many connections."""
        return len(self._pools[-1].members) * MANY >= total


class Pool:
    """Connections with one limit; 0 is none."""

    __slots__ = ("_asked", "_next", "limit", "members", "source")

    def __init__(self, limit: int, source: str = "") -> None:
        self.limit = limit
        self.source = source
        self.members: dict[Admitted, None] = {}  # the oldest first
        self._asked = limit  # newcomers since the last look at all
        self._next: list[tuple[int, float, Admitted]] = []  # who goes, the last one first

    @property
    def full(self) -> bool:
        return 0 < self.limit <= len(self.members)

    def make_room(self, now: float) -> bool:
        """Close one connection; False when there is none that may be."""
        if self._gone():
            return True
        total, found = len(self.members), []
        self._asked += 1
        if self._asked * LOOKED_AT < total:
            return False  # a look costs time, and who comes in a flood comes often
        for place, entry in enumerate(self.members):
            waits = entry.waiting()
            if waits is None:
                continue
            what, since = waits
            few = not entry.crowded(total)
            if since <= now - GRACE[what] or (what == HEAD and not few):
                found.append((what, few, since, place, entry))
        most = total // PART + 1
        chosen = heapq.nsmallest(most, found)
        self._asked = total if len(chosen) == most else 0  # there may be more of them
        self._next = [(waits, since, entry) for waits, _, since, _, entry in reversed(chosen)]
        return self._gone()

    def _gone(self) -> bool:
        while self._next:
            waits, since, entry = self._next.pop()
            if entry.waiting() == (waits, since):  # it has done nothing since
                entry.give_up()
                return True
        return False


class ConnectionTable:
    """most: connections in all, per_address: from one; 0: any number. `name` is the listener's."""

    def __init__(self, name: str, most: int, per_address: int, tell: Tell) -> None:
        self.name = name
        self._all = Pool(most)
        self._per_address = per_address
        self._by_source: dict[str, Pool] = {}
        self._tell = tell
        self.refused = 0

    @property
    def count(self) -> int:
        return len(self._all.members)

    @property
    def most(self) -> int:
        """0: any number."""
        return self._all.limit

    def status(self) -> dict[str, int]:
        """For a status page."""
        return {"open": self.count, "most": self.most, "refused": self.refused}

    def admit(self, address: str, now: float) -> Admitted | None:
        """The entry of a new connection from this IP address ("": it has none)."""
        source = source_of(address)
        own = self._by_source.get(source)
        if own is None:
            own = Pool(self._per_address if source else 0, source)
        for pool, why in ((own, ADDRESS), (self._all, FULL)):
            if not pool.full:
                continue
            if not pool.make_room(now):
                self.refuse(why, source)
                return None
            self._tell(GIVEN_UP)
            text = "%s: %d connections are open: one that waited was closed for a new one"
            log.often((self.name, GIVEN_UP), text, self.name, self.count + 1)
        self._by_source[source] = own
        self._tell(OPENED)
        return Admitted(self, (self._all, own), now)

    def refuse(self, why: str, source: str) -> None:
        """Count and tell of a connection that is not taken."""
        self.refused += 1
        self._tell(why)
        text = "%s: a connection from %s was refused (%s): %d are open and none of them is idle"
        log.often((self.name, why), text, self.name, source or "-", why, self.count)

    def short(self, now: float, why: str) -> None:
        """The system has no descriptor for a new connection: one that is open may give its own."""
        self._tell(FILES)
        if self._all.make_room(now):
            self._tell(GIVEN_UP)
        text = "%s: cannot accept (%s), %d connections are open: waiting a moment"
        log.often((self.name, FILES), text, self.name, why, self.count)

    def released(self, own: Pool) -> None:
        if not own.members:
            self._by_source.pop(own.source, None)
        self._tell(CLOSED)


def source_of(address: str) -> str:
    """What a limit per address counts by.

    >>> source_of("192.0.2.7"), source_of("::ffff:192.0.2.7"), source_of("")
    ('192.0.2.7', '192.0.2.7', '')
    >>> source_of("2001:db8::1") == source_of("2001:db8::2"), source_of("2001:db8::1")
    (True, '2001:db8::/64')
    """
    if ":" not in address:
        return address
    with suppress(OSError, ValueError):
        packed = socket.inet_pton(socket.AF_INET6, address.partition("%")[0])
        if packed[:12] == b"\0" * 10 + b"\xff\xff":
            return socket.inet_ntop(socket.AF_INET, packed[12:])
        return socket.inet_ntop(socket.AF_INET6, packed[:8] + bytes(8)) + "/64"
    return address
