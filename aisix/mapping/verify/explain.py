"""Why a translation came out as it did: the report behind `aisix mappings explain`.

    report = explain_request(exchange, body, headers)
    report.links      what became of each field: see `links.py`
    report.entries    the same, one line each: where the result has it, value, why, file:line

It runs the tables rule by rule with a trace, so what it tells is what happened. A stream also has
its events, each with the rows that ran, the chunks it made and the registers it changed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from collections.abc import Mapping as Map
from dataclasses import dataclass, field

import msgspec

from aisix.errors import CallerError
from aisix.mapping.dialect.upstream_errors import ErrorAnswer
from aisix.mapping.exchange import Exchange
from aisix.mapping.interpret.answer import Answering
from aisix.mapping.interpret.pointers import shown
from aisix.mapping.interpret.scope import NULL
from aisix.mapping.interpret.trace import RuleTrace
from aisix.mapping.parse.inline import Inline
from aisix.mapping.sse import SseReader
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.paths import Json
from aisix.mapping.syntax.rules import Place
from aisix.mapping.verify.failed import broken, errors_row, header_rows
from aisix.mapping.verify.links import Link, Links, ReportLine, entry, leaves, pointer_of, steps_of

Changes = dict[str, list[Json]]  # register -> [before, after]


@dataclass(slots=True)
class Event:
    """One event of a stream: what it says it is, the rows that ran, the chunks they made."""

    data: Json
    word: Json
    rows: list[Place]
    chunks: list[int]


@dataclass(slots=True)
class Report:
    entries: list[ReportLine] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    result: Json = None  # what goes out, whole
    error: Json = None  # the error body the caller gets instead
    status: int = 200
    warnings: str = ""
    title: str = "caller gets"
    headers: dict[str, str] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    chunks: list[Json] = field(default_factory=list)  # of a stream, each JSON or a text
    state: list[Changes] = field(default_factory=list)  # before any event, then by each
    trace: RuleTrace | None = None
    overlays: tuple[Inline, ...] = ()  # the alias's own tables


# ---------------------------------------------------------------- requests
def explain_request(
    exchange: Exchange, caller_body: dict[str, Json], headers: Map[str, str], watch: str = ""
) -> Report:
    """How the upstream's request came to be, or why it was refused; Spent."""
    trace = RuleTrace(watch)
    _begin(exchange, trace, caller_body)
    report = Report(title="upstream gets", trace=trace, overlays=exchange.tables.overlays)
    try:
        scope = exchange.trace(caller_body, headers, trace)
    except CallerError as error:
        answer = exchange.fault(error)
        place = trace.refused or trace.doing
        at = pointer_of(caller_body, error.param or "")
        _refused(report, answer.error, Link(None, place, "refused", (at,) if at else ()))
        said = f"{error.kind} by {place.name}" if place.name else error.kind
        name = f"(refused) {error.param or ''}"
        report.entries.insert(0, ReportLine(name, None, said, place.file_line, at or ""))
        return report
    exchange.compiled = False
    upstream_request = exchange.request(caller_body, headers)
    found = Links(trace, whole=True)
    found.walk(scope.out)
    report.headers = dict(upstream_request.headers)
    for name, one in trace.headers:
        found.links.append(
            Link(f"header:{name}", one.place, one.how, one.at, one.choice, via=one.via)
        )
    for name, value in report.headers.items():
        why = next((one.why for other, one in trace.headers if other == name), "")
        where = exchange.tables.tree.where(("request", "header", name))
        line = ReportLine(f"(header) {name}", value, why, where)
        found.entries.append(line)
    found.entries += [entry(f"({m.source})", m.value, m) for m in trace.moments]
    found.lost(scope.notes, caller_body)
    report.entries, report.links = found.entries, found.links
    report.result = msgspec.json.decode(upstream_request.body)
    report.warnings = exchange.warnings
    return report


def _begin(exchange: Exchange, trace: RuleTrace, caller_body: dict[str, Json]) -> None:
    """The trace of a request knows the request, and where it names the alias."""
    trace.read(caller_body)
    trace.alias_at = ("".join(f"/{step}" for step in exchange.caller.alias.steps),)


