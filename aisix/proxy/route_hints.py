"""What a request says of where it goes, for groups: tags, and the text that chooses a target.

Must never know: which targets there are.
"""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie

from tornado.httputil import HTTPServerRequest

from aisix.routing.groups import RouteHints

TAGS = "x-aisix-routing-tags"
MOST_TAGS = 50


def hints_of(request: HTTPServerRequest, api_key_id: str) -> RouteHints:
    """By the head alone."""

    def key(kind: str, name: str) -> str:
        if kind == "header":
            return request.headers.get(name, "")
        if kind == "cookie":
            return _cookie(request.headers.get("Cookie", ""), name)
        return api_key_id if kind == "api_key" else request.remote_ip or ""

    listed = request.headers.get(TAGS, "").split(",")
    tags = tuple(filter(None, map(str.strip, listed)))[:MOST_TAGS]
    return RouteHints(tags, key, request.remote_ip or "")


def _cookie(text: str, name: str) -> str:
    try:
        found = SimpleCookie(text).get(name)
    except CookieError:
        return ""
    return found.value if found is not None else ""
