"""Rules to Python source: the fast form of what `interpret.py` runs.

Code is made for one model's tables and one *set of fields* a caller sends. What is not sent, and
every fact of the model and its options, is a constant while the code is written, so most rules
fold away and what is left is close to what a programmer would write for that very request. A
program keeps a handful of such forms; requests of one application all have the same one.

The code is optimistic: at anything unusual it raises `Bail`, and the interpreter, which alone
knows exact paths and fault texts, runs the request instead. Quiet notes are not made here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from aisix.mapping import adjust, arrange, ops, paths
from aisix.mapping.paths import Json, Path
from aisix.mapping.rules import Condition, Place, Rule, Shape, Test
from aisix.mapping.scope import NULL, Facts, Note
from aisix.mapping.view import KINDS, same

PYTHON: dict[str, tuple[type, ...]] = {
    kind: (int, float) if kind == "number" else (type_,) for type_, kind in KINDS.items()
} | {"number": (int, float)}
IDLE = ("lift", "lift_all", "sink", "recast")  # passes that do nothing without a chosen item


class Bail(Exception):
    """This request is for the interpreter."""


class CannotCompile(Exception):
    """These tables say something only the interpreter can do with this set of fields."""


@dataclass(slots=True)
class Call:
    """One request under way; also what verbs and passes may ask of it."""

    body: dict[str, Json]
    alias: str
    upstream_model: str
    headers: dict[str, str]
    notes: list[Note] = field(default_factory=list)
    state: dict[str, Json] = field(default_factory=dict)
    lets: dict[str, Json] = field(default_factory=dict)
    remember: dict[str, Json] = field(default_factory=dict)
    sent: dict[str, str] = field(default_factory=dict)  # headers of the upstream's request
    item: Json = None
    about: str = ""
    place: Place = Place("", "")

    def tell(self, how: str) -> None:
        self.notes.append(Note(how, self.about, self.place))

    def tell_quietly(self, how: str) -> None:
        """Only `explain` shows quiet notes, and that runs the interpreter."""


@dataclass(frozen=True, slots=True)
class Const:
    """A value known while the code is written; None is "absent"."""

    value: Json


Value = Const | str  # a constant, or the name of a local variable
ABSENT = Const(None)


@dataclass(frozen=True, slots=True)
class Site:
    """Where in the code we are: which variable is the item, and what is known of it."""

    item: str
    about: str = ""  # the caller's top-level field, for notes
    index: str = "0"
    present: frozenset[str] | None = None  # its fields, when it is the caller's body
    fields: frozenset[str] | None = None  # no other field can be there
    is_dict: bool = False
    my: dict[str, Value] = field(default_factory=dict)


class Writer:
    """Source lines with indentation, and the constants they name."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.depth = 1
        self.names: dict[str, Any] = {}
        self.count = 0

    def put(self, line: str) -> None:
        self.lines.append("    " * self.depth + line)

    def new(self) -> str:
        self.count += 1
        return f"v{self.count}"

    def const(self, value: Any) -> str:
        if value is None or type(value) in (bool, int, str):
            return repr(value)
        self.count += 1
        name = f"K{self.count}"
        self.names[name] = value
        return name

    def say(self, value: Value) -> str:
        return self.const(value.value) if type(value) is Const else str(value)


