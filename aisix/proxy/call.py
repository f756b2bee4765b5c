"""One call: an exchange with an upstream, its attempts, the request that goes out, what is seen.

    call = Call(gateway, caller, attempts, seen, request.headers, trace, mended)
    upstream_request = call.translated(attempts.target, caller_body)    # comes first
    transfer = call.send(upstream_request, sink)
    # a request that costs too much for the loop: Spent; then the same `beside` it
    upstream_request = await call.translated_beside(attempts.target, caller_body)
    upstream_request = call.next_request(upstream_request)              # after a failed attempt
    call.saw(status); call.judged()                                     # once there is an answer

The handler (`chat.py`) and the stream (`relay.py`) hold it both and know nothing of each other. An
attempt at another target of the alias is an exchange of its own: the request is translated anew.

Must never know: the caller's connection, a wire name.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

from aisix.errors import CallerError, Fault, UpstreamError
from aisix.listener.heads import header_text
from aisix.mapping.dialect.upstream_errors import CallerDialect
from aisix.mapping.exchange import Exchange, ResolvedModel, UpstreamRequest
from aisix.mapping.metering import Tokens, used
from aisix.mapping.syntax.budget import Budget, Spent
from aisix.proxy import ids
from aisix.proxy.beside import INLINE
from aisix.proxy.gateway import Gateway
from aisix.proxy.provider_answers import WatchedSink
from aisix.proxy.recording import Recording
from aisix.routing.additions import Asker
from aisix.routing.attempts import Attempts
from aisix.routing.target import Target
from aisix.telemetry.trace_context import TraceContext
from aisix.upstream import faults
from aisix.upstream.buffered import BufferedSink
from aisix.upstream.request import Request, Sink
from aisix.upstream.transfer import Transfer


class Call:
    """`exchange` and `target` are those of the attempt under way, set by `translated`.

    `seen` is what the access line tells beside the usual; `headers` are the caller's own; `mended`:
    see `ProxyHandler`; `asker`: whose request it is, for what a provider key adds.
    """

    __slots__ = (
        "_headers",
        "_trace",
        "asker",
        "attempts",
        "caller",
        "exchange",
        "gateway",
        "heavy",
        "mended",
        "out",
        "recording",
        "seen",
        "spent",
        "target",
        "watched",
    )

    exchange: Exchange
    target: Target
    asker: Asker | None

    def __init__(
        self,
        gateway: Gateway,
        caller: CallerDialect,
        attempts: Attempts,
        seen: dict[str, Any],
        headers: Mapping[str, str],
        trace: TraceContext | None,
        mended: Sequence[str] = (),
        heavy: bool = False,
    ) -> None:
        self.gateway = gateway
        self.caller = caller
        self.attempts = attempts
        self.seen = seen
        self._headers = headers
        self._trace = trace
        self.mended = mended
        self.out: tuple[Transfer, Sink] | None = None  # an attempt that may have been billed
        self.spent: Tokens = {}  # what earlier attempts have used
        self.recording: Recording | None = None  # it is written down, for an admin who asked
        self.asker = None
        self.heavy = heavy  # it is known to be too much work for the loop
        self.watched: list[WatchedSink] = []  # an attempt each, where the log tells of them

    # ------------------------------------------------------------------ upstream
    def translated(self, target: Target, caller_body: dict[str, Any]) -> UpstreamRequest:
        """A new exchange with this target; CallerError when its tables refuse the body, Spent when
        that is too much work to be done here."""
        if self.heavy:
            raise Spent
        most = self.gateway.settings.limits.max_steps
        exchange = self._exchange(target, Budget(min(most, INLINE), self.gateway.held))
        try:
            upstream_request = self._translated(exchange, caller_body)
        except Spent:
            self.heavy = True
            raise
        finally:
            self.gateway.count_fallbacks(exchange)
        self._keep(target, exchange)
        return upstream_request

    async def translated_beside(
        self, target: Target, caller_body: dict[str, Any]
    ) -> UpstreamRequest:
        """The same beside the loop, from the beginning, and with all the work that is allowed;
        CallerError, Fault "overloaded"."""
        gateway = self.gateway
        budget = Budget(gateway.settings.limits.max_steps, gateway.held)
        exchange = self._exchange(target, budget)
        work = self._translated, exchange, caller_body
        try:
            upstream_request = await gateway.beside.run(*work, budget=budget)
        except Spent as spent:
            gateway.metrics.add("aisix_translations_refused_total", exchange.tables.name)
            raise CallerError("too_much_work", spent.at or None, limit=budget.most) from None
        finally:
            gateway.count_fallbacks(exchange)
        self._keep(target, exchange)
        return upstream_request

    def _translated(self, exchange: Exchange, caller_body: dict[str, Any]) -> UpstreamRequest:
        try:
            return exchange.request(caller_body, self._headers, self.mended)
        except RecursionError:
            raise CallerError("too_deep") from None

    def _exchange(self, target: Target, budget: Budget) -> Exchange:
        settings = self.gateway.settings
        now = int(time.time())
        if self.recording is not None:
            self.recording.began(now)
        return Exchange(
            target.tables,
            self.caller,
            ResolvedModel(target.alias, target.model_name, target.model.strict),
            now=now,
            new_id=ids.new if self.recording is None else self.recording.new_id,
            largest_event=settings.upstream.stream_event_limit_bytes,
            hidden=target.hidden,
            budget=budget,
        )

    def send(self, upstream_request: UpstreamRequest, sink: Sink) -> Transfer:
        """One attempt goes out; UpstreamError when that cannot even begin."""
        self.out, to = None, sink
        if self.attempts.count > 1:  # what was wrong with the one before is told of that alone
            for name in NOTED:
                self.seen.pop(name, None)
        if self.recording is not None:
            to = self.recording.attempt(self.target, upstream_request, sink)
        if self.gateway.identity.text_log:
            where = self.target.tables.upstream
            places = where.get("answer_id", ()), where.get("answer_model", ())
            to = watched = WatchedSink(to, self.target, *places)
            self.watched.append(watched)
        transfer = self.gateway.driver.stream(self.outgoing(upstream_request), to)
        self.out = transfer, sink
        return transfer

    def outgoing(self, upstream_request: UpstreamRequest) -> Request:
        """One attempt as the driver takes it; UpstreamError when the target cannot be asked."""
        target = self.target
        if target.unfit:
            unfit = {"why": faults.UNFIT, "was_sent": False}
            raise UpstreamError(target.unfit, target.unfit_why, **unfit)
        told = upstream_request.headers.items()  # a caller's own words may be among them
        lines = tuple(f"{name}: {header_text(value)}" for name, value in told)
        gateway = self.gateway
        lines = target.header_lines + lines
        if self.asker is not None:
            lines += gateway.identity.upstream_lines(self.asker.request_id)
        settings = gateway.settings
        if self._trace is not None and settings.observability.trace_upstream:
            lines += self._trace.lines
        stream, body = upstream_request.stream, upstream_request.body
        if target.additions is not None:
            lines = target.additions.lines(lines, self._headers, self.asker)
            body = target.additions.changed(body)
        return Request(
            url=target.url,
            headers=lines,
            body=body,
            timeouts=target.stream_timeouts if stream else target.plain_timeouts,
            tls=target.tls,
            proxy=settings.upstream.proxy,
            max_body=None if stream else target.cap,
            sign=target.sign,
        )

    def next_request(
        self, upstream_request: UpstreamRequest, anew: bool = False
    ) -> UpstreamRequest | None:
        """What the next attempt sends; None when no target that is left takes this request. Spent
        when it has to be translated, `anew` or for another target, and not here."""
        attempts, self.out = self.attempts, None
        while anew or attempts.target is not self.target:
            try:
                return self.translated(attempts.target, self.exchange.caller_body)
            except CallerError:
                if not attempts.pass_over(asyncio.get_running_loop().time()):
                    return None
        return upstream_request

    async def next_request_beside(
        self, upstream_request: UpstreamRequest, anew: bool = False
    ) -> UpstreamRequest | None:
        """The same beside the loop; None too when too many wait for that already."""
        attempts, self.out = self.attempts, None
        while anew or attempts.target is not self.target:
            try:
                return await self.translated_beside(attempts.target, self.exchange.caller_body)
            except Fault as fault:
                if not isinstance(fault, CallerError):
                    return None
                if not attempts.pass_over(asyncio.get_running_loop().time()):
                    return None
        return upstream_request

    # ------------------------------------------------------------------ what it has used
    def used(self) -> tuple[Tokens, Sequence[str]]:
        """Tokens of all attempts so far, by counter, and which of them are estimated.

        What may have been billed counts, by the same rule as what may not be tried again: an
        attempt that went out and was not answered with an error. Of one that was, what it told.
        """
        exchange, received = self.exchange, 0
        tokens: Tokens = exchange.tokens
        estimated: Sequence[str] = ()
        if self.out is not None:
            transfer, sink = self.out
            broke = exchange.broke
            if transfer.sent and (broke is None or broke.values.get("was_sent", True)):
                if isinstance(sink, BufferedSink) and (broke is not None or not exchange.done):
                    received = sink.received
                tokens, estimated = used(exchange, received)
        return (_sum(tokens, self.spent) if self.spent else tokens), estimated

    def of_this_attempt(self, tokens: Tokens) -> Tokens:
        """Of those of all attempts, the ones of the last."""
        if not self.spent:
            return tokens
        return {name: count - self.spent.get(name, 0) for name, count in tokens.items()}

    def _keep(self, target: Target, exchange: Exchange) -> None:
        """This attempt takes the place of the one before it."""
        before: Exchange | None = getattr(self, "exchange", None)
        if before is not None and before.tokens:
            self.spent = _sum(self.spent, before.tokens)
        self.target = target
        self.exchange = exchange

    # ------------------------------------------------------------------ what is seen of it
    def saw(self, status: int) -> None:
        """The upstream's answer has begun, or was an error."""
        self.seen["upstream_status"] = status

    def judged(self) -> None:
        """The exchange has looked at the answer: was the upstream well?"""
        exchange = self.exchange
        self.gateway.count_fallbacks(exchange)  # another attempt has an exchange of its own
        if exchange.broke is not None:
            self.failed(exchange.broke)
            self.attempts.broke(exchange.broke, asyncio.get_running_loop().time())
        elif exchange.error is None or not exchange.error.retry:  # else it is counted already
            self.attempts.good()

    def nonsense(self, broke: UpstreamError) -> float | None:
        """The whole answer cannot be understood, and the caller has seen nothing of it: seconds
        until another attempt, or None."""
        self.gateway.count_fallbacks(self.exchange)
        self.failed(broke)
        return self.attempts.after_nonsense(broke, asyncio.get_running_loop().time())

    def failed(self, error: UpstreamError) -> None:
        """The upstream failed: why, for the access line alone."""
        note_failure(self.seen, error)


NOTED = "upstream_fault", "upstream_detail"


def note_failure(seen: dict[str, Any], error: UpstreamError) -> None:
    """Why an upstream failed, or none could be asked, for the access line alone."""
    seen["upstream_fault"] = str(error.values.get("why") or error.values.get("phase"))
    if error.detail:
        seen["upstream_detail"] = error.detail[:200]


def _sum(one: Tokens, other: Tokens) -> Tokens:
    return {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}
