"""What a caller may ask for: the list of aliases, and one, as the caller dialect shows them."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from aisix.errors import CallerError
from aisix.proxy.base import ProxyHandler
from aisix.store.resources import Model

_NUMBER = re.compile(r"-?\d{1,9}", re.ASCII)


class ModelsHandler(ProxyHandler):
    """GET of the list, by name. Only what this key may use is there."""

    route_name = "models"

    def get(self) -> None:
        models = self.balancers.models_for(self.api_key)
        models, more = self._page(models)
        shown = self.caller.model_list([_shown(model) for model in models], more)
        self.send(200, {}, msgspec.json.encode(shown))

    head = get

    def _page(self, models: list[Model]) -> tuple[list[Model], bool]:
        """(the part that is asked for, whether there is more in that direction). A name that it is
        to begin behind need not be there any more."""
        how = self.caller.pages
        if how is None:
            return models, False
        names = [model.display_name for model in models]
        after, before = self._asked(how["after"]), self._asked(how["before"])
        begin = 0 if after is None else bisect_right(names, after)
        end = len(names) if before is None else bisect_left(names, before)
        most = self._limit_of_page(how)
        models = models[begin:end]
        more = len(models) > most
        backwards = before is not None and after is None
        return models[-most:] if backwards else models[:most], more

    def _limit_of_page(self, how: dict[str, Any]) -> int:
        name, most = how["limit"], how["most"]
        given = self._asked(name)
        if given is None:
            return int(most)
        if not _NUMBER.fullmatch(given):
            expected = f"a whole number from 1 to {most}"
            raise CallerError("wrong_type", name, expected=expected, found=f"'{given[:40]}'")
        number = int(given)
        if number < 1:
            raise CallerError("below_min", name, limit=1, value=number)
        if number > most:
            raise CallerError("above_max", name, limit=most, value=number)
        return number

    def _asked(self, name: str) -> str | None:
        """A parameter of the query; of several the last, and an empty one is none."""
        values: Sequence[bytes] = self.request.query_arguments.get(name, ())
        return values[-1].decode("utf-8", "replace") or None if values else None


class ModelHandler(ProxyHandler):
    """GET of one."""

    route_name = "models"

    def get(self) -> None:
        assert self.door is not None and self.door.rest is not None
        alias = self.door.rest
        if alias.endswith("/") and not self.snapshot.stored_name(alias):
            alias = alias.rstrip("/") or alias
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
