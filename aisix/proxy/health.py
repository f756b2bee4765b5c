"""/livez: the process answers. /readyz: it should be sent requests. No key is needed for either.

They are counted, and no access line is written for them.
"""

from __future__ import annotations

import msgspec

from aisix.proxy.base import ProxyHandler


class LiveHandler(ProxyHandler):
    open_to_all = True
    quiet = True
    route_name = "health"

    def get(self) -> None:
        self.send(200, {}, b'{"status":"ok"}')

    head = get


class ReadyHandler(ProxyHandler):
    """503 while draining, and while no model is stored: every request would fail."""

    open_to_all = True
    quiet = True
    route_name = "health"

    def get(self) -> None:
        gateway = self.gateway
        store = gateway.store
        body = {"status": "ok"}
        if gateway.draining:
            body["status"] = "draining"
        elif not store.current().counts()["models"]:
            body["status"] = "unconfigured"
        if store.trouble:
            body["trouble"] = store.trouble
        self.send(200 if body["status"] == "ok" else 503, {}, msgspec.json.encode(body))

    head = get
