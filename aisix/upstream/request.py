"""The values that go into and come out of the driver.

Must never know: pycurl, the event loop, what the bytes mean.

Times are milliseconds and 0 means "no such limit". Headers of a request are whole lines
("name: value"); headers of a response are a dict of lower-case name -> value, in which a repeated
name is joined with ", ". Whatever may hold a secret or a prompt is left out of every repr.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from aisix.errors import UpstreamError
from aisix.upstream.upload import Upload


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long an upstream may take; a late one is an UpstreamError "timeout" with values["phase"].

    connect_ms: name lookup, TCP and TLS together (phase "connect"; libcurl's own 300 s if 0);
    first_byte_ms: from the start, waiting for a free connection included, to the first byte of
    the answer ("first_byte"); idle_ms: the gap between two arrivals, not counted while paused
    ("idle"); total_ms: from the start to the end ("total").
    """

    connect_ms: int = 0
    first_byte_ms: int = 0
    idle_ms: int = 0
    total_ms: int = 0


class Tls(NamedTuple):
    """Whom to trust and who we are. ca_file None = the CA file of this machine (see tls.py).

    A tuple, since the driver's idle handles are found by it: one is hashed for each request.
    """

    ca_file: str | None = None
    verify: bool = True
    client_cert: str | None = None
    client_key: str | None = None


USUAL_TLS = Tls()


@dataclass(frozen=True, slots=True)
class Cap:
    """The most bytes a body may have, and the name of that limit as an operator knows it."""

    bytes: int
    name: str = "max_body"


class Signer(Protocol):
    """Proves to an upstream that a request is ours and was not changed on its way."""

    def __call__(
        self, method: str, url: str, headers: tuple[str, ...], body: bytes
    ) -> tuple[str, ...]:
        """Header lines to be added to `headers`, which are all that will go out but host,
        content-length, accept and accept-encoding; `url` is the whole one: it tells the host.

        Called on the event loop just before the request goes out, for every attempt anew, so a time
        in it is the time of now. It must not wait. If it raises, nothing goes out, and the exchange
        ends with an error of our own: an UpstreamError as it is (`was_sent=False` and a `why` let
        another attempt or target follow), anything else as a bug, of which the log is told the
        place and no words.
        """


@dataclass(slots=True)  # one is made for each request: frozen ones take five times as long
class Request:
    """One request, complete: nothing is added to it but host, content-length, accept,
    accept-encoding, and what `sign` says.

    proxy: a proxy's URL, or None for a direct connection whatever the environment says. upload: the
    body, where it has not come whole yet; the first-byte limit then runs from its end, and `sign`
    sees none of it.
    """

    url: str
    headers: tuple[str, ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    method: Literal["POST", "GET"] = "POST"
    timeouts: Timeouts = Timeouts()
    tls: Tls = USUAL_TLS
    proxy: str | None = field(default=None, repr=False)
    max_body: Cap | None = None
    sign: Signer | None = field(default=None, repr=False)
    upload: Upload | None = field(default=None, repr=False)


@dataclass(slots=True)
class Response:
    """A whole answer; the body is already decompressed."""

    status: int
    headers: dict[str, str]
    body: bytes = field(repr=False)


class Sink(Protocol):
    """Who receives a stream. Called from the event loop; may cancel, pause or start transfers.

    Order: on_response at most once, then on_data, then on_end exactly once (not after cancel()).
    If one of them raises, the transfer is cancelled and `crashed` is called (also when it had
    cancelled itself) instead of what would have followed.
    """

    def on_response(self, status: int, headers: dict[str, str]) -> None:
        """The final head is complete (1xx answers and redirects' targets are not looked at)."""

    def on_data(self, data: bytes) -> None:
        """All bytes that came in one wake-up of the loop; never empty."""

    def on_end(self, error: UpstreamError | None) -> None:
        """The answer is complete (None) or will never be."""

    def crashed(self, error: BaseException) -> None:
        """A mistake of the gateway's own, in this sink or in the driver: the last that is heard."""
