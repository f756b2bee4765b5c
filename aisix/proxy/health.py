"""/livez: the process answers. /readyz: it should be sent requests. No key is needed for either."""

from __future__ import annotations

import msgspec

from aisix.proxy.base import ProxyHandler


class LiveHandler(ProxyHandler):
    open_to_all = True
    quiet = True

    def get(self) -> None:
        self.send(200, {}, b'{"status":"ok"}')

    head = get


class ReadyHandler(ProxyHandler):
    open_to_all = True
    quiet = True

    def get(self) -> None:
        why = "draining" if self.gateway.draining else self.gateway.store.trouble
        ready = not self.gateway.draining
        body = {"status": "ok" if ready else "draining"}
        if why and ready:
            body["trouble"] = why
        self.send(200 if ready else 503, {}, msgspec.json.encode(body))

    head = get
