"""The handler of one exchange: who may, how much, and the caller's side of the answer.

    caller_body -> balancer of its alias -> rate limits -> admission -> Call -> the caller
                                                                          \\-> Relay (a stream)

A failure before the first byte of an answer is a plain error with its status; after it, an error
inside the stream and no end mark. A caller who leaves cancels the upstream at once.

Must never know: a wire name. What a field is called stands in the caller dialect's table.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from aisix.errors import Fault, UpstreamError
from aisix.limits import clock
from aisix.mapping.exchange import Answer, UpstreamRequest
from aisix.mapping.metering import Tokens
from aisix.mapping.syntax.budget import Spent
from aisix.proxy.backstop import Wait, limit
from aisix.proxy.beside import is_light
from aisix.proxy.call import Call, note_failure
from aisix.proxy.doors import Door
from aisix.proxy.entering import EnteringHandler
from aisix.proxy.gateway import Gateway
from aisix.proxy.original_metrics import RequestFacts
from aisix.proxy.recording import Recording
from aisix.proxy.relay import Relay
from aisix.routing.additions import Asker
from aisix.routing.attempts import LONGEST_PAUSE, Attempts
from aisix.routing.group_attempts import begin
from aisix.routing.target import Target
from aisix.upstream.buffered import BufferedSink
from aisix.upstream.request import Response
from aisix.upstream.transfer import Transfer

T = TypeVar("T")


class ChatHandler(EnteringHandler):
    """POST of the caller dialect's own route; the StreamWriter of a Relay."""

    attempts: Attempts | None = None
    call: Call | None = None  # once a target's tables have taken the request
    relay: Relay | None = None
    recording: Recording | None = None  # of it, for an admin who asked
    _transfer: Transfer | None = None
    _final: tuple[Tokens, Sequence[str]] | None = None  # what it has used; estimated

    def initialize(self, gateway: Gateway, dialect: str, door: Door | None = None) -> None:
        self.route_name = dialect
        super().initialize(gateway, dialect, door)

    async def post(self) -> None:
        gateway, loop = self.gateway, asyncio.get_running_loop()
        try:
            caller_body = await self.large_body() if self.large else self.body()
            balancer = self.resolve(caller_body, partial(self.balancers.find, self.caller.name))
            self.check_address(balancer.targets[0].model)
            if not await self._let_in(balancer.targets[0].model, caller_body):
                return
            patience = gateway.settings.upstream.retry_after_limit_secs
            self.attempts = attempts = begin(balancer, patience, self.asked, loop.time())
            if attempts.limited:
                await self.until(self.within_members(attempts, caller_body))
            mine = self.seen, self.request.headers, self.trace, self.mended
            call = Call(gateway, self.caller, attempts, *mine, self.large)
            call.asker = Asker(self.request_id, self.api_key)
            if gateway.recorder is not None:
                self.recording = call.recording = gateway.recorder.record(self, caller_body)
            try:
                upstream_request = call.translated(attempts.target, caller_body)
            except Spent:
                made = call.translated_beside(attempts.target, caller_body)
                upstream_request = await self.until(made)
            self.call = call
            self.streamed = upstream_request.stream
            here = call.exchange.answered_here()
            if here is not None:
                self.answer(here)
            elif upstream_request.stream:
                to = self if self.recording is None else self.recording.writer(self)
                self.relay = relay = Relay(call, to, self.members)
                relay.start(upstream_request)
                del caller_body, upstream_request  # a long stream does not keep its request
                await relay.finish()
            else:
                self.answer(await self._plain(call, upstream_request))
        except UpstreamError as error:
            note_failure(self.seen, error)
            if self.call is None:
                raise
            self.answer(self.call.exchange.fault(error))
        except asyncio.CancelledError:
            if not (self.left or self._finished):
                raise

    def book(self) -> None:
        """What it has used so far, once there is an answer: until then its own estimate stands."""
        call, reservation = self.call, self._reservation
        if call is not None and call.exchange.answering:
            used = call.used()[0]
            if reservation is not None:
                reservation.book(used, clock())
            if self.members is not None:
                self.members.book(call.of_this_attempt(used))

    # ------------------------------------------------------------------ a plain answer
    async def _plain(self, call: Call, upstream_request: UpstreamRequest) -> Answer:
        attempts = call.attempts
        now = asyncio.get_running_loop().time
        while True:
            exchange, failure, light = call.exchange, None, True
            try:
                response = await self._fetch(call, upstream_request)
            except UpstreamError as error:
                failure = error
                pause = attempts.after_fault(error, now())
            else:
                status, received = response.status, response.headers
                seen = status, received, response.body
                light = is_light(response.body)
                retry = exchange.retry(*seen) if light else await self._aside(exchange.retry, *seen)
                pause = attempts.after_answer(retry, status, received, now())
            if pause:
                call.out = None  # it is not billed, if nobody waits for another one
                await self._pause(pause)
            following = None
            if pause is not None:
                following = await self._following(call, upstream_request)
            if following is None:
                if failure is not None:
                    raise failure
                call.saw(status)
                made = exchange.response
                answer = made(*seen) if light else await self._aside(made, *seen)
                if exchange.broke is None:
                    call.judged()
                elif (again := await self._after_nonsense(call, upstream_request)) is not None:
                    upstream_request = again
                    continue
                following = exchange.take_continuation()
                if following is None:
                    return answer
                attempts.next_round()
            upstream_request = following

    async def _after_nonsense(
        self, call: Call, upstream_request: UpstreamRequest
    ) -> UpstreamRequest | None:
        """What another attempt sends after an answer that cannot be understood; None: there is
        none."""
        assert call.exchange.broke is not None
        pause = call.nonsense(call.exchange.broke)
        if pause is None:
            return None
        if pause:
            await self._pause(pause)
        return await self._following(call, upstream_request, anew=True)

    async def _following(
        self, call: Call, upstream_request: UpstreamRequest, anew: bool = False
    ) -> UpstreamRequest | None:
        if self.left:
            return None
        if self.members is not None:
            work = self.members.following(call, upstream_request, anew)
            return await self.until(work)
        try:
            return call.next_request(upstream_request, anew)
        except Spent:
            return await self.until(call.next_request_beside(upstream_request, anew))

    async def _aside(self, work: Callable[..., T], *args: Any) -> T:
        """What it makes of an answer that is too heavy for the loop."""
        return await self.until(self.gateway.beside.finish(work, *args))

    async def _fetch(self, call: Call, upstream_request: UpstreamRequest) -> Response:
        buffered = BufferedSink(asyncio.get_running_loop().create_future())
        self._waiting = buffered.response
        self._transfer = transfer = call.send(upstream_request, buffered)
        try:
            return await buffered.response
        finally:
            transfer.cancel()

    async def _pause(self, seconds: float) -> None:
        self._transfer = None
        self._waiting = pause = asyncio.ensure_future(asyncio.sleep(seconds))
        await pause

    # ------------------------------------------------------------------ the caller
    def answer(self, answer: Answer) -> None:
        """A whole answer: a completion or an error."""
        if self.left:
            return
        self._tell()
        if answer.error is not None:
            self.seen["error"] = answer.error.kind
        else:
            self._tell_good()
        self._settle()  # before the caller can ask again
        self.send(answer.status, answer.headers, answer.body)

    def begin_stream(self, headers: Mapping[str, str], waiting: bool = False) -> None:
        """The head of a stream: a 200 with these headers, and those that say what was done; while
        still `waiting`, without those that another attempt may make untrue."""
        self._tell(waiting)
        self._tell_good()
        if not (waiting and self.several):
            self.set_header("X-Aisix-Mapping", self.tag())
        self.set_header("Content-Type", self.caller.data["stream"]["content_type"])
        self.set_header("Cache-Control", "no-cache")
        self.set_header("X-Accel-Buffering", "no")
        for name, value in headers.items():
            self.set_foreign_header(name, value)

    def crashed(self, error: BaseException) -> None:
        """A mistake of our own while a stream was under way: the caller is told, inside the stream
        if it has begun. Never raises; gives back what the request held."""
        if self.headed and not self.left:
            self.each(self._tell_crash)
        self.raised(error)

    def _tell_crash(self) -> None:
        shown = self.caller.fault(Fault("bug"))
        self.seen["error"] = shown.kind
        call = self.call
        self.write(self.caller.frame(shown) if call is None else call.exchange.failure(shown, True))
        self.finish()

    def _tell(self, waiting: bool = False) -> None:
        """The headers that say what was done."""
        call = self.call
        assert call is not None
        target = call.target
        self._tell_levels()
        if waiting and self.several:
            return
        self.set_foreign_header("X-Upstream-Model", target.model_name)
        if not waiting:
            self.set_header("X-Aisix-Attempts", str(call.attempts.count))
        if target.model.targets or (target.member is not None and target.served_by.isascii()):
            self.set_foreign_header("X-Aisix-Served-By", target.served_by)
        warnings = call.exchange.warnings
        if warnings:
            self.set_header("X-Aisix-Warnings", warnings)
            self.seen["warnings"] = warnings

    def _tell_good(self) -> None:
        """The headers that only an answer has which is no error."""
        for name, text in self.caller.headers:
            self.set_header(name, text.replace("{request_id}", self.request_id))

    def send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        if self.recording is not None:
            self.recording.given(body)
        super().send(status, headers, body)

    # ------------------------------------------------------------------ what is known of it
    @property
    def target(self) -> Target | None:
        """Whose tables took the request, or refused it; None while none was chosen."""
        if self.call is not None:
            return self.call.target
        return None if self.attempts is None else self.attempts.target

    @property
    def several(self) -> bool:
        """Whether the alias has more than one target."""
        target = None if self.call is None else self.call.target
        return target is not None and (len(target.model.targets) > 1 or target.member is not None)

    def tag(self) -> str:
        target = self.target
        return super().tag() if target is None else target.tag

    def facts(self, label: str) -> RequestFacts:
        sent = self.call is not None and self.call.out is not None
        return super().facts(label)._replace(went_out=sent)

    def tried(self) -> Attempts | None:
        return self.attempts

    def faults(self) -> Sequence[str]:
        return () if self.attempts is None else self.attempts.faults

    def estimated(self) -> Sequence[str]:
        return () if self._final is None else self._final[1]

    def rules(self) -> Iterable[tuple[str, str]]:
        return () if self.call is None else self.call.exchange.rules

    # ------------------------------------------------------------------ its end
    def on_finish(self) -> None:
        self.each(
            self._note,
            self._settle,
            self._end_attempts,
            self._leave_admission,
            super().on_finish,
        )

    def _note(self) -> None:
        """What the access line tells of the exchange, and what an admin asked to see of it."""
        if self.recording is not None:
            self.recording.ended(self, self.target)
        if self.call is not None:
            self.gateway.count_fallbacks(self.call.exchange)
            if self.relay is not None and (warnings := self.call.exchange.warnings):
                self.seen["warnings"] = warnings  # a stream says late what it lost
            tokens, estimated = self._used()
            if tokens:
                self.seen["tokens"] = tokens
            if estimated:
                self.seen["tokens_estimated"] = True
        attempts, target = self.attempts, self.target
        if attempts is not None and target is not None:
            self.seen["upstream_model"] = target.model_name
            self.seen["mapping"] = target.tag
            self.seen["attempts"] = attempts.count
            if target.model.targets or target.member is not None:
                self.seen["served_by"] = target.served_by

    def _settle(self) -> None:
        reservation, members = self._reservation, self.members
        if reservation is None and members is None:
            return
        self._reservation = None
        self.gateway.booking.under_way.discard(self)
        tokens, of_last = Tokens(), Tokens()
        try:
            tokens, _ = self._used()
            of_last = tokens if self.call is None else self.call.of_this_attempt(tokens)
        finally:  # its places are given back whatever happens
            try:
                if reservation is not None:
                    reservation.settle(tokens, clock())
            finally:
                if members is not None:
                    members.settle(of_last)

    def _used(self) -> tuple[Tokens, Sequence[str]]:
        """What it has used in all; asked at its end."""
        if self._final is None:
            self._final = ({}, ()) if self.call is None else self.call.used()
        return self._final

    def _end_attempts(self) -> None:
        if self.attempts is not None:
            self.attempts.end()

    def on_connection_close(self) -> None:
        self.each(super().on_connection_close, self._let_go, self.on_finish)

    def wait(self) -> Wait:
        settings, call, transfer = self.gateway.settings, self.call, self._transfer
        if self._reading:
            return super().wait()
        pause = settings.upstream.retry_after_limit_secs + LONGEST_PAUSE
        queue = settings.proxy.queue_timeout_ms / 1000  # for a place, and for a thread
        if self.relay is not None:
            return self.relay.wait(pause, queue)
        progress: object = self._waiting
        if not self._admitted:
            return Wait("queue", progress, queue)
        if call is None:
            return Wait("translation", progress, queue)
        if transfer is None:
            return Wait("pause", progress, pause)
        progress = progress, transfer.heard
        if transfer.over:
            return Wait("answer", progress, queue)
        return Wait("upstream", progress, limit(call.target.plain_timeouts.total_ms))

    def give_up(self) -> None:
        if self.relay is None:
            super().give_up()
        else:
            self.relay.give_up()

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
