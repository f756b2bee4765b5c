"""Why a translation came out as it did: the report behind `aisix mappings explain`.

    report = explain_request(exchange, body, headers)
    report.entries    one per field of the result: where it is, value, why, file:line; then what was
                      dropped, clamped, rewritten or inserted, and by which rule

It runs the tables rule by rule with a trace, so what it tells is what happened. A request's objects
are followed by identity, through every pass that moves them; an answer's fields by the place of the
rule that wrote them: envelope, message, the chunks it was put together of. No input or output.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Mapping as Map
from dataclasses import dataclass, field

import msgspec

from aisix.errors import CallerError
from aisix.mapping.exchange import Exchange
from aisix.mapping.interpret.scope import FINISH, NULL, Note, RuleTrace, TraceLine
from aisix.mapping.sse import SseReader
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.paths import Json


@dataclass(frozen=True, slots=True)
class ReportLine:
    """One line: where the result has it, the value, why, "file:line", the source's path."""

    target: str
    value: Json
    why: str
    where: str
    source: str = ""


@dataclass(slots=True)
class Report:
    entries: list[ReportLine] = field(default_factory=list)
    result: Json = None  # what goes out, whole
    error: Json = None  # the error body the caller gets instead
    status: int = 200
    warnings: str = ""
    title: str = "caller gets"


# ---------------------------------------------------------------- requests
def explain_request(
    exchange: Exchange, caller_body: dict[str, Json], headers: Map[str, str]
) -> Report:
    """How the upstream's request came to be, or why it was refused."""
    report = Report(title="upstream gets")
    try:
        scope = exchange.trace(caller_body)
        assert scope.trace is not None
        upstream_request = exchange.request(caller_body, headers)
        report.entries = [
            *_fields(scope.out, "", scope.trace),
            *_headers(exchange, upstream_request.headers),
        ]
        report.entries += [_entry(f"({m.target})", m.value, m) for m in scope.trace.moments]
        report.entries += _notes(scope.notes)
        report.result = msgspec.json.decode(upstream_request.body)
        report.warnings = exchange.warnings
    except CallerError as error:
        answer = exchange.fault(error)
        report.status, report.error = answer.status, msgspec.json.decode(answer.body)
        report.entries.append(
            ReportLine(f"(refused) {error.param or ''}", None, error.kind, "", "")
        )
    return report


def _fields(node: Json, at: str, trace: RuleTrace) -> Iterator[ReportLine]:
    """Every field of what was built, down to where a rule wrote it whole."""
    for key, value in node.items() if type(node) is dict else ():
        path = f"{at}.{key}" if at else key
        line = trace.made.get((id(node), key))
        below = list(_below(value, path, trace))
        if below:
            yield from below
        elif line is not None:
            why = line.why or f"made by {line.place.name}"
            yield ReportLine(path, value, why, line.place.file_line, line.source)
        else:
            yield ReportLine(path, value, "", "")


def _below(value: Json, path: str, trace: RuleTrace) -> Iterator[ReportLine]:
    """The fields of the objects that rules have built below a field."""
    if type(value) is dict:
        if any((id(value), key) in trace.made for key in value):
            yield from _fields(value, path, trace)
    elif type(value) is list:
        parts = [list(_below(item, f"{path}[{n}]", trace)) for n, item in enumerate(value)]
        if any(parts):
            for number, part in enumerate(parts):
                yield from part or [ReportLine(f"{path}[{number}]", value[number], "", "")]


def _headers(exchange: Exchange, headers: Map[str, str]) -> Iterator[ReportLine]:
    for name, value in headers.items():
        where = exchange.tables.tree.where(("request", "header", name))
        yield ReportLine(f"(header) {name}", value, "", where)


