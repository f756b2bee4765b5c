"""Tables (plain dicts, overlays already merged) -> the syntax of `rules.py`: rules and shapes."""

from __future__ import annotations

from collections.abc import Callable

from aisix.mapping.grammar.kinds import ITEM_FIELD, ITEM_FIELDS, ITEM_LIKE
from aisix.mapping.parse.reader import (
    POLICIES,
    RULE_KEYS,
    SHAPE_KEYS,
    TYPES,
    Grammar,
    is_slip,
)
from aisix.mapping.parse.structure import found
from aisix.mapping.parse.unreachable import fields_of, hidden, twice_written, unreachable
from aisix.mapping.syntax.paths import Json
from aisix.mapping.syntax.rules import (
    SOURCES,
    Arrange,
    Condition,
    Convert,
    Rule,
    Shape,
    TableEntry,
    ValueTable,
)
from aisix.mapping.verbs import conversions, passes


class Parser(Grammar):
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
            self.unknown(at, "no value table", name, self.tables.get("values", {}))
            return None
        path = ("values", name)
        if "*" not in data:
            self.complain(path, 'a value table needs a "*" row for words not listed')
        rows = {word: self.entry(row, (*path, word)) for word, row in data.items()}
        self.value_tables[name] = ValueTable(name, rows, self.place(path))
        return self.value_tables[name]

    def entry(self, row: Json, at: tuple[str, ...]) -> TableEntry:
        place = self.place(at)
        if not isinstance(row, dict):
            return TableEntry(row, place=place)
        self.keys(row, at, ("to", "omit", "same", "told", "reject"))
        if not any(key in row for key in ("to", "omit", "same", "reject")):
            self.complain(at, "a row says one of to = ..., omit = true, same = true, reject = ...")
        return TableEntry(
            row.get("to"),
            self.typed(row, (*at, "omit"), bool, False),
            self.typed(row, (*at, "same"), bool, False),
            self.typed(row, (*at, "told"), str, ""),
            self.fault(self.typed(row, (*at, "reject"), str, ""), (*at, "reject")),
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
            verb = self.typed(data, (*path, "verb"), str, "")
        elif name in conversions.VERBS:
            path, options, verb = at, {}, name
        else:
            self.unknown(at, "no verb or [convert]", name, [*conversions.VERBS, *converts])
            return None
        if verb not in conversions.VERBS:
            self.unknown((*path, "verb"), "unknown verb", str(verb), conversions.VERBS)
            return None
        options = self.options(options, path, conversions.VERBS[verb])
        self.converts[name] = Convert(name, verb, options, self.place(path))
        return self.converts[name]

    def shape(self, name: str, at: tuple[str, ...]) -> Shape | None:
        if not isinstance(name, str):
            self.complain(at, f"expected the name of a shape, found {found(name)}")
            return None
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
            if not isinstance(rows, dict | list):
                self.unknown(at, "no value table", name, self.tables.get("values", {}))
                return {}
            return rows
        if path.root not in ("", "option", "model"):  # "": it is no path, which has been told
            self.complain(at, "an option can be $values.NAME, $option.NAME or $model.NAME")
        return path.get(self.facts.get(path.root, {}))

    # ------------------------------------------------------------------ shapes
    def fill_shape(self, shape: Shape, data: dict[str, Json], at: tuple[str, ...]) -> None:
        around, self.item_read = self.item_read, set()
        shape.of = self.typed(data, (*at, "of"), str, "object")
        shape.my = self.rules(self.typed(data, (*at, "my"), dict, {}), (*at, "my"))
        if "by" in data:
            shape.by = self.path(data["by"], (*at, "by"))
        variants = self.typed(data, (*at, "is"), dict, {})
        if variants and not shape.by:
            self.complain((*at, "is"), "a shape with `is` needs `by`: the path that chooses")
        for word, variant in variants.items():
            shape.variants[word] = self.variant(variants, word, variant, (*at, "is", word))
        for word, variant in self.typed(data, (*at, "first"), dict, {}).items():
            path = (*at, "first", word)
            if not isinstance(variant, dict):
                self.complain(path, "expected a table")
                continue
            if self.off(variant.get("guard")):
                self.unread(lambda v=variant, p=path: self.guarded(v, p))  # type: ignore[misc]
            else:
                shape.first += (self.guarded(variant, path),)
        _name_the_allowed(shape)
        shape.all = self.rules(self.typed(data, (*at, "all"), dict, {}), (*at, "all"))
        shape.blank = self.typed(data, (*at, "blank"), str, "")
        shape.count = self.counter(data, at)
        shape.verbatim = self.typed(data, (*at, "verbatim"), bool, False)
        shape.skip = self.typed(data, (*at, "skip"), bool, False)
        shape.reject = self.fault(self.typed(data, (*at, "reject"), str, ""), (*at, "reject"))
        shape.at = self.typed(data, (*at, "at"), str, "")
        shape.told = self.typed(data, (*at, "told"), str, "")
        if "several" in data:
            shape.several = self.rule(data["several"], (*at, "several"))
        stamp = self.typed(data, (*at, "stamp"), dict, {})
        if stamp:
            self.keys(stamp, (*at, "stamp"), ("list", "key", "rule"))
            rule = self.rule(stamp.get("rule"), (*at, "stamp", "rule"))
            shape.stamp = (str(stamp.get("list")), str(stamp.get("key")), rule)
        fields = {key: value for key, value in data.items() if key not in SHAPE_KEYS}
        shape.fields = self.rules(fields, at)
        if "knows" in data:
            words = self.words(data["knows"], (*at, "knows"))
            shape.knows = frozenset({*words, *self.item_read})
            if shape.of != "object" or shape.verbatim:
                self.complain((*at, "knows"), "only an item that is rebuilt key by key has it")
        self.item_read = around
        tried = [(v.name, guard) for guard, v in shape.first]
        for name, why in unreachable(tried, self.hiding(dict(tried), (*at, "first"))):
            self.complain((*at, "first", name), why)
        for field, word in twice_written(shape):
            text = f'writes what the variant "{word}" writes too'
            self.complain((*at, "all", field), text)

    def guarded(self, data: dict[str, Json], at: tuple[str, ...]) -> tuple[Condition, Shape]:
        """A variant of `first`, and the condition it is for."""
        guard = self.condition(self.typed(data, (*at, "guard"), dict, {}), (*at, "guard"))
        return guard or Condition(), self.variant({}, at[-1], data, at)

    def variant(
        self, siblings: dict[str, Json], word: str, data: Json, at: tuple[str, ...]
    ) -> Shape:
        if isinstance(data, str):  # developer = "system": built as that variant is
            if not isinstance(siblings.get(data), dict):
                self.unknown(at, "no variant", data, [k for k in siblings if k != word])
                return Shape(word, self.place(at))
            data, at = siblings[data], (*at[:-1], data)
        if not isinstance(data, dict):
            self.complain(at, f"expected table, found {found(data)}")
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
            for key in data:
                near = next((word for word in SOURCES if is_slip(key, word)), None)
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
            rule.minus = self.path_list(data.get("minus", []), (*at, "minus"))
            for path in rule.paths:
                self.top(path, base)
        elif rule.kind == "value":
            rule.value = given
        elif not isinstance(given, dict):
            self.complain(here, "expected a table of named rules")
        else:
            rule.parts = self.rules(given, here, base)
            if rule.kind == "first":
                for name, why in hidden(rule.parts, self.hiding(dict(rule.parts), here)):
                    self.complain((*here, name), why)
            if rule.kind == "weave":
                if list(given) != ["placed", "others"]:
                    self.complain(here, "weave holds two rules: placed, then others")
                rule.by = self.path(data.get("by", "index"), (*at, "by"))
                rule.followed = self.typed(data, (*at, "followed"), bool, False)
                rule.leading = self.typed(data, (*at, "leading"), bool, False)

    def refine(self, rule: Rule, data: dict[str, Json], at: tuple[str, ...], base: str) -> None:
        rule.guard = self.condition(data, at, base)
        if "default" in data:
            rule.default = self.scalar_or_path(data["default"], (*at, "default"))
        if "type" in data:
            rule.types = self.words(data["type"], (*at, "type"), TYPES)
        if "only" in data:
            rule.only = self.words(data["only"], (*at, "only"), TYPES)
        rule.required = self.fault(self.typed(data, (*at, "required"), str, ""), (*at, "required"))
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
        if rule.arrange and rule.each:
            self.arranged.append((rule, (*at, "arrange")))
        rule.join = self.typed(data, (*at, "join"), str, None)
        rule.policy = self.typed(data, (*at, "policy"), str, "")
        if rule.policy and rule.policy not in POLICIES:
            self.unknown((*at, "policy"), "unknown policy", rule.policy, POLICIES)
        if rule.policy:
            rule.default = None  # what is not sent anyway is no loss of the caller's
        rule.told = self.typed(data, (*at, "told"), str, "")
        if "about" in data:
            rule.about = self.words(data["about"], (*at, "about"))
        if "named" in data:
            rule.named = self.path(data["named"], (*at, "named"))
        rule.count = self.counter(data, at)
        rule.keep_empty = self.typed(data, (*at, "keep_empty"), bool, False)

    def counter(self, data: dict[str, Json], at: tuple[str, ...]) -> str:
        """The register of $state that counts how often this was made."""
        name: str = self.typed(data, (*at, "count"), str, "")
        if name:
            self.registers_set.add(f"state.{name}")
        return name

    def arrange(self, name: str, data: Json, at: tuple[str, ...]) -> Arrange | None:
        if not isinstance(data, dict):
            self.complain(at, "expected a table")
            return None
        verb = self.typed(data, (*at, "verb"), str, "")
        if verb not in passes.PASSES:
            self.unknown((*at, "verb"), "unknown pass", str(verb), passes.PASSES)
            return None
        common = ("verb", "when", "unless", "match", "where", "where_not")
        options = {key: value for key, value in data.items() if key not in common}
        options = self.options(options, at, passes.PASSES[verb])
        selection = {"when": data.get("where"), "unless": data.get("where_not")}
        where = self.condition({k: v for k, v in selection.items() if v is not None}, at)
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
            for step, name, kind, value in given:
                if kind in (ITEM_FIELD, ITEM_LIKE):
                    for field in [value] if kind == ITEM_FIELD else value:
                        if field not in made:
                            place = (*at, step.name, name)
                            self.unknown(place, "the items have no", field, made)
            for step in rule.arrange:
                here = (*at, step.name)
                tests = (*step.where.when, *step.where.unless) if step.where else ()
                for path in (test.path for test in tests):
                    if path.root == "" and path.steps and path.steps[0] not in made:
                        place = (*here, "where")
                        self.unknown(place, "the items have no", str(path.steps[0]), made)


def _name_the_allowed(shape: Shape) -> None:
    """A variant that refuses its item can say which words would have been right."""
    words = [w for w, variant in shape.variants.items() if w != "*" and not variant.reject]
    allowed = ", ".join(f"'{word}'" for word in words)
    for variant in shape.variants.values():
        for refusing in (variant, *(below for _, below in variant.first)):
            if refusing.reject:
                refusing.allowed = allowed