class Compiler:
    """Writes the functions of one set of fields; see compile_request.py for the whole."""

    def __init__(self, facts: Facts, present: frozenset[str]) -> None:
        self.facts = facts
        self.present = present
        self.w = Writer()
        self.functions: list[str] = []
        self.shapes: dict[tuple[int, str], str] = {}
        self.lets: dict[str, Value] = {}
        self.inside = False  # in a function other than the main one
        self.w.names |= {
            "Bail": Bail,
            "Note": Note,
            "get": paths.get,
            "same": same,
            "any_is": any_is,
            "equals": equals,
            "is_in": is_in,
            "table": table,
            "lay_over": adjust.lay_over,
            "total": total,
        }

    # ------------------------------------------------------------------ paths
    def path(self, site: Site, path: Path) -> Value:
        steps = path.steps
        match path.root:
            case "" if site.fields is not None and steps and steps[0] not in site.fields:
                return ABSENT
            case "":
                return self._below(site, site.item, steps, site.present, site.is_dict)
            case "body":
                return self._below(site, "c.body", steps, self.present, True)
            case "let":
                found = self.lets.get(str(steps[0]), ABSENT)
                if type(found) is str and self.inside:
                    found = f"c.lets.get({steps[0]!r})"
                return self._of(site, found, steps[1:])
            case "my":
                return self._of(site, site.my.get(str(steps[0]), ABSENT), steps[1:])
            case "model":
                return Const(paths.get(self.facts.model, steps))
            case "option":
                return Const(paths.get(self.facts.option, steps))
            case "version":
                return Const(self.facts.version)
            case "null":
                return Const(NULL)
            case "alias" | "upstream_model":
                return self._of(site, f"c.{path.root}", steps)
            case "index":
                return site.index
            case "state":
                return self._below(site, "c.state", steps, None, True)
            case "header":
                return self._below(site, "c.headers", steps, None, True)
            case "out" if not self.inside:
                return self._below(site, "out", steps, None, True)
        raise CannotCompile(path.text)

    def _of(self, site: Site, base: Value, steps: tuple[Any, ...]) -> Value:
        if type(base) is Const:
            return Const(paths.get(base.value, steps)) if steps else base
        return self._below(site, str(base), steps, None, False)

    def _below(
        self,
        site: Site,
        base: str,
        steps: tuple[Any, ...],
        present: frozenset[str] | None,
        is_dict: bool,
    ) -> Value:
        if present is not None and steps:
            if type(steps[0]) is not str or steps[0] not in present:
                return ABSENT
            base, steps, is_dict = f"{base}[{steps[0]!r}]", steps[1:], False
        if not steps:
            return base
        if not all(type(step) is str for step in steps):
            made = self.w.new()
            self.w.put(f"{made} = get({base}, {self.w.const(steps)})")
            return made
        for step in steps:
            made = self.w.new()
            if not is_dict and not base.isidentifier():
                self.w.put(f"{made} = {base}")
                base, made = made, self.w.new()
            guard = "" if is_dict else f" if type({base}) is dict else None"
            self.w.put(f"{made} = {base}.get({step!r}){guard}")
            base, is_dict = made, False
        return base

    # ------------------------------------------------------------------ conditions
    def condition(self, site: Site, condition: Condition | None) -> bool | str:
        """True, False, or an expression."""
        if condition is None:
            return True
        parts: list[str] = []
        for wanted, tests in ((True, condition.when), (False, condition.unless)):
            for test in tests:
                found = self.test(site, test)
                if type(found) is bool:
                    if found is not wanted:
                        return False
                else:
                    parts.append(str(found) if wanted else f"not {found}")
        return " and ".join(parts) if parts else True

    def test(self, site: Site, test: Test) -> bool | str:
        value = self.path(site, test.path)
        if type(value) is Const:
            return self._known(site, test, value.value)
        name = str(value)
        match test.kind:
            case "present":
                return f"({name} is not None)"
            case "absent":
                return f"({name} is None)"
            case "below" | "above":
                sign = "<" if test.kind == "below" else ">"
                return f"(type({name}) in (int, float) and {name} {sign} {test.value!r})"
            case "matches":
                pattern = self.w.const(test.value)
                return f"(type({name}) is str and {pattern}.search({name}) is not None)"
            case "equals":
                return f"equals({name}, {self.w.say(self.path(site, test.value))})"
            case "in":
                return f"is_in({name}, {self.w.const(test.value)})"
        wanted = self.w.const(test.value)
        if type(test.value) is str:
            return f"({name} == {wanted} or type({name}) is list and any_is({name}, {wanted}))"
        return f"any_is({name}, {wanted})"

    def _known(self, site: Site, test: Test, found: Json) -> bool | str:
        match test.kind:
            case "present":
                return found is not None
            case "absent":
                return found is None
            case "below":
                return type(found) in (int, float) and bool(found < test.value)
            case "above":
                return type(found) in (int, float) and bool(found > test.value)
            case "matches":
                return type(found) is str and test.value.search(found) is not None
            case "equals":
                wanted = self.path(site, test.value)
                if type(wanted) is Const:
                    return equals(found, wanted.value)
                return f"equals({self.w.const(found)}, {wanted})" if found is not None else False
            case "in":
                return is_in(found, test.value)
        return any_is(found, test.value)

    # ------------------------------------------------------------------ rules
    def rule(self, site: Site, rule: Rule) -> Value:
        """The value a rule makes: a constant, or a variable that may be None."""
        guard = self.condition(site, rule.guard)
        if guard is False:
            return ABSENT
        if guard is True:
            return self._unguarded(site, rule)
        made = self.w.new()
        self.w.put(f"{made} = None")
        self.w.put(f"if {guard}:")
        self.w.depth += 1
        self.w.put(f"{made} = {self.w.say(self._unguarded(site, rule))}")
        self.w.depth -= 1
        return made

    def _unguarded(self, site: Site, rule: Rule) -> Value:
        value, about = self._source(site, rule)
        if rule.about:
            about = next((n for n in rule.about if n in self.present), rule.about[0])
        if value == ABSENT:
            if rule.required:
                self.w.put("raise Bail")
            return ABSENT
        if rule.policy == "drop":
            return ABSENT
        if type(value) is Const and _is_plain(rule):
            return ABSENT if value.value in ([], {}) and not rule.keep_empty else value
        made = self.w.new()
        self.w.put(f"{made} = {self.w.say(value)}")
        if rule.required:
            self.w.put(f"if {made} is None: raise Bail")
        self.w.put(f"if {made} is not None:")
        self.w.depth += 1
        self.w.put("pass")
        if rule.policy:
            if rule.policy == "reject":
                self.w.put("raise Bail")
            self._note("dropped", about, rule.place)
            self.w.put(f"{made} = None")
        else:
            self._refine(site, rule, made, about)
        self.w.depth -= 1
        return made

    def _note(self, how: str, about: str, place: Place) -> None:
        note = Note(how, about, place)
        self.w.put(f"c.notes.append({self.w.const(note)})")

    def _about(self, site: Site, path: Path) -> str:
        if path.root == "body" or (path.root == "" and site.present is not None):
            return str(path.steps[0]) if path.steps else ""
        return site.about

    def _source(self, site: Site, rule: Rule) -> tuple[Value, str]:
        match rule.kind:
            case "from":
                return self._from(site, rule)
            case "value":
                return Const(rule.value), site.about
            case "first":
                return self._first(site, rule), site.about
            case "object":
                return self.build(site, rule.parts), site.about
            case "concat":
                return self._concat(site, rule), site.about
            case "layers":
                return self._layers(site, rule), site.about
            case "weave":
                placed, others = rule.parts[0][1], rule.parts[1][1]
                for path in placed.paths:  # thinking that is handed back: the interpreter's
                    found = self.path(site, path)
                    if found != ABSENT:
                        self.w.put(f"if {self.w.say(found)}: raise Bail")
                return self.rule(site, others), site.about
            case "sum":
                found = [self.w.say(self.path(site, path)) for path in rule.paths]
                made = self.w.new()
                self.w.put(f"{made} = total(({', '.join(found)},))")
                return made, site.about
        raise CannotCompile(rule.kind)

    def _from(self, site: Site, rule: Rule) -> tuple[Value, str]:
        made, about, depth = "", "", self.w.depth
        for path in rule.paths:
            if made:
                self.w.put(f"if {made} is None:")
                self.w.depth += 1
            found = self.path(site, path)
            if found == ABSENT:
                if made:
                    self.w.put("pass")
                    self.w.depth -= 1
                continue
            if type(found) is Const and not made:
                return found, site.about
            this = self._about(site, path)
            if made and this != about and not rule.about:
                raise CannotCompile("two fields for one rule")
            if not made:
                made, about = self.w.new(), this
            text = self.w.say(found)
            if rule.only:
                kinds = self.w.const(tuple(t for k in rule.only for t in PYTHON[k]))
                text = f"{text} if type({text}) in {kinds} else None"
            self.w.put(f"{made} = {text}")
            self.w.depth = depth
        if rule.default is None:
            return made or ABSENT, about
        about = about or self._about(site, rule.paths[0])
        default = rule.default
        fallback = self.path(site, default) if type(default) is Path else Const(default)
        if not made:
            return fallback, about
        self.w.put(f"if {made} is None: {made} = {self.w.say(fallback)}")
        return made, about

    def _first(self, site: Site, rule: Rule) -> Value:
        made, depth = self.w.new(), self.w.depth
        self.w.put(f"{made} = None")
        first = True
        for _, part in rule.parts:
            if not first:
                self.w.put(f"if {made} is None:")
                self.w.depth += 1
                self.w.put("pass")
            value = self.rule(site, part)
            if value != ABSENT:
                if first and type(value) is Const:
                    return value
                self.w.put(f"{made} = {self.w.say(value)}")
                first = False
            self.w.depth = depth
        return ABSENT if first else made

    def build(self, site: Site, parts: tuple[tuple[str, Rule], ...], empty: bool = False) -> Value:
        """An object; ABSENT (or {} when `empty`) if it would have no field."""
        made = self.w.new()
        known: dict[str, str] = {}
        started = False
        for key, part in parts:
            value = self.rule(site, part)
            if value == ABSENT:
                continue
            if type(value) is Const and not started:
                known[key] = self.w.say(value)
                continue
            if not started:
                self.w.put(f"{made} = {{{', '.join(f'{k!r}: {v}' for k, v in known.items())}}}")
                started = True
            text = self.w.say(value)
            check = "" if type(value) is Const else f"if {text} is not None: "
            self.w.put(f"{check}{made}[{key!r}] = {text}")
        if not started:
            if not known and not empty:
                return ABSENT
            self.w.put(f"{made} = {{{', '.join(f'{k!r}: {v}' for k, v in known.items())}}}")
        elif not known and not empty:
            self.w.put(f"if not {made}: {made} = None")
        return made

    def _concat(self, site: Site, rule: Rule) -> Value:
        made = self.w.new()
        started = False
        for _, part in rule.parts:
            value = self.rule(site, part)
            if value == ABSENT:
                continue
            text = self.w.say(value)
            if not started:
                self.w.put(f"{made} = []")
                started = True
            self.w.put(f"if type({text}) is list: {made} += {text}")
            self.w.put(f"elif {text} is not None: {made}.append({text})")
        return made if started else ABSENT

    def _layers(self, site: Site, rule: Rule) -> Value:
        values = [self.rule(site, part) for _, part in rule.parts]
        values = [value for value in values if value != ABSENT]
        if not values:
            return ABSENT
        made = self.w.new()
        self.w.put(f"{made} = {{}}")
        for value in values:
            text = self.w.say(value)
            self.w.put(f"if type({text}) is dict: lay_over({made}, {text})")
        return made

    def _refine(self, site: Site, rule: Rule, made: str, about: str) -> None:
        put, const = self.w.put, self.w.const
        if rule.types:
            kinds = const(tuple(t for k in rule.types for t in PYTHON[k]))
            put(f"if type({made}) not in {kinds}: raise Bail")
        if rule.where is not None:
            where = self.predicate(rule.where)
            put(f"if type({made}) is list: {made} = [x for x in {made} if {where}(x)]")
        if rule.keep:
            put(f"if type({made}) is list and not all(type(x) is str and x.strip() for x in {made})"
                f" or type({made}) is str and not {made}.strip(): raise Bail")  # fmt: skip
        depth = self.w.depth
        for convert in rule.converts:
            verb, options = const(ops.VERBS[convert.verb].run), const(convert.options)
            put(f"c.item, c.about, c.place = {site.item}, {about!r}, {const(rule.place)}")
            put(f"{made} = {verb}({made}, {options}, c)")
            put(f"if {made} is not None:")
            self.w.depth += 1
            put("pass")
        for one in rule.tables:
            put(f"{made} = table({const(one.entries)}, {made}, c, {about!r})")
            put(f"if {made} is not None:")
            self.w.depth += 1
            put("pass")
        self._clamp(site, rule, made, about)
        self._items(site, rule, made, about)
        if rule.arrange:
            self._arrange(site, rule, made, about)
        if rule.join is not None:
            put(f"if type({made}) is list:")
            put(f"    {made} = {rule.join!r}.join(x for x in {made} if type(x) is str)")
        if not rule.keep_empty:
            put(f"if not {made} and ({made} == [] or {made} == {{}}): {made} = None")
        if rule.count or rule.told:
            put(f"if {made} is not None:")
            self.w.depth += 1
            if rule.count:
                put(f"c.state[{rule.count!r}] = c.state.get({rule.count!r}, 0) + 1")
            if rule.told:
                self._note(rule.told, about, rule.place)
        self.w.depth = depth

    def _clamp(self, site: Site, rule: Rule, made: str, about: str) -> None:
        for limit, sign in ((rule.low, "<"), (rule.high, ">")):
            bound = self.path(site, limit) if type(limit) is Path else Const(limit)
            if bound == ABSENT:
                continue
            text = self.w.say(bound)
            known = "" if type(bound) is Const else f"{text} is not None and "
            self.w.put(f"if type({made}) in (int, float) and {known}{made} {sign} {text}:")
            self.w.depth += 1
            self._note("clamped", about, rule.place)
            self.w.put(f"{made} = {text}")
            self.w.depth -= 1

    def _items(self, site: Site, rule: Rule, made: str, about: str) -> None:
        put = self.w.put
        if rule.shape is not None:
            put(f"{made} = {self.function(rule.shape, about)}({made}, {site.index}, c)")
            return
        if rule.each is None and rule.lone is None:
            return
        start = "if"
        if rule.lone is not None:
            put(f"if type({made}) is str:")
            put(f"    {made} = {self.function(rule.lone, about)}({made}, 0, c)")
            put(f"    {made} = [] if {made} is None else [{made}]")
            start = "elif"
        if rule.each is None:
            return
        each = self.function(rule.each, about)
        put(f"{start} type({made}) is list:")
        put(f"    {made} = [x for x in [{each}(x, n, c) for n, x in enumerate({made})]"
            " if x is not None]")  # fmt: skip
        put(f"elif type({made}) is dict:")
        put(f"    {made} = {each}({made}, 0, c)")
        put(f"    {made} = [] if {made} is None else [{made}]")
        put("else: raise Bail")

    def _arrange(self, site: Site, rule: Rule, made: str, about: str) -> None:
        put, const = self.w.put, self.w.const
        put(f"c.about = {about!r}")
        for step in rule.arrange:
            guard = self.condition(site, step.guard)
            if guard is False:
                continue
            chosen = self.predicate(step.where)
            run = f"{const(arrange.PASSES[step.verb].run)}({made}, {const(step.options)}, {chosen}, c)"
            conditions = [] if guard is True else [str(guard)]
            if step.verb in IDLE and step.where is not None:
                conditions.append(f"any(map({chosen}, {made}))")
            put(f"c.place = {const(step.place)}")
            put((f"if {' and '.join(conditions)}: " if conditions else "") + f"{made} = {run}")

    # ------------------------------------------------------------------ shapes
    def predicate(self, condition: Condition | None) -> str:
        """The name of a function item -> whether the condition holds."""
        saved, inside = (self.w.lines, self.w.depth), self.inside
        self.w.lines, self.w.depth, self.inside = [], 1, True
        found = self.condition(Site("item"), condition)
        name = self._define("item", f"return bool({found})")
        if re.search(r"\bc\.", self.functions[-1]):
            raise CannotCompile("a filter that looks beyond its item")
        (self.w.lines, self.w.depth), self.inside = saved, inside
        return name

    def _define(self, arguments: str, end: str) -> str:
        self.w.count += 1
        name = f"f{self.w.count}"
        body = "\n".join([*self.w.lines, f"    {end}"])
        self.functions.append(f"def {name}({arguments}):\n{body}")
        return name

    def function(self, shape: Shape, about: str) -> str:
        """The name of a function (item, index, c) -> what the shape makes of it."""
        key = (id(shape), about)
        if key not in self.shapes:
            self.w.count += 1
            self.shapes[key] = f"s{self.w.count}"  # before its parts: a shape may use itself
            saved, inside = (self.w.lines, self.w.depth), self.inside
            self.w.lines, self.w.depth, self.inside = [], 1, True
            site = Site("item", about, "index", is_dict=shape.of == "object")
            if shape.of == "object":
                self.w.put("if type(item) is not dict: raise Bail")
            made = self.reshape(site, shape)
            body = "\n".join([*self.w.lines, f"    return {self.w.say(made)}"])
            self.functions.append(f"def {self.shapes[key]}(item, index, c):\n{body}")
            (self.w.lines, self.w.depth), self.inside = saved, inside
        return self.shapes[key]

    def reshape(self, site: Site, shape: Shape) -> Value:
        if shape.of == "object" and not site.is_dict:
            self.w.put(f"if type({site.item}) is not dict: raise Bail")
            site = replace(site, is_dict=True)
        if shape.my:
            mine = dict(site.my)
            site = replace(site, my=mine)
            for name, rule in shape.my:
                mine[name] = self.rule(site, rule)
        if shape.reject:
            self.w.put("raise Bail")
            return ABSENT
        if shape.skip:
            return ABSENT
        made = self._variant(site, shape)
        if made != ABSENT:
            self._finish(site, shape, str(made))
        return made

    def _variant(self, site: Site, shape: Shape) -> Value:
        made = self.w.new()
        if shape.verbatim:
            self.w.put(f"{made} = {site.item}")
            return made
        if shape.by is None and not shape.first:
            return self.build(site, shape.fields, empty=True)
        self.w.put(f"{made} = None")
        if shape.by is not None:
            word = self.w.say(self.path(site, shape.by))
            choices = [(f"{word} == {w!r}", v) for w, v in shape.variants.items() if w != "*"]
            last = shape.variants.get("*")
        else:
            choices, last = [], None
            for guard, variant in shape.first:
                found = self.condition(site, guard)
                if found is True:
                    last = variant
                    break
                if found is not False:
                    choices.append((str(found), variant))
        start = "if"
        for test, variant in choices:
            self.w.put(f"{start} {test}:")
            self._branch(site, variant, made)
            start = "elif"
        if last is not None:
            self.w.put("else:" if choices else "if True:")
            self._branch(site, last, made)
        elif shape.by is not None:
            self.w.put("else: raise Bail" if choices else "raise Bail")
        return made

    def _branch(self, site: Site, variant: Shape, made: str) -> None:
        self.w.depth += 1
        self.w.put(f"{made} = {self.w.say(self.reshape(site, variant))}")
        self.w.depth -= 1

    def _finish(self, site: Site, shape: Shape, made: str) -> None:
        fields = [*(shape.fields if shape.by is not None or shape.first else ()), *shape.all]
        if not (fields or shape.blank or shape.stamp or shape.count or shape.told):
            return
        self.w.put(f"if type({made}) is dict:")
        depth = self.w.depth
        self.w.depth += 1
        self.w.put("pass")
        for key, rule in fields:
            text = self.w.say(self.rule(site, rule))
            self.w.put(f"if {text} is not None: {made}[{key!r}] = {text}")
        if shape.blank:
            text = self.w.new()
            self.w.put(f"{text} = {made}.get({shape.blank!r})")
            self.w.put(f"if {text} is None or type({text}) is str and not {text}.strip():")
            self.w.put(f"    {made} = None")
            self.w.put(f"if {made} is not None:")
            self.w.depth += 1
            self.w.put("pass")
        if shape.stamp is not None:
            name, key, rule = shape.stamp
            text = self.w.say(self.rule(site, rule))
            self.w.put(f"if {text} is not None and {made}.get({name!r}):")
            self.w.put(f"    {made}[{name!r}][-1][{key!r}] = {text}")
        if shape.count:
            self.w.put(f"c.state[{shape.count!r}] = c.state.get({shape.count!r}, 0) + 1")
        if shape.told:
            self._note(shape.told, site.about, shape.place)
        self.w.depth = depth