def _refused(report: Report, error: ErrorAnswer | None, why: Link) -> None:
    """The caller's error; each of its fields is of the row that says what it looks like."""
    assert error is not None
    report.status, report.error = error.status, msgspec.json.decode(error.body)
    row = Place("", f"fault.{error.kind}")
    report.links.append(why)
    for out, _ in leaves(report.error):
        report.links.append(Link(out, row, "constant", why.at))


# ---------------------------------------------------------------- answers
def explain_answer(
    exchange: Exchange, status: int, headers: Map[str, str], body: bytes, watch: str = ""
) -> Report:
    """How the caller's answer came to be. `exchange.request` was called before."""
    trace, answering = _traced(exchange, watch)
    trace.document = _decoded(body)
    answer = exchange.response(status, headers, body)
    report = Report(
        status=answer.status,
        headers=dict(answer.headers),
        trace=trace,
        overlays=exchange.tables.overlays,
    )
    result = msgspec.json.decode(answer.body) if answer.body else None
    if answer.error is not None:
        _failed(report, exchange, answering, answer.error, trace.document, "")
    elif result is None:
        told = "the turn was paused; it would be continued by another request"
        report.entries = [ReportLine("(nothing yet)", None, told, "")]
    else:
        report.result = result
        found = Links(trace)
        if trace.chunks:
            found.walk(trace.chunks[-1])
        found.entries += _ignored(exchange)
        found.lost(answering.scope.notes, trace.document)
        report.entries, report.links = found.entries, found.links
    for line, link in header_rows(exchange, answer, headers):
        report.entries.append(line)
        report.links.append(link)
    report.warnings = exchange.warnings
    return report


def _traced(exchange: Exchange, watch: str) -> tuple[RuleTrace, Answering]:
    """The answer under way, and its trace, which knows what may be asked of the request."""
    asked = RuleTrace()
    _begin(exchange, asked, exchange.caller_body)
    scope = None
    with contextlib.suppress(CallerError):  # it has been translated: only not with this trace
        scope = exchange.trace(exchange.caller_body, {}, asked)
    trace = asked.for_answer(watch)
    answering = exchange.traced_answer(trace)
    kept = answering.scope.remember
    places = (scope.lets, scope.state) if scope is not None else ()
    for name in kept:
        lines = (asked.made.get((id(found), name)) for found in places)
        line = next(filter(None, lines), None)
        if line is not None:
            trace.remember(kept, name, tuple(f"request:{one}" for one in line.at))
    return trace, answering


def _decoded(data: bytes) -> Json:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _failed(
    report: Report,
    exchange: Exchange,
    answering: Answering,
    error: ErrorAnswer,
    said: Json,
    prefix: str,
) -> None:
    """An error instead of an answer: the row of errors.toml, or the check that failed."""
    report.error = msgspec.json.decode(error.body)
    report.status = error.status
    if exchange.broke is not None:
        why = broken(exchange, answering, said)
        at = tuple(f"{prefix}{one}" for one in why.at)
        _refused(report, error, Link(None, why.place, "refused", at))
        text = f"fault {error.kind}: {why.text}"
        report.entries.append(ReportLine("error.message", error.message, text, why.place.file_line))
        return
    for out, place, at, why_ in errors_row(exchange, error, said):
        value = paths.get(report.error, tuple(out.strip("/").split("/")))
        came = at and steps_of(said, at[0].strip("/").replace("/", "."))
        how = "constant"
        if came:
            how = "found" if paths.get(said, came) == value else "rewritten"
        report.links.append(Link(out, place, how, tuple(f"{prefix}{one}" for one in at)))
        name = out.strip("/").replace("/", ".")
        report.entries.append(ReportLine(name, value, why_, place.file_line, ", ".join(at)))


def _ignored(exchange: Exchange) -> list[ReportLine]:
    return [
        ReportLine(f"(unknown) {word}", None, "no row knows it", "") for word in exchange.unknown
    ]


