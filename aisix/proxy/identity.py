"""How a gateway names each request, and itself, to callers and upstreams.

    identity = Identity.of(settings)
    request_id = identity.request_id(request.headers)
    handler.set_headers(*identity.told(request_id))     # headers of every answer
    identity.upstream_lines(request_id)                 # header lines of every attempt

An id of the caller's own is taken from the first header of `proxy.request_id.accept_headers` that
has one which fits. In the original AISIX's form its header is told beside ours and sent to the
upstream, more texts fit, and an id of ours is a UUID.

Must never know: what is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tornado.httputil import HTTPHeaders

from aisix import __version__, log
from aisix.config.original import ORIGINAL
from aisix.config.settings import Settings
from aisix.listener.heads import canonical
from aisix.proxy import ids

OURS, THEIRS = "X-Request-Id", "X-Aisix-Request-Id"
UPSTREAM = "x-aisix-request-id"
GIVEN_THERE = re.compile(r"[\x21-\x7e]{1,256}")
VARIANTS = "89ab"


class Identity:
    """`accepts`: names of headers; `original`: in the original's form; `text_log`: its lines are
    written."""

    __slots__ = ("_accepts", "_constant", "_names", "original", "text_log")

    def __init__(self, accepts: Sequence[str], original: bool, text_log: bool = False) -> None:
        self.original, self.text_log = original, text_log
        self._accepts = tuple(map(canonical, accepts))
        self._names: tuple[str, ...] = (OURS, THEIRS, "Server") if original else (OURS,)
        self._constant = f"AISIX/{__version__}"

    @classmethod
    def of(cls, settings: Settings) -> Identity:
        accepts = settings.proxy.request_id.accept_headers
        text_log = settings.observability.access_log_format == log.TEXT
        return cls(accepts, settings.names == ORIGINAL, text_log)

    def request_id(self, headers: HTTPHeaders) -> str:
        """The caller's own where one fits, else a new one."""
        fits = GIVEN_THERE if self.original else ids.GIVEN
        for name in self._accepts:
            given = headers.get(name)
            if given is not None:
                if "," in given:  # it may be there twice
                    given = headers.get_list(name)[0]
                if fits.fullmatch(given):
                    return given
        return uuid() if self.original else f"req_{ids.new()}"

    def told(self, request_id: str) -> tuple[Sequence[str], Sequence[str]]:
        """(names, values) of the headers of every answer."""
        if self.original:
            return self._names, (request_id, request_id, self._constant)
        return self._names, (request_id,)

    def upstream_lines(self, request_id: str) -> tuple[str, ...]:
        return (f"{UPSTREAM}: {request_id}",) if self.original else ()


def uuid() -> str:
    """A UUID of version 4.

    >>> len(uuid()), uuid()[14], uuid()[19] in VARIANTS
    (36, '4', True)
    """
    drawn = ids.new()
    variant = VARIANTS[int(drawn[16], 16) & 3]
    return f"{drawn[:8]}-{drawn[8:12]}-4{drawn[13:16]}-{variant}{drawn[17:20]}-{drawn[20:]}"
