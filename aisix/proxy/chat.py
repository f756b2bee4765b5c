"""One exchange: the caller's request translated, sent, and the answer translated back.

    body -> alias allowed? -> route -> exchange.request -> driver -> exchange.response -> send
                                                        \\-> Relay (a stream) -> chunks

A failure before the first byte of an answer is a plain error with its status; after it, an error
inside the stream and no end mark. A caller who leaves cancels the upstream at once.

Must never know: a wire name. What a field is called stands in the caller dialect's table.
"""

from __future__ import annotations

import asyncio
import time
import uuid

from tornado.web import RequestHandler

from aisix.errors import CallerError, UpstreamError
from aisix.mapping import paths
from aisix.mapping.exchange import Answer, Exchange, Target, UpstreamRequest
from aisix.mapping.view import KINDS
from aisix.proxy.base import ProxyHandler
from aisix.proxy.relay import Relay
from aisix.proxy.retry import Retrier
from aisix.proxy.routes import Route
from aisix.upstream.request import Request, Response
from aisix.upstream.transfer import Transfer
from aisix.upstream.whole import Whole


class ChatHandler(ProxyHandler):
    """POST of the caller dialect's own route."""

    exchange: Exchange | None = None
    route: Route
    relay: Relay | None = None
    _transfer: Transfer | None = None
    _waiting: asyncio.Future[Response] | None = None

    async def post(self) -> None:
        body = self.body()
        self.route = route = self._route(body)
        exchange = Exchange(
            route.tables,
            self.caller,
            Target(route.alias, route.model.model_name, route.model.strict),
            now=int(time.time()),
            new_id=_new_id,
        )
        headers = {name.lower(): value for name, value in self.request.headers.get_all()}
        sent = exchange.request(body, headers)
        self.exchange = exchange
        try:
            if sent.stream:
                self.relay = Relay(self, exchange)
                await self.relay.run(sent)
            else:
                self.answer(await self._plain(sent))
        except UpstreamError as error:
            self.seen["upstream_fault"] = str(error.values.get("why") or error.values.get("phase"))
            self.answer(exchange.fault(error))
        except asyncio.CancelledError:
            if not self.left:
                raise

    def _route(self, body: dict[str, object]) -> Route:
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
        route = self.gateway.routes().find(self.caller.name, alias)
        self.seen["upstream_model"] = route.model.model_name
        self.seen["mapping"] = route.tag
        return route

    # ------------------------------------------------------------------ upstream
    def outgoing(self, sent: UpstreamRequest) -> Request:
        """One attempt as the driver takes it."""
        route = self.route
        lines = route.lines + tuple(f"{name}: {value}" for name, value in sent.headers.items())
        return Request(
            url=route.base + sent.path,
            headers=lines,
            body=sent.body,
            timeouts=route.streamed if sent.stream else route.plain,
            tls=route.tls,
            proxy=self.gateway.settings.upstream.proxy,
            max_body=None if sent.stream else route.cap,
        )

    async def _plain(self, sent: UpstreamRequest) -> Answer:
        exchange = self.exchange
        assert exchange is not None
        retrier = Retrier(self.route.retries)
        while True:
            try:
                response = await self._fetch(self.outgoing(sent))
            except UpstreamError as error:
                pause = retrier.after_fault(error)
                if pause is None:
                    raise
                await asyncio.sleep(pause)
                continue
            pause = retrier.after_answer(response.status, response.headers)
            if pause is not None:
                await asyncio.sleep(pause)
                continue
            self.saw(response.status, retrier.attempts)
            answer = exchange.response(response.status, response.headers, response.body)
            again = exchange.take_again()
            if again is None:
                return answer
            sent, retrier = again, Retrier(self.route.retries)

    async def _fetch(self, request: Request) -> Response:
        whole = Whole(asyncio.get_running_loop().create_future())
        self._waiting = whole.response
        self._transfer = transfer = self.gateway.driver.stream(request, whole)
        try:
            return await whole.response
        finally:
            transfer.cancel()

    def saw(self, status: int, attempts: int) -> None:
        self.seen["upstream_status"] = status
        if attempts > 1:
            self.seen["attempts"] = attempts

    # ------------------------------------------------------------------ the caller
    def told(self) -> None:
        """The headers that say what was done."""
        assert self.exchange is not None
        self.set_header("X-Aisix-Mapping", self.route.tag)
        self.set_header("X-Upstream-Model", self.route.model.model_name)
        warnings = self.exchange.warnings
        if warnings:
            self.set_header("X-Aisix-Warnings", warnings)
            self.seen["warnings"] = warnings

    def answer(self, answer: Answer) -> None:
        """A whole answer: a completion or an error."""
        if self.left:
            return
        self.told()
        if answer.error is not None:
            self.seen["error"] = answer.error.kind
        self.send(answer.status, answer.headers, answer.body)

    def on_finish(self) -> None:
        exchange = self.exchange
        if exchange is not None:
            tokens = exchange.tokens
            if tokens:
                self.seen["tokens"] = tokens
        super().on_finish()

    def on_connection_close(self) -> None:
        super().on_connection_close()
        if self._transfer is not None:
            self._transfer.cancel()
        if self._waiting is not None:
            self._waiting.cancel()
        if self.relay is not None:
            self.relay.leave()
        self.on_finish()


def _new_id() -> str:
    return uuid.uuid4().hex


__all__ = ["ChatHandler", "RequestHandler"]
