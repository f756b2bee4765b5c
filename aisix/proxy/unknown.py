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


class KeptHandler(UnknownHandler):
    """Something by its name, such as an answer that was given before: none is kept here."""

    def initialize(self, gateway: Gateway, dialect: str = "", door: Door | None = None) -> None:
        super().initialize(gateway, dialect, door)
        self._name = (door.rest if door is not None else None) or ""

    def told(self) -> Exception:
        kept = self.caller.kept
        assert kept is not None
        return CallerError(kept["fault"], value=self._name.strip("/").partition("/")[0])
