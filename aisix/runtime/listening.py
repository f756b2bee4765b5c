"""Listening sockets: bound before the fork, kept from plan to plan, handed to the next program.

Must never know: HTTP, who listens.
"""

from __future__ import annotations

import socket
from typing import Any

from tornado.netutil import bind_sockets

from aisix.errors import OperatorError
from aisix.runtime.worker import Sockets, WorkerPlan

QUEUE = 1024  # connections that wait at a socket for its worker


class Listening:
    """The sockets of every address in use, kept from one plan to the next.

    handed: {setting: [address, file descriptor, ...]}, of the program before this one.
    """

    def __init__(self, handed: dict[str, list[Any]]) -> None:
        self._open: dict[tuple[str, str], Sockets] = {}
        for name, (addr, *numbers) in handed.items():
            self._open[name, addr] = [socket.socket(fileno=number) for number in numbers]

    def at(self, name: str, addr: str, count: int = 1) -> Sockets:
        """Listening sockets, at least so many for the address; OperatorError names the setting
        when it cannot be had."""
        key = name, addr
        if key not in self._open:
            self._open[key] = bind(addr, name)
        found = self._open[key]
        while found and sum(one.getsockname() == found[0].getsockname() for one in found) < count:
            more = share(found)
            if not more:
                break  # bound by a program that did not share: workers use one together
            found += more
        return found

    def keep(self, plan: WorkerPlan) -> None:
        """Close all but those of a plan."""
        wanted = {id(found) for found in (plan.proxy, plan.admin, plan.metrics)}
        for key, found in list(self._open.items()):
            if id(found) not in wanted:
                del self._open[key]
                for one in found:
                    one.close()

    def close(self) -> None:
        """Close all: with the workers' own gone too, who calls is refused and does not wait."""
        for found in self._open.values():
            for one in found:
                one.close()
        self._open.clear()

    def handed_over(self) -> dict[str, list[Any]]:
        """What `handed` is to the next program."""
        out: dict[str, list[Any]] = {}
        for (name, addr), found in self._open.items():
            for one in found:
                one.set_inheritable(True)
            out[name] = [addr, *(one.fileno() for one in found)]
        return out


def bind(addr: str, name: str) -> Sockets:
    """Listening sockets; OperatorError names the setting when the address cannot be had."""
    host, _, port = addr.rpartition(":")
    try:
        # First as if to keep it: a port that another gateway shares is taken all the same.
        probes = bind_sockets(int(port), host.strip("[]") or None)
        number = probes[0].getsockname()[1]
        for probe in probes:
            probe.close()
        return bind_sockets(number, host.strip("[]") or None, backlog=QUEUE, reuse_port=True)
    except OSError as error:
        raise OperatorError(f"{name} {addr}: {error.strerror or error}") from None


def share(sockets: Sockets) -> Sockets:
    """One more for each address of these; none if they are not to be shared."""
    more: Sockets = []
    try:
        for name, first in {one.getsockname(): one for one in sockets}.items():
            one = socket.socket(first.family, first.type)
            more.append(one)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if first.family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            one.setblocking(False)
            one.bind(name)
            one.listen(QUEUE)
    except OSError:
        for one in more:
            one.close()
        return []
    return more
