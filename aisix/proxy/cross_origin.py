"""Browsers: which pages of other origins may read our answers (CORS).

    cross_origin = CrossOrigin.of(settings.proxy)            # None: no page of another origin may
    cross_origin.answer(origin)                              # headers of an answer to that origin
    cross_origin.preflight(request_headers, credentials)     # of the answer to a preflight, or None

A browser asks before it sends a key (a preflight: OPTIONS, without the key), and shows a page only
those headers that are exposed. Who may call is decided by the key alone, as ever; an origin that is
not allowed is served too, and its browser keeps the answer from the page.

Must never know: a wire name, what is answered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

from tornado.httputil import HTTPHeaders
from tornado.web import HTTPError, OutputTransform

from aisix.config.checks import ANY_ORIGIN, origin_pattern
from aisix.config.sections import Proxy
from aisix.listener.application import METHODS, ListenerHandler

LONGEST_ORIGIN = 512  # characters; a longer one is nobody's
MOST_SHOWN = 128  # characters of one in the access line
MOST_ASKED = 4096  # characters of the names of headers that a preflight asks for
ORIGIN, VARY = "Origin", "Vary"
METHOD, ASKED = "Access-Control-Request-Method", "Access-Control-Request-Headers"
NETWORK = "Access-Control-Request-Private-Network"
EXPOSED = "Access-Control-Expose-Headers"
# What a page may read in any case, or what no page may.
NOT_EXPOSED = {"Cache-Control", "Content-Language", "Content-Length", "Content-Type", "Expires"}
NOT_EXPOSED |= {"Last-Modified", "Pragma", "Set-Cookie", "Vary", "Connection", "Date"}
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


class CrossOrigin:
    """`origins`: as `proxy.cors_origins` has them; `max_age`: seconds a preflight holds."""

    def __init__(self, origins: Iterable[str], max_age: int, credentials: bool) -> None:
        given = frozenset(origins)
        self._any = ANY_ORIGIN in given
        self._exact = frozenset(one for one in given if "*" not in one)
        patterns = sorted(one for one in given - {ANY_ORIGIN} if "*" in one)
        self._patterns = [re.compile(origin_pattern(one)) for one in patterns]
        self._max_age = max_age
        self._credentials = credentials and not self._any  # no page of just anybody's

    @classmethod
    def of(cls, settings: Proxy) -> CrossOrigin | None:
        if not settings.cors_origins:
            return None
        return cls(settings.cors_origins, settings.cors_max_age_secs, settings.cors_credentials)

    def allows(self, origin: str) -> bool:
        """Whether pages of this origin may read answers."""
        if self._any:
            return True
        if len(origin) > LONGEST_ORIGIN:
            return False
        return origin in self._exact or any(one.fullmatch(origin) for one in self._patterns)

    def answer(self, origin: str | None) -> dict[str, str]:
        """Headers of any answer, without those that are made of its other headers."""
        told = {} if self._any else {VARY: ORIGIN}  # caches: another origin has another answer
        if origin is not None and self.allows(origin):
            told["Access-Control-Allow-Origin"] = ANY_ORIGIN if self._any else origin
            if self._credentials:
                told["Access-Control-Allow-Credentials"] = "true"
        return told

    def preflight(
        self, headers: Mapping[str, str], credentials: Iterable[str]
    ) -> dict[str, str] | None:
        """Headers of the answer to a preflight; None: it is none, or its origin is not allowed.
        Beside what it asks for, `credentials` are headers that may be sent. Any header may: to send
        one gives nobody more than the key does."""
        origin = headers.get(ORIGIN)
        if origin is None or METHOD not in headers or not self.allows(origin):
            return None
        asked = headers.get(ASKED, "")[:MOST_ASKED].lower().split(",")
        names = (name.strip() for name in asked)
        may = dict.fromkeys(("content-type", *credentials, *filter(_NAME.fullmatch, names)))
        told = self.answer(origin)
        told |= {
            "Access-Control-Allow-Methods": ", ".join(METHODS),
            "Access-Control-Allow-Headers": ", ".join(may),
            "Access-Control-Max-Age": str(self._max_age),
            VARY: ", ".join((ORIGIN, METHOD, ASKED)),
        }
        if not self._any and headers.get(NETWORK) == "true":  # from the world to a machine at home
            told["Access-Control-Allow-Private-Network"] = "true"
        return told


class ToldOrigin(OutputTransform):
    """Puts headers into the head of an answer, whatever it became: a stream, an error."""

    def __init__(self, told: Mapping[str, str]) -> None:
        self._told = told

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        with_exposed(headers, self._told)
        return status_code, headers, chunk


class BrowserHandler(ListenerHandler):
    """A handler that answers preflights and tells pages what they may read."""

    seen: dict[str, Any]  # what the access line tells beside the usual
    route_name = "other"  # what the request was for, as a metric's label
    preflight: Mapping[str, str] | None = None  # it is one, and what it is answered

    @classmethod
    def methods(cls) -> list[str]:
        return [method for method in super().methods() if method != "OPTIONS"]

    def cross(self, cross_origin: CrossOrigin, credentials: Iterable[str]) -> None:
        """Look at who asks; comes first. `credentials`: see `CrossOrigin.preflight`."""
        headers = self.request.headers
        origin = headers.get(ORIGIN)
        if self.request.method == "OPTIONS":
            self.preflight = cross_origin.preflight(headers, credentials)
        if self.preflight is None:
            self.transformed_by(ToldOrigin(cross_origin.answer(origin)))
        if origin is not None and not cross_origin.allows(origin):
            self.seen["refused_origin"] = origin[:MOST_SHOWN]

    def options(self) -> None:
        """A preflight: nobody's key, no body, the same for every URL."""
        if self.preflight is None:
            raise HTTPError(405)
        self.route_name = "preflight"
        for name, value in self.preflight.items():
            self.set_header(name, value)
        self.set_status(204)
        self.finish()


def with_exposed(headers: MutableMapping[str, str], told: Mapping[str, str]) -> None:
    """Add what is told, and that a page which may read the answer may read its headers."""
    names = [name.lower() for name in headers if name not in NOT_EXPOSED]
    for name, value in told.items():
        headers[name] = f"{headers[name]}, {value}" if name == VARY and VARY in headers else value
    if "Access-Control-Allow-Origin" in told and names:
        headers[EXPOSED] = ", ".join(names)
