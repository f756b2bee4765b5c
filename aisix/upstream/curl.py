"""The driver: requests go out over libcurl's multi interface on the running asyncio loop.

    driver = Driver()
    response = await driver.send(request)        # whole answer; cancel the task to abort
    transfer = driver.stream(request, sink)      # pieces; see request.Sink and transfer.Transfer

One wake-up of the loop goes: ready sockets -> socket_action (libcurl reads, its callbacks append)
-> finished transfers are taken out -> each touched transfer tells its sink. No task, future or
loop callback is made per piece. Requests made in one turn of the loop begin together, with one
socket_action at its end: at 16 connections that takes a quarter less processor time than a call for
each, which wakes the other side again and again.

One Driver belongs to one loop and one process (create it after a fork); it keeps the connections,
so there should be one.

Redirects are never followed (a 307 would replay prompt and key to another host), the environment's
proxies, .netrc and cookies are never used. A pooled connection that the upstream had closed in the
meantime is replaced by libcurl itself, as long as no byte of an answer has come.

Must never know: a provider, what a body means. Here only this file and handle.py import pycurl.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from math import inf
from typing import Any

import pycurl

from aisix.errors import UpstreamError
from aisix.log import CRASHES
from aisix.timer import LazyTimer
from aisix.upstream import faults
from aisix.upstream.buffered import BufferedSink
from aisix.upstream.handle import USUAL_KEEPALIVE, Constants, Handle, Keepalive
from aisix.upstream.request import Request, Response, Sink, Tls
from aisix.upstream.sockets import REMOVE, Events, watched_by
from aisix.upstream.tls import find_ca_file
from aisix.upstream.transfer import Transfer

SWEEP_GAP = 0.05  # s; deadlines nearer to each other than this are looked at together
MISTAKES, FORGET = 3, 1.0  # so many of ours, none of them s after the last, and transfers end


class Driver:
    """All upstream traffic of one process.

    max_connections, max_per_host: open connections; a request beyond waits (its first-byte limit
    runs). idle_secs: an idle connection older than this is not used again, 0: it is. dns_secs: how
    long a looked-up name is believed. ca_file: whom to trust when a request does not say, else
    this machine's own list (tls.py). any_address: also link-local ones.
    """

    def __init__(
        self,
        *,
        max_connections: int = 4096,
        max_per_host: int = 2048,
        idle_secs: int = 60,
        pool_handles: int = 256,
        dns_secs: int = 60,
        keepalive: Keepalive = USUAL_KEEPALIVE,
        ca_file: str | None = None,
        any_address: bool = False,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._loop = loop or asyncio.get_running_loop()
        self._pool_handles = pool_handles
        trusted = find_ca_file(own=ca_file)
        self._same_for_all = Constants(trusted, idle_secs, keepalive, dns_secs, any_address)
        self._active: dict[pycurl.Curl, Transfer] = {}
        self._touched: list[Transfer] = []
        self._idle: dict[tuple[Tls, str | None], list[Handle]] = {}
        self._idle_count = 0
        self._finished = False  # libcurl has results to be collected
        self._settling = False
        self._added = self._called_soon = False  # libcurl has not begun with the newest requests
        self._mistakes, self._mistaken = 0, -inf  # of ours in a row, and when the last was made
        self._closed = False
        self._curl_timer = LazyTimer(self._loop, partial(self._guard, self._curl_timer_due))
        self._sweep_timer = LazyTimer(self._loop, partial(self._guard, self._sweep))
        self._sockets = watched_by(self._loop, self._guard, self._sockets_ready)
        self._multi = multi = pycurl.CurlMulti()
        multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch_socket)
        multi.setopt(pycurl.M_TIMERFUNCTION, self._set_curl_timer)
        multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
        multi.setopt(pycurl.M_MAX_TOTAL_CONNECTIONS, max_connections)
        multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, max_per_host)
        multi.setopt(pycurl.M_MAXCONNECTS, max_connections)

    async def send(self, request: Request) -> Response:
        """The whole answer. Raises UpstreamError; cancelling the awaiting task aborts it."""
        buffered = BufferedSink(self._loop.create_future())
        transfer = self.stream(request, buffered)
        try:
            return await buffered.response
        finally:
            transfer.cancel()  # does nothing once it has ended

    def stream(self, request: Request, sink: Sink) -> Transfer:
        """Start a request; `sink` is told what comes, never before this has returned.

        Raises ValueError for a header line that cannot be sent as one line, UpstreamError
        (unreachable) when the driver is closed, and what the request's `sign` raises.
        """
        if self._closed:
            raise faults.closed(was_sent=False)
        handle = self._take(request)
        transfer = Transfer(self, request, sink, self._loop.time())
        transfer.handle = handle
        handle.transfer = transfer
        self._multi.add_handle(handle.curl)
        self._active[handle.curl] = transfer
        self._expect(transfer)
        self._added = True
        self._soon()
        return transfer

    @property
    def in_flight(self) -> int:
        """Transfers that libcurl is working on."""
        return len(self._active)

    def close(self) -> None:
        """End every transfer with "unreachable" (why = closed) and let go of everything."""
        if self._closed:
            return
        self._closed = True
        for transfer in list(self._active.values()):
            self.end(transfer, faults.closed(was_sent=_was_sent(transfer)))
        self._finished = False
        self._settle()
        self._curl_timer.cancel()
        self._sweep_timer.cancel()
        for handles in self._idle.values():
            for handle in handles:
                handle.curl.close()
        self._idle.clear()
        self._multi.close()
        self._sockets.close()

    # Called by transfers.

    def dropped(self, transfer: Transfer) -> None:
        """Its receiver cancelled it."""
        self._detach(transfer, reusable=False)
        if not self._settling:
            self._curl_timer.arm()

    def resumed(self, transfer: Transfer) -> None:
        """Its receiver wants to read on."""
        transfer.heard = self._loop.time()
        self._touch(transfer)
        if isinstance(transfer.handle, Handle):
            self._expect(transfer)
            transfer.handle.resume()  # may call back with what libcurl held
        if not self._settling:
            self._soon()

    def let_on(self, transfer: Transfer) -> None:
        """libcurl may bring the next block, once everybody else has had their turn."""
        self._loop.call_soon(self._guard, self._let_on, transfer)

    def _let_on(self, transfer: Transfer) -> None:
        if not transfer.paused:  # else its receiver will say when
            self.resumed(transfer)

    def end(self, transfer: Transfer, error: UpstreamError) -> None:
        """Nothing more will be taken of it; its sink is told in this wake-up."""
        self._detach(transfer, reusable=False)
        transfer.error = error
        transfer.done = True
        self._touch(transfer)

    def answered(self, transfer: Transfer) -> None:
        """It may be due sooner: its answer has begun, or nobody waits for the rest."""
        if not transfer.done:
            self._expect(transfer)

    # Called by the loop, all by way of the first.

    def _guard(self, step: Callable[..., None], *args: Any) -> None:
        """A mistake of ours is told, and what it left undone is taken up a little later: all
        transfers depend on it. If it comes again and again, they end."""
        try:
            step(*args)
        except CRASHES as error:
            self._report("the upstream driver failed", error)
            now = self._loop.time()
            self._mistakes = self._mistakes + 1 if now < self._mistaken + FORGET else 1
            self._mistaken = now
            if self._mistakes >= MISTAKES:
                self._break_off(error)
            self._finished = self._added = self._called_soon = True
            self._loop.call_later(SWEEP_GAP, self._guard, self._later)
            self._sweep_timer.due = now + SWEEP_GAP
            self._sweep_timer.arm()

    def _sockets_ready(self, events: Events) -> None:
        for fd, mask in events:
            self._act(fd, mask)
        self._settle()

    def _curl_timer_due(self) -> None:
        self._act(pycurl.SOCKET_TIMEOUT, 0)
        self._settle()

    def _later(self) -> None:
        """What this turn of the loop asked for, together: its requests go out with one call."""
        self._called_soon = False
        if self._closed:
            return
        if self._added:
            self._added = False
            self._act(pycurl.SOCKET_TIMEOUT, 0)
        self._settle()

    def _sweep(self) -> None:
        """End what is late; the next sweep is due when the next one can be."""
        now = self._loop.time()
        due = inf
        for transfer in list(self._active.values()):
            try:
                at = transfer.due()
                if at <= now:
                    error = faults.timed_out(*transfer.late(now), was_sent=_was_sent(transfer))
                    self.end(transfer, error)
                elif at < due:
                    due = at
            except CRASHES as bug:
                self._broken(transfer, transfer.sink, bug)
        self._sweep_timer.due = max(due, now + SWEEP_GAP)
        self._sweep_timer.arm()
        self._settle()

    # Called by libcurl. An exception here would make every later socket_action fail.

    def _watch_socket(self, what: int, fd: int, _multi: object, _data: object) -> None:
        try:
            self._sockets.watch(fd, what)
        except CRASHES as error:
            self._report("cannot watch an upstream socket", error)
            self._loop.call_soon(self._guard, self._watch_again, fd, what)

    def _set_curl_timer(self, ms: int) -> None:
        # Only noted: whoever called libcurl arms the timer once libcurl has said its last word.
        self._curl_timer.due = inf if ms < 0 else self._loop.time() + ms / 1000

    def _watch_again(self, fd: int, what: int, tried: int = 1) -> None:
        """Whose socket it is nobody here knows, so if there is no way, all transfers end."""
        try:
            self._sockets.watch(fd, what)
        except CRASHES as error:
            if what == REMOVE:
                raise
            if tried < MISTAKES:
                self._loop.call_soon(self._guard, self._watch_again, fd, what, tried + 1)
            else:
                self._break_off(error)

    # The steps of a wake-up.

    def _act(self, fd: int, mask: int) -> None:
        try:
            running = self._multi.socket_action(fd, mask)[1]
        except pycurl.error as error:
            self._report("libcurl refused a socket's events", error)
            return
        if running < len(self._active):
            self._finished = True

    def _settle(self) -> None:
        """Collect what finished and tell the sinks; what they cause meanwhile is settled too."""
        if self._settling:
            return
        self._settling = True
        touched = self._touched
        try:
            while touched or self._finished:
                if self._finished:
                    self._collect()
                now = self._loop.time()
                for transfer in touched:  # grows while it is walked
                    transfer.touched = False
                    sink = transfer.sink
                    try:
                        transfer.deliver(now)
                    except CRASHES as error:
                        self._broken(transfer, sink, error)
                touched.clear()
        finally:
            self._settling = False
        if not self._closed:
            self._curl_timer.arm()

    def _collect(self) -> None:
        self._finished = False
        left = 1
        while left:
            left, good, bad = self._multi.info_read()
            for curl, code, text in [*((curl, 0, "") for curl in good), *bad]:
                transfer = self._active[curl]
                try:
                    self._ended(transfer, code, text)
                except CRASHES as bug:
                    self._broken(transfer, transfer.sink, bug)

    def _ended(self, transfer: Transfer, code: int, text: Any) -> None:
        """libcurl has finished with this one; `code`: its error, or 0."""
        handle = transfer.handle
        if not code:
            self._detach(transfer, reusable=not transfer.paused)
            transfer.done = True
            self._touch(transfer)
        elif code == faults.TIMED_OUT and isinstance(handle, Handle) and handle.queued:
            self._queue_again(handle.curl)
        else:
            assert isinstance(handle, Handle)
            self.end(transfer, transfer.error or handle.failure(code, str(text), transfer))

    def _queue_again(self, curl: pycurl.Curl) -> None:
        """libcurl counts the wait for a free connection as connecting (curl issue 21396); the
        limit for that wait is the first-byte limit, which goes on running."""
        self._multi.remove_handle(curl)
        self._multi.add_handle(curl)
        self._act(pycurl.SOCKET_TIMEOUT, 0)

    def _detach(self, transfer: Transfer, *, reusable: bool) -> None:
        handle = transfer.handle
        assert isinstance(handle, Handle)
        transfer.handle = None
        del self._active[handle.curl]
        self._multi.remove_handle(handle.curl)
        # A handle that was stopped half-way may remember it: only a clean one is used again.
        if reusable and not handle.once and self._idle_count < self._pool_handles:
            handle.clear()
            self._idle.setdefault(handle.kind, []).append(handle)
            self._idle_count += 1
        else:
            handle.transfer = None
            handle.curl.close()

    def _take(self, request: Request) -> Handle:
        kind = (request.tls, request.proxy)
        # An upload has a handle of its own: one that had bytes to send would send those of memory.
        handles = self._idle.get(kind) if request.upload is None else None
        if handles:
            handle = handles.pop()
            self._idle_count -= 1
            if not handles:
                del self._idle[kind]
        else:
            handle = Handle(kind, self._same_for_all, self._touched)
        try:
            handle.load(request)
        except BaseException:
            handle.curl.close()
            raise
        return handle

    def _touch(self, transfer: Transfer) -> None:
        if not transfer.touched:
            transfer.touched = True
            self._touched.append(transfer)

    def _expect(self, transfer: Transfer) -> None:
        due = transfer.due()
        if due < self._sweep_timer.due:
            self._sweep_timer.due = due
            self._sweep_timer.arm()

    def _soon(self) -> None:
        if not self._called_soon:
            self._called_soon = True
            self._loop.call_soon(self._guard, self._later)

    def _break_off(self, error: BaseException) -> None:
        for transfer in list(self._active.values()):
            self._broken(transfer, transfer.sink, error)

    def _broken(self, transfer: Transfer, sink: Sink | None, error: BaseException) -> None:
        """A mistake of ours, in the driver or a sink: it ends this transfer and no other."""
        report = partial(self._report, "an upstream transfer failed")
        for step in (transfer.cancel, partial(report if sink is None else sink.crashed, error)):
            try:
                step()
            except CRASHES as second:
                self._report("the receiver of an upstream transfer raised", second)

    def _report(self, message: str, error: BaseException) -> None:
        self._loop.call_exception_handler({"message": message, "exception": error})


def _was_sent(transfer: Transfer) -> bool:
    """Whether a byte of the request may have left; asked only when something went wrong."""
    handle = transfer.handle
    return not isinstance(handle, Handle) or handle.was_sent
