"""Tables (plain dicts, overlays already merged) -> the syntax of `rules.py`: rules and shapes."""

from __future__ import annotations

from collections.abc import Callable

from aisix.mapping.grammar.kinds import ITEM_FIELD, ITEM_FIELDS, ITEM_LIKE
from aisix.mapping.grammar.rule import SOURCES
from aisix.mapping.grammar.tables import UNITS
from aisix.mapping.parse.conditions import Conditions
from aisix.mapping.parse.unreachable import fields_of, hidden, twice_written, unreachable
from aisix.mapping.parse.variants import choose_by_key, circle, name_the_allowed, tables_in
from aisix.mapping.parse.vocabulary import odd_rows
from aisix.mapping.syntax.paths import Json
from aisix.mapping.syntax.rules import (
    Arrange,
    Condition,
    Convert,
    Find,
    Rule,
    Shape,
    TableEntry,
    ValueTable,
)
from aisix.mapping.verbs import conversions, passes


class Parser(Conditions):
    """Reads one mapping's merged tables. `where(path)` gives "file:line" of a key."""

    def __init__(
        self,
        tables: dict[str, Json],
        where: Callable[[tuple[str, ...]], str],
        facts: dict[str, Json] | None = None,
    ) -> None:
        super().__init__(tables, where, facts)
        self.shapes: dict[str, Shape] = {}
        self.value_tables: dict[str, ValueTable] = {}
        self.converts: dict[str, Convert] = {}
        self.arranged: list[tuple[Rule, tuple[str, ...]]] = []  # with passes over shapes, and where

    # ------------------------------------------------------------------ named things
    def table(self, name: str, at: tuple[str, ...]) -> ValueTable | None:
        self.used.add(f"values.{name}")
        if name in self.value_tables:
            return self.value_tables[name]
        data = self.tables.get("values", {}).get(name)
        if not isinstance(data, dict):
            known = self.tables.get("values", {})
            self.unknown(at, "no value table", name, known, ("values", name))
            return None
        path = ("values", name)
        if "*" not in data:
            self.complain(path, 'a value table needs a "*" row for words not listed')
        rows = {word: self.entry(row, (*path, word)) for word, row in data.items()}
        for word, why in odd_rows(rows):
            self.complain((*path, word), why)
        self.value_tables[name] = ValueTable(name, rows, self.place(path))
        return self.value_tables[name]

    def entry(self, row: Json, at: tuple[str, ...]) -> TableEntry:
        short = not isinstance(row, dict)
        row = self.unit(row, at, "entry")
        if not short and not any(key in row for key in ("to", "omit", "same", "reject")):
            self.complain(at, "a row says one of to = ..., omit = true, same = true, reject = ...")
        return TableEntry(
            row.get("to"),
            row.get("omit", False),
            row.get("same", False),
            row.get("told", ""),
            self.fault(row.get("reject", ""), (*at, "reject")),
            self.place(at),
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
            data = self.unit(data, path, "convert")
            options = {
                key: self.constant(value, (*path, key))
                for key, value in data.items()
                if key != "verb"
            }
            verb = data.get("verb")
        elif name in conversions.VERBS:
            path, options, verb = at, {}, name
        else:
            known = [*conversions.VERBS, *converts]
            thing = (self.section, "convert", name)
            self.unknown(at, "no verb or [convert]", name, known, thing)
            return None
        if verb is None:
            return None
        if verb not in conversions.VERBS:
            self.unknown((*path, "verb"), "unknown verb", str(verb), conversions.VERBS)
            return None
        options = self.options(options, path, conversions.VERBS[verb])
        self.converts[name] = Convert(name, verb, options, self.place(path))
        return self.converts[name]

    def shape(self, name: str, at: tuple[str, ...]) -> Shape | None:
        self.used.add(f"{self.section}.shape.{name}")
        if name in self.shapes:
            return self.shapes[name]
        data = self.tables.get(self.section, {}).get("shape", {}).get(name)
        if not isinstance(data, dict):
            known = self.tables[self.section].get("shape", {})
            self.unknown(at, "no shape", name, known, (self.section, "shape", name))
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
            if not isinstance(rows, dict | list):
                self.unknown(at, "no value table", name, self.tables.get("values", {}))
                return {}
            return rows
        if path.root not in ("", "option", "model"):  # "": it is no path, which has been told
            self.complain(at, "an option can be $values.NAME, $option.NAME or $model.NAME")
        if not path.steps or path.root not in ("option", "model"):
            return None
        name = str(path.steps[0])
        return path.get({name: self.settled(path.root, name)})

    # ------------------------------------------------------------------ shapes
    def fill_shape(
        self, shape: Shape, data: Json, at: tuple[str, ...], unit: str = "shape"
    ) -> None:
        """The parts of a shape, or of a variant, which are declared as `unit`."""
        around, self.item_read = self.item_read, set()
        data = self.unit(data, at, unit)
        self.tell(circle(self.tables[at[0]], data, at), at)
        shape.of = data.get("of", "object")
        shape.my = self.rules(data.get("my", {}), (*at, "my"))
        if "by" in data and "is" in data:
            shape.by = self.path(data["by"], (*at, "by"))
        for word, variant in (rows := data.get("is", {})).items():
            shape.variants[word] = self.variant(rows, word, variant, (*at, "is", word))
        name_the_allowed(shape)
        if "by_key" in data and "is" in data and shape.by is None:
            self.item_read |= choose_by_key(shape, self.path(data["by_key"], (*at, "by_key")))
        for word, variant in data.get("first", {}).items():
            here = (*at, "first", word)
            if self.off(variant.get("guard")):
                self.unread(lambda v=variant, p=here: self.guarded(v, p))  # type: ignore[misc]
            else:
                shape.first += (self.guarded(variant, here),)
        shape.all = self.rules(data.get("all", {}), (*at, "all"))
        shape.blank = data.get("blank", "")
        shape.count = self.counter(data, at)
        shape.verbatim = data.get("verbatim", False)
        shape.skip = data.get("skip", False)
        shape.reject = self.fault(data.get("reject", ""), (*at, "reject"))
        shape.at = data.get("at", "")
        shape.told = data.get("told", "")
        if "several" in data:
            shape.several = self.rule(data["several"], (*at, "several"))
        stamp = self.unit(data["stamp"], (*at, "stamp"), "stamp") if "stamp" in data else {}
        if stamp:
            rule = self.rule(stamp.get("rule"), (*at, "stamp", "rule"))
            shape.stamp = (stamp.get("list", ""), stamp.get("key", ""), rule)
        declared = UNITS[unit].by_name
        fields = {key: value for key, value in data.items() if key not in declared}
        shape.fields = self.rules(fields, at)
        if "knows" in data:
            shape.knows = frozenset({*data["knows"], *self.item_read})
            if shape.of != "object" or shape.verbatim:
                self.complain((*at, "knows"), "only what is rebuilt key by key has it", idle=True)
        self.item_read = around
        tried = [(v.name, guard) for guard, v in shape.first]
        for name, why in unreachable(tried, self.hiding(dict(tried), (*at, "first"))):
            self.complain((*at, "first", name), why, idle=True)
        for field, word in twice_written(shape):
            text = f'writes what the variant "{word}" writes too'
            self.complain((*at, "all", field), text)

    def guarded(self, data: dict[str, Json], at: tuple[str, ...]) -> tuple[Condition, Shape]:
        """A variant of `first`, and the condition it is for."""
        return self.guard(data, at), self.variant({}, at[-1], data, at, "guarded")

    def guard(self, data: dict[str, Json], at: tuple[str, ...]) -> Condition:
        """The condition under `guard`; none: it always holds."""
        here = (*at, "guard")
        given = self.unit(data["guard"], here, "condition") if "guard" in data else {}
        return self.condition(given, here) or Condition()

    def variant(
        self,
        siblings: dict[str, Json],
        word: str,
        data: Json,
        at: tuple[str, ...],
        unit: str = "variant",
    ) -> Shape:
        if isinstance(data, str):  # developer = "system": built as that variant is
            if not isinstance(siblings.get(data), dict):
                self.unknown(at, "no variant with a table", data, tables_in(siblings))
                return Shape(word, self.place(at))
            data, at = siblings[data], (*at[:-1], data)
        shape = Shape(word, self.place(at))
        if isinstance(data, dict) and isinstance(data.get("use"), str):  # built by another shape
            self.tell(circle(self.tables[at[0]], self.unit(data, at, unit), at), (*at, "use"))
            return self.shape(data["use"], (*at, "use")) or shape
        self.fill_shape(shape, data, at, unit)
        return shape

    # ------------------------------------------------------------------ rules
    def rules(
        self, data: dict[str, Json], at: tuple[str, ...], base: str = "item"
    ) -> tuple[tuple[str, Rule], ...]:
        made = []
        for key, value in data.items():
            if self.is_rule(value) and self.off(value):
                self.unread(lambda v=value, k=key: self.rule(v, (*at, k), base))  # type: ignore[misc]
            else:
                made.append((key, self.rule(value, (*at, key), base)))
        return tuple(made)

    def is_rule(self, data: Json) -> bool:
        """Whether it is a table with a source, and no object of rules."""
        return isinstance(data, dict) and any(key in data for key in SOURCES)

    def unread(self, parse: Callable[[], object]) -> None:
        """Parse what an option leaves out: for its complaints only."""
        read, shapes = set(self.read), dict(self.shapes)
        parse()
        self.read, self.shapes = read, shapes

    def rule(self, data: Json, at: tuple[str, ...], base: str = "item") -> Rule:
        place = self.place(at)
        if not isinstance(data, dict):
            if isinstance(data, str) and data.startswith("$"):
                return Rule("from", place, paths=(self.path(data, at),))
            return Rule("value", place, value=data)
        if not any(key in data for key in SOURCES):
            self.sourceless(data, at)
            return Rule("object", place, parts=self.rules(data, at, base))
        data = self.unit(self.one_rule(data, at), at, "rule")
        kinds = [key for key in SOURCES if key in data]
        if len(kinds) > 1:
            self.complain(at, f"one source only, found {' and '.join(kinds)}")
        if not kinds:  # which has been told
            return Rule("value", place)
        rule = Rule(kinds[0], place)
        self.source(rule, data, at, base)
        self.refine(rule, data, at, base)
        for key, why, idle in self.vocabulary.odd(rule, base == "", data):
            self.complain((*at, key), why, idle=idle)
        return rule

    def source(self, rule: Rule, data: dict[str, Json], at: tuple[str, ...], base: str) -> None:
        given = data[rule.kind]
        here = (*at, rule.kind)
        if rule.kind in ("from", "sum"):
            rule.paths = self.path_list(given, here)
            if not rule.paths:
                self.complain(here, "names no path")
            rule.minus = self.path_list(data.get("minus", []), (*at, "minus"))
            for path in rule.paths:
                self.top(path, base, here)
        elif rule.kind == "value":
            rule.value = given
        elif rule.kind == "find":
            rule.find = self.find(given, here, base)
        else:
            if rule.kind != "object":
                self.misnamed(given, here)
            rule.parts = self.rules(given, here, base)
            if rule.kind == "first":
                for name, why in hidden(rule.parts, self.hiding(dict(rule.parts), here)):
                    self.complain((*here, name), why, idle=True)
            if rule.kind == "weave":
                if list(given) != ["placed", "others"]:
                    self.complain(here, "weave holds two rules: placed, then others")
                rule.by = self.path(data.get("by", "index"), (*at, "by"))
                rule.followed = data.get("followed", False)
                rule.leading = data.get("leading", False)

    def find(self, data: Json, at: tuple[str, ...], base: str) -> Find | None:
        """A look-up by key; None after a complaint."""
        data = self.unit(data, at, "find")
        if not {"in", "by", "equals"} <= data.keys():
            return None
        among, equals = (self.path(data[key], (*at, key)) for key in ("in", "equals"))
        self.list_at(among, base, (*at, "in"))
        self.top(equals, base, (*at, "equals"))
        inner = (self.item_path(data.get(key, "."), (*at, key)) for key in ("by", "take"))
        return Find(among, next(inner), equals, next(inner))

    def refine(self, rule: Rule, data: dict[str, Json], at: tuple[str, ...], base: str) -> None:
        rule.guard = self.condition(data, at, base)
        if "default" in data:
            rule.default = self.scalar_or_path(data["default"], (*at, "default"))
        if "type" in data:
            rule.types = self.words(data["type"], (*at, "type"))
        if "only" in data:
            rule.only = self.words(data["only"], (*at, "only"))
        rule.required = self.fault(data.get("required", ""), (*at, "required"))
        rule.where = self.selection(data, at)
        rule.keep = data.get("keep", "")
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
        for name, step in data.get("arrange", {}).items():
            parsed = self.arrange(name, step, (*at, "arrange", name))
            if parsed:
                rule.arrange += (parsed,)
        if rule.arrange and rule.each:
            self.arranged.append((rule, (*at, "arrange")))
        rule.join = data.get("join")
        rule.policy = data.get("policy", "")
        if rule.policy:
            rule.default = None  # what is not sent anyway is no loss of the caller's
        rule.told = data.get("told", "")
        if "about" in data:
            rule.about = self.words(data["about"], (*at, "about"))
            for word in rule.about:
                self.tell(self.vocabulary.slip(word), (*at, "about"))
        if "named" in data:
            rule.named = self.path(data["named"], (*at, "named"))
        rule.count = self.counter(data, at)
        rule.keep_empty, rule.rare = data.get("keep_empty", False), data.get("rare", False)

    def counter(self, data: dict[str, Json], at: tuple[str, ...]) -> str:
        """The register of $state that counts how often this was made."""
        name: str = data.get("count", "")
        if name:
            self.sets(f"state.{name}", (*at, "count"))
        return name

    def arrange(self, name: str, data: Json, at: tuple[str, ...]) -> Arrange | None:
        data = self.unit(data, at, "arrange")
        verb = data.get("verb")
        if verb is None:
            return None
        if verb not in passes.PASSES:
            self.unknown((*at, "verb"), "unknown pass", verb, passes.PASSES)
            return None
        declared = UNITS["arrange"].by_name
        options = {key: value for key, value in data.items() if key not in declared}
        options = self.options(options, at, passes.PASSES[verb])
        where = self.selection(data, at)
        if where is not None and not passes.PASSES[verb].chooses:
            text = f'"{verb}" is about the whole list: it chooses no items'
            self.complain((*at, "where"), text, idle=True)
        return Arrange(name, verb, options, self.condition(data, at), self.place(at), where)

    def check_arranged(self) -> None:
        """Passes choose items by fields that their shape has; asked when all shapes are whole."""
        for rule, at in self.arranged:
            made = fields_of(rule.each)
            if made is None:
                continue
            given = [
                (step, option.name, option.kind, step.options[option.name])
                for step in rule.arrange
                for option in passes.PASSES[step.verb].options
                if option.name in step.options
            ]
            made.update(*(value for _, _, kind, value in given if kind == ITEM_FIELDS))
            made = {name.partition(".")[0] for name in made}
            for step, name, kind, value in given:
                if kind in (ITEM_FIELD, ITEM_LIKE):
                    for field in [value] if kind == ITEM_FIELD else value:
                        if field.partition(".")[0] not in made:
                            place = (*at, step.name, name)
                            self.unknown(place, "the items have no", field, made)
            for step in rule.arrange:
                here = (*at, step.name)
                tests = (*step.where.when, *step.where.unless) if step.where else ()
                for path in (test.path for test in tests):
                    if path.root == "" and path.steps and path.steps[0] not in made:
                        place = (*here, "where")
                        self.unknown(place, "the items have no", str(path.steps[0]), made)
