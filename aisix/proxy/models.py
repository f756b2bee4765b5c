"""What a caller may ask for: the list of aliases, and one, as the caller dialect shows them."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from aisix.proxy.base import ProxyHandler
from aisix.store.resources import Model


class ModelsHandler(ProxyHandler):
    """GET of the list. Only aliases this key may use are there."""

    route_name = "models"

    def get(self) -> None:
        models = [_shown(model) for model in self.snapshot.models_for(self.api_key)]
        self.send(200, {}, msgspec.json.encode(self.caller.model_list(models)))

    head = get


class ModelHandler(ProxyHandler):
    """GET of one."""

    route_name = "models"

    def get(self) -> None:
        assert self.door is not None and self.door.rest is not None
        alias = self.door.rest
        if alias.endswith("/") and not self.snapshot.stored_name(alias):
            alias = alias.rstrip("/")
        model = self.allowed(alias, self.snapshot.model)
        self.send(200, {}, msgspec.json.encode(self.caller.model_item(_shown(model))))

    head = get


def _shown(model: Model) -> dict[str, object]:
    return {
        "alias": model.display_name,
        "created": model.created_at,
        "created_at": datetime.fromtimestamp(model.created_at, UTC).isoformat(),
        "provider": model.provider,
    }
