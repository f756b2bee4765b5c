"""POST of a dialect's counting route: how many tokens a request would take.

An upstream that counts ([upstream.count] of its mapping) is asked once, with the request as it
would be sent to be answered; whatever it says of the caller's own request is the answer. In all
other cases the tokens are estimated here, which the answer's header and the access line say; where
`[count] checked` says so, the tables have a look at such a request too. A
count uses up no rate limit; like any request it has its place among those under way.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import msgspec

from aisix.errors import CallerError, Fault, OperatorError, UpstreamError
from aisix.mapping.dialect.estimate import estimate
from aisix.mapping.exchange import Answer, UpstreamRequest
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.budget import Spent
from aisix.proxy.backstop import Wait
from aisix.proxy.base import ProxyHandler
from aisix.proxy.call import Call, note_failure
from aisix.proxy.route_hints import hints_of
from aisix.routing.additions import Asker
from aisix.routing.attempts import Attempts
from aisix.routing.group_attempts import begin
from aisix.routing.target import Target
from aisix.upstream.request import Cap, Response, Timeouts

ANSWER = Cap(64 << 10, "the answer to a count")  # bytes
LARGEST = 10**12  # tokens that are believed
NO_ROUTE, BUSY = "no_route", "busy"  # the upstream counts nothing; we have no place for more
CALLERS_OWN = (400, 413, 422)  # statuses of an error about the request that was to be counted


class Uncounted(Exception):
    """No upstream has counted; of a closed list of words: why."""


class CountHandler(ProxyHandler):
    """The alias must be one the key may use."""

    route_name = "count"
    takes_body = True
    _attempts: Attempts | None = None
    _admitted = False

    async def post(self) -> None:
        caller_body = await self.large_body() if self.large else self.body()
        told, how = self.caller.count, self.caller.estimate
        assert told is not None and how is not None
        self.check_address(self.resolve(caller_body, self.snapshot.model))
        headers: dict[str, str] = {}
        try:
            answer = await self._asked(caller_body)
        except Uncounted as why:
            if self.left:
                return
            self.seen["estimated"] = str(why)
            if self.large:
                tokens = await self.beside(estimate, caller_body, how)
            else:
                tokens = estimate(caller_body, how)
            headers[told["header"]] = "true"
            answer = self._answer(tokens)
        except asyncio.CancelledError:
            if not self.left:
                raise
            return
        if answer.error is not None:
            self.seen["error"] = answer.error.kind
        self.send(answer.status, headers | answer.headers, answer.body)

    def _answer(self, tokens: int) -> Answer:
        return Answer(200, {}, msgspec.json.encode(self.caller.counted(tokens)))

    async def _asked(self, caller_body: dict[str, Any]) -> Answer:
        """What an upstream says; CallerError of its tables, Uncounted."""
        gateway, loop = self.gateway, asyncio.get_running_loop()
        find = partial(self.balancers.find, self.caller.name)
        try:
            balancer = self.resolve(caller_body, find)
        except OperatorError:  # such an alias answers nothing, and its tokens are no secret
            raise Uncounted("misconfigured") from None
        checked = (self.caller.count or {}).get("checked", False)
        if not checked and not any(target.count_url for target in balancer.targets):
            raise Uncounted(NO_ROUTE)
        if not gateway.admission.take():
            raise Uncounted(BUSY)
        self._admitted = True
        hints = partial(hints_of, self.request, self.api_key.id)
        self._attempts = attempts = begin(balancer, 0.0, hints, loop.time())
        target = attempts.target
        if target.count_url is None and not checked:  # of several this one would have answered
            raise Uncounted(NO_ROUTE)
        mine = self.seen, self.request.headers, self.trace, self.mended
        call = Call(gateway, self.caller, attempts, *mine, self.large)
        call.asker = Asker(self.request_id, self.api_key)
        try:
            upstream_request = call.translated(target, caller_body)
        except Spent:
            try:
                upstream_request = await self.until(call.translated_beside(target, caller_body))
            except Fault as fault:
                if isinstance(fault, CallerError):
                    raise
                raise Uncounted(BUSY) from None
        if target.count_url is None:
            raise Uncounted(NO_ROUTE)
        self.seen["upstream_model"], self.seen["mapping"] = target.model_name, target.tag
        try:
            response = await self._sent(call, target, upstream_request)
        except UpstreamError as error:
            note_failure(self.seen, error)
            raise Uncounted(self.seen["upstream_fault"]) from None
        call.saw(response.status)
        return self._read(call, response)

    async def _sent(self, call: Call, target: Target, asked: UpstreamRequest) -> Response:
        count = target.tables.upstream["count"]
        if "fields" in count:
            whole: dict[str, Any] = msgspec.json.decode(asked.body)
            kept = {name: whole[name] for name in count["fields"] if name in whole}
            asked.body = msgspec.json.encode(kept)
        request = call.outgoing(asked)
        most = self.gateway.settings.upstream.count_timeout_ms
        request.url = str(target.count_url)
        request.timeouts = Timeouts(request.timeouts.connect_ms, 0, 0, most)
        request.max_body = ANSWER
        return await self.until(self.gateway.driver.send(request))

    def _read(self, call: Call, response: Response) -> Answer:
        """The count, or what is wrong with the caller's request; Uncounted."""
        seen = response.status, response.headers, response.body
        exchange = call.exchange
        if not 200 <= response.status < 300:
            retry = exchange.retry(*seen)
            answer = exchange.response(*seen)
            if not retry and response.status in CALLERS_OWN and answer.status in CALLERS_OWN:
                return self._with_headers(call, answer)
            raise Uncounted(str(response.status))
        where = paths.parse(call.target.tables.upstream["count"]["answer"])
        try:
            tokens = where.get(msgspec.json.decode(response.body))
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            tokens = None
        if type(tokens) is not int or not 0 <= tokens <= LARGEST:
            self.seen["upstream_fault"] = "bad_response"
            raise Uncounted("bad_response")
        answer = self._answer(tokens)
        answer.headers = exchange.answer_headers(response.headers)
        return self._with_headers(call, answer)

    def _with_headers(self, call: Call, answer: Answer) -> Answer:
        """With the headers that say what was done."""
        self.set_foreign_header("X-Upstream-Model", call.target.model_name)
        if warnings := call.exchange.warnings:
            self.set_header("X-Aisix-Warnings", warnings)
            self.seen["warnings"] = warnings
        return answer

    # ------------------------------------------------------------------ its end
    def tag(self) -> str:
        return super().tag() if self._attempts is None else self._attempts.target.tag

    def tried(self) -> Attempts | None:
        return self._attempts

    def wait(self) -> Wait:
        if self._reading:
            return super().wait()
        queue = self.gateway.settings.proxy.queue_timeout_ms / 1000
        most = self.gateway.settings.upstream.count_timeout_ms / 1000
        return Wait("handler", self._waiting, max(queue, most))

    def on_finish(self) -> None:
        self.each(self._give_back, super().on_finish)

    def _give_back(self) -> None:
        if self._attempts is not None:
            self._attempts.end()
        if self._admitted:
            self._admitted = False
            self.gateway.admission.leave()

    def on_connection_close(self) -> None:
        self.each(super().on_connection_close, self._let_go, self.on_finish)

    def _let_go(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
