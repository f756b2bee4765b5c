"""The admin URLs that are not resources: status, the API's document, unknown ones."""

from __future__ import annotations

from tornado.web import HTTPError

from aisix.admin import openapi
from aisix.admin.base import AdminHandler

MOST_TOLD = 100  # rows in quarantine


class StatusHandler(AdminHandler):
    """GET /admin/v1/status: what the gateway says of itself, and how the store is."""

    def get(self) -> None:
        self.query()
        store = self.context.store
        snapshot = store.current()
        self.send(
            {
                **self.context.status(),
                "resources": snapshot.counts(),
                "store": {
                    "source": store.source,
                    "writable": store.writable,
                    "revision": snapshot.revision,
                    "trouble": store.trouble,
                    "quarantined": [one.told() for one in snapshot.quarantined[:MOST_TOLD]],
                    "reserved": store.reserved,
                    **store.status(),
                },
            }
        )

    head = get


class DocumentHandler(AdminHandler):
    """GET /admin/openapi.json: what this API is. It tells nothing of this gateway."""

    open_to_all = True

    def get(self) -> None:
        self.query()
        self.send(openapi.document())

    head = get


class PageHandler(AdminHandler):
    """GET /admin/docs: the same for people."""

    open_to_all = True

    def get(self) -> None:
        self.query()
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
        self.finish(openapi.page())

    head = get


class UnknownAdminHandler(AdminHandler):
    """Every other URL: 401 without a key, else 404."""

    def prepare(self) -> None:
        super().prepare()
        raise HTTPError(404)


class NowhereHandler(UnknownAdminHandler):
    """A URL that is none, and says so to anybody."""

    open_to_all = True