# ---------------------------------------------------------------- answers
def explain_answer(exchange: Exchange, status: int, headers: Map[str, str], body: bytes) -> Report:
    """How the caller's answer came to be. `exchange.request` was called before."""
    scope = exchange.traced_answer()
    answer = exchange.response(status, headers, body)
    report = Report(status=answer.status)
    result = msgspec.json.decode(answer.body) if answer.body else None
    if answer.error is not None:
        report.error = result
        report.entries = [_error(exchange, answer.error.kind, answer.error.message)]
    elif result is None:
        told = "the turn was paused; it would be continued by another request"
        report.entries = [ReportLine("(nothing yet)", None, told, "")]
    else:
        assert scope.trace is not None
        report.result = result
        lines = _Lines(scope.trace.lines)
        report.entries = [lines.entry(*leaf) for leaf in _leaves(result, "")]
        report.entries += _ignored(exchange)
        report.entries += _notes(scope.notes)
    report.warnings = exchange.warnings
    return report


def _error(exchange: Exchange, kind: str, message: str) -> ReportLine:
    """The row of errors.toml, or the caller dialect's own fault."""
    group, _, row = kind.partition(".")
    where = exchange.tables.tree.where(("errors", group, row)) if row else ""
    return ReportLine("error.message", message, f"row {row}" if row else f"fault {kind}", where)


def _ignored(exchange: Exchange) -> list[ReportLine]:
    return [
        ReportLine(f"(unknown) {word}", None, "no row knows it", "") for word in exchange.unknown
    ]


def _leaves(node: Json, at: str) -> Iterator[tuple[str, Json]]:
    if type(node) is dict and node:
        for key, value in node.items():
            yield from _leaves(value, f"{at}.{key}" if at else key)
    elif type(node) is list and node:
        for number, value in enumerate(node):
            yield from _leaves(value, f"{at}[{number}]")
    else:
        yield at, node


_INDEX = re.compile(r"\[\d+\]")


class _Lines:
    """The lines of a trace, found again by the table that wrote them and the path they wrote."""

    def __init__(self, lines: list[TraceLine]) -> None:
        self._by_group: dict[str, list[TraceLine]] = {}
        self._finish: TraceLine | None = None
        for line in lines:
            if line.target == FINISH:
                self._finish = line
                continue
            words = line.place.name.split(".")
            group = ".".join(words[:2]) if words[0] == "envelope" else words[0]
            self._by_group.setdefault(group, []).append(line)
        # A shape writes what its items are made of: that is part of the message.
        self._by_group.setdefault("message", []).extend(self._by_group.get("shape", ()))

    def entry(self, path: str, value: Json, envelope: str = "envelope.whole") -> ReportLine:
        line, rest = self._covering(envelope, path)
        if line is None:
            return ReportLine(path, value, "as the upstream said it", "")
        if line.why == "from $finish" and self._finish is not None and value is not None:
            return _entry(path, value, self._finish)
        for name, group in (("$message", "message"), ("$counted", "usage"), ("$delta", "chunk")):
            if line.why == f"from {name}":
                inner, below = self._covering(group, rest)
                if inner is None:
                    continue
                if inner.why.startswith("from $folded."):
                    return self._put_together(path, value, rest, inner)
                line, rest = inner, below
                break
        return _entry(path, value, line)

    def _put_together(self, path: str, value: Json, rest: str, inner: TraceLine) -> ReportLine:
        """A field of the message whose text the chunks brought, piece by piece."""
        pieces = [line for line in self._all("chunk", rest) if line.value not in ("", NULL)]
        if not pieces:
            return _entry(path, value, inner)
        many = f" (the first of {len(pieces)} chunks)" if len(pieces) > 1 else ""
        return ReportLine(path, value, pieces[0].why + many, pieces[0].place.file_line)

    def _covering(self, group: str, path: str) -> tuple[TraceLine | None, str]:
        """The last line of a group that wrote this field or one around it, and what is left."""
        best: TraceLine | None = None
        rest = path
        for line in self._by_group.get(group, ()):
            target = line.target
            if _same(target, path):
                best, rest = line, ""
            elif rest and _INDEX.sub("[]", path).startswith(
                (_INDEX.sub("[]", target) + ".", _INDEX.sub("[]", target) + "[")
            ):
                best, rest = line, path[len(target) :].lstrip(".")
        return best, rest

    def in_delta(self, path: str) -> bool:
        """Whether it is what this chunk brings, not what every chunk has around it."""
        for line in self._by_group.get("envelope.chunk", ()):
            if line.why == "from $delta" and path.startswith(f"{line.target}."):
                return True
        return False

    def _all(self, group: str, path: str) -> list[TraceLine]:
        return [line for line in self._by_group.get(group, ()) if _same(line.target, path)]


