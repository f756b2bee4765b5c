"""One Curl handle: the options it keeps for life, what a request changes, libcurl's callbacks.

`kind` (TLS settings and proxy) is fixed for a handle's life, so that no certificate and no proxy
password of one upstream can be left on a handle that another one uses. What a request does change
is undone after it: an idle handle holds no URL, header or body.

Must never know: the multi handle, the event loop, what a body means.
"""

from __future__ import annotations

import contextlib
import os
import socket
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pycurl

from aisix import log
from aisix.errors import UpstreamError
from aisix.log import CRASHES
from aisix.upstream import faults
from aisix.upstream.addresses import refused_address
from aisix.upstream.head import read_head
from aisix.upstream.request import Request, Tls
from aisix.upstream.sockets import short_of_files
from aisix.upstream.transfer import Transfer
from aisix.upstream.upload import Upload

SUPPRESS_CONNECT_HEADERS = 265  # CURLOPT_*; pycurl passes the number on but has no name for it
UPLOAD_BUFFERSIZE = 280
CONN_ID = 0x600040  # CURLINFO_CONN_ID, which older pycurl has no name for
SMALL, LARGE = 16 << 10, 64 << 10  # bytes; the least libcurl takes, and its own choice
MOST_REFUSED = 1000  # told of by one driver
TCP_KEEPCNT = 326
QUICK_EXIT = 322  # closing does not wait for a name lookup that hangs


Keepalive = tuple[int, int, int]  # s of silence (0: off), s between two questions, how many
USUAL_KEEPALIVE = 60, 30, 5


@dataclass(frozen=True, slots=True)
class Constants:
    """What all handles of a driver have in common. Times in seconds."""

    ca_file: str | None
    idle_secs: int
    keepalive: Keepalive
    dns_secs: int
    any_address: bool
    refused: set[str] = field(default_factory=set)  # what the log has been told of


