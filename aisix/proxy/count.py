"""POST of a dialect's counting route: how many tokens a request would take, estimated here."""

from __future__ import annotations

import msgspec

from aisix.mapping.dialect.estimate import estimate
from aisix.proxy.base import ProxyHandler


class CountHandler(ProxyHandler):
    """The alias must be one the key may use; nothing goes upstream."""

    route_name = "count"
    takes_body = True

    def post(self) -> None:
        caller_body = self.body()
        how = self.caller.count
        assert how is not None
        self.resolve(caller_body, self.snapshot.model)
        answer = msgspec.json.encode(self.caller.counted(estimate(caller_body, how)))
        self.send(200, {how["header"]: "true"}, answer)
