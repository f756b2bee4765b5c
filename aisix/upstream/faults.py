"""libcurl's result codes to UpstreamError: the one place that translates them.

    kind           values
    unreachable    why = dns, connect, tls, reset, url, address, closed, curl
    timeout        phase = connect, first_byte, idle, total; ms: that limit
    overloaded     why = files (with retry_after): we have no descriptor for a connection
    bad_response   why = not_http, truncated, headers, encoding, too_large (with limit and bytes)

and always `was_sent`: False when not one byte of the request can have reached the upstream, so that
a second attempt cannot be billed twice. `why` and `phase` are closed lists, fit for a label.
The detail (libcurl's own words; may hold a host name) is for the log.

Must never know: pycurl (the numbers are libcurl's ABI and never change), a transfer.
"""

from __future__ import annotations

from aisix.errors import UpstreamError
from aisix.upstream.request import Cap

ADDRESS = "address"  # refused by us: the same target would be refused again
UNFIT = "unfit"  # the target cannot be asked: its address or credential is none
FILES = "files"  # our own want: no failure of the target
NO_CONNECTION = 7
UNCONNECTED = (5, 6, NO_CONNECTION, 58, 77)  # also what libcurl says when it cannot open a file
COME_BACK = 1  # s; what the caller of a request without a connection is told
TIMED_OUT = 28  # only the connect limit is set in libcurl; the other three are the driver's

# Codes that mean the same whenever they come.
_ALWAYS: dict[int, tuple[str, str]] = {
    3: ("unreachable", "url"),  # URL_MALFORMAT
    4: ("unreachable", "url"),  # NOT_BUILT_IN
    5: ("unreachable", "dns"),  # COULDNT_RESOLVE_PROXY
    6: ("unreachable", "dns"),  # COULDNT_RESOLVE_HOST
    7: ("unreachable", "connect"),  # COULDNT_CONNECT
    8: ("bad_response", "not_http"),  # WEIRD_SERVER_REPLY
    18: ("bad_response", "truncated"),  # PARTIAL_FILE
    35: ("unreachable", "tls"),  # SSL_CONNECT_ERROR
    53: ("unreachable", "tls"),  # SSL_ENGINE_NOTFOUND
    54: ("unreachable", "tls"),  # SSL_ENGINE_SETFAILED
    58: ("unreachable", "tls"),  # SSL_CERTPROBLEM
    59: ("unreachable", "tls"),  # SSL_CIPHER
    60: ("unreachable", "tls"),  # PEER_FAILED_VERIFICATION
    61: ("bad_response", "encoding"),  # BAD_CONTENT_ENCODING
    66: ("unreachable", "tls"),  # SSL_ENGINE_INITFAILED
    77: ("unreachable", "tls"),  # SSL_CACERT_BADFILE
    82: ("unreachable", "tls"),  # SSL_CRL_BADFILE
    83: ("unreachable", "tls"),  # SSL_ISSUER_ERROR
    90: ("unreachable", "tls"),  # SSL_PINNEDPUBKEYNOTMATCH
    91: ("unreachable", "tls"),  # SSL_INVALIDCERTSTATUS
    97: ("unreachable", "connect"),  # PROXY
    100: ("bad_response", "headers"),  # TOO_LARGE
}

# Codes of a connection that broke: what that means depends on how far the answer had come.
_BROKEN = {16, 52, 55, 56, 92, 95}  # HTTP2, GOT_NOTHING, SEND_, RECV_ERROR, HTTP2_STREAM, HTTP3


def from_curl(
    code: int, text: str, *, was_sent: bool, began: bool, headed: bool, connect_ms: int = 0
) -> UpstreamError:
    """The error for a failed transfer.

    was_sent: some of the request went out; began: a byte of the answer came; headed: all its head.
    """
    detail = f"curl {code}: {text}"
    if code == TIMED_OUT:
        return timed_out("connect", connect_ms, was_sent=was_sent, detail=detail)
    if code == 1:  # UNSUPPORTED_PROTOCOL: the URL's scheme, or an answer that does not begin HTTP/
        kind, why = ("bad_response", "not_http") if was_sent else ("unreachable", "url")
    elif code in _BROKEN and not began:
        kind, why = "unreachable", "reset"
    elif code in _BROKEN:
        kind, why = "bad_response", "truncated" if headed else "headers"
    else:
        kind, why = _ALWAYS.get(code, ("unreachable", "curl"))
    return UpstreamError(kind, detail, why=why, was_sent=was_sent)


def timed_out(phase: str, ms: int, *, was_sent: bool, detail: str = "") -> UpstreamError:
    """The upstream took longer than the limit named by `phase`, which is `ms`."""
    values = {"phase": phase, "ms": ms, "was_sent": was_sent}
    return UpstreamError("timeout", detail or f"{phase} limit", **values)


def too_large(cap: Cap) -> UpstreamError:
    """The body is longer than the caller of the driver allows."""
    return UpstreamError(
        "bad_response",
        f"body over {cap.bytes} bytes ({cap.name})",
        why="too_large",
        limit=cap.name,
        bytes=cap.bytes,
        was_sent=True,
    )


def no_head() -> UpstreamError:
    """The answer ended before its final head was complete (libcurl takes an end of file inside a
    head for good), or after a 101 none can come any more."""
    return UpstreamError("bad_response", "the head is not complete", why="headers", was_sent=True)


def no_status(status: int) -> UpstreamError:
    """A final head, but of no class of status there is."""
    return UpstreamError("bad_response", f"status {status}", why="not_http", was_sent=True)


def refused(detail: str) -> UpstreamError:
    """The host's addresses may not be connected to, or those that may do not answer."""
    return UpstreamError("unreachable", detail, why=ADDRESS, was_sent=False)


def no_files(detail: str) -> UpstreamError:
    """This process may open no more files."""
    values = {"why": FILES, "was_sent": False, "retry_after": COME_BACK}
    return UpstreamError("overloaded", detail, **values)


def closed(*, was_sent: bool) -> UpstreamError:
    """The driver was closed under the transfer, or before it began."""
    return UpstreamError("unreachable", "the driver is closed", why="closed", was_sent=was_sent)