def _is_plain(rule: Rule) -> bool:
    """Whether a value goes through the rule as it is."""
    return not any((
        *rule.types, *rule.converts, *rule.tables, *rule.arrange, rule.where, rule.keep,
        rule.each, rule.lone, rule.shape, rule.policy, rule.count, rule.told,
    )) and all(limit is None for limit in (rule.low, rule.high, rule.join))  # fmt: skip


# ---------------------------------------------------------------- what the code calls
def any_is(found: Json, wanted: Json) -> bool:
    if type(found) is list and type(wanted) is not list:
        return any(same(item, wanted) for item in found)
    return same(found, wanted)


def equals(found: Json, wanted: Json) -> bool:
    if type(wanted) is list:
        return found is not None and found in wanted
    return found is not None and same(found, wanted)


def is_in(found: Json, wanted: frozenset[Any]) -> bool:
    def key(value: Json) -> tuple[type, Json]:
        return (type(value), value) if type(value) not in (dict, list) else (type(value), None)

    if type(found) is list:
        return any(key(item) in wanted for item in found)
    return key(found) in wanted


def total(values: tuple[Json, ...]) -> Json:
    return sum(value for value in values if type(value) in (int, float))


def table(entries: dict[str, Any], value: Json, call: Call, about: str) -> Json:
    """A value table's answer; None when the value is left out."""
    from aisix.mapping.interpret import look_up

    entry = look_up(entries, value)
    if entry is None:
        return None
    if entry.reject:
        raise Bail
    if entry.told:
        call.notes.append(Note(entry.told, about, entry.place))
    if entry.omit:
        return None
    return value if entry.same else entry.to


Translate = Callable[[dict[str, Json], Call], dict[str, Json]]