class Handle:
    """One Curl handle. `touched` is the driver's list of transfers that have something to tell."""

    __slots__ = (
        "_connect_ms",
        "_constants",
        "_large",
        "_refused",
        "_touched",
        "_waits",
        "curl",
        "kind",
        "once",
        "transfer",
    )

    def __init__(
        self, kind: tuple[Tls, str | None], constants: Constants, touched: list[Transfer]
    ) -> None:
        self.kind = kind
        self._constants = constants
        self.transfer: Transfer | None = None
        self._touched = touched
        self._refused = ""  # an address of this request's host, and why it is not connected to
        self._connect_ms = 0
        self._waits = False
        self._large = True  # as libcurl has it
        self.once = False  # it is not to carry another request
        self.curl = curl = pycurl.Curl()
        tls, proxy = kind
        setopt = curl.setopt
        setopt(pycurl.NOSIGNAL, 1)
        setopt(pycurl.TCP_NODELAY, 1)
        _keep_alive(curl, constants.keepalive)
        setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        setopt(pycurl.FOLLOWLOCATION, 0)
        setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS)
        setopt(pycurl.HTTP09_ALLOWED, 0)
        setopt(pycurl.ACCEPT_ENCODING, "identity")  # asked for; if gzip comes all the same: decoded
        setopt(pycurl.USERAGENT, "")
        setopt(pycurl.NETRC, pycurl.NETRC_IGNORED)
        setopt(pycurl.PROXY, proxy or "")  # "" and not unset: unset means the environment's
        setopt(pycurl.NOPROXY, "")
        setopt(SUPPRESS_CONNECT_HEADERS, 1)
        with contextlib.suppress(pycurl.error):  # libcurl before 7.87 has no such option
            setopt(QUICK_EXIT, 1)
        setopt(pycurl.MAXAGE_CONN, constants.idle_secs)
        setopt(pycurl.DNS_CACHE_TIMEOUT, constants.dns_secs)
        setopt(pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2)
        setopt(pycurl.SSL_VERIFYPEER, 1 if tls.verify else 0)
        setopt(pycurl.SSL_VERIFYHOST, 2 if tls.verify else 0)
        for option, path in (
            (pycurl.CAINFO, tls.ca_file or constants.ca_file),
            (pycurl.SSLCERT, tls.client_cert),
            (pycurl.SSLKEY, tls.client_key),
        ):
            if path is not None:
                setopt(option, path)
        # Only for a new connection; that to a proxy goes where the operator says.
        if not constants.any_address and not proxy:
            setopt(pycurl.OPENSOCKETFUNCTION, self._open_socket)
            setopt(pycurl.SOCKOPTFUNCTION, _close_on_exec)
        setopt(pycurl.HEADERFUNCTION, self._header_came)
        setopt(pycurl.WRITEFUNCTION, self._body_came)

    def load(self, request: Request) -> None:
        """Set all that differs from one request to the next, and sign it."""
        headers = request.headers
        if request.sign is not None:
            headers += request.sign(request.method, request.url, headers, request.body)
        lines = "".join(headers)
        if "\n" in lines or "\r" in lines or "\0" in lines:
            raise ValueError("a header line holds a line break")
        self._refused = ""
        setopt = self.curl.setopt
        setopt(pycurl.URL, request.url)
        # A connection just being made may turn out to carry many requests (HTTP/2): worth waiting
        # for. In clear text it will not, and libcurl would know only after its first answer.
        waits = request.url[:6].lower() == "https:"
        if waits is not self._waits:
            self._waits = waits
            setopt(pycurl.PIPEWAIT, waits)
        # "Expect:" takes away libcurl's own: large bodies must not wait for a 100.
        setopt(pycurl.HTTPHEADER, (*headers, "Expect:"))
        # libcurl keeps this buffer while it waits for the answer: an idle stream is to cost little.
        large = len(request.body) > SMALL
        if large is not self._large:
            self._large = large
            setopt(UPLOAD_BUFFERSIZE, LARGE if large else SMALL)
        if request.upload is not None:
            self._carry(request.upload, headers)
        elif request.method == "POST":
            setopt(pycurl.POSTFIELDS, request.body)
        else:
            setopt(pycurl.HTTPGET, 1)
        if request.timeouts.connect_ms != self._connect_ms:
            self._connect_ms = request.timeouts.connect_ms
            setopt(pycurl.CONNECTTIMEOUT_MS, self._connect_ms)

    def _carry(self, upload: Upload, headers: tuple[str, ...]) -> None:
        """Send what comes, as it comes. Over a connection of its own: on one that turns out to be
        closed libcurl would have to send again what is gone."""
        self.once = True
        setopt = self.curl.setopt
        setopt(pycurl.POST, 1)
        setopt(pycurl.READFUNCTION, partial(self._body_wanted, upload))
        setopt(pycurl.FRESH_CONNECT, 1)
        if upload.length is None:
            setopt(pycurl.HTTPHEADER, (*headers, "Expect:", "Transfer-Encoding: chunked"))
        setopt(pycurl.POSTFIELDSIZE_LARGE, -1 if upload.length is None else upload.length)

    def clear(self) -> None:
        """Forget the request: its prompt and its credential are not kept by an idle handle."""
        self.transfer = None
        setopt = self.curl.setopt
        setopt(pycurl.POSTFIELDS, b"")
        setopt(pycurl.URL, "")
        self.curl.unsetopt(pycurl.HTTPHEADER)

    def pause(self) -> None:
        """Stop reading the answer; before it has begun, _body_came sees to that."""
        with contextlib.suppress(pycurl.error):
            self.curl.pause(pycurl.PAUSE_RECV)

    def resume(self) -> None:
        """Go on reading the answer."""
        # An error here is the transfer's; the multi handle tells it with its code and words.
        with contextlib.suppress(pycurl.error):
            self.curl.pause(pycurl.PAUSE_CONT)

    @property
    def was_sent(self) -> bool:
        """Whether a byte of the request may have left."""
        return bool(self.curl.getinfo(pycurl.REQUEST_SIZE) > 0)

    @property
    def queued(self) -> bool:
        """Whether it never got a connection, not even one to open."""
        try:
            return int(self.curl.getinfo(CONN_ID)) < 0
        except ValueError:
            return False  # libcurl before 8.2 does not tell

    def failure(self, code: int, text: str, transfer: Transfer) -> UpstreamError:
        """The error for libcurl's code and words."""
        if self._refused and code == faults.NO_CONNECTION:
            host = urlsplit(str(self.curl.getinfo(pycurl.EFFECTIVE_URL))).hostname
            detail = f"{host}: {self._refused} (see upstream.allow_link_local)"
            told = self._constants.refused
            if detail not in told and len(told) < MOST_REFUSED:
                told.add(detail)
                log.warning("upstream refused: %s", detail)
            return faults.refused(detail)
        if code in faults.UNCONNECTED and short_of_files():
            log.often(faults.FILES, "upstream: no descriptor is left for a connection")
            return faults.no_files(text)
        return faults.from_curl(
            code,
            text,
            was_sent=self.was_sent,
            began=bool(transfer.lines),
            headed=transfer.headed or read_head(transfer.lines) is not None,
            connect_ms=transfer.limits.connect_ms,
        )

    # Called by libcurl, which would print an exception with its words. One is kept for the sink
    # instead, and libcurl, told that nothing was taken, ends the transfer.

    def _open_socket(self, purpose: int, address: Any) -> Any:
        """A socket for an address of the host; SOCKET_BAD: libcurl takes the next address."""
        try:
            why = refused_address(address.addr[0])
            if why is None:
                made = socket.socket(address.family, address.socktype, address.protocol)
                return _Socket(made.detach())
            self._refused = f"{address.addr[0]} {why}"
        except OSError:
            pass  # no descriptor: as if libcurl had not got one itself
        except CRASHES as error:
            assert self.transfer is not None
            self.transfer.bug = error
        return pycurl.SOCKET_BAD

    def _body_wanted(self, upload: Upload, size: int) -> bytes | int:
        transfer = self.transfer
        assert transfer is not None
        try:
            data = upload.read(size)
            if data is None:
                upload.wanted = transfer.send_on
                return int(pycurl.READFUNC_PAUSE)
            if upload.sent_at is not None:
                transfer.uploaded()
        except CRASHES as error:
            transfer.bug = error
            return int(pycurl.READFUNC_ABORT)
        return data

    def _header_came(self, line: bytes) -> int | None:
        transfer = self.transfer
        assert transfer is not None
        try:
            if not transfer.headed:
                transfer.lines.append(line)
            if not transfer.touched:
                transfer.touched = True
                self._touched.append(transfer)
        except CRASHES as error:
            transfer.bug = error
            return 0
        return None

    def _body_came(self, data: bytes) -> int | None:
        transfer = self.transfer
        assert transfer is not None
        try:
            held = transfer.held
            if transfer.paused or (held and held + len(data) > transfer.block):
                transfer.choked = True
                return int(pycurl.WRITEFUNC_PAUSE)
            cap = transfer.cap
            if cap is not None:
                transfer.received += len(data)
                if transfer.received > cap.bytes:
                    transfer.error = faults.too_large(cap)
                    return 0
            transfer.pieces.append(data)
            transfer.held += len(data)
            if not transfer.touched:
                transfer.touched = True
                self._touched.append(transfer)
        except CRASHES as error:
            transfer.bug = error
            return 0
        return None


class _Socket:
    """A socket on its way to libcurl, which takes a copy of the descriptor."""

    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def fileno(self) -> int:
        return self._fd

    def __del__(self) -> None:
        os.close(self._fd)


def _keep_alive(curl: pycurl.Curl, keepalive: Keepalive) -> None:
    silence, interval, retries = keepalive
    curl.setopt(pycurl.TCP_KEEPALIVE, 1 if silence else 0)
    if not silence:
        return
    curl.setopt(pycurl.TCP_KEEPIDLE, silence)
    if interval:
        curl.setopt(pycurl.TCP_KEEPINTVL, interval)
    if retries:
        with contextlib.suppress(pycurl.error):  # libcurl before 8.9 has no such option
            curl.setopt(TCP_KEEPCNT, retries)


def _close_on_exec(fd: int, purpose: int) -> int:
    """What a copied descriptor has lost."""
    with contextlib.suppress(OSError):
        os.set_inheritable(fd, False)
    return int(pycurl.SOCKOPT_OK)
