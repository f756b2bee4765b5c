"""What a request says of where it goes, for groups: tags, and the text that chooses a target.

Must never know: which targets there are.
"""

from __future__ import annotations

from tornado.httputil import HTTPServerRequest

from aisix.routing.groups import RouteHints

TAGS = "x-aisix-routing-tags"
MOST_TAGS = 50


def hints_of(request: HTTPServerRequest, api_key_id: str) -> RouteHints:
    """By the head alone."""

    def key(kind: str, name: str) -> str:
        if kind == "header":
            return _plain(next(iter(request.headers.get_list(name)), ""))
        if kind == "cookie":
            return _plain(_cookie(request.headers.get_list("Cookie"), name))
        return api_key_id if kind == "api_key" else request.remote_ip or ""

    listed = request.headers.get(TAGS, "").split(",")
    tags = tuple(filter(None, map(str.strip, listed)))[:MOST_TAGS]
    return RouteHints(tags, key, request.remote_ip or "")


def _cookie(lines: list[str], name: str) -> str:
    """The first of this name; a cookie that is none is no reason not to find another."""
    for line in lines:
        for pair in line.split(";"):
            found, sign, value = pair.partition("=")
            if sign and found.strip() == name:
                return value.strip()
    return ""


def _plain(text: str) -> str:
    """Bytes beyond ASCII are no text: read one way here and another there, a key would be two."""
    return text if text.isascii() else ""
