"""The units of a mapping's tables, and one of them parsed by itself.

A unit is what is told apart when tables are compared: a row of a section (`("request", "field",
"max_tokens")`), a section that is one thing (`("answer", "plain")`), a value table. Other units are
names in it: a shape, a value table, a chunk that is named there is parsed elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from aisix.errors import Complaint
from aisix.mapping.grammar.tables import UNITS
from aisix.mapping.parse.answer import AnswerParser
from aisix.mapping.parse.request import RequestParser
from aisix.mapping.parse.rules import Parser
from aisix.mapping.syntax.answer import KnownFields
from aisix.mapping.syntax.paths import Json
from aisix.mapping.syntax.rules import (
    Arrange,
    Condition,
    Convert,
    Place,
    Shape,
    TableEntry,
    ValueTable,
)
from aisix.mapping.verify.liveness.canonical import NamedShape, Names

Unit = tuple[str, ...]  # (file, section, name), or (file, section)
Data = dict[str, Json]
NOWHERE = Place("", "")


# ---------------------------------------------------------------- a parser of one unit
class _OneUnit(Parser):
    """What it reads of other units is their name; every rule is there, whatever an option says."""

    def shape(self, name: str, at: Unit) -> Shape | None:
        if not isinstance(name, str) or name not in self._names("shape"):
            return super().shape(name, at)
        return NamedShape(name, NOWHERE)

    def table(self, name: str, at: Unit) -> ValueTable | None:
        if not isinstance(self.tables.get("values", {}).get(name), dict):
            return super().table(name, at)
        return ValueTable(name, {}, NOWHERE)

    def convert(self, name: str, at: Unit) -> Convert | None:
        if name not in self._names("convert"):
            return super().convert(name, at)
        return Convert(name, name, {}, NOWHERE)

    settles = False  # whether options of verbs are looked up

    def constant(self, value: Json, at: Unit) -> Json:
        return super().constant(value, at) if self.settles else value

    def arrange(self, name: str, data: Json, at: Unit) -> Arrange | None:
        """Its options as they are written."""
        made = super().arrange(name, data, at)
        if made is None:
            return None
        common = UNITS["arrange"].by_name
        options = {key: value for key, value in data.items() if key not in common}
        return Arrange(name, made.verb, options, made.guard, made.place, made.where)

    def off(self, data: Json) -> bool:
        return False

    def _names(self, kind: str) -> Data:
        found: Data = self.tables.get(self.section, {}).get(kind) or {}
        return found

    def whole_shape(self, name: str, data: Data, at: Unit) -> Shape:
        made = Shape(name, self.place(at))
        self.fill_shape(made, data, at)
        return made


class _RequestUnit(_OneUnit, RequestParser):
    """One unit of request.toml."""


class _AnswerUnit(_OneUnit, AnswerParser):
    """One unit of answer.toml."""


# ---------------------------------------------------------------- how each is read
Read = Callable[[Any, str, Json, Unit], Any]  # (parser, name, data, place) -> what is compared


def _raw(parser: Any, name: str, data: Json, at: Unit) -> Any:
    return data


def _body_rule(parser: Any, name: str, data: Json, at: Unit) -> Any:
    return parser.rule(data, at, "")


def _row_of(method: str) -> Read:
    return lambda parser, name, data, at: getattr(parser, method)(data, at)


def _named(method: str) -> Read:
    return lambda parser, name, data, at: getattr(parser, method)(name, data, at)


def _convert(parser: Any, name: str, data: Json, at: Unit) -> Any:
    parser.settles = True
    Parser.convert(parser, name, at)  # for its complaints: what is compared is as it is written
    return data, Names("fault", tuple(v for v in data.values() if isinstance(v, str)))


def _adjust(parser: Any, name: str, data: Json, at: Unit) -> Any:
    made = parser.adjust(name, data, at)
    options = {key: value for key, value in data.items() if key not in UNITS["adjust"].by_name}
    return made.verb, options, made.guard or Condition(), made.told, made.about


def _rest(parser: Any, name: str, data: Json, at: Unit) -> Any:
    """A policy, and what of the row counts beside it."""
    made = parser.rest(data, at)
    guard = parser.condition(data if isinstance(data, dict) else {}, at) or Condition()
    if name == "*" or made.policy in ("pass", "drop"):
        return made.policy, guard
    emptied = made.drop, made.drop_empty, made.items
    return made.policy, guard, emptied, made.reject if made.policy == "reject" else ""


def _end(parser: Any, name: str, data: Json, at: Unit) -> Any:
    if name == "emit":
        return Names("chunk", parser.chunk_list(data, at))
    if name == "row":
        return Names("event", (str(data),))
    return parser.rule(data, at) if name == "finish" else parser.condition(data, at)


def _opening(parser: Any, name: str, data: Json, at: Unit) -> Any:
    return Names("chunk", (str(data),))


def _kind(parser: Any, name: str, data: Json, at: Unit) -> Any:
    made = parser.block_kind(data, at)
    chunks = Names("chunk", made.begin), Names("chunk", made.end)
    return *chunks, made.set, made.whole, made.said, made.left_open


def _piece(parser: Any, name: str, data: Json, at: Unit) -> Any:
    return Names("event", (name,)), parser.path_list(data, at)


def _error(parser: Any, name: str, data: Json, at: Unit) -> Any:
    """A row of [upstream]: what is said of a message needs one."""
    guard = parser.condition(data, at) or Condition()
    said = {key: value for key, value in data.items() if key not in CONDITION}
    if "{message}" not in str(said.get("message", "")):
        said = {key: value for key, value in said.items() if key not in ("longest", "otherwise")}
    return guard, said


def _values(parser: Any, name: str, data: Json, at: Unit) -> Any:
    """A value table, each word by what becomes of it; a list."""
    if not isinstance(data, dict):
        return data
    return tuple((word, _entry(parser.entry(data[word], (*at, word)))) for word in sorted(data))


def _entry(row: TableEntry) -> Any:
    if row.reject:
        return Names("fault", (row.reject,))
    if row.omit or row.same:
        return row.told, row.omit, row.same
    return row.told, row.to


# section -> how each row of it is read
ROWS: dict[Unit, Read] = {
    ("request", "accept"): _named("check"),
    ("request", "let"): _body_rule,
    ("request", "check"): _row_of("refusal"),
    ("request", "field"): _body_rule,
    ("request", "shape"): _named("whole_shape"),
    ("request", "adjust"): _adjust,
    ("request", "rest"): _rest,
    ("request", "header"): _row_of("rules"),
    ("request", "convert"): _convert,
    ("request", "local"): _row_of("local"),
    ("answer", "event"): _row_of("row"),
    ("answer", "chunk"): _named("chunk"),
    ("answer", "end"): _end,
    ("answer", "fail"): _end,
    ("answer", "envelope"): _row_of("path_rules"),
    ("answer", "choice"): _row_of("rule"),
    ("answer", "message"): _row_of("rule"),
    ("answer", "shape"): _named("whole_shape"),
    ("answer", "list"): _row_of("rule"),
    ("answer", "usage"): _row_of("rule"),
    ("answer", "meter"): _row_of("rule"),
    ("answer", "counters"): _row_of("rule"),
    ("answer", "convert"): _convert,
    ("answer", "state"): _raw,
    ("answer", "piece"): _piece,
    ("answer", "block_kind"): _kind,
    ("answer", "calls"): _row_of("calls"),
    ("answer", "rest"): _row_of("rest"),
    ("errors", "upstream"): _error,
    ("errors", "mark"): _row_of("condition"),
}
# ... and sections that are one thing
WHOLE: dict[Unit, Read] = {
    ("answer", "opening"): _opening,
    ("answer", "ping"): _opening,
    ("answer", "continuation"): _row_of("continuation"),
    ("answer", "plain"): _row_of("plain"),
    ("answer", "accumulate"): _row_of("accumulate"),
    ("answer", "mend"): _row_of("mends"),
}
CONDITION = ("when", "unless", "match")
FILES = ("request", "answer", "errors", "values")


def units_of(data: Data) -> Iterator[tuple[Unit, Json]]:
    """Every unit of a mapping's files (name -> what is in it), and what it says."""
    for file in FILES:
        for section, value in (data.get(file) or {}).items():
            if file == "values" or not is_rows(file, section) or not isinstance(value, dict):
                yield (file, section), value
            else:
                for name, row in value.items():
                    yield (file, section, name), row


