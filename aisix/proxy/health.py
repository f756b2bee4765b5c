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
    """503 while draining, and while no model is stored: every request would fail. `reason` says
    why, in words that anybody may read; a store in trouble serves on and is told of too."""

    open_to_all = True
    quiet = True
    route_name = "health"

    def get(self) -> None:
        gateway = self.gateway
        store = gateway.store
        snapshot = store.current()
        body = {"status": "ok"}
        if gateway.draining:
            body = {"status": "draining", "reason": "the gateway is stopping"}
        elif not snapshot.counts()["models"]:
            body = {"status": "unconfigured", "reason": "no model is stored"}
            if snapshot.quarantined:
                body["reason"] = "no model that is stored can be read"
        if store.trouble:
            body["trouble"] = "the store is not well, the last good content serves: see the status"
        self.send(200 if body["status"] == "ok" else 503, {}, msgspec.json.encode(body))

    head = get
