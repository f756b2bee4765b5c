"""POST of a dialect's counting route: how many tokens a request would take, estimated here."""

from __future__ import annotations

import msgspec

from aisix.errors import CallerError
from aisix.mapping.dialect.estimate import estimate
from aisix.mapping.syntax import paths
from aisix.proxy.base import ProxyHandler


class CountHandler(ProxyHandler):
    """The alias must be one the key may use; nothing goes upstream."""

    route_name = "count"
    takes_body = True

    def post(self) -> None:
        body = self.body()
        how = self.caller.count
        assert how is not None
        alias = paths.get(body, self.caller.alias.steps)
        if type(alias) is not str:
            raise CallerError("missing", self.caller.alias.text)
        self.seen["alias"] = alias[:128]
        if not self.api_key.may_use(alias):
            raise CallerError("not_allowed", None, alias=alias)
        if self.snapshot.model(alias) is None:
            raise CallerError("no_such_model", None, alias=alias)
        answer = msgspec.json.encode(self.caller.counted(estimate(body, how)))
        self.send(200, {how["header"]: "true"}, answer)
