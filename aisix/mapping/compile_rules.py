"""Rules to Python source: where a value comes from and what is done to it; see compile.py."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from aisix.mapping import arrange, ops
from aisix.mapping.compile import (
    ABSENT,
    CONTAINERS,
    DICT,
    LIST,
    STR,
    Const,
    Site,
    Value,
    Var,
    is_only,
    is_sure,
    may_be,
)
from aisix.mapping.compile_run import CannotCompile
from aisix.mapping.compile_shapes import ShapeCompiler
from aisix.mapping.paths import Path
from aisix.mapping.rules import Convert, Rule, ValueTable
from aisix.mapping.scope import NULL
from aisix.mapping.view import KINDS

PYTHON: dict[str, tuple[type, ...]] = {kind: (type_,) for type_, kind in KINDS.items()}
PYTHON["number"] = (int, float)
IDLE = ("lift_all", "sink", "recast")  # passes that do nothing without a chosen item
NUMBERS = frozenset({int, float})

Step = Callable[[Var], Value]  # a sure value -> what becomes of it


class RuleCompiler(ShapeCompiler):
    """See the module."""

    def rule(self, site: Site, rule: Rule) -> Value:
        guard = self.condition(site, rule.guard)
        if guard is False:
            return ABSENT
        if guard is True:
            return self._unguarded(site, rule)
        made = self.w.let("None")
        with self.w.block(f"if {guard}"):
            value = self._unguarded(site, rule)
            if value == ABSENT:
                return ABSENT
            self.w.put(f"{made} = {self.w.say(value)}")
        return like(value, made)

    def _unguarded(self, site: Site, rule: Rule) -> Value:
        value, about = self._source(site, rule)
        if rule.about:
            about = next((n for n in rule.about if self.is_sent(n)), rule.about[0])
        if value == ABSENT:
            if rule.required:
                self.bail()
            return ABSENT
        if rule.policy:
            self._policy(rule, value, about)
            return ABSENT
        if rule.required and type(value) is Var and not value.sure:
            self.bail(f"{value.name} is None")
            value = replace(value, sure=True)
        return self._refine(site, rule, value, about)

    def is_sent(self, name: str) -> bool:
        """Whether the caller sends this field."""
        raise NotImplementedError

    def _policy(self, rule: Rule, value: Value, about: str) -> None:
        """Nothing is written; the caller is told."""
        if rule.policy == "drop":
            return
        with ExitStack() as stack:
            if not is_sure(value):
                stack.enter_context(self.w.block(f"if {self.w.say(value)} is not None"))
            if rule.policy == "reject":
                self.bail()
            else:
                self.note("dropped", about, rule.place)

    def waits(self, rule: Rule) -> bool:
        return (
            rule.kind == "from"
            and not (rule.required or rule.policy or rule.count or rule.told or rule.guard)
            and not self._steps(Site(ABSENT), rule, "")
        )

    # ------------------------------------------------------------------ sources
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
                for path in placed.paths:  # what knows its own position: the interpreter's
                    found = self.path(site, path)
                    if found != ABSENT:
                        self.bail(self.w.say(found))
                return self.rule(site, others), site.about
            case "sum":
                return self._sum(site, rule), site.about
        raise CannotCompile(rule.kind)

    def _from(self, site: Site, rule: Rule) -> tuple[Value, str]:
        key = None
        if all(path.root == "" for path in rule.paths) and type(rule.default) is not Path:
            # Two rules that ask the same find the same, as long as only the item is asked.
            key = (self.w.say(site.item), rule.paths, rule.only, repr(rule.default))
            known = self.w.known(key)
            if known is not None:
                return known, self.about(site, rule.paths[0])
        value, about = self._found(site, rule)
        if key is not None and type(value) is Var:
            self.w.loaded[-1][key] = value
        return value, about

    def _found(self, site: Site, rule: Rule) -> tuple[Value, str]:
        """The first of the paths with a value of the right kind, else the default."""
        made, about = "", ""
        value: Value = ABSENT
        with ExitStack() as stack:
            for path in rule.paths:
                if value != ABSENT:
                    if is_sure(value):
                        break
                    if not made:
                        made = self.w.let(self.w.say(value))
                        value = like(value, made)
                    stack.enter_context(self.w.block(f"if {made} is None"))
                found = self._only(rule, self.path(site, path))
                if found == ABSENT:
                    continue
                this = self.about(site, path)
                if value == ABSENT:
                    value, about = found, this
                    continue
                if this != about and not rule.about and _may_tell(rule):
                    raise CannotCompile("two fields for one rule")
                self.w.put(f"{made} = {self.w.say(found)}")
                value = either(value, found, made)
        if rule.default is None or is_sure(value):
            return value, about
        default = rule.default
        fallback = self.path(site, default) if type(default) is Path else Const(default)
        if value == ABSENT:
            return fallback, self.about(site, rule.paths[0])
        text = f"{self.w.say(fallback)} if {self.w.say(value)} is None else {self.w.say(value)}"
        return either(value, fallback, self.w.let(text)), about

    def _only(self, rule: Rule, found: Value) -> Value:
        """The value when it is of a kind asked for, else nothing."""
        if not rule.only or found == ABSENT:
            return found
        kinds = frozenset(t for kind in rule.only for t in PYTHON[kind])
        if is_only(found, kinds):
            return found
        if not may_be(found, kinds):
            return ABSENT
        name = self.w.say(found)
        return Var(self.w.let(f"{name} if {self.is_of(name, kinds)} else None"), kinds)

    def is_of(self, name: str, kinds: frozenset[type]) -> str:
        if len(kinds) == 1:
            return f"type({name}) is {next(iter(kinds)).__name__}"
        return f"type({name}) in {self.w.const(kinds)}"

    def _first(self, site: Site, rule: Rule) -> Value:
        made = ""
        value: Value = ABSENT
        with ExitStack() as stack:
            for _, part in rule.parts:
                if value != ABSENT and not made:
                    made = self.w.let(self.w.say(value))
                    value = like(value, made)
                if made:
                    stack.enter_context(self.w.block(f"if {made} is None"))
                found = self.rule(site, part)
                if found == ABSENT:
                    continue
                if made:
                    self.w.put(f"{made} = {self.w.say(found)}")
                    value = either(value, found, made)
                else:
                    value = found
                if is_sure(found):
                    break
        return value

    def _concat(self, site: Site, rule: Rule) -> Value:
        """One list of what the parts make; ABSENT when that is nothing."""
        made = ""
        value: Value = ABSENT
        for _, part in rule.parts:
            found = self.rule(site, part)
            if found == ABSENT:
                continue
            found = self._as_list(found)
            if value == ABSENT:
                value = found
                continue
            if not made:
                made = self.w.let(self.w.say(value))
            more = self.w.say(found)
            both = (
                f"{made} + {more}" if is_sure(value) else f"{made} + {more} if {made} else {more}"
            )
            if is_sure(found):
                self.w.put(f"{made} = {both}")
            else:
                with self.w.block(f"if {more} is not None"):
                    self.w.put(f"{made} = {both}")
            full = is_full(value) and is_full(found)
            value = Var(made, LIST, is_sure(value) or is_sure(found), full)
        if value == ABSENT and rule.keep_empty:
            return Const([])
        return value

    def _as_list(self, value: Value) -> Value:
        if type(value) is Const:
            return value if type(value.value) is list else Const([value.value])
        name = self.w.say(value)
        if is_only(value, LIST):
            return value
        text = f"[{name}]"
        if may_be(value, LIST):
            text = f"{name} if type({name}) is list else {text}"
        if not is_sure(value):
            text = f"({text}) if {name} is not None else None"
        return Var(self.w.let(text), LIST, is_sure(value), not may_be(value, LIST))

    def _layers(self, site: Site, rule: Rule) -> Value:
        values = [self.rule(site, part) for _, part in rule.parts]
        values = [value for value in values if value != ABSENT]
        if not values:
            return ABSENT
        made = self.w.let("{}")
        for value in values:
            text = self.w.say(value)
            self.w.put(f"if type({text}) is dict: lay_over({made}, {text})")
        return Var(made, DICT, True)

    def _sum(self, site: Site, rule: Rule) -> Value:
        addends = [self.path(site, path) for path in rule.paths]
        names = [self.w.say(value) for value in addends if value != ABSENT]
        if not names:
            return Const(0)
        if len(names) == 1:
            text = f"{names[0]} if {self.is_of(names[0], NUMBERS)} else 0"
        else:
            text = f"total(({', '.join(names)}))"
        return Var(self.w.let(text), NUMBERS, True)

    # ------------------------------------------------------------------ what is done to a value
    def _refine(self, site: Site, rule: Rule, value: Value, about: str) -> Value:
        steps = self._steps(site, rule, about)
        if type(value) is Const:
            if not steps:
                return ABSENT if value.value in ([], {}) and not rule.keep_empty else value
            if type(value.value) is str and rule.tables and len(steps) == len(rule.tables):
                known = self._known_words(rule, value.value)
                if known is not None:
                    return known
            value = Var(self.w.const(value.value), frozenset({type(value.value)}), True)
        if not steps:
            return self._not_empty(rule, value)
        where, depth = len(self.w.lines), self.w.depth
        made = ""
        with ExitStack() as stack:
            for step in steps:
                if not is_sure(value):
                    if not made:
                        made = self.w.new()
                        self.w.lines.insert(where, "    " * depth + f"{made} = None")
                    name = self.w.say(value)
                    stack.enter_context(self.w.block(f"if {name} is not None"))
                    value = replace(value, sure=True) if type(value) is Var else value
                if isinstance(value, Const):
                    value = Var(self.w.const(value.value), frozenset({type(value.value)}), True)
                value = step(value)
                if value == ABSENT:
                    break
            if value != ABSENT:
                value = self._not_empty(rule, value)
                if rule.count or rule.told:
                    with ExitStack() as inner:
                        if not is_sure(value):
                            start = f"if {self.w.say(value)} is not None"
                            inner.enter_context(self.w.block(start))
                        if rule.count:
                            self.add_one(rule.count)
                        if rule.told:
                            self.note(rule.told, about, rule.place)
            if made and value != ABSENT:
                self.w.put(f"{made} = {self.w.say(value)}")
        return like(value, made) if made and value != ABSENT else value

    def add_one(self, name: str) -> None:
        self.w.put(f"c.state[{name!r}] = c.state.get({name!r}, 0) + 1")

    def _not_empty(self, rule: Rule, value: Value) -> Value:
        """An empty list or object is nothing."""
        if rule.keep_empty or type(value) is Const or is_full(value):
            return value
        if not may_be(value, CONTAINERS):
            return value
        assert type(value) is Var
        name = value.name
        if is_only(value, CONTAINERS):
            text = f"{name} or None"
        else:
            known = "" if value.sure else f"{name} is None or "
            text = f"{name} if {name} or {known}type({name}) not in EMPTIABLE else None"
        return replace(value, name=self.w.let(text), sure=False, full=True, parts=None)

    def _steps(self, site: Site, rule: Rule, about: str) -> list[Step]:
        """In the order every rule has; see rules.py."""
        steps: list[Step] = []
        if rule.types:
            steps.append(lambda value: self._types(rule, value))
        if rule.where is not None:
            steps.append(lambda value: self._where(rule, value))
        if rule.keep:
            steps.append(lambda value: self._keep(value))
        for convert in rule.converts:
            steps.append(partial(self._convert, site, rule, convert, about))
        for one in rule.tables:
            steps.append(partial(self._table, one, about))
        if rule.low is not None or rule.high is not None:
            steps.append(lambda value: self._clamp(site, rule, value, about))
        if rule.shape is not None:
            steps.append(lambda value: self.reshaped(site, rule, value, about))
        elif rule.each is not None or rule.lone is not None:
            steps.append(lambda value: self.items(rule, value, about))
        if rule.arrange:
            steps.append(lambda value: self._arrange(site, rule, value, about))
        if rule.join is not None:
            steps.append(lambda value: self._join(rule, value))
        if (rule.count or rule.told) and not steps:
            steps.append(lambda value: value)
        return steps

    def _types(self, rule: Rule, value: Var) -> Value:
        kinds = frozenset(t for kind in rule.types for t in PYTHON[kind])
        if is_only(value, kinds):
            return value
        self.bail(f"not ({self.is_of(value.name, kinds)})")
        return replace(value, kinds=kinds)

    def _where(self, rule: Rule, value: Var) -> Value:
        if not may_be(value, LIST):
            return value
        chosen = self.predicate(rule.where)
        text = f"[x for x in {value.name} if {chosen}(x)]"
        if not is_only(value, LIST):
            text += f" if type({value.name}) is list else {value.name}"
        return Var(self.w.let(text), value.kinds, True)

    def _keep(self, value: Var) -> Value:
        name = value.name
        self.bail(
            f"type({name}) is list and not all([type(x) is str and x.strip() for x in {name}])"
            f" or type({name}) is str and not {name}.strip()"
        )
        return value

    def _convert(self, site: Site, rule: Rule, convert: Convert, about: str, value: Var) -> Value:
        verb = ops.VERBS[convert.verb]
        if verb.leaves is not None and is_only(value, frozenset({verb.leaves})):
            return value
        if verb.takes is not None and not is_only(value, frozenset({verb.takes})):
            self.bail(f"type({value.name}) is not {verb.takes.__name__}")
        if verb.asks:
            self.w.put(f"c.spot = {self.w.const((about, rule.place))}")
        if verb.asks_item:
            virtual = type(site.item) is Var and site.item.parts is not None
            self.w.put(f"c.item = {'None' if virtual else self.w.say(site.item)}")
        run, options = self.w.const(verb.run), self.w.const(convert.options)
        if verb.keeps:
            self.w.put(f"{run}({value.name}, {options}, c)")
            return value
        made = self.w.let(f"{run}({value.name}, {options}, c)")
        if verb.gives is None:
            return Var(made)
        return Var(made, frozenset({verb.gives}), True)

    def _known_words(self, rule: Rule, word: str) -> Value | None:
        """What tables make of a word known now; None if they would tell or refuse."""
        found: object = word
        for one in rule.tables:
            entry = one.entries.get(str(found)) or one.entries.get("*")
            if entry is None or entry.omit:
                return ABSENT
            if entry.told or entry.reject or type(entry.to if not entry.same else "") is not str:
                return None
            found = found if entry.same else entry.to
        return Const(found)

    def _table(self, one: ValueTable, about: str, value: Var) -> Value:
        """A dict lookup when no row tells or refuses."""
        rows = dict(one.entries)
        star = rows.pop("*", None)
        plain = all(not (e.told or e.reject) for e in one.entries.values()) and not any(
            e.same for e in rows.values()
        )
        entries = self.w.const(one.entries)
        otherwise = f"table({entries}, {value.name}, c, {about!r})"
        if not plain or not may_be(value, STR):
            return Var(self.w.let(otherwise))
        words = self.w.const({w: None if e.omit else e.to for w, e in rows.items()})
        if star is None or star.omit:
            other = "None"
        else:
            other = value.name if star.same else self.w.const(star.to)
        text = f"{words}.get({value.name}, {other})"
        if not is_only(value, STR):
            text += f" if type({value.name}) is str else {otherwise}"
            if star is not None and star.same:
                return Var(self.w.let(text))
        found = [None if entry.omit else entry.to for entry in rows.values()]
        if star is None or not star.same:
            found.append(star.to if star is not None and not star.omit else None)
        else:
            found.append("")
        kinds = frozenset(type(word) for word in found if word is not None)
        return Var(self.w.let(text), kinds, None not in found)

    def _clamp(self, site: Site, rule: Rule, value: Var, about: str) -> Value:
        made = ""
        if not may_be(value, NUMBERS):
            return value
        for limit, sign in ((rule.low, "<"), (rule.high, ">")):
            bound = self.path(site, limit) if type(limit) is Path else Const(limit)
            if bound == ABSENT:
                continue
            if not made:
                made = self.w.let(value.name)
            text = self.w.say(bound)
            known = "" if type(bound) is Const else f"{text} is not None and "
            number = "" if is_only(value, NUMBERS) else f"{self.is_of(made, NUMBERS)} and "
            with self.w.block(f"if {number}{known}{made} {sign} {text}"):
                self.note("clamped", about, rule.place)
                self.w.put(f"{made} = {text}")
        return Var(made, value.kinds, True) if made else value

    def _join(self, rule: Rule, value: Var) -> Value:
        if not may_be(value, LIST):
            return value
        text = f"{rule.join!r}.join([x for x in {value.name} if type(x) is str])"
        if is_only(value, LIST):
            return Var(self.w.let(text), STR, True)
        return Var(
            self.w.let(f"{text} if type({value.name}) is list else {value.name}"), None, True
        )

    def _arrange(self, site: Site, rule: Rule, value: Var, about: str) -> Value:
        """Passes over a list that shapes have just built: its items are objects."""
        made = self.w.let(value.name)
        if not is_only(value, LIST):
            raise CannotCompile("passes over what may be no list")
        asked: dict[object, str] = {}  # condition -> the variable that says whether any item is it
        for step in rule.arrange:
            guard = self.condition(site, step.guard)
            if guard is False:
                continue
            verb = arrange.PASSES[step.verb]
            chosen = self.predicate(step.where, Var("item", DICT, True)) if verb.chooses else "None"
            conditions = [] if guard is True else [str(guard)]
            if step.verb in IDLE and step.where is not None:
                if step.where not in asked:
                    asked[step.where] = self.w.let(f"any(map({chosen}, {made}))")
                conditions.append(asked[step.where])
            else:
                asked.clear()
            run = self.w.const(verb.run)
            lines = [f"{made} = {run}({made}, {self.w.const(step.options)}, {chosen}, c)"]
            if verb.tells:
                lines.insert(0, f"c.spot = {self.w.const((about, step.place))}")
            with ExitStack() as stack:
                if conditions:
                    stack.enter_context(self.w.block(f"if {' and '.join(conditions)}"))
                for line in lines:
                    self.w.put(line)
        return Var(made, LIST, True)


def _may_tell(rule: Rule) -> bool:
    """Whether a note about the value can come of the rule."""
    return any((
        rule.told, rule.policy, rule.tables, rule.each, rule.shape, rule.lone, rule.arrange,
        any(ops.VERBS[convert.verb].asks for convert in rule.converts),
    )) or rule.low is not None or rule.high is not None  # fmt: skip


def like(value: Value, name: str) -> Var:
    """What is known of a value that is now in another variable, if it is there at all."""
    if isinstance(value, Const):
        null = value.value is NULL
        return Var(name, frozenset({type(value.value)}), False, bool(value.value), null=null)
    return replace(value, name=name, sure=False, parts=None)


def is_full(value: Value) -> bool:
    """A list or object that is not empty, if it is there; or no list or object at all."""
    if type(value) is Const:
        return value.value not in ([], {})
    return value.full or not may_be(value, CONTAINERS)  # type: ignore[union-attr]


def either(one: Value, other: Value, name: str) -> Var:
    """What is known of a variable that holds `one`, or `other` where that is absent."""
    kinds: frozenset[type] | None = frozenset()
    for value in (one, other):
        these = frozenset({type(value.value)}) if type(value) is Const else value.kinds  # type: ignore[union-attr]
        kinds = None if these is None or kinds is None else kinds | these
    null = any(v.null if type(v) is Var else v == Const(NULL) for v in (one, other))
    sure = is_sure(one) or is_sure(other)
    return Var(name, kinds, sure, is_full(one) and is_full(other), null=null)
