"""The proxy Application: which URL is whose.

    app = make_proxy_app(Gateway.open(settings, store, driver, mappings))

Each caller dialect brings its own route (caller.toml); the same URL of two dialects, such as the
list of models, is told apart by a header that only one of them sends.
"""

from __future__ import annotations

from typing import Any

from tornado.httputil import HTTPServerRequest
from tornado.routing import Matcher, PathMatches, Rule
from tornado.web import Application

from aisix.listener.application import Handlers, ListenerApplication
from aisix.proxy.chat import ChatHandler
from aisix.proxy.count import CountHandler
from aisix.proxy.gateway import Gateway
from aisix.proxy.health import LiveHandler, ReadyHandler
from aisix.proxy.models import ModelHandler, ModelsHandler
from aisix.proxy.unknown import UnknownHandler
from aisix.proxy.urls import default_dialect


class SentBy(Matcher):
    """Matches a path when the request carries a header (or when none is asked for)."""

    def __init__(self, path: str, header: str | None) -> None:
        self._path = PathMatches(path)
        self._header = header

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        if self._header is not None and self._header not in request.headers:
            return None
        return self._path.match(request)


def make_proxy_app(gateway: Gateway) -> Application:
    """The Application over a gateway."""
    handlers: Handlers = {}
    rules: list[Any] = []
    callers = gateway.mappings.callers.values()
    for caller in callers:
        mine = {"gateway": gateway, "dialect": caller.name}
        handlers[caller.data["route"]] = (ChatHandler, mine)
        if caller.count is not None:
            handlers[caller.count["route"]] = (CountHandler, mine)
    # Those that ask for a header first: the others would answer in their stead.
    for caller in sorted(callers, key=lambda c: c.models_header is None):
        mine = {"gateway": gateway, "dialect": caller.name}
        path, header = caller.models_route, caller.models_header
        if path is not None:
            rules.append(Rule(SentBy(path, header), ModelsHandler, mine))
            rules.append(Rule(SentBy(path + r"/(.+)", header), ModelHandler, mine))
    mine = {"gateway": gateway, "dialect": default_dialect(gateway.mappings)}
    handlers |= {"/livez": (LiveHandler, mine), "/readyz": (ReadyHandler, mine)}
    return ListenerApplication(
        handlers,
        rules,
        default_handler_class=UnknownHandler,
        default_handler_args={"gateway": gateway},
        log_function=lambda handler: None,  # the handlers write the access line themselves
    )
