"""POST of a dialect's counting route: how many tokens a request would take, estimated here."""

from __future__ import annotations

import msgspec

from aisix.mapping.dialect.estimate import estimate
from aisix.proxy.base import ProxyHandler


class CountHandler(ProxyHandler):
    """The alias must be one the key may use; nothing goes upstream."""

    route_name = "count"
    takes_body = True

    async def post(self) -> None:
        caller_body = await self.large_body() if self.large else self.body()
        told, how = self.caller.count, self.caller.estimate
        assert told is not None and how is not None
        self.resolve(caller_body, self.snapshot.model)
        if self.large:
            tokens = await self.beside(estimate, caller_body, how)
        else:
            tokens = estimate(caller_body, how)
        self.send(200, {told["header"]: "true"}, msgspec.json.encode(self.caller.counted(tokens)))
