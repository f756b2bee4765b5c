"""The proxy Application: which handler answers what.

    app = make_proxy_app(Gateway.open(settings, store, driver, mappings))

Each caller dialect brings its own routes (caller.toml). A URL that is spelled as its route is
declared is looked up at once; what else means one, `doors.py` knows.
"""

from __future__ import annotations

from typing import Any

from tornado.httputil import HTTPServerRequest
from tornado.web import Application

from aisix.config.original import ORIGINAL
from aisix.listener.application import Found, Handlers, ListenerApplication, ListenerHandler
from aisix.proxy.chat import ChatHandler
from aisix.proxy.count import CountHandler
from aisix.proxy.doors import COUNT, EXCHANGE, FORM, MODELS, PASS, REFUSED, Route
from aisix.proxy.gateway import Gateway
from aisix.proxy.health import (
    AboutHandler,
    LiveHandler,
    PlainLiveHandler,
    PlainReadyHandler,
    ReadyHandler,
)
from aisix.proxy.models import ModelHandler, ModelsHandler
from aisix.proxy.passing import PassHandler
from aisix.proxy.unknown import RefusedHandler, UnknownHandler
from aisix.proxy.uploading import UploadHandler

KINDS: dict[str, type[ListenerHandler]] = {
    EXCHANGE: ChatHandler,
    COUNT: CountHandler,
    MODELS: ModelsHandler,
    PASS: PassHandler,
    FORM: UploadHandler,
    REFUSED: RefusedHandler,
}
BELOW: dict[str, type[ListenerHandler]] = {MODELS: ModelHandler, REFUSED: RefusedHandler}
OPEN: dict[str, type[ListenerHandler]] = {
    "/": AboutHandler,
    "/livez": LiveHandler,
    "/health": LiveHandler,
    "/healthz": LiveHandler,
    "/readyz": ReadyHandler,
}
OPEN_IN_THEIR_FORM: dict[str, type[ListenerHandler]] = {
    "/": AboutHandler,
    "/livez": PlainLiveHandler,
    "/readyz": PlainReadyHandler,
}


def make_proxy_app(gateway: Gateway) -> Application:
    """The Application over a gateway."""
    return ProxyApplication(gateway)


def handlers_of(gateway: Gateway) -> Handlers:
    """Those of the URLs that are spelled as declared and no dialects share."""
    doors = gateway.doors
    mine = {"gateway": gateway, "dialect": doors.default}
    without_key = OPEN_IN_THEIR_FORM if gateway.settings.names == ORIGINAL else OPEN
    handlers: Handlers = {path: (kind, mine) for path, kind in without_key.items()}
    for route in doors.routes:
        if route.kind not in BELOW:
            handlers[route.path] = (KINDS[route.kind], _given(gateway, route))
    return handlers


class ProxyApplication(ListenerApplication):
    """Its routes are those of the tables of now."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(
            handlers_of(gateway),
            [],
            default_handler_class=UnknownHandler,
            default_handler_args={"gateway": gateway},
            log_function=lambda handler: None,  # the handlers write the access line themselves
        )
        self._gateway = gateway
        gateway.on_doors = self._read_again

    def _read_again(self) -> None:
        self.handlers = handlers_of(self._gateway)

    def find(self, request: HTTPServerRequest) -> Found | None:
        """Whose a URL is that is not spelled as declared, or that dialects share."""
        self._gateway.balancers()  # the first request after a reload brings new routes
        known = self.handlers.get(request.path)
        if known is not None:
            return known
        door = self._gateway.doors.find(request.path, request.headers)
        if door is None:
            return None
        kind = KINDS[door.route.kind] if door.rest is None else BELOW[door.route.kind]
        return kind, {**_given(self._gateway, door.route), "door": door}


def _given(gateway: Gateway, route: Route) -> dict[str, Any]:
    """What the handler of a route is made with."""
    named = {"name": route.name} if route.name else {}
    return {"gateway": gateway, "dialect": route.dialect, **named}
