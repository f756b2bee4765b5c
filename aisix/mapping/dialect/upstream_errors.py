"""The upstream's errors, translated: `ErrorTables` is `errors.toml` of one mapping.

Which row an error is, its status, type, code and words, whether it may be asked again; the body is
shaped by the caller's dialect (`caller.py`), which has our own faults too. What an error says is
read by `recogniser.py`; what of its words may be passed on, `masking.py` knows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from collections.abc import Mapping as Map
from dataclasses import dataclass, field, replace
from itertools import takewhile

from aisix.errors import Complaint
from aisix.mapping.dialect.answer_headers import (
    Passed,
    Written,
    laid_over,
    passed,
    written,
)
from aisix.mapping.dialect.caller import STATUS, CallerDialect, ErrorAnswer, Where, is_status
from aisix.mapping.dialect.masking import masked
from aisix.mapping.dialect.recogniser import Recogniser, Said
from aisix.mapping.grammar.tables import UNITS
from aisix.mapping.interpret.scope import Facts, Scope
from aisix.mapping.interpret.view import View, holds
from aisix.mapping.parse.meant import meant
from aisix.mapping.parse.rules import Parser
from aisix.mapping.parse.structure import found
from aisix.mapping.parse.toml_tree import Keys
from aisix.mapping.parse.unreachable import unreachable
from aisix.mapping.syntax.paths import Json, Path
from aisix.mapping.syntax.rules import Condition

__all__ = ["CallerDialect", "ErrorAnswer", "ErrorTables"]
OWN = (400, 413, 422)  # statuses about the caller's own request
# What rows see, whatever the body is; in_answer: the error stood in one with a good status.
SEEN = {"status": "integer", "headers": "string", "in_answer": "boolean"}
NO_FACTS = Facts("", "", "", {}, {})
_NUMBER = re.compile("[0-9]{1,9}")  # of an item; no list has more
# Of one of the upstream's lists, and of lists in its items, by their numbers: the caller's path of
# what stands there (None: unknown), and the item of the list.
Origin = Callable[[str, Sequence[int]], tuple[str | None, Json]]


# ---------------------------------------------------------------- upstream errors
@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    guard: Condition | None
    data: dict[str, Json]
    headers: Written = ()


@dataclass(frozen=True, slots=True)
class _Param:
    match: re.Pattern[str]
    params: tuple[str, ...]
    list: str
    say: bool  # the complaint names the caller's field instead of the upstream's
    called: Path | None = None  # ... and behind it what the item calls itself


@dataclass(frozen=True, slots=True)
class ErrorTables:
    rows: tuple[_Row, ...] = ()
    restated: tuple[_Row, ...] = ()  # what is told instead of what the row says
    params: tuple[_Param, ...] = ()
    passed: tuple[Passed, ...] = ()
    limits: tuple[Passed, ...] = ()  # only for aliases that show limits
    data: dict[str, Json] = field(default_factory=dict)
    recogniser: Recogniser = field(default_factory=Recogniser)
    used: frozenset[str] = frozenset()  # names of conversions and value tables that rules use

    @classmethod
    def parse(
        cls,
        tables: dict[str, Json],
        where: Where,
        complaints: list[Complaint],
        known_facts: dict[str, Json],
    ) -> ErrorTables:
        """`tables`: those of the whole mapping; `known_facts`: what Parser takes."""
        data: dict[str, Json] = tables.get("errors", {})
        parser = Parser(tables, where, known_facts)
        parser.section = "errors"
        data = parser.unit(data, ("errors",), "errors")
        rows = _rows(parser, data, "upstream", "error_row")
        restated = _rows(parser, data, "restate", "error_restated")
        params = []
        for name, given in data.get("param", {}).items():
            at = ("errors", "param", name)
            row = parser.unit(given, at, "error_param")
            regex = parser.regex(row["match"], (*at, "match")) if "match" in row else None
            if regex:
                asked = parser.words(row.get("param", []), (*at, "param"))
                _groups_of(parser, regex, asked, (*at, "param"))
                called = parser.path(row["called"], (*at, "called")) if "called" in row else None
                said = row.get("say", False), called
                params.append(_Param(regex, asked, row.get("list", ""), *said))
        shown = passed(parser, data, "headers"), passed(parser, data, "ratelimit_headers")
        recogniser = _recogniser(parser, data)
        complaints += parser.complaints
        used = frozenset(parser.used)
        return cls(rows, restated, tuple(params), *shown, data, recogniser, used)

    def translate(
        self,
        status: int | None,
        headers: Map[str, str],
        body: Json,
        caller: CallerDialect,
        alias: str,
        caller_body: dict[str, Json],
        origin: Origin,
        passed: Map[str, str],
        hidden: Collection[str] = (),
        facts: Facts = NO_FACTS,
        now: int = 0,
    ) -> ErrorAnswer:
        """The upstream's error as the caller's dialect shows it. `body`: JSON, or the text of what
        was none; `status` None: inside an answer whose status was good; `hidden`: texts that may
        stand in no message."""
        said = self.recogniser.read(body)
        message = said.parts.get("message", "")
        if type(body) is str and status is not None and status not in OWN:
            message = ""  # of whatever stands between: it speaks of hosts and of connections
        stands_for = self.recogniser.known(said) if status is None else 0
        view = self._view(status, headers, body, said, facts, now)
        row, status = self._row(view)
        data: dict[str, Json] = row.data if row else {"status": 502, "message": ""}
        again = next((one for one in self.restated if holds(one.guard, view)), None)
        if again is not None:
            data = {**data, **again.data}
        text = data.get("message", "")
        too_long = len(message) > data.get("longest", 4000)
        if "{message}" in text and (not message or too_long):
            text = data.get("otherwise", "The model provider refused the request.")
        param = data.get("param")
        if param == "$named":
            param, message = self.named(message, caller_body, origin)
            param = self.named(said.parts.get("param", ""), caller_body, origin)[0] or param
        message = masked(self.renamed(message), hidden) if "{message}" in text else ""
        text = text.replace("{status}", str(status)).replace("{alias}", alias)
        text = text.replace("{message}", message)  # last: nothing is filled in within it
        out = laid_over(dict(passed), row.headers, view) if row else dict(passed)
        out = {name: masked(value, hidden) for name, value in out.items()}
        if data.get("should_retry") is False:
            out["x-should-retry"] = "false"
        wanted = data["status"] if isinstance(data["status"], int) else status
        kind_name = f"upstream.{row.name}" if row else "upstream"
        type_, code = (_quoted(data.get(key), said.parts) for key in ("type", "code"))
        param = _quoted(param, said.parts)
        shown = caller.answer(wanted, type_, code, text, param, out, kind_name)
        return replace(shown, retry=data.get("retry", ""), stands_for=stands_for)

    def is_error(self, parsed: Json) -> bool:
        """Whether an answer with a good status is an error all the same."""
        return self.recogniser.is_error(parsed)

    def retry(
        self,
        status: int | None,
        headers: Map[str, str],
        body: Json,
        facts: Facts = NO_FACTS,
        now: int = 0,
    ) -> str:
        """Whether such an answer may be asked for again; see ErrorAnswer.retry."""
        view = self._view(status, headers, body, self.recogniser.read(body), facts, now)
        row, _ = self._row(view)
        return str(row.data.get("retry", "")) if row else ""

    def _view(
        self,
        status: int | None,
        headers: Map[str, str],
        body: Json,
        said: Said,
        facts: Facts,
        now: int,
    ) -> View:
        """What rows see (status None: the one that the error stands for)."""
        inside = status is None
        if status is None:
            status = self.recogniser.status(said)
        seen = {**(body if isinstance(body, dict) else {}), "status": status, "headers": headers}
        seen["in_answer"] = inside
        if said.error:
            seen["error"] = said.error
        return View(Scope(facts, {}, now=now), seen)

    def _row(self, view: View) -> tuple[_Row | None, int]:
        """The row that holds, and the status."""
        found = next((row for row in self.rows if holds(row.guard, view)), None)
        return found, view.item["status"]

    def named(
        self,
        message: str,
        caller_body: dict[str, Json],
        origin: Origin,
    ) -> tuple[str | None, str]:
        """(the caller's field an upstream complaint is about, the complaint naming it so)."""
        for row in self.params:
            found = row.match.search(message)
            if not found:
                continue
            numbers = list(map(int, takewhile(_NUMBER.fullmatch, found.groups(""))))
            names: list[str] = []
            path, item = origin(row.list, numbers) if row.list else (None, None)
            for name in row.params:
                if name != "$origin":
                    names.append(_groups(name, found))
                elif path:
                    names.append(path)
            if not names:
                return row.list or None, message
            sent = [name for name in names if name == path or caller_body.get(name) is not None]
            param = (sent or names)[0]
            if row.say:
                called = row.called.get(item) if row.called and type(item) is dict else None
                behind = f" ({called})" if type(called) is str else ""
                message = message[: found.start()] + param + behind + message[found.end() :]
            return param, message
        return None, message

    def renamed(self, message: str) -> str:
        for old, new in self.data.get("rename", {}).items():
            message = message.replace(old, new)
        return message

    def headers(self, headers: Map[str, str], limits: bool, now: float) -> dict[str, str]:
        """The upstream's response headers a caller may see, by the caller's names."""
        out = {}
        for row in (*self.passed, *self.limits) if limits else self.passed:
            for name in row.sources:
                if name in headers:
                    value = headers[name]
                    text = row.reads(value, now) if row.reads else value
                    if text is not None:
                        out[row.name] = text
                    break
        return out


def _rows(parser: Parser, data: dict[str, Json], section: str, unit: str) -> tuple[_Row, ...]:
    """The rows of [upstream] or [restate], which are tried in order."""
    rows = []
    for name, given in data.get(section, {}).items():
        at = ("errors", section, name)
        row = parser.unit(given, at, unit)
        if row.get("status") not in ("$status", None) and not is_status(row["status"]):
            parser.complain((*at, "status"), f'expected {STATUS}, or "$status"')
        for key in ("type", "code", "param"):
            _part(parser, row.get(key, ""), data.get("body", {}), (*at, key))
        parser.vocabulary.seen = SEEN
        guard = parser.condition(row, at)
        parser.vocabulary.seen = {}
        rows.append(_Row(name, guard, row, written(parser, row, at)))
    tried = [(row.name, row.guard) for row in rows]
    hiding = parser.hiding(dict(tried), ("errors", section))
    for name, why in unreachable(tried, hiding):
        parser.complain(("errors", section, name), why, idle=True)
    return tuple(rows)


def _recogniser(parser: Parser, data: dict[str, Json]) -> Recogniser:
    """What `[body]`, `[mark.*]`, `[harmless]`, `[status]`, `[numbers.*]` and `[guess.*]` say."""
    body = parser.unit(data.get("body", {}), ("errors", "body"), "error_body")
    for name in body:
        if name not in UNITS["error_body"].by_name and not _asks_for(data, name):
            hint = meant(name, UNITS["error_body"].names)
            text = f'no row asks for "${name}" ({hint})'
            parser.complain(("errors", "body", name), text, idle=True)
    marks = []
    at: Keys
    for name, row in data.get("mark", {}).items():
        at = ("errors", "mark", name)
        guard = parser.condition(parser.unit(row, at, "condition"), at)
        if guard is None or not guard.when:
            parser.complain(at, "a mark needs `when` or `match`, or every answer is an error")
        else:
            marks.append(guard)
    at = ("errors", "harmless")
    harmless = [
        (parser.path(place, (*at, place)), frozenset(parser.words(words, (*at, place))))
        for place, words in parser.unit(data.get("harmless", {}), at, "harmless").items()
    ]
    at = ("errors", "numbers")
    numbers = [
        (parser.path(place, (*at, place)), _statuses(parser, table, (*at, place)))
        for place, table in data.get("numbers", {}).items()
    ]
    guesses = []
    for name, given in data.get("guess", {}).items():
        at = ("errors", "guess", name)
        row = parser.unit(given, at, "guess")
        regex = parser.regex(row["match"], (*at, "match")) if "match" in row else None
        if regex:
            guesses.append((regex, row.get("status", 500)))
    return Recogniser(
        {name: parser.path_list(given, ("errors", "body", name)) for name, given in body.items()},
        tuple(marks),
        frozenset(parser.words(body.get("usual", []), ("errors", "body", "usual"))),
        tuple(harmless),
        _statuses(parser, data.get("status", {}), ("errors", "status")),
        tuple(numbers),
        tuple(guesses),
    )


def _statuses(parser: Parser, table: dict[str, Json], at: Keys) -> dict[str, int]:
    kept = parser.unit(table, at, "words")
    for name, value in kept.items():
        if not is_status(value):
            parser.complain((*at, name), f"expected {STATUS}, found {found(value)}")
    return kept


def _asks_for(node: Json, part: str) -> bool:
    """Whether some row asks for a part of an error, as "$NAME" or as error.NAME."""
    if isinstance(node, dict):
        return any(_asks_for(key, part) or _asks_for(v, part) for key, v in node.items())
    if isinstance(node, list):
        return any(_asks_for(one, part) for one in node)
    asked = f"${part}", f"error.{part}"
    return isinstance(node, str) and (node in asked or node.startswith(f"{asked[1]}."))


def _part(parser: Parser, word: str, body: Json, at: Keys) -> None:
    """Tell of a "$NAME" that [body] has no place for."""
    named = [f"${name}" for name in body] if isinstance(body, dict) else []
    if at[-1] == "param":
        named.append("$named")
    if word.startswith("$") and word not in named:
        parser.unknown(at, "no place in [body] for", word, named)


def _groups_of(parser: Parser, match: re.Pattern[str], params: Collection[str], at: Keys) -> None:
    """Tell of a group that the expression has not."""
    for text in params:
        for number in re.findall(r"\{(\d+)\}", text):
            if not 0 < int(number) <= match.groups:
                parser.complain(at, f"`match` has no group {number}")
        if text.startswith("$") and text != "$origin":
            parser.complain(at, f'nothing is called "{text}" here (did you mean "$origin"?)')
        if text == "$origin" and not match.groups:
            parser.complain(at, "`match` needs a group: the number of the item")


def _quoted(word: str | None, found: Map[str, str]) -> str | None:
    """A row's own word, "" for none, or with "$" what the upstream says there."""
    return found.get(word[1:]) if word is not None and word.startswith("$") else word or None


def _groups(text: str, found: re.Match[str]) -> str:
    return re.sub(r"\{(\d)\}", lambda m: found.group(int(m.group(1))) or "", text)
