"""Why an answer became an error: the check that failed, or the row of errors.toml and its parts;
and where the headers of an answer come from."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as Map
from dataclasses import dataclass

from aisix.mapping.dialect.upstream_errors import ErrorAnswer
from aisix.mapping.exchange import Answer, Exchange
from aisix.mapping.interpret.answer import Answering
from aisix.mapping.interpret.pointers import shown, token
from aisix.mapping.interpret.view import View, unmet
from aisix.mapping.parse.toml_tree import Keys
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.paths import Json, Path
from aisix.mapping.syntax.rules import Condition, Place
from aisix.mapping.verify.links import Link, ReportLine, leaves

LIMITS, RETRY = "ratelimit_headers", "x-should-retry"
TEXTS = {
    "not_a_message": "the answer is no JSON object",
    "not_json": "an event is no JSON object",
    "not_a_stream": "a stream was asked for, and a plain answer came",
    "no_end": "the stream ended before its last event",
    "no_answer": "what came cannot be an answer",
    "too_large": "the answer is longer than an answer may be",
    "too_much_work": "translating the answer would cost more than it may",
    "too_deep": "the answer is nested too deeply",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """What did not hold: where it is asked, in words, and pointers to what was looked at."""

    place: Place
    text: str
    at: tuple[str, ...] = ()


def broken(exchange: Exchange, answering: Answering, said: Json) -> Failure:
    """The check behind a fault `bad_response` or `interrupted`."""
    assert exchange.broke is not None
    why = str(exchange.broke.values.get("why", ""))
    text = TEXTS.get(why, why)
    tables = exchange.tables.answer
    if why == "not_a_message" and type(said) is dict and tables.plain is not None:
        for path, wanted in tables.plain.check:
            found = path.get(said)
            if found != wanted and (wanted != "$present" or found is None):
                place = _place(exchange, ("answer", "plain", "check", path.text))
                expected = "something" if wanted == "$present" else _said(wanted)
                said_ = "nothing" if found is None else _said(found)
                text = f"[plain] check: {path.text} should be {expected}, found {said_}"
                return Failure(place, text, (_pointer(path),) if found is not None else ())
    asked: tuple[str, Condition | None] = {
        "no_answer": ("enough", tables.enough),
        "no_end": ("complete", tables.complete),
    }.get(why, ("", None))
    if asked[1] is not None:
        view = View(answering.scope, {})  # type: ignore[arg-type]
        place = _place(exchange, ("answer", "end", asked[0]))
        return Failure(place, f"{text}: [end.{asked[0]}] asks that {unmet(asked[1], view)}")
    return Failure(Place("", ""), text, () if why == "no_end" else ("",))


def _said(value: Json) -> str:
    value = shown(value)
    return f'"{value}"' if type(value) is str else str(value)


def _place(exchange: Exchange, keys: Keys) -> Place:
    return Place(exchange.tables.tree.where(keys), ".".join(keys[1:]))


def _pointer(path: Path) -> str:
    return "".join(f"/{token(step)}" for step in path.steps if step is not None)


def errors_row(
    exchange: Exchange, error: ErrorAnswer, said: Json
) -> Iterator[tuple[str, Place, tuple[str, ...], str]]:
    """(pointer into the caller's error, the place that says it, pointers of its source, why)."""
    kind = error.kind
    row = kind.partition(".")[2]
    tables = exchange.tables.errors
    data = next((one.data for one in tables.rows if one.name == row), {})
    for out, word in leaves(exchange.caller.data["error"]["body"]):
        key = word[1:] if type(word) is str and word.startswith("$") else ""
        if not key:
            yield out, Place("", "error.body"), (), "constant of the caller's dialect"
            continue
        if key not in data:
            text = f"row {row} says no {key}" if row else f"fault {kind}"
            place = _place(exchange, ("errors", "upstream", row)) if row else Place("", kind)
            yield out, place, (), text
            continue
        place = _place(exchange, ("errors", "upstream", row, key))
        value = data[key]
        part = value[1:] if type(value) is str and value.startswith("$") else ""
        part = "message" if key == "message" and "{message}" in str(value) else part
        at = tuple(
            _pointer(path)
            for path in tables.recogniser.places.get(part, ())
            if paths.get(said, path.steps) is not None
        )[:1]
        yield out, place, at, f"row {row}" + (f", from {part}" if part else "")


def header_rows(
    exchange: Exchange, answer: Answer, given: Map[str, str]
) -> Iterator[tuple[ReportLine, Link]]:
    """The headers of an answer: the line that passes on one of those given, or the row that
    writes it."""
    tables = exchange.tables.errors
    name = answer.error.kind.partition(".")[2] if answer.error and not exchange.broke else ""
    row = next((one for one in tables.rows if one.name == name), None)
    data = row.data if row is not None else {}
    said = {key.lower(): key for key in data.get("headers", {})}
    rules = dict(row.headers) if row is not None else {}
    passed = {one.name: one.sources for one in (*tables.passed, *tables.limits)}
    for header, value in answer.headers.items():
        why, at = f"row {name}", ""
        if header in said:
            keys: Keys = ("upstream", name, "headers", said[header])
            how = "constant" if rules[header].kind == "value" else "rewritten"
        elif header == RETRY and data.get("should_retry") is False:
            keys, how = ("upstream", name, "should_retry"), "constant"
        elif header in passed:
            keys = ("headers" if header in tables.data.get("headers", {}) else LIMITS, header)
            source = next((one for one in passed[header] if one in given), "")
            why, at = "passed on", f"header:{source}"
            how = "found" if given.get(source) == value else "rewritten"
        else:
            continue
        place = _place(exchange, ("errors", *keys))
        line = ReportLine(f"(header) {header}", value, why, place.file_line, at)
        yield line, Link(f"header:{header}", place, how, (at,) if at else ())