def is_rows(file: str, section: str) -> bool:
    """Whether each row of a section is a unit."""
    return (file, section) in ROWS or file == "errors"


def nested(unit: Unit, value: Json) -> Data:
    """Files with this unit alone."""
    made: Data = {unit[-1]: value}
    for key in reversed(unit[:-1]):
        made = {key: made}
    return made


@dataclass(slots=True)
class UnitReader:
    """Parses units of one mapping. `tables`: all of them, for the names that may stand in one."""

    tables: Data
    facts: Data
    count: int = 0  # units that were read so far
    _parsers: dict[str, Any] = field(default_factory=dict)

    def read(self, unit: Unit, data: Json) -> tuple[Any, frozenset[str], tuple[Complaint, ...]]:
        """(syntax, fields of the caller's that it reads, complaints)."""
        self.count += 1
        parser = self._parser(unit[0])
        how = _values if unit[0] == "values" else ROWS.get(unit[:2], WHOLE.get(unit[:2], _raw))
        if how is _convert:
            file = self.tables.get(unit[0], {})
            known = {**file, "convert": {**file.get("convert", {}), unit[-1]: data}}
            parser.tables = {**self.tables, unit[0]: known}
        made = how(parser, unit[-1], data, unit)
        return made, frozenset(parser.read), tuple(parser.complaints)

    def condition(self, data: Data) -> Condition | None:
        """A condition by itself."""
        made: Condition | None = self._parser("request").condition(data, ("request",))
        return made

    def _parser(self, file: str) -> Any:
        """One that has read nothing so far."""
        side = "request" if file == "request" else "answer"
        if side not in self._parsers:
            kind = _RequestUnit if side == "request" else _AnswerUnit
            self._parsers[side] = kind(self.tables, _no_line, self.facts)
            _know(self._parsers[side], self.tables.get("answer", {}))
            self._parsers[side].names_below((side,))
        parser = self._parsers[side]
        parser.section, parser.tables, parser.settles = file, self.tables, False
        parser.complaints, parser.read, parser.item_read = [], set(), set()
        parser.converts, parser.without = {}, ()
        return parser


def _no_line(keys: Unit) -> str:
    return ""


def _know(parser: Any, answer: Data) -> None:
    """The names that rows may ask for."""
    parser.chunk_names = frozenset(answer.get("chunk") or ())
    parser.block_kinds = frozenset(answer.get("block_kind") or ())
    parser.rests = {
        name: KnownFields((), frozenset(), name, NOWHERE) for name in answer.get("rest") or ()
    }
