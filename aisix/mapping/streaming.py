"""The stream of an exchange: upstream bytes in any cuts -> bytes for the caller.

Its events are parsed, repaired where a character was cut, looked at for an error, and handed to the
answer; whether what came is whole is decided here, at its end.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping as Map

from aisix.errors import Fault, UpstreamError
from aisix.mapping.dialect.estimate import text_in
from aisix.mapping.dialect.upstream_errors import CallerDialect, ErrorAnswer
from aisix.mapping.interpret.answer import Answering
from aisix.mapping.interpret.mending import MendedBlocks, MendedChoices
from aisix.mapping.interpret.scope import Note
from aisix.mapping.mappings import Effective
from aisix.mapping.sse import ErrorData, SseReader, parse_error, parse_json, parse_strictly
from aisix.mapping.syntax.budget import Budget, Spent
from aisix.mapping.syntax.paths import Json
from aisix.mapping.syntax.rules import Place
from aisix.mapping.types import Answer, UpstreamRequest
from aisix.mapping.verbs.census import SUSPECT, too_much
from aisix.mapping.verbs.characters import Torn, read
from aisix.mapping.verbs.refused import Refused

SAMPLES = 16  # events that are looked at to know how much text the others had
SAMPLE = 1 << 16  # bytes of them, at most


class Streaming(ABC):
    """What an exchange does with a stream; `begin`, `receive` and `end` are its own."""

    tables: Effective
    caller: CallerDialect
    done = False  # the caller has got everything
    continuation: UpstreamRequest | None = None  # a paused turn: send this, then go on receiving
    _largest_event: int
    _budget: Budget
    _sse: SseReader | None = None
    _mends: MendedBlocks | MendedChoices | None = None
    _events = _came = 0  # of the upstream's stream: how many, and their bytes
    _latest: list[bytes] | tuple[()] = ()  # those of the last two times something came
    _earlier: list[bytes] | tuple[()] = ()
    _counted_events = _counted_bytes = 0  # those `heard` has looked at
    _heard = 0.0
    _answering: Answering | None = None
    _ends: tuple[bytes, bytes] = (b"", b"")  # the upstream's words for: done, nothing follows
    _torn: Torn | None = None  # since an event had half a character

    @abstractmethod
    def _ready(self) -> Answering: ...

    @abstractmethod
    def _is_error(self, parsed: Json) -> bool: ...

    @property
    @abstractmethod
    def losses(self) -> str: ...

    @abstractmethod
    def _refused(self, status: int | None, headers: Map[str, str], parsed: Json) -> Answer: ...

    @abstractmethod
    def fault(self, fault: Fault) -> Answer: ...

    @abstractmethod
    def _gave_up(self, answering: Answering, part: str) -> None: ...

    @abstractmethod
    def _go_on(self, answering: Answering) -> None: ...

    def begin(self, status: int, headers: Map[str, str]) -> bool:
        """Whether the answer is a stream of events; if not, read it whole and call `response`."""
        kind = {k.lower(): v for k, v in headers.items()}.get("content-type", "")
        return 200 <= status < 300 and "event-stream" in kind.lower()

    def receive(self, data: bytes) -> bytes:
        """Bytes for the caller, made of bytes of the upstream. Look at `error` and `done` after."""
        if self.done:
            return b""
        sse = self._sse
        if sse is None:
            sse = self._sse = SseReader(self._largest_event)
            answer = self.tables.answer
            self._ends = answer.done.encode(), answer.closing.encode()
        try:
            payloads = sse.feed(data)
        except Refused:
            return self._broken("too_large")
        if payloads:
            size = len(payloads[0]) if len(payloads) == 1 else sum(map(len, payloads))
            if size > SAMPLE:
                self._heard += size  # such ones are nearly all text, and are not kept
            else:
                self._events += len(payloads)
                self._came += size
                self._earlier, self._latest = self._latest, payloads
        return self._run(payloads)

    def heard(self) -> float:
        """Bytes of text that have come in the stream, roughly."""
        latest = [*self._earlier, *self._latest]
        events, size = self._events - self._counted_events, self._came - self._counted_bytes
        if 0 < events <= len(latest):  # all of them are there
            latest = latest[-events:]
        if events:
            self._counted_events, self._counted_bytes = self._events, self._came
            known = [(len(one), parse_json(one)) for one in latest[-SAMPLES:]]
            self._heard += text_in(size, events, known, self.tables.answer.estimate)
        return self._heard

    def end(self) -> bytes:
        """The upstream's stream has ended: bytes for the caller."""
        if self.done:
            return b""
        # An event whose blank line is missing counts when it is whole, else it is the break itself.
        try:
            rest = self._sse.rest() if self._sse is not None else []
        except Refused:
            return self._broken("too_large")
        done = self.tables.answer.done.encode()
        out = self._run([data for data in rest if data == done or _is_whole(data)])
        if self._torn is not None and not self.done:
            last: list[bytes] = []
            self._goes_on(self._ready(), self._waiting(), last)
            out += b"".join(last)
        if self.done or self.continuation is not None:
            return out
        return out + self._close(self._ready())

    def _close(self, answering: Answering, complete: bool = False) -> bytes:
        """Nothing follows, though the last event has not come."""
        if answering.enough if complete else answering.complete:
            answering.ended = True
            return self._finish(answering)
        if complete:
            return self._broken("no_answer")
        error = UpstreamError("interrupted", "end of stream", why="no_end")
        return self._framed(self.fault(error))

    def _run(self, payloads: list[bytes]) -> bytes:
        answering = self._answering or self._ready()
        answering.scope.budget.spent = 0  # what came at one time may cost that much, a stream more
        out: list[bytes] = []
        ends = self._ends
        try:
            for payload in payloads:
                if payload in ends:  # the upstream's own words for the end
                    if self._goes_on(answering, self._waiting(), out):
                        out.append(self._close(answering, payload == ends[0]))
                    break
                if type(payload) is ErrorData:
                    if self._goes_on(answering, self._waiting(), out):
                        out.append(self._failing(parse_error(payload)))
                    break
                if len(payload) > SUSPECT and too_much(payload, self._budget.held):
                    raise Spent
                event = parse_strictly(payload)
                if type(event) is dict and self._torn is None:
                    goes_on = self._take(answering, event, out)
                else:
                    goes_on = self._goes_on(answering, self._repaired(payload, event), out)
                if not goes_on:
                    break
        except Spent:
            out.append(self._broken("too_much_work"))
        except RecursionError:
            out.append(self._broken("too_deep"))
        if answering.gave_up is not None:
            self._gave_up(answering, "stream")
        return b"".join(out)

    def _take(self, answering: Answering, event: dict[str, Json], out: list[bytes]) -> bool:
        """What one event of a stream makes, and whether another may follow it."""
        if self.tables.is_error(event):
            out.append(self._failing(event))
            return False
        if self._mends is None:
            answering.send(event, out)
        else:
            for one in self._mends.event(event):
                answering.send(one, out)
        if answering.pinged:
            answering.pinged = False
            if answering.started:
                out.append(self.ping)
        if answering.failed is not None:
            out.append(self._failing(answering.failed))
            return False
        if answering.ended:
            if answering.wants_more():
                self._go_on(answering)
            else:
                out.append(self._close(answering, complete=True))
            return False
        return True

    def _goes_on(self, answering: Answering, events: list[Json], out: list[bytes]) -> bool:
        for event in events:
            if type(event) is not dict:
                wrong = self._is_error(event)
                out.append(self._failing(event) if wrong else self._broken("not_json"))
                return False
            if not self._take(answering, event, out):
                return False
        return True

    def _repaired(self, payload: bytes, event: Json) -> list[Json]:
        """The events that are whole now: one cut inside a character waits for the next."""
        if self._torn is None:
            self._torn = Torn(self._lost_character)
        return self._torn.take(read(payload) if event is None else event)

    def _waiting(self) -> list[Json]:
        return self._torn.rest() if self._torn is not None else []

    def _lost_character(self, name: str) -> None:
        """Told: what came was half a character, and U+FFFD stands there now."""
        self._ready().scope.notes.append(Note("rewritten", name, Place("", "characters")))

    def _finish(self, answering: Answering) -> bytes:
        out: list[bytes] = []
        answering.send_end(out)
        self._gave_up(answering, "stream")
        self.done = True
        end: str = self.caller.data["stream"]["done"]
        if losses := self.losses:  # before the last thing said: who has that may look no further
            out.insert(len(out) if end else -1, self.caller.told(losses))
        return b"".join(out) + end.encode()

    def _failing(self, event: Json) -> bytes:
        """An error of the upstream's inside the stream; nothing may follow it."""
        return self._framed(self._refused(None, {}, event))

    def _broken(self, why: str) -> bytes:
        """What came makes no sense."""
        return self._framed(self.fault(malformed(why)))

    def _framed(self, answer: Answer) -> bytes:
        assert answer.error is not None
        return self.failure(answer.error)

    def failure(self, error: ErrorAnswer, begun: bool = False) -> bytes:
        """An error inside the stream, after which nothing may follow: chunks that tell of it where
        the tables have such, once the answer has begun. `begun`: the status has gone out, whatever
        of the answer has."""
        answering = self._ready() if begun else self._answering
        if not self.tables.answer.fail_row or not (begun or (answering and answering.started)):
            return self.caller.frame(error)
        assert answering is not None
        retry = error.headers.get("retry-after")
        out: list[bytes] = []
        answering.send_failure(out, {**error.known, "retry_after": retry})
        return b"".join(out)

    @property
    def ping(self) -> bytes:
        """A comment, which every reader of a stream passes over."""
        return bytes(self.caller.data["stream"]["ping"].encode())

    def keep_alive(self) -> bytes:
        """What is sent in silence: a chunk where the tables have one, else a comment."""
        name, answering = self.tables.answer.ping, self._answering
        if not name or answering is None or not answering.started or self.done:
            return self.ping
        out: list[bytes] = []
        answering.send_one(name, out)
        return b"".join(out)


def _is_whole(data: bytes) -> bool:
    """Whether the event at the end of a stream has come whole, but for its blank line."""
    return type(data) is ErrorData or type(parse_json(data)) in (dict, list)


def malformed(why: str) -> UpstreamError:
    """The answer came whole and makes no sense."""
    return UpstreamError("bad_response", why=why)
