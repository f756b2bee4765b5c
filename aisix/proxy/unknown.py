"""Every URL nobody answers: 404 and what this is, whoever asks; nothing is kept either."""

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
        raise self.told()

    def told(self) -> Exception:
        """What is wrong with the URL."""
        return HTTPError(404)


class RefusedHandler(UnknownHandler):
    """A route that is not served, for a reason its dialect says."""

    def initialize(
        self, gateway: Gateway, dialect: str = "", door: Door | None = None, name: str = ""
    ) -> None:
        super().initialize(gateway, dialect, door)
        self._fault = gateway.mappings.caller(dialect).refused[name]["fault"]
        self._named = (door.rest if door is not None else None) or ""

    def told(self) -> Exception:
        return CallerError(self._fault, value=self._named.strip("/").partition("/")[0])
