"""Why a translation came out as it did: the report behind `aisix mappings explain`.

    report = explain_request(tables, caller, body, ...)
    report.lines    one per field of the result: what, value, why, where (file:line)
    report.notes    what was dropped, clamped, rewritten or inserted, and by which rule

It runs the interpreter with a trace, so what it tells is what happened. No input or output.
"""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import dataclass, field

import msgspec

from aisix.errors import CallerError
from aisix.mapping.exchange import Exchange
from aisix.mapping.fold import written
from aisix.mapping.paths import Json
from aisix.mapping.scope import Line, Note


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: where the result has it, the value, why, "file:line", the source's path."""

    target: str
    value: Json
    why: str
    where: str
    source: str = ""


@dataclass(slots=True)
class Report:
    entries: list[Entry] = field(default_factory=list)
    result: Json = None  # what goes out, whole
    error: Json = None  # the error body the caller gets instead
    status: int = 200
    warnings: str = ""
    title: str = "result"


def explain_request(exchange: Exchange, body: dict[str, Json], headers: Map[str, str]) -> Report:
    """How the upstream's request came to be, or why it was refused."""
    report = Report()
    try:
        scope = exchange.trace(body)
        assert scope.trace is not None
        report.entries = _lines(scope.trace.lines) + _notes(scope.notes)
        sent = exchange.request(body, headers)
        report.result = msgspec.json.decode(sent.body)
        report.warnings = exchange.warnings
    except CallerError as error:
        answer = exchange.fault(error)
        report.status, report.error = answer.status, msgspec.json.decode(answer.body)
        report.entries.append(Entry(error.param or "", None, f"refused: {error.kind}", "", ""))
    return report


def explain_answer(exchange: Exchange, status: int, headers: Map[str, str], body: bytes) -> Report:
    """How the caller's answer came to be. `exchange.request` was called before."""
    scope = exchange.traced_answer()
    answer = exchange.response(status, headers, body)
    report = Report(status=answer.status, result=msgspec.json.decode(answer.body))
    if answer.error is not None:
        report.error, report.result = report.result, None
        where = exchange.tables.tree.where(("errors", *answer.error.kind.split(".")))
        report.entries = [Entry("error", answer.error.message, answer.error.kind, where)]
    else:
        assert scope.trace is not None
        report.entries = _lines(scope.trace.lines) + _notes(scope.notes)
    report.warnings = exchange.warnings
    return report


def explain_stream(exchange: Exchange, data: bytes) -> Report:
    """How each chunk came to be, fed whole."""
    scope = exchange.traced_answer()
    out = exchange.receive(data) + exchange.end()
    report = Report(result=out.decode())
    assert scope.trace is not None
    report.entries = _lines(scope.trace.lines) + _notes(scope.notes)
    if exchange.error is not None:
        report.status = exchange.error.status
        report.error = msgspec.json.decode(exchange.error.body)
        report.entries.append(Entry("error", exchange.error.message, exchange.error.kind, ""))
    report.warnings = exchange.warnings
    return report


def _lines(lines: list[Line]) -> list[Entry]:
    return [Entry(x.target, written(x.value), x.why, x.place.file_line, x.source) for x in lines]


def _notes(notes: list[Note]) -> list[Entry]:
    out = []
    for note in notes:
        quiet = " (quietly)" if note.quiet else ""
        change = note.how + quiet
        if note.new is not None and note.old is not None:
            change += f", was {_short(note.old)}"
        shown = note.new if note.new is not None else note.old
        out.append(
            Entry(f"({note.how}) {note.param}", shown, change, note.place.file_line, note.param)
        )
    return out


def _short(value: Json) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 40 else text[:37] + "..."
