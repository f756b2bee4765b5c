"""A call whose request goes upstream as it came, and its answer to the caller as that came.

    call = PassCall(gateway, caller, attempts, seen, request.headers, trace)
    call.name, call.sent = "vectors", body
    relay = PassRelay(call, writer)

Must never know: a wire name, the caller's connection.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from aisix.mapping.exchange import ResolvedModel, UpstreamRequest
from aisix.mapping.metering import Tokens
from aisix.mapping.passed import PassedExchange
from aisix.mapping.types import Answer
from aisix.proxy import ids
from aisix.proxy.call import Call
from aisix.proxy.relay import Relay
from aisix.routing.target import Target
from aisix.upstream.request import Request
from aisix.upstream.upload import Upload


class Sent(Protocol):
    """A request's body, as it is sent to one upstream model."""

    @property
    def content_type(self) -> str: ...

    @property
    def stream(self) -> bool:
        """Whether its answer is to come bit by bit."""

    @property
    def upload(self) -> Upload | None:
        """What is sent instead of bytes: it has not come whole yet."""

    @property
    def spent(self) -> bool:
        """Whether it cannot be sent once more."""

    def replaced(self, model: str) -> bytes: ...


class PassCall(Call):
    """`name`: of the [pass.NAME]; `sent`: the body."""

    __slots__ = ("name", "sent")

    exchange: PassedExchange
    name: str
    sent: Sent

    def translated(self, target: Target, caller_body: dict[str, Any]) -> UpstreamRequest:
        exchange = self._passed(target)
        body = self.sent.replaced(target.model_name)
        request = exchange.pass_on(body, self.sent.content_type, self.sent.stream)
        self._keep(target, exchange)
        return request

    def _passed(self, target: Target) -> PassedExchange:
        settings = self.gateway.settings
        return PassedExchange(
            target.tables,
            self.caller,
            ResolvedModel(target.alias, target.model_name, target.model.strict),
            now=int(time.time()),
            new_id=ids.new,
            largest_event=settings.upstream.stream_event_limit_bytes,
            hidden=target.hidden,
            row=target.tables.upstream["pass"][self.name],
        )

    def outgoing(self, upstream_request: UpstreamRequest) -> Request:
        request = super().outgoing(upstream_request)
        request.upload = self.sent.upload
        return request

    def next_request(
        self, upstream_request: UpstreamRequest, anew: bool = False
    ) -> UpstreamRequest | None:
        # What is still to come is put together anew, for the same model too.
        return super().next_request(upstream_request, anew or self.sent.upload is not None)

    def used(self) -> tuple[Tokens, Sequence[str]]:
        exchange = self.exchange
        if self.out is None or not self.out[0].sent:
            return exchange.tokens, ()
        if exchange.broke is not None and not exchange.broke.values.get("was_sent", True):
            return exchange.tokens, ()
        return exchange.used()


class PassRelay(Relay):
    """Bytes as they come: no comment is put between them, and no error behind them unless the
    answer is a stream of events; else one that broke off ends with its connection."""

    _call: PassCall
    _exchange: PassedExchange

    def start(self, upstream_request: UpstreamRequest) -> None:
        self._written = self._loop.time()
        self._send(upstream_request)

    def _ping(self, every: float) -> None:
        pass

    def _look(self, data: bytes) -> None:
        if self._exchange.events:
            super()._look(data)
        else:
            self._token = True

    def _tried_again(
        self, pause: float | None, otherwise: Callable[[], None], anew: bool = False
    ) -> bool:
        if pause is not None and self._call.sent.spent:
            self._attempts.count -= 1  # there is none: what was sent is gone
            return False
        return super()._tried_again(pause, otherwise, anew)

    def _failed(self, answer: Answer) -> None:
        if not self._headed or self._exchange.events:
            super()._failed(answer)
            return
        assert answer.error is not None
        self._call.seen["error"] = answer.error.kind
        self._settle()
        self._writer.hang_up()
