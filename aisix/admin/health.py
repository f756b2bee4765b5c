"""How the models do, for an admin key; and whether the gateway lives and is ready, for anybody.

    GET /admin/v1/models/status   the bytes of /status/models, beside the metrics
    GET /admin/v1/health          {"status": "ok", "models": [...], "config": {...}}
    GET /livez, /readyz           in the original AISIX's form, in its words

Must never know: how any of it is found out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aisix.admin.base import AdminContext, AdminHandler
from aisix.admin.handlers import ItemHandler
from aisix.listener.probes import PLAIN_TEXT, VERBOSE, Probe

MODELS_STATUS = r"/admin/v1/models/(status)"  # where a model's id stands else


@dataclass(frozen=True, slots=True)
class HealthBoard:
    """What is asked, when somebody asks. models: JSON; live, ready: None where they are not here;
    both take whether to say every check."""

    models: Callable[[], bytes]
    health: Callable[[], Mapping[str, Any]]
    live: Callable[[bool], Probe] | None = None
    ready: Callable[[bool], Probe] | None = None


class ModelsStatusHandler(ItemHandler):
    """Of all models. One with this very id is read as any other all the same."""

    board: HealthBoard

    def initialize(self, context: AdminContext, **more: Any) -> None:
        self.board = more.pop("board")
        super().initialize(context, **more)

    async def get(self, id: str) -> None:
        if self.context.store.current().entry(self.kind.name, id) is not None:
            await super().get(id)
            return
        self.query()
        self.finish(self.board.models())

    head = get


class HealthHandler(AdminHandler):
    def initialize(self, context: AdminContext, **more: Any) -> None:
        self.board: HealthBoard = more.pop("board")
        super().initialize(context)

    def get(self) -> None:
        self.query()
        self.send(self.board.health())

    head = get


class ProbeHandler(AdminHandler):
    open_to_all = True

    def initialize(self, context: AdminContext, **more: Any) -> None:
        self.probe: Callable[[bool], Probe] = more.pop("probe")
        super().initialize(context)

    def get(self) -> None:
        status, body = self.probe(VERBOSE in self.request.query_arguments)
        self.set_status(status)
        for name, value in PLAIN_TEXT.items():
            self.set_header(name, value)
        self.finish(body)

    head = get
