"""How the models do, for an admin key; and whether the gateway lives and is ready, for anybody.

    GET /admin/v1/models/status   the bytes of /status/models, beside the metrics
    GET /admin/v1/health          {"status": "ok", "models": [...], "config": {...}}
    GET /livez, /readyz           in the original AISIX's form, in its words; /health is a 404 there

Must never know: how any of it is found out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aisix.admin.base import AdminContext, AdminHandler
from aisix.admin.handlers import ItemHandler
from aisix.listener.probes import PLAIN_TEXT, VERBOSE, Probe
from aisix.store.kinds.declare import Json

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


def schemas(closed: Callable[..., Json]) -> Json:
    text, number = {"type": "string"}, {"type": "integer"}
    moment = closed({"secs_since_epoch": number, "nanos_since_epoch": number})
    optional = {
        "cooldown_until": moment,
        "last_checked_at": moment,
        "last_check_status": {**number, "description": "HTTP's; 408: it took too long"},
        "status_reason": {**text, "description": "why it is not healthy, or was not last"},
        "our_targets": {"type": "object", "description": "of an alias with `targets`, by name"},
    }
    state = closed(
        {
            "id": text,
            "display_name": text,
            "kind": {"enum": ["direct", "routing"]},
            "status": {"enum": ["healthy", "unhealthy", "cooldown", "not_applicable"]},
            **optional,
        },
        *optional,
    )
    levels = {"enum": [0, 1, 2], "description": "by failures in a row: none, from 4, from 8"}
    age = {"type": ["integer", "null"], "description": "since what serves was known to be newest"}
    config = closed({"snapshot_revision": number, "snapshot_age_seconds": age})
    whole = {
        "status": {"enum": ["ok", "degraded", "unhealthy"]},
        "models": {"type": "array", "items": closed({"id": text, "name": text, "health": levels})},
        "config": {**config, "description": "absent where resources come from a file"},
    }
    return {
        "ModelStates": {"type": "array", "items": state},
        "Health": closed(whole, "config"),
    }
