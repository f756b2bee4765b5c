"""Every URL nobody answers: 404 and what this is, whoever asks."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from tornado.web import HTTPError

from aisix.errors import CallerError
from aisix.proxy.base import ProxyHandler
from aisix.proxy.gateway import Gateway
from aisix.proxy.urls import dialect_of


class UnknownHandler(ProxyHandler):
    def initialize(self, gateway: Gateway, dialect: str = "", **more: Any) -> None:
        mappings, request = gateway.balancers().mappings, self.request
        super().initialize(gateway, dialect_of(mappings, request.path, request.headers), **more)

    def check_head(self) -> None:
        self.snapshot = self.balancers.snapshot
        with suppress(CallerError):  # whose mistake it is, for the access line
            self.seen["api_key_id"] = self._authenticate().id
        raise HTTPError(404)
