"""One conversation: a caller's request and its answer. What h11.Connection is to HTTP.

    exchange = Exchange(tables, caller, resolved_model, now=..., new_id=...)   # for one alias
    upstream_request = exchange.request(caller_body, headers)  # to be sent; or CallerError
    answer = exchange.response(status, headers, body)          # a plain answer, or any error
    data = exchange.receive(bytes); data = exchange.end()      # a stream: bytes for the caller

No input or output: the proxy carries the bytes. Every name of a wire format is the tables'.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from collections.abc import Mapping as Map
from types import MappingProxyType
from typing import Any

import msgspec

from aisix.errors import Fault, UpstreamError
from aisix.mapping import translation
from aisix.mapping.dialect.estimate import estimate, said
from aisix.mapping.dialect.masking import without
from aisix.mapping.dialect.upstream_errors import CallerDialect, ErrorAnswer
from aisix.mapping.interpret import local_answer
from aisix.mapping.interpret.answer import Answering
from aisix.mapping.interpret.answer_state import AnswerScope
from aisix.mapping.interpret.forms import Fallback, fallback
from aisix.mapping.interpret.mending import MendedBlocks, MendedChoices
from aisix.mapping.interpret.scope import Note, Scope
from aisix.mapping.interpret.trace import RuleTrace
from aisix.mapping.mappings import Effective
from aisix.mapping.sse import LARGEST_EVENT, parse_error, parse_json
from aisix.mapping.streaming import Streaming, malformed
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.budget import Budget, Spent
from aisix.mapping.syntax.paths import Json
from aisix.mapping.syntax.rules import LocalAnswer
from aisix.mapping.types import Answer, ResolvedModel, UpstreamRequest
from aisix.mapping.verbs.census import too_much

INPUT, OUTPUT = "input", "output"  # of [meter]: without these an answer is looked at
SHORT = 1 << 14  # bytes of a request that is kept while its answer lasts
BYTES = 4  # of a token, where the dialect does not say
_encode = msgspec.json.Encoder().encode
LARGEST_ERROR = 1 << 18  # bytes of an upstream's error that are looked at
TRACED = 3_000  # steps of finding out which field of the caller's an error is about
EVENT = 10_000  # steps of what a stream brings at one time: about 40 ms
NOTHING: Any = MappingProxyType({})


class Exchange(Streaming):
    """One request of a caller and its answer; `request` comes first.

    `now`: Unix seconds. `new_id`: makes an id in the upstream's own style. `largest_event`: bytes.
    `hidden`: texts no message may have, such as the provider's key. `budget`: what translating the
    request may cost, after which `request` raises Spent; an answer has one of its own, and what it
    (or one event) holds is bounded as what a request holds.
    `compiled=False` runs the tables rule by rule, as `explain` does; the result is the same.
    Look at `error`, `broke`, `done` and `continuation` after each step of an answer.
    """

    # What most exchanges never change stands here: an exchange is made for every request.
    notes: Sequence[Note] = ()
    stream = False
    error: ErrorAnswer | None = None
    broke: UpstreamError | None = None  # the error is the upstream's broken answer
    caller_body: dict[str, Json] = NOTHING
    _upstream_body: dict[str, Json] = NOTHING
    _upstream_headers: dict[str, str] = NOTHING
    _remember: dict[str, Json] = NOTHING
    fallbacks: Sequence[Fallback] = ()
    _local: LocalAnswer | None = None
    _asked: dict[str, Json] = NOTHING  # a short request, kept to be estimated; else:
    _prompt = 0  # tokens of the request by estimate; 0: not looked at
    _size = 0  # bytes of the request
    _said = 0  # bytes of text in a plain answer that was not counted
    _metered: dict[str, int] | None = None  # counters that will not change any more
    _read: tuple[bytes, Json, bool] = (b"", None, False)  # an answer, parsed, whether an error

    def __init__(
        self,
        tables: Effective,
        caller: CallerDialect,
        target: ResolvedModel,
        *,
        now: int,
        new_id: Callable[[], str],
        compiled: bool = True,
        largest_event: int = LARGEST_EVENT,
        hidden: Collection[str] = (),
        budget: Budget | None = None,
    ) -> None:
        self.tables = tables
        self.caller = caller
        self.target = target
        self.facts = tables.facts(target)
        self.now = now
        self.new_id = new_id
        self.compiled = compiled  # use the tables' compiled form where there is one
        self._largest_event = largest_event
        self._hidden = hidden
        self._budget = Budget() if budget is None else budget

    # ------------------------------------------------------------------ request
    def request(
        self,
        caller_body: dict[str, Json],
        caller_headers: Map[str, str] | None = None,
        mended: Sequence[str] = (),
    ) -> UpstreamRequest:
        """Translate; CallerError names the caller's own field. `caller_headers` finds lower-case
        names; of the fields `mended` the caller is told that reading them has changed them."""
        self.caller_body = caller_body
        how = self._budget, self.compiled, self._fell_back, self.now
        made = translation.translate(
            self.tables, self.facts, caller_body, caller_headers or {}, *how
        )
        self._upstream_body, self._upstream_headers, self._remember, self.notes = made
        if mended:
            told = translation.mended(self.tables, self.facts, caller_body, mended)
            self.notes = [*told, *self.notes]
        self.stream = paths.is_true(caller_body, self.caller.stream)
        if here := self.tables.request.local:
            self._local = local_answer.chosen(here, self.facts, caller_body, self._remember)
        return self._outgoing()

    def _fell_back(self, part: str, raised: Exception) -> None:
        """The interpreter does what a compiled form should have done."""
        found = fallback(part, raised)
        if found is not None:
            self.fallbacks = (*self.fallbacks, found)

    def _gave_up(self, answering: Answering, part: str) -> None:
        raised, answering.gave_up = answering.gave_up, None  # its traceback holds the answer
        if raised is not None:
            self._fell_back(part, raised)

    def take_fallbacks(self) -> Sequence[Fallback]:
        """What the interpreter did since this was asked that a compiled form should have done."""
        found, self.fallbacks = self.fallbacks, ()
        return found

    def _outgoing(self) -> UpstreamRequest:
        path: str = self.tables.upstream["path"]
        raw = _encode(self._upstream_body)
        self._size = len(raw)
        return UpstreamRequest(path, self._upstream_headers, raw, self.stream)

    def trace(self, caller_body: dict[str, Json], headers: Map[str, str], why: RuleTrace) -> Scope:
        """Translate once more and say why, for `explain`; CallerError."""
        given = self.tables, self.facts, caller_body, self._budget, self.now
        return translation.trace(*given, why, headers)

    @property
    def warnings(self) -> str:
        """The value of x-aisix-warnings: "temperature=clamped, logit_bias=dropped"."""
        return translation.warnings(self._told())

    @property
    def losses(self) -> str:
        """The same, of what the answer alone carried and the caller's dialect cannot say."""
        return translation.warnings(self._answering.scope.notes if self._answering else ())

    @property
    def rules(self) -> list[tuple[str, str]]:
        """What told of a loss: (name of the rule, how), such as ("rest.seed", "dropped")."""
        return [(note.place.name, note.how) for note in self._told() if not note.quiet]

    def _told(self) -> list[Note]:
        return [*self.notes, *(self._answering.scope.notes if self._answering else ())]

    # ------------------------------------------------------------------ plain answers and errors
    def response(self, status: int, headers: Map[str, str], body: bytes) -> Answer:
        """The caller's answer to a plain upstream answer, or to any upstream error."""
        try:
            return self._response(status, headers, body)
        except Spent:
            return self.fault(malformed("too_much_work"))
        except RecursionError:
            return self.fault(malformed("too_deep"))

    def _response(self, status: int, headers: Map[str, str], body: bytes) -> Answer:
        parsed, wrong = self._parsed(status, body)
        if not 200 <= status < 300:
            return self._refused(status, headers, parsed)
        if wrong:
            return self._refused(None, headers, parsed)
        if self.stream:
            return self.fault(malformed("not_a_stream"))
        plain = self.tables.answer.plain
        if type(parsed) is not dict or (plain and not plain.knows(parsed)):
            return self.fault(malformed("not_a_message"))
        self._read = b"", None, False  # not kept for as long as the exchange
        answering = self._ready()
        if self._mends is not None:
            self._mends.plain(parsed)
        answering.plain(parsed)
        self._gave_up(answering, "plain")
        if answering.made is None:  # what a form has made has neither failed nor paused
            if answering.failed is not None:
                return self._refused(None, headers, answering.failed)
            if answering.wants_more():
                self._go_on(answering)
                return Answer(200, {}, b"")
            if not answering.enough:
                return self.fault(malformed("no_answer"))
        self.done = True
        self._metered = metered = answering.metered()
        if not (metered.get(INPUT) and metered.get(OUTPUT)):
            self._said = said(parsed, self.tables.answer.estimate)
        completion = answering.completion()
        self._gave_up(answering, "plain")
        return Answer(200, self.answer_headers(headers), _encode(completion))

    def retry(self, status: int, headers: Map[str, str], body: bytes) -> str:
        """Whether this answer may be asked for again; see ErrorAnswer.retry. Changes nothing."""
        try:
            parsed, wrong = self._parsed(status, body)
        except Spent:
            return ""
        if not wrong:
            return ""
        good = 200 <= status < 300
        seen = None if good else status, headers, parsed
        return self.tables.errors.retry(*seen, self.facts, self.now)

    def _parsed(self, status: int, body: bytes) -> tuple[Json, bool]:
        """A plain answer, parsed, and whether it is an error; asked for twice, found out once.
        Spent when it holds more than anybody parses."""
        read = self._read
        if read[0] is not body:
            if too_much(body, self._budget.held):
                raise Spent
            if 200 <= status < 300:
                parsed = parse_json(body, self._lost_character)
                self._read = read = body, parsed, self._is_error(parsed)
            else:
                parsed = parse_error(body[:LARGEST_ERROR])  # of an error also its text
                self._read = read = body, parsed, True
        return read[1:]

    def answered_here(self) -> Answer | None:
        """The answer, JSON or a whole stream, to a request that never goes upstream."""
        if self._local is None:
            return None
        answering = self._ready()
        if not self.stream:
            return self.response(200, {}, local_answer.whole(self._local, self.new_id))
        out: list[bytes] = []
        for event in local_answer.events(self._local, answering, self.new_id):
            for one in (event,) if self._mends is None else self._mends.event(event):
                answering.send(one, out)
        kind: str = self.caller.data["stream"]["content_type"]
        return Answer(200, {"content-type": kind}, b"".join([*out, self._finish(answering)]))

    def answer_headers(self, headers: Map[str, str]) -> dict[str, str]:
        """What a caller may see of the upstream's headers, by the caller's names."""
        if not headers:
            return {}
        limits = bool(self.facts.option.get("ratelimit_headers"))
        found = self.tables.errors.headers(headers, limits, self.now)
        if not found:
            return found
        text = "\n".join(found.values())
        for one in self._hidden:  # quicker than any(), and each answer comes by
            if one in text:  # an upstream that says what it was sent
                return {name: without(value, self._hidden) for name, value in found.items()}
        return found

    def _ready(self) -> Answering:
        """The answer under way; it begins with the first thing the upstream says."""
        if self._answering is None:
            wants_usage = paths.is_true(self.caller_body, self.caller.wants_usage)
            scope = AnswerScope(self.facts, self._remember, self.now, self.new_id, wants_usage)
            if self.stream:
                scope.budget = Budget(EVENT, self._budget.held)
            for calls in self.tables.answer.calls:
                scope.names = [*scope.names, *calls.named(self._upstream_body)]
            pause = self.tables.answer.continuation
            armed = pause is not None and pause.may_pause(self._upstream_body)
            frame: str = self.caller.data["stream"]["frame"]
            how = self.compiled, self._fell_back
            self._answering = self.tables.answering(scope, armed, self.stream, frame, *how)
            tables = self.tables.answer
            if tables.mend_blocks is not None:
                self._mends = MendedBlocks(tables.mend_blocks, scope)
            elif tables.mend_choices is not None:
                self._mends = MendedChoices(tables.mend_choices, scope)
        return self._answering

    def traced_answer(self, trace: RuleTrace) -> Answering:
        """The answer under way, told to note why in `trace` (for `explain`)."""
        self.compiled = False
        self._ready().scope.trace = trace
        return self._ready()

    def _is_error(self, parsed: Json) -> bool:
        if type(parsed) is dict:
            return self.tables.is_error(parsed)
        return self.tables.errors.is_error(parsed)

    def _refused(self, status: int | None, headers: Map[str, str], parsed: Json) -> Answer:
        alias, shown = self.target.alias, self.answer_headers(headers)
        who = self.caller, alias, self.caller_body, self._origin
        given = status, headers, parsed, *who, shown, self._hidden, self.facts, self.now
        return self._failed(self.tables.errors.translate(*given))

    def fault(self, fault: Fault) -> Answer:
        """One of our own faults as the caller's dialect shows it."""
        self.broke = fault if isinstance(fault, UpstreamError) else None
        return self._failed(self.caller.fault(fault, alias=self.target.alias))

    def _failed(self, error: ErrorAnswer) -> Answer:
        self.error = error
        self.done = True
        return Answer.of_error(error)

    def _origin(self, name: str, numbers: Sequence[int]) -> tuple[str | None, Json]:
        """See `upstream_errors.Origin`."""
        if not self.caller_body:
            return None, None
        body, budget = self.caller_body, Budget(TRACED)
        try:
            scope = translation.trace(self.tables, self.facts, body, budget, self.now)
        except (Spent, RecursionError):  # not worth so much
            return None, None
        return translation.origin(scope, name, numbers)

    def _go_on(self, answering: Answering) -> None:
        self._upstream_body = answering.next_round(self._upstream_body)
        self._sse = self._torn = None
        self.continuation = self._outgoing()

    def take_continuation(self) -> UpstreamRequest | None:
        """The request that continues a paused turn, once."""
        request, self.continuation = self.continuation, None
        return request

    def forget(self) -> None:
        """Let go of the request: the answer has begun, and may last."""
        answering = self._ready()  # which keeps what it asks of the request
        if self._size <= SHORT:
            self._asked = self.caller_body
        elif not any(answering.metered().values()):
            self._estimated(self.caller_body)
        self.caller_body = {}
        if answering.raw is None:  # else it may be continued
            self._upstream_body = {}

    @property
    def started(self) -> bool:
        """Whether the caller has been sent anything of the answer."""
        return self._answering is not None and self._answering.started

    @property
    def tokens(self) -> dict[str, int]:
        """Counters so far: input, output, cache_read, cache_write, reasoning."""
        if self._metered is not None:
            return self._metered
        return self._answering.metered() if self._answering else {}

    @property
    def answering(self) -> bool:
        """Whether the upstream has begun to answer, and not yet ended."""
        return self._answering is not None and not self.done

    @property
    def whole(self) -> bool:
        """Whether nothing of the answer is missing, and so nothing of its counts."""
        if self.error is not None:
            return False
        return self.done or (self._answering is not None and self._answering.complete)

    @property
    def prompt(self) -> int:
        """Tokens of the request, by estimate."""
        return self._prompt or self._estimated(self.caller_body or self._asked)

    def _estimated(self, body: dict[str, Json]) -> int:
        how = self.caller.estimate
        self._prompt = estimate(body, how, self._size) if how else -(-self._size // BYTES)
        return self._prompt

    @property
    def said_bytes(self) -> int:
        """Bytes of text the upstream has said, roughly; of a plain answer only if it told no
        counts."""
        return int(self.heard()) or self._said

    @property
    def unknown(self) -> list[str]:
        return list(self._answering.unknown) if self._answering else []


__all__ = ["Answer", "Exchange", "ResolvedModel", "UpstreamRequest"]
