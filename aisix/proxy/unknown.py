"""Every URL nobody answers: 404 and what this is, whoever asks."""

from __future__ import annotations

from contextlib import suppress

from tornado.web import HTTPError

from aisix.errors import CallerError
from aisix.proxy.base import ProxyHandler
from aisix.proxy.credentials import authenticated
from aisix.proxy.doors import Door
from aisix.proxy.gateway import Gateway


class UnknownHandler(ProxyHandler):
    def initialize(self, gateway: Gateway, dialect: str = "", door: Door | None = None) -> None:
        request = self.request
        dialect = gateway.doors.dialect_of(request.path, request.headers)
        super().initialize(gateway, dialect)

    def check_head(self) -> None:
        self.snapshot = self.balancers.snapshot
        with suppress(CallerError):  # whose mistake it is, for the access line
            given = self.request.headers, self.caller.credentials, self.snapshot
            self.seen["api_key_id"] = authenticated(*given).id
        raise HTTPError(404)
