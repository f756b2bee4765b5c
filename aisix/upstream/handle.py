"""One Curl handle: the options it keeps for life, what a request changes, libcurl's callbacks.

`kind` (TLS settings and proxy) is fixed for a handle's life, so that no certificate and no proxy
password of one upstream can be left on a handle that another one uses. What a request does change
is undone after it: an idle handle holds no URL, header or body.

Must never know: the multi handle, the event loop, what a body means.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import pycurl

from aisix.errors import CRASHES
from aisix.upstream import faults
from aisix.upstream.request import Request, Tls
from aisix.upstream.transfer import BLOCK, Transfer

SUPPRESS_CONNECT_HEADERS = 265  # CURLOPT_*; pycurl passes the number on but has no name for it
UPLOAD_BUFFERSIZE = 280
CONN_ID = 0x600040  # CURLINFO_CONN_ID, which older pycurl has no name for
SMALL, LARGE = 16 << 10, 64 << 10  # bytes; the least libcurl takes, and its own choice
QUICK_EXIT = 322  # closing does not wait for a name lookup that hangs


@dataclass(frozen=True, slots=True)
class Constants:
    """What all handles of a driver have in common. Times in seconds."""

    ca_file: str | None
    idle_secs: int
    dns_secs: int


class Handle:
    """One Curl handle. `touched` is the driver's list of transfers that have something to tell."""

    __slots__ = ("_connect_ms", "_large", "_touched", "_waits", "curl", "kind", "transfer")

    def __init__(
        self, kind: tuple[Tls, str | None], constants: Constants, touched: list[Transfer]
    ) -> None:
        self.kind = kind
        self.transfer: Transfer | None = None
        self._touched = touched
        self._connect_ms = 0
        self._waits = False
        self._large = True  # as libcurl has it
        self.curl = curl = pycurl.Curl()
        tls, proxy = kind
        setopt = curl.setopt
        setopt(pycurl.NOSIGNAL, 1)
        setopt(pycurl.TCP_NODELAY, 1)
        setopt(pycurl.TCP_KEEPALIVE, 1)
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
        if request.method == "POST":
            setopt(pycurl.POSTFIELDS, request.body)
        else:
            setopt(pycurl.HTTPGET, 1)
        if request.timeouts.connect_ms != self._connect_ms:
            self._connect_ms = request.timeouts.connect_ms
            setopt(pycurl.CONNECTTIMEOUT_MS, self._connect_ms)

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

    # Called by libcurl, which would print an exception with its words. One is kept for the sink
    # instead, and libcurl, told that nothing was taken, ends the transfer.

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
            if transfer.paused or transfer.held > BLOCK:
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
