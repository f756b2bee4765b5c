"""libcurl's sockets, watched by the event loop.

libcurl says of each socket what it waits for; events come back as (fd, mask) pairs. With epoll all
sockets sit in one epoll set whose own descriptor is the loop's single reader: a change of interest
is one system call and no loop handle, and one wake-up serves every socket that is ready. Where
there is no epoll (macOS) each socket is a reader and a writer of the loop itself.

Must never know: pycurl (its numbers below are libcurl's ABI), requests, transfers.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
from collections.abc import Callable

Events = list[tuple[int, int]]  # (file descriptor, mask for curl_multi_socket_action)
Ready = Callable[[Events], None]
Call = Callable[..., None]

IN, OUT, ERR = 1, 2, 4  # CURL_CSELECT_*
NEEDED = 4  # descriptors of a name lookup and a connection, while it is made
REMOVE = 4  # CURL_POLL_REMOVE; 1, 2 and 3 are in, out and both, the same bits as above

_INTEREST = (0, 0x001, 0x004, 0x005)  # by IN | OUT: EPOLLIN, EPOLLOUT, both


class EpollSockets:
    """All sockets in one nested epoll set."""

    def __init__(self, loop: asyncio.AbstractEventLoop, call: Call, ready: Ready) -> None:
        self._loop = loop
        self._ready = ready
        self._epoll = select.epoll()
        self._fds: set[int] = set()
        loop.add_reader(self._epoll.fileno(), call, self._wake)

    def watch(self, fd: int, what: int) -> None:
        """Wait for `what` (IN, OUT, both) on fd, or for nothing more (REMOVE)."""
        if what == REMOVE:
            self._fds.discard(fd)
            # Closed already? Then the kernel has taken it out of the set itself.
            with contextlib.suppress(OSError):
                self._epoll.unregister(fd)
            return
        if fd in self._fds:
            try:
                self._epoll.modify(fd, _INTEREST[what & 3])
                return
            except FileNotFoundError:
                pass  # a new socket under an old number
        self._fds.add(fd)
        try:
            self._epoll.register(fd, _INTEREST[what & 3])
        except FileExistsError:
            self._epoll.modify(fd, _INTEREST[what & 3])

    def close(self) -> None:
        """Stop watching; the sockets themselves belong to libcurl."""
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()

    def _wake(self) -> None:
        self._ready(
            [
                (fd, (bits & 1) | (bits & 4) >> 1 | (ERR if bits & 0x18 else 0))
                for fd, bits in self._epoll.poll(0)
            ]
        )


class LoopSockets:
    """Each socket a reader and a writer of the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, call: Call, ready: Ready) -> None:
        self._loop = loop
        self._call, self._ready = call, ready
        self._fds: dict[int, int] = {}

    def watch(self, fd: int, what: int) -> None:
        """Wait for `what` (IN, OUT, both) on fd, or for nothing more (REMOVE)."""
        wanted = 0 if what == REMOVE else what & 3
        had = self._fds.pop(fd, 0)
        if had & IN and not wanted & IN:
            self._loop.remove_reader(fd)
        if had & OUT and not wanted & OUT:
            self._loop.remove_writer(fd)
        if wanted & IN and not had & IN:
            self._loop.add_reader(fd, self._call, self._ready, [(fd, IN)])
        if wanted & OUT and not had & OUT:
            self._loop.add_writer(fd, self._call, self._ready, [(fd, OUT)])
        if wanted:
            self._fds[fd] = wanted

    def close(self) -> None:
        """Stop watching; the sockets themselves belong to libcurl."""
        for fd in list(self._fds):
            self.watch(fd, REMOVE)


def short_of_files(probe: int = 2) -> bool:
    """Whether this process may not open the few files that a name lookup and a connection take;
    `probe`: any that is open."""
    opened: list[int] = []
    try:
        for _ in range(NEEDED):
            opened.append(os.dup(probe))
    except OSError:
        return True
    else:
        return False
    finally:
        for fd in opened:
            os.close(fd)


def watched_by(
    loop: asyncio.AbstractEventLoop, call: Call, ready: Ready
) -> EpollSockets | LoopSockets:
    """The better of the two that this platform has. The loop reaches `ready` by way of `call`, as
    call(step, ...), which deals with what it raises."""
    kind = EpollSockets if hasattr(select, "epoll") else LoopSockets
    return kind(loop, call, ready)
