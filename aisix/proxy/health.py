"""What is answered without a key. /livez, /health, /healthz: the process answers; /readyz: it
should be sent requests; /: what this is, and where the API is.

In the original AISIX's form the words are its own, and /health and /healthz are nobody's. All are
counted; an access line is written for / alone.
"""

from __future__ import annotations

import msgspec
from tornado.web import HTTPError

from aisix.listener.probes import PLAIN_TEXT, VERBOSE, live, ready
from aisix.proxy.base import ProxyHandler


class AboutHandler(ProxyHandler):
    """For a person with a browser, and for clients that look whether anybody is there. Nothing of
    it depends on what is stored."""

    open_to_all = True
    route_name = "about"

    def check_head(self) -> None:
        if self.request.method not in self.answers:
            raise HTTPError(404)  # there is no API here: who posts has left out the route

    def get(self) -> None:
        routes = self.gateway.doors.routes
        apis = [
            {
                "title": caller.data.get("title", name),
                "routes": [f"{one.method} {one.path}" for one in routes if one.dialect == name],
            }
            for name, caller in self.balancers.mappings.callers.items()
        ]
        text = "This is an aisix gateway. Send requests with your key to these routes."
        body = msgspec.json.encode({"status": "ok", "message": text, "apis": apis})
        self.send(200, {}, msgspec.json.format(body, indent=2) + b"\n")

    head = get


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
        elif (unready := store.unready) is not None:
            body = {"status": "unconfigured", "reason": unready}
        elif not snapshot.counts()["models"]:
            body = {"status": "unconfigured", "reason": "no model is stored"}
            if snapshot.quarantined:
                body["reason"] = "no model that is stored can be read"
        if store.trouble:
            body["trouble"] = "the store is not well, the last good content serves: see the status"
        self.send(200 if body["status"] == "ok" else 503, {}, msgspec.json.encode(body))

    head = get


class PlainLiveHandler(ProxyHandler):
    """/livez in the original's form."""

    open_to_all = True
    quiet = True
    route_name = "health"

    def get(self) -> None:
        status, body = live(self.gateway.draining, VERBOSE in self.request.query_arguments)
        self.send(status, PLAIN_TEXT, body)

    head = get


class PlainReadyHandler(ProxyHandler):
    """/readyz in the original's form: no model is no reason to send nobody."""

    open_to_all = True
    quiet = True
    route_name = "health"

    def get(self) -> None:
        applied = self.gateway.store.unready is None
        verbose = VERBOSE in self.request.query_arguments
        status, body = ready(self.gateway.draining, applied, verbose)
        self.send(status, PLAIN_TEXT, body)

    head = get
