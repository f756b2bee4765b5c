"""One exchange: the caller's request translated, sent, and the answer translated back.

    body -> alias allowed? -> ways -> gate -> exchange.request -> driver -> exchange.response
                              \\-> Attempts                \\-> Relay (a stream)

A failure before the first byte of an answer is a plain error with its status; after it, an error
inside the stream and no end mark. A caller who leaves cancels the upstream at once. An attempt at
another target of the alias is an exchange of its own: the request is translated for its model.

Must never know: a wire name. What a field is called stands in the caller dialect's table.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tornado.web import RequestHandler

from aisix.errors import CallerError, UpstreamError
from aisix.limits import Level
from aisix.mapping.exchange import Answer, Exchange, ResolvedModel, UpstreamRequest
from aisix.mapping.interpret.view import KINDS
from aisix.mapping.syntax import paths
from aisix.proxy import ids
from aisix.proxy.admission import overloaded
from aisix.proxy.base import ProxyHandler
from aisix.proxy.gateway import Gateway
from aisix.proxy.rate_limit import RateLimited, Reservation, headers
from aisix.proxy.relay import Relay
from aisix.routing.attempts import Attempts
from aisix.routing.balancer import Balancer
from aisix.routing.target import Target
from aisix.store.resources import Model
from aisix.upstream.buffered import BufferedSink
from aisix.upstream.request import Request, Response
from aisix.upstream.transfer import Transfer


class ChatHandler(ProxyHandler):
    """POST of the caller dialect's own route."""

    exchange: Exchange | None = None
    attempts: Attempts | None = None
    route: Target
    relay: Relay | None = None
    _placed = False  # in the gate
    _allowance: Reservation | None = None
    _levels: Sequence[Level] = ()  # of its limits, for the headers
    _transfer: Transfer | None = None
    _waiting: asyncio.Future[Any] | None = None  # what `post` awaits

    takes_body = True

    def admit(self) -> None:
        super().admit()
        if self.gateway.gate.full:
            raise overloaded()  # before the body is read

    def initialize(self, gateway: Gateway, dialect: str, **more: Any) -> None:
        self.route_name = dialect
        super().initialize(gateway, dialect, **more)

    async def post(self) -> None:
        body = self.body()
        ways = self._ways(body)
        self._within_limits(ways.routes[0].model)
        loop = asyncio.get_running_loop()
        gate = self.gateway.gate
        try:
            if not gate.take():
                self._waiting = turn = loop.create_future()
                await gate.wait(turn)
                if self.left:
                    gate.leave()
                    return
            self._placed = True
            patience = self.gateway.settings.upstream.retry_after_limit_secs
            self.attempts = attempts = Attempts(ways, patience, loop.time())
            sent = self.translated(attempts.route, body)
            self.streamed = sent.stream
            assert self.exchange is not None
            here = self.exchange.answered_here()
            if here is not None:
                self.answer(here)
            elif sent.stream:
                self.relay = relay = Relay(self)
                relay.start(sent)
                del body, sent  # a long stream does not keep its request
                await relay.finish()
            else:
                self.answer(await self._plain(sent))
        except UpstreamError as error:
            self.failed(error)
            if self.exchange is None:
                raise
            self.answer(self.exchange.fault(error))
        except asyncio.CancelledError:
            if not self.left:
                raise

    def _ways(self, body: dict[str, object]) -> Balancer:
        alias = paths.get(body, self.caller.alias.steps)
        param = self.caller.alias.text
        if alias is None:
            raise CallerError("missing", param)
        if type(alias) is not str:
            raise CallerError("wrong_type", param, expected="string", found=KINDS[type(alias)])
        self.seen["alias"] = alias[:128]
        # By the name alone and before it is looked up: who may not use it learns nothing of it.
        if not self.api_key.may_use(alias):
            raise CallerError("not_allowed", None, alias=alias)
        return self.routes.find(self.caller.name, alias)

    def _within_limits(self, model: Model) -> None:
        try:
            found = Reservation.ask(self.gateway.limits, self.api_key, model, time.time())
        except RateLimited as refused:
            self._levels = refused.levels
            raise
        if found is not None:
            self._allowance, self._levels = found, found.levels

    # ------------------------------------------------------------------ upstream
    def translated(self, route: Target, body: dict[str, Any]) -> UpstreamRequest:
        """A new exchange with this target; CallerError when its tables refuse the body."""
        self.tag = route.tag
        exchange = Exchange(
            route.tables,
            self.caller,
            ResolvedModel(route.alias, route.model_name, route.model.strict),
            now=int(time.time()),
            new_id=ids.new,
            largest_event=self.gateway.settings.upstream.stream_event_limit_bytes,
        )
        try:
            sent = exchange.request(body, self.request.headers)
        except RecursionError:
            raise CallerError("too_deep") from None
        self.route = route
        self.exchange = exchange
        return sent

    def outgoing(self, sent: UpstreamRequest) -> Request:
        """One attempt as the driver takes it."""
        route = self.route
        lines = route.lines + tuple(f"{name}: {value}" for name, value in sent.headers.items())
        if self.trace is not None and self.gateway.settings.observability.trace_upstream:
            lines += self.trace.lines
        return Request(
            url=route.base if route.whole else route.base + sent.path,
            headers=lines,
            body=sent.body,
            timeouts=route.streamed if sent.stream else route.plain,
            tls=route.tls,
            proxy=self.gateway.settings.upstream.proxy,
            max_body=None if sent.stream else route.cap,
        )

    def next_request(self, sent: UpstreamRequest) -> UpstreamRequest | None:
        """What the next attempt sends; None when no target that is left takes this request."""
        attempts, exchange = self.attempts, self.exchange
        assert attempts is not None and exchange is not None
        while attempts.route is not self.route:
            try:
                return self.translated(attempts.route, exchange.asked)
            except CallerError:
                if not attempts.pass_over(asyncio.get_running_loop().time()):
                    return None
        return sent

    async def _plain(self, sent: UpstreamRequest) -> Answer:
        attempts = self.attempts
        assert attempts is not None
        now = asyncio.get_running_loop().time
        while True:
            exchange, failure = self.exchange, None
            assert exchange is not None
            try:
                response = await self._fetch(self.outgoing(sent))
            except UpstreamError as error:
                failure = error
                pause = attempts.after_fault(error, now())
            else:
                status, headers = response.status, response.headers
                retry = exchange.retry(status, headers, response.body)
                pause = attempts.after_answer(retry, status, headers, now())
            if pause:
                await self._pause(pause)
            following = self.next_request(sent) if pause is not None and not self.left else None
            if following is None:
                if failure is not None:
                    raise failure
                self.saw(status)
                answer = exchange.response(status, headers, response.body)
                self.judged()
                following = exchange.take_again()
                if following is None:
                    return answer
                attempts.next_round()
            sent = following

    async def _fetch(self, request: Request) -> Response:
        whole = BufferedSink(asyncio.get_running_loop().create_future())
        self._waiting = whole.response
        self._transfer = transfer = self.gateway.driver.stream(request, whole)
        try:
            return await whole.response
        finally:
            transfer.cancel()

    async def _pause(self, seconds: float) -> None:
        self._waiting = pause = asyncio.ensure_future(asyncio.sleep(seconds))
        await pause

    # ------------------------------------------------------------------ what is seen of it
    def saw(self, status: int) -> None:
        """The upstream's answer has begun, or was an error."""
        self.seen["upstream_status"] = status

    def judged(self) -> None:
        """The exchange has looked at the answer: was the upstream well?"""
        exchange, attempts = self.exchange, self.attempts
        assert exchange is not None and attempts is not None
        if exchange.broke is not None:
            self.failed(exchange.broke)
            attempts.broken(asyncio.get_running_loop().time())
        elif exchange.error is None or not exchange.error.retry:  # else it is counted already
            attempts.good()

    def failed(self, error: UpstreamError) -> None:
        """The upstream failed: why, for the access line alone."""
        self.seen["upstream_fault"] = str(error.values.get("why") or error.values.get("phase"))
        if error.detail:
            self.seen["upstream_detail"] = error.detail[:200]

    # ------------------------------------------------------------------ the caller
    def told(self) -> None:
        """The headers that say what was done."""
        assert self.exchange is not None and self.attempts is not None
        route = self.route
        self.set_header("X-Upstream-Model", route.model_name)
        self.set_header("X-Aisix-Attempts", str(self.attempts.count))
        if route.model.targets:
            self.set_header("X-Aisix-Served-By", route.standing.name)
        self._tell_levels()
        warnings = self.exchange.warnings
        if warnings:
            self.set_header("X-Aisix-Warnings", warnings)
            self.seen["warnings"] = warnings

    def _tell_levels(self) -> None:
        if self._levels:
            for name, value in headers(self._levels, self.caller, time.time()).items():
                self.set_header(name, value)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        self._tell_levels()
        super().write_error(status_code, **kwargs)

    def answer(self, answer: Answer) -> None:
        """A whole answer: a completion or an error."""
        if self.left:
            return
        self.told()
        if answer.error is not None:
            self.seen["error"] = answer.error.kind
        self._settle()  # before the caller can ask again
        self.send(answer.status, answer.headers, answer.body)

    def faults(self) -> Sequence[str]:
        return () if self.attempts is None else self.attempts.faults

    def rules(self) -> Iterable[tuple[str, str]]:
        return () if self.exchange is None else self.exchange.rules

    def _settle(self) -> None:
        if self._allowance is not None:
            used = {} if self.exchange is None else self.exchange.tokens
            self._allowance.settle(used, time.time())
            self._allowance = None

    def on_finish(self) -> None:
        self.each(self._note, self._settle, self._end_attempts, self._leave_gate, super().on_finish)

    def _note(self) -> None:
        """What the access line tells of the exchange."""
        exchange, attempts = self.exchange, self.attempts
        if exchange is not None:
            tokens = exchange.tokens
            if tokens:
                self.seen["tokens"] = tokens
        if attempts is not None:
            route = self.route if exchange is not None else attempts.route
            self.seen["upstream_model"] = route.model_name
            self.seen["mapping"] = route.tag
            self.seen["attempts"] = attempts.count
            if route.model.targets:
                self.seen["served_by"] = route.standing.name

    def _end_attempts(self) -> None:
        if self.attempts is not None:
            self.attempts.end()

    def _leave_gate(self) -> None:
        if self._placed:
            self._placed = False
            self.gateway.gate.leave()

    def on_connection_close(self) -> None:
        self.each(super().on_connection_close, self._let_go, self.on_finish)

    def raised(self, error: BaseException) -> None:
        super().raised(error)
        self._let_go()

    def _let_go(self) -> None:
        """Whatever is still under way for this request ends."""
        steps: list[Callable[[], Any]] = []
        if self._transfer is not None:
            steps.append(self._transfer.cancel)
        if self._waiting is not None:
            steps.append(self._waiting.cancel)
        if self.relay is not None:
            steps.append(self.relay.leave)
        self.each(*steps)


__all__ = ["ChatHandler", "RequestHandler"]