def _same(target: str, path: str) -> bool:
    return target == path or _INDEX.sub("[]", target) == _INDEX.sub("[]", path)


def _entry(path: str, value: Json, line: TraceLine) -> ReportLine:
    return ReportLine(path, value, line.why, line.place.file_line, line.source)


# ---------------------------------------------------------------- streams
def explain_stream(exchange: Exchange, data: bytes) -> Report:
    """Each event and the chunks it made. Of a chunk, what it says; the rest once, and on change."""
    scope = exchange.traced_answer()
    assert scope.trace is not None
    report, out = Report(), b""
    shown: dict[str, Json] = {}
    reader = SseReader()
    for number, payload in enumerate([*reader.feed(data), *reader.rest()], 1):
        report.entries.append(_event(exchange, number, payload))
        before, unknown = len(scope.trace.lines), len(exchange.unknown)
        made = exchange.receive(b"data: " + payload.replace(b"\n", b"\ndata: ") + b"\n\n")
        report.entries += _chunks(made, _Lines(scope.trace.lines[before:]), shown)
        report.entries += _ignored(exchange)[unknown:]
        out += made
    before = len(scope.trace.lines)
    made = exchange.end()
    report.entries += _chunks(made, _Lines(scope.trace.lines[before:]), shown)
    report.result = (out + made).decode("utf-8", "replace")
    report.entries += _notes(scope.notes)
    if exchange.error is not None:
        report.status = exchange.error.status
        report.error = msgspec.json.decode(exchange.error.body)
        report.entries.append(_error(exchange, exchange.error.kind, exchange.error.message))
    report.warnings = exchange.warnings
    return report


def _event(exchange: Exchange, number: int, payload: bytes) -> ReportLine:
    try:
        event = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeError):
        event = None
    word = paths.get(event, exchange.tables.answer.by.steps)
    known = exchange.tables.answer.events
    row = word if type(word) is str and word in known else "*"
    where = exchange.tables.tree.where(("answer", "event", row))
    return ReportLine(f"event {number}", word, f"row {row}", where)


def _chunks(data: bytes, lines: _Lines, shown: dict[str, Json]) -> Iterator[ReportLine]:
    for frame in data.split(b"\n\n"):
        _, mark, text = frame.rpartition(b"data: ")
        try:
            body = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeError):
            if mark:
                yield ReportLine("  chunk", text.decode("utf-8", "replace"), "the end mark", "")
            continue
        for path, value in _leaves(body, ""):
            entry = lines.entry(path, value, "envelope.chunk")
            if not entry.where:
                entry = lines.entry(path, value, "envelope.usage")
            if lines.in_delta(path) or path not in shown or shown[path] != value:
                yield ReportLine(f"  {path}", value, entry.why, entry.where)
            shown[path] = value


# ---------------------------------------------------------------- what happened on the way
def _notes(notes: list[Note]) -> list[ReportLine]:
    out = []
    for note in notes:
        quiet = " (quietly)" if note.quiet else ""
        change = note.how + quiet
        if note.new is not None and note.old is not None:
            change += f", was {_short(note.old)}"
        if note.place.name:
            change += f" by {note.place.name}"
        shown = note.new if note.new is not None else note.old
        out.append(
            ReportLine(
                f"({note.how}) {note.param}", shown, change, note.place.file_line, note.param
            )
        )
    return out


def _short(value: Json) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 40 else text[:37] + "..."
