"""Tables (plain dicts, overlays already merged) -> the syntax of `rules.py`, with every complaint.

A complaint names file:line, the key, what was found and what would be right; parsing goes on after
one, so that an operator sees all of them at once.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from typing import Any

from aisix.errors import Complaint
from aisix.mapping import adjust, arrange, ops, paths
from aisix.mapping.paths import Json, Path
from aisix.mapping.rules import (
    Adjust,
    Arrange,
    Check,
    Condition,
    Convert,
    Entry,
    Header,
    Place,
    Refusal,
    RequestTables,
    Rest,
    Rule,
    Shape,
    Test,
    ValueTable,
)

TYPES = ("string", "boolean", "integer", "number", "object", "array")
SOURCES = ("from", "value", "first", "concat", "layers", "weave", "sum", "object")
RULE_KEYS = (
    *SOURCES,
    *("default", "when", "unless", "match", "type", "only", "required", "where", "where_not"),
    *("keep", "as", "table", "min", "max", "each", "lone", "shape", "arrange", "join"),
    *("policy", "told", "about", "count", "keep_empty", "by"),
)
SHAPE_KEYS = (
    *("of", "my", "by", "when", "first", "all", "blank", "count", "verbatim", "skip", "reject"),
    *("at", "stamp", "guard", "told", "use"),
)
CHECK_KEYS = ("type", "range", "one_of", "match", "required", "empty", "longest", "reject")
POLICIES = ("drop", "warn", "reject")


_COMPARE = re.compile(r"([<>])\s*(-?[0-9.]+)")


def _slip(key: str, word: str) -> bool:
    """Whether `key` is `word` with letters swapped, or one letter missing or doubled."""
    if key == word or abs(len(key) - len(word)) > 1:
        return False
    if len(key) == len(word):
        return sorted(key) == sorted(word)
    long, short = (key, word) if len(key) > len(word) else (word, key)
    return any(long[:i] + long[i + 1 :] == short for i in range(len(long)))


class Parser:
    """Reads one mapping's merged tables. `where(path)` gives "file:line" of a key."""

    def __init__(
        self,
        tables: dict[str, Json],
        where: Callable[[tuple[str, ...]], str],
        facts: dict[str, Json] | None = None,
    ) -> None:
        self.tables = tables
        self.where = where
        self.facts = facts or {}  # {"model": row, "option": values}: constant for one alias
        self.complaints: list[Complaint] = []
        self.shapes: dict[str, Shape] = {}
        self.value_tables: dict[str, ValueTable] = {}
        self.converts: dict[str, Convert] = {}
        self.used: set[str] = set()
        self.read: set[str] = set()
        self.section = "request"

    # ------------------------------------------------------------------ complaints
    def place(self, path: tuple[str, ...]) -> Place:
        return Place(self.where(path), ".".join(path[1:]))

    def complain(self, path: tuple[str, ...], text: str) -> None:
        self.complaints.append(Complaint(self.where(path), ".".join(path[1:]), text))

    def unknown(self, path: tuple[str, ...], what: str, word: str, known: Iterable[str]) -> None:
        known = sorted(set(known))
        near = difflib.get_close_matches(word, known, 1, 0.6)
        hint = f'did you mean "{near[0]}"?' if near else "one of: " + ", ".join(known[:12])
        self.complain(path, f'{what} "{word}" ({hint})' if what else f"unknown key ({hint})")

    def keys(self, data: dict[str, Json], path: tuple[str, ...], known: Iterable[str]) -> None:
        for key in data:
            if key not in known:
                self.unknown((*path, key), "", key, known)

    def typed(self, data: Json, path: tuple[str, ...], kind: type, default: Any) -> Any:
        """data[path[-1]] when it has the type, else a complaint and the default."""
        value = data.get(path[-1], default)
        if (
            value is default
            or (type(value) is kind and kind is not dict)
            or isinstance(value, kind)
        ):
            return value
        self.complain(path, f"expected {kind.__name__}, found {type(value).__name__} {value!r}")
        return default

    # ------------------------------------------------------------------ small parts
    def path(self, text: Json, at: tuple[str, ...]) -> Path:
        if not isinstance(text, str):
            self.complain(at, f"expected a path, found {text!r}")
            return Path(".", "", ())
        try:
            path = paths.parse(text)
        except ValueError as error:
            self.complain(at, str(error))
            return Path(".", "", ())
        if path.root == "body" and path.steps:
            self.read.add(str(path.steps[0]))
        return path

    def top(self, path: Path, base: str) -> None:
        """Remember that a top-level field of the caller is read."""
        if base == "" and path.root == "" and path.steps:
            self.read.add(str(path.steps[0]))

    def condition(
        self, data: dict[str, Json], at: tuple[str, ...], base: str = "item"
    ) -> Condition | None:
        when, unless = data.get("when"), data.get("unless")
        match = data.get("match")
        if when is None and unless is None and match is None:
            return None
        tests: list[Test] = []
        if isinstance(when, dict):
            tests += self.tests(when, (*at, "when"), base)
        elif when is not None:
            self.complain((*at, "when"), "expected a table of path = value")
        if isinstance(match, dict):
            for text, pattern in match.items():
                path = self.path(text, (*at, "match", text))
                self.top(path, base)
                regex = self.regex(pattern, (*at, "match", text))
                if regex:
                    tests.append(Test(path, "matches", regex))
        elif match is not None:
            self.complain((*at, "match"), 'expected a table of path = "regular expression"')
        nots: tuple[Test, ...] = ()
        if isinstance(unless, dict):
            nots = tuple(self.tests(unless, (*at, "unless"), base))
        elif unless is not None:
            self.complain((*at, "unless"), "expected a table of path = value")
        return Condition(tuple(tests), nots)

    def tests(self, data: dict[str, Json], at: tuple[str, ...], base: str) -> list[Test]:
        found = []
        for text, value in data.items():
            path = self.path(text, (*at, text))
            self.top(path, base)
            found.append(self.test(path, value, (*at, text)))
        return found

    def test(self, path: Path, value: Json, at: tuple[str, ...]) -> Test:
        if value == "$present":
            return Test(path, "present")
        if value == "$absent":
            return Test(path, "absent")
        if isinstance(value, str) and value.startswith("$"):
            return Test(path, "equals", self.path(value, at))
        if isinstance(value, str) and (found := _COMPARE.fullmatch(value)):
            return Test(path, "below" if found[1] == "<" else "above", float(found[2]))
        if isinstance(value, list):
            return Test(path, "in", frozenset((type(v), v) for v in value))
        if isinstance(value, dict):
            self.complain(at, "expected a value, a list of values, $present, $absent or a $path")
        return Test(path, "is", value)

    def regex(self, text: Json, at: tuple[str, ...]) -> re.Pattern[str] | None:
        try:
            return re.compile(text)
        except (re.error, TypeError) as error:
            self.complain(at, f"not a regular expression: {error}")
            return None

    def words(self, value: Json, at: tuple[str, ...], known: Iterable[str] = ()) -> tuple[str, ...]:
        """A word or a list of words, each one of `known` when that is given."""
        items = value if isinstance(value, list) else [value]
        for item in items:
            if not isinstance(item, str):
                self.complain(at, f"expected a word or a list of words, found {item!r}")
                return ()
            if known and item not in known:
                self.unknown(at, "unknown word", item, known)
        return tuple(items)

    def scalar_or_path(self, value: Json, at: tuple[str, ...]) -> Json | Path:
        if isinstance(value, str) and value.startswith("$"):
            return self.path(value, at)
        return value

    # ------------------------------------------------------------------ named things
    def table(self, name: str, at: tuple[str, ...]) -> ValueTable | None:
        self.used.add(f"values.{name}")
        if name in self.value_tables:
            return self.value_tables[name]
        data = self.tables.get("values", {}).get(name)
        if not isinstance(data, dict):
            self.unknown(at, "no value table", name, self.tables.get("values", {}))
            return None
        path = ("values", name)
        if "*" not in data:
            self.complain(path, 'a value table needs a "*" row for words not listed')
        rows = {word: self.entry(row, (*path, word)) for word, row in data.items()}
        self.value_tables[name] = ValueTable(name, rows, self.place(path))
        return self.value_tables[name]

    def entry(self, row: Json, at: tuple[str, ...]) -> Entry:
        place = self.place(at)
        if not isinstance(row, dict):
            return Entry(row, place=place)
        self.keys(row, at, ("to", "omit", "same", "told", "reject"))
        if not any(key in row for key in ("to", "omit", "same", "reject")):
            self.complain(at, "a row says one of to = ..., omit = true, same = true, reject = ...")
        return Entry(
            row.get("to"),
            self.typed(row, (*at, "omit"), bool, False),
            self.typed(row, (*at, "same"), bool, False),
            self.typed(row, (*at, "told"), str, ""),
            self.typed(row, (*at, "reject"), str, ""),
            place,
        )

    def convert(self, name: str, at: tuple[str, ...]) -> Convert | None:
        if name in self.converts:
            self.used.add(f"{self.section}.convert.{name}")
            return self.converts[name]
        converts = self.tables.get(self.section, {}).get("convert", {})
        data = converts.get(name)
        if isinstance(data, dict):
            self.used.add(f"{self.section}.convert.{name}")
            path: tuple[str, ...] = (self.section, "convert", name)
            options = {
                key: self.constant(value, (*path, key))
                for key, value in data.items()
                if key != "verb"
            }
            verb = data.get("verb")
        elif name in ops.VERBS:
            path, options, verb = at, {}, name
        else:
            self.unknown(at, "no verb or [convert]", name, [*ops.VERBS, *converts])
            return None
        if verb not in ops.VERBS:
            self.unknown((*path, "verb"), "unknown verb", str(verb), ops.VERBS)
            return None
        self.keys(options, path, ops.VERBS[verb].options)
        self.converts[name] = Convert(name, verb, options, self.place(path))
        return self.converts[name]

    def shape(self, name: str, at: tuple[str, ...]) -> Shape | None:
        self.used.add(f"{self.section}.shape.{name}")
        if name in self.shapes:
            return self.shapes[name]
        data = self.tables.get(self.section, {}).get("shape", {}).get(name)
        if not isinstance(data, dict):
            self.unknown(at, "no shape", str(name), self.tables[self.section].get("shape", {}))
            return None
        shape = Shape(name, self.place((self.section, "shape", name)))
        self.shapes[name] = shape  # before its parts: a shape may use itself
        self.fill_shape(shape, data, (self.section, "shape", name))
        return shape

    def constant(self, value: Json, at: tuple[str, ...]) -> Json:
        """An option's value; "$values.NAME", "$option.NAME" and "$model.NAME" are settled here."""
        if not (isinstance(value, str) and value.startswith("$")):
            return value
        path = self.path(value, at)
        if path.root == "values":
            name = str(path.steps[0])
            self.used.add(f"values.{name}")
            rows = self.tables.get("values", {}).get(name)
            if not isinstance(rows, dict):
                self.unknown(at, "no value table", name, self.tables.get("values", {}))
                return {}
            return rows
        return path.get(self.facts.get(path.root, {}))

    # ------------------------------------------------------------------ shapes
    def fill_shape(self, shape: Shape, data: dict[str, Json], at: tuple[str, ...]) -> None:
        shape.of = self.typed(data, (*at, "of"), str, "object")
        shape.my = self.rules(self.typed(data, (*at, "my"), dict, {}), (*at, "my"))
        if "by" in data:
            shape.by = self.path(data["by"], (*at, "by"))
        variants = self.typed(data, (*at, "when"), dict, {})
        if variants and not shape.by:
            self.complain((*at, "when"), "a shape with `when` needs `by`: the path that chooses")
        for word, variant in variants.items():
            shape.variants[word] = self.variant(variants, word, variant, (*at, "when", word))
        for word, variant in self.typed(data, (*at, "first"), dict, {}).items():
            path = (*at, "first", word)
            if not isinstance(variant, dict):
                self.complain(path, "expected a table")
                continue
            guard = self.condition(
                self.typed(variant, (*path, "guard"), dict, {}), (*path, "guard")
            )
            shape.first += ((guard or Condition(), self.variant({}, word, variant, path)),)
        shape.all = self.rules(self.typed(data, (*at, "all"), dict, {}), (*at, "all"))
        shape.blank = self.typed(data, (*at, "blank"), str, "")
        shape.count = self.typed(data, (*at, "count"), str, "")
        shape.verbatim = self.typed(data, (*at, "verbatim"), bool, False)
        shape.skip = self.typed(data, (*at, "skip"), bool, False)
        shape.reject = self.typed(data, (*at, "reject"), str, "")
        shape.at = self.typed(data, (*at, "at"), str, "")
        shape.told = self.typed(data, (*at, "told"), str, "")
        stamp = self.typed(data, (*at, "stamp"), dict, {})
        if stamp:
            self.keys(stamp, (*at, "stamp"), ("list", "key", "rule"))
            rule = self.rule(stamp.get("rule"), (*at, "stamp", "rule"))
            shape.stamp = (str(stamp.get("list")), str(stamp.get("key")), rule)
        fields = {key: value for key, value in data.items() if key not in SHAPE_KEYS}
        shape.fields = self.rules(fields, at)

    def variant(
        self, siblings: dict[str, Json], word: str, data: Json, at: tuple[str, ...]
    ) -> Shape:
        if isinstance(data, str):  # developer = "system": built as that variant is
            if not isinstance(siblings.get(data), dict):
                self.unknown(at, "no variant", data, [k for k in siblings if k != word])
                return Shape(word, self.place(at))
            data, at = siblings[data], (*at[:-1], data)
        if not isinstance(data, dict):
            self.complain(at, f"expected a table, found {data!r}")
            return Shape(word, self.place(at))
        if "use" in data:  # built by another shape
            return self.shape(data["use"], (*at, "use")) or Shape(word, self.place(at))
        shape = Shape(word, self.place(at))
        self.fill_shape(shape, data, at)
        return shape

    # ------------------------------------------------------------------ rules
    def rules(
        self, data: dict[str, Json], at: tuple[str, ...], base: str = "item"
    ) -> tuple[tuple[str, Rule], ...]:
        return tuple((key, self.rule(value, (*at, key), base)) for key, value in data.items())

    def rule(self, data: Json, at: tuple[str, ...], base: str = "item") -> Rule:
        place = self.place(at)
        if not isinstance(data, dict):
            if isinstance(data, str) and data.startswith("$"):
                return Rule("from", place, paths=(self.path(data, at),))
            return Rule("value", place, value=data)
        if not any(key in data for key in SOURCES):
            for key in data:
                near = next((word for word in SOURCES if _slip(key, word)), None)
                if near:
                    self.complain((*at, key), f'unknown key (did you mean "{near}"?)')
            return Rule("object", place, parts=self.rules(data, at, base))
        self.keys(data, at, RULE_KEYS)
        kinds = [key for key in SOURCES if key in data]
        if len(kinds) > 1:
            self.complain(at, f"one source only, found {' and '.join(kinds)}")
        rule = Rule(kinds[0], place)
        self.source(rule, data, at, base)
        self.refine(rule, data, at, base)
        return rule

    def source(self, rule: Rule, data: dict[str, Json], at: tuple[str, ...], base: str) -> None:
        given = data[rule.kind]
        here = (*at, rule.kind)
        if rule.kind in ("from", "sum"):
            rule.paths = tuple(self.path(text, here) for text in self.words(given, here))
            for path in rule.paths:
                self.top(path, base)
        elif rule.kind == "value":
            rule.value = given
        elif not isinstance(given, dict):
            self.complain(here, "expected a table of named rules")
        else:
            rule.parts = self.rules(given, here, base)
            if rule.kind == "weave":
                if [name for name, _ in rule.parts] != ["placed", "others"]:
                    self.complain(here, "weave holds two rules: placed, then others")
                rule.by = self.path(data.get("by", "index"), (*at, "by"))

    def refine(self, rule: Rule, data: dict[str, Json], at: tuple[str, ...], base: str) -> None:
        rule.guard = self.condition(data, at, base)
        if "default" in data:
            rule.default = self.scalar_or_path(data["default"], (*at, "default"))
        if "type" in data:
            rule.types = self.words(data["type"], (*at, "type"), TYPES)
        if "only" in data:
            rule.only = self.words(data["only"], (*at, "only"), TYPES)
        rule.required = self.typed(data, (*at, "required"), str, "")
        if "where" in data or "where_not" in data:
            names = {"when": data.get("where"), "unless": data.get("where_not")}
            rule.where = self.condition({k: v for k, v in names.items() if v is not None}, at)
        rule.keep = self.typed(data, (*at, "keep"), str, "")
        if rule.keep not in ("", "nonblank"):
            self.unknown((*at, "keep"), "unknown word", rule.keep, ("nonblank",))
        if "as" in data:
            verbs = (self.convert(v, (*at, "as")) for v in self.words(data["as"], (*at, "as")))
            rule.converts = tuple(verb for verb in verbs if verb)
        if "table" in data:
            names_ = self.words(data["table"], (*at, "table"))
            tables = (self.table(name, (*at, "table")) for name in names_)
            rule.tables = tuple(table for table in tables if table)
        rule.low = self.scalar_or_path(data.get("min"), (*at, "min"))
        rule.high = self.scalar_or_path(data.get("max"), (*at, "max"))
        for key in ("each", "lone", "shape"):
            if key in data:
                setattr(rule, key, self.shape(data[key], (*at, key)))
        for name, step in self.typed(data, (*at, "arrange"), dict, {}).items():
            parsed = self.arrange(name, step, (*at, "arrange", name))
            if parsed:
                rule.arrange += (parsed,)
        rule.join = self.typed(data, (*at, "join"), str, None)
        rule.policy = self.typed(data, (*at, "policy"), str, "")
        if rule.policy and rule.policy not in POLICIES:
            self.unknown((*at, "policy"), "unknown policy", rule.policy, POLICIES)
        rule.told = self.typed(data, (*at, "told"), str, "")
        if "about" in data:
            rule.about = self.words(data["about"], (*at, "about"))
        rule.count = self.typed(data, (*at, "count"), str, "")
        rule.keep_empty = self.typed(data, (*at, "keep_empty"), bool, False)

    def arrange(self, name: str, data: Json, at: tuple[str, ...]) -> Arrange | None:
        if not isinstance(data, dict):
            self.complain(at, "expected a table")
            return None
        verb = data.get("verb")
        if verb not in arrange.PASSES:
            self.unknown((*at, "verb"), "unknown pass", str(verb), arrange.PASSES)
            return None
        common = ("verb", "when", "unless", "match", "where", "where_not")
        options = {key: value for key, value in data.items() if key not in common}
        self.keys(options, at, arrange.PASSES[verb].options)
        selection = {"when": data.get("where"), "unless": data.get("where_not")}
        where = self.condition({k: v for k, v in selection.items() if v is not None}, at)
        return Arrange(name, verb, options, self.condition(data, at), self.place(at), where)

    # ------------------------------------------------------------------ whole files
    def request(self) -> RequestTables:
        """Parse the request section; call `complaints` afterwards."""
        self.section = "request"
        data = self.tables.get("request", {})
        known = (
            "accept",
            "let",
            "check",
            "field",
            "shape",
            "adjust",
            "rest",
            "header",
            "remember",
            "convert",
        )
        self.keys(data, ("request",), known)
        checks = tuple(
            self.check(name, row, ("request", "accept", name))
            for name, row in data.get("accept", {}).items()
        )
        lets = self.rules(data.get("let", {}), ("request", "let"), "")
        refusals = tuple(
            self.refusal(row, ("request", "check", name))
            for name, row in data.get("check", {}).items()
        )
        fields = self.rules(data.get("field", {}), ("request", "field"), "")
        adjusts = tuple(
            self.adjust(name, row, ("request", "adjust", name))
            for name, row in data.get("adjust", {}).items()
        )
        rest = {
            name: self.rest(row, ("request", "rest", name))
            for name, row in data.get("rest", {}).items()
        }
        if "*" not in rest:
            self.complain(("request", "rest"), '[rest] needs a "*" row for fields not listed')
            rest["*"] = Rest("warn")
        headers = tuple(
            Header(name, self.rules(rows, ("request", "header", name)))
            for name, rows in data.get("header", {}).items()
            if isinstance(rows, dict)
        )
        remember = self.words(data.get("remember", []), ("request", "remember"))
        names = {name for name, _ in lets}
        for word in remember:
            if word not in names:
                self.unknown(("request", "remember"), "no [let]", word, names)
        return RequestTables(
            checks, lets, refusals, fields, adjusts, rest, frozenset(self.read), headers, remember
        )

    def check(self, name: str, row: Json, at: tuple[str, ...]) -> Check:
        path = self.path(name, at)
        if isinstance(row, str):
            row = {"type": row}
        if not isinstance(row, dict):
            self.complain(at, 'expected a type such as "string", or a table')
            row = {}
        self.keys(row, at, CHECK_KEYS)
        low, high = None, None
        if "range" in row:
            span = row["range"]
            if isinstance(span, list) and len(span) == 2:
                low, high = span
            else:
                self.complain((*at, "range"), f"expected [low, high], found {span!r}")
        match = self.regex(row["match"], (*at, "match")) if "match" in row else None
        return Check(
            path,
            self.words(row.get("type", []), (*at, "type"), TYPES),
            self.place(at),
            low,
            high,
            tuple(self.typed(row, (*at, "one_of"), list, [])),
            match,
            self.typed(row, (*at, "required"), bool, False),
            self.typed(row, (*at, "empty"), str, ""),
            self.typed(row, (*at, "longest"), int, None),
            self.typed(row, (*at, "reject"), str, ""),
        )

    def refusal(self, row: dict[str, Json], at: tuple[str, ...]) -> Refusal:
        self.keys(row, at, ("when", "unless", "match", "reject", "at", "values"))
        texts = self.words(row.get("at", []), (*at, "at"))
        return Refusal(
            self.condition(row, at, "") or Condition(),
            self.typed(row, (*at, "reject"), str, ""),
            tuple(self.path(text, (*at, "at")) for text in texts),
            self.place(at),
            self.typed(row, (*at, "values"), dict, {}),
        )

    def adjust(self, name: str, row: Json, at: tuple[str, ...]) -> Adjust:
        verb = row.get("verb")
        if verb not in adjust.ADJUSTMENTS:
            self.unknown((*at, "verb"), "unknown adjustment", str(verb), adjust.ADJUSTMENTS)
            return Adjust(name, "remove", {}, Condition(), "", (), self.place(at))
        common = ("verb", "when", "unless", "match", "told", "about")
        options = {key: value for key, value in row.items() if key not in common}
        self.keys(options, at, adjust.ADJUSTMENTS[verb].options)
        about = self.words(row.get("about", []), (*at, "about"))
        if verb == "merge":
            self.read.add(str(options.get("from")))
        return Adjust(
            name,
            verb,
            options,
            self.condition(row, at),
            self.typed(row, (*at, "told"), str, ""),
            tuple(self.path(text, (*at, "about")) for text in about),
            self.place(at),
        )

    def rest(self, row: Json, at: tuple[str, ...]) -> Rest:
        if isinstance(row, str):
            row = {"policy": row}
        self.keys(row, at, ("policy", "drop", "drop_empty", "items", "reject"))
        policy = row.get("policy", "warn")
        if policy not in POLICIES:
            self.unknown((*at, "policy"), "unknown policy", str(policy), POLICIES)
        return Rest(
            policy,
            tuple(self.typed(row, (*at, "drop"), list, [])),
            self.typed(row, (*at, "drop_empty"), bool, False),
            self.typed(row, (*at, "items"), bool, False),
            self.place(at),
            self.typed(row, (*at, "reject"), str, ""),
        )