# ---------------------------------------------------------------- streams
def explain_stream(exchange: Exchange, data: bytes, watch: str = "") -> Report:
    """Each event and the chunks it made. Of a chunk, what it says; the rest once, and on change."""
    trace, answering = _traced(exchange, watch)
    report = Report(trace=trace, overlays=exchange.tables.overlays)
    stream = _Stream(exchange, answering, report, trace)
    reader = SseReader()
    for payload in [*reader.feed(data), *reader.rest()]:
        stream.event(payload)
    stream.chunks(exchange.end(), None)
    report.entries += stream.notes()
    report.result = stream.out.decode("utf-8", "replace")
    if exchange.error is not None:
        _failed(report, exchange, answering, exchange.error, trace.document, trace.prefix)
    report.warnings = exchange.warnings
    return report


class _Stream:
    """A stream that is explained, event by event."""

    def __init__(
        self, exchange: Exchange, answering: Answering, report: Report, trace: RuleTrace
    ) -> None:
        self._exchange, self._answering = exchange, answering
        self._report, self._trace = report, trace
        self._shown: dict[str, Json] = {}
        self._seen: dict[str, Json] = {}
        self.out = b""
        self._changes()

    def event(self, payload: bytes) -> None:
        exchange, trace, report = self._exchange, self._trace, self._report
        number = len(report.events) + 1
        trace.document, trace.prefix = _decoded(payload), f"#{number}"
        rows, unknown = len(trace.rows), len(exchange.unknown)
        word = paths.get(trace.document, exchange.tables.answer.by.steps)
        shown_at = len(report.entries)
        data = trace.document
        event = Event(payload.decode("utf-8", "replace") if data is None else data, word, [], [])
        report.events.append(event)
        made = exchange.receive(b"data: " + payload.replace(b"\n", b"\ndata: ") + b"\n\n")
        event.rows = trace.rows[rows:]
        self.chunks(made, event)
        self._changes()
        if event.rows:
            said = ", ".join(f"row {place.name.removeprefix('event.')}" for place in event.rows)
            where = event.rows[0].file_line
        else:
            said, where = "no row" if type(data) is dict else "", ""
        report.entries.insert(shown_at, ReportLine(f"event {number}", word, said, where))
        report.entries += _ignored(exchange)[unknown:]

    def chunks(self, data: bytes, event: Event | None) -> None:
        """What was sent to the caller: the chunks of an event, or those at the end."""
        report, trace = self._report, self._trace
        self.out += data
        for frame in data.split(b"\n\n"):
            _, mark, text = frame.rpartition(b"data: ")
            if not mark:
                continue
            body = _decoded(text)
            report.chunks.append(text.decode("utf-8", "replace") if body is None else body)
            number = len(report.chunks)
            if event is not None:
                event.chunks.append(number)
            if body is None:
                report.entries.append(ReportLine("  chunk", report.chunks[-1], "the end mark", ""))
            elif trace.chunks:  # not an error: those are no rule's
                found = Links(trace)
                found.walk(trace.chunks.pop(0), f"#{number}")
                report.links += found.links
                report.entries += self._news(found.entries)

    def _news(self, entries: list[ReportLine]) -> Iterator[ReportLine]:
        """Of a chunk, what it brings, and what every chunk has around it once and on change."""
        for line in entries:
            told = self._shown.get(line.target, NULL)
            if told is NULL or told != line.value or line.source.startswith("#"):
                yield ReportLine(f"  {line.target}", line.value, line.why, line.where, line.source)
            self._shown[line.target] = line.value

    def _changes(self) -> None:
        """Which registers have changed."""
        scope = self._answering.scope
        now: dict[str, Json] = {}
        for kind, registers in (
            ("state", scope.state),
            ("block", scope.block),
            ("usage", scope.usage),
        ):
            now |= {f"{kind}.{name}": _register(value) for name, value in registers.items()}
        before, self._seen = self._seen, now
        changed = {
            name: [before.get(name), now.get(name)]
            for name in dict.fromkeys((*before, *now))
            if before.get(name) != now.get(name)
        }
        self._report.state.append(changed)

    def notes(self) -> list[ReportLine]:
        found = Links(self._trace)
        found.lost(self._answering.scope.notes, None)
        self._report.links += found.links
        return found.entries


def _register(value: Json) -> Json:
    said = shown(value)
    return {"characters": len(value)} if type(value) is str and said != value else said
