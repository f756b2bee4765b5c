"""Rules to Python source: where a value comes from; see `compile/`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from aisix.mapping.compile.runtime import CannotCompile
from aisix.mapping.compile.shapes import ShapeCompiler
from aisix.mapping.compile.values import (
    ABSENT,
    DICT,
    LIST,
    Cond,
    Const,
    Kinds,
    Site,
    Value,
    Var,
    either,
    is_full,
    is_only,
    is_sure,
    like,
    may_be,
)
from aisix.mapping.interpret import find
from aisix.mapping.interpret.view import JSON_TYPES, to_count
from aisix.mapping.syntax.paths import Path
from aisix.mapping.syntax.rules import Find, Rule
from aisix.mapping.verbs import conversions

PYTHON: dict[str, tuple[type, ...]] = {kind: (type_,) for type_, kind in JSON_TYPES.items()}
PYTHON["number"] = (int, float)
NUMBERS = frozenset({int, float})


class SourceCompiler(ShapeCompiler):
    """Writes where a rule takes its value from."""

    def _source(self, site: Site, rule: Rule) -> tuple[Value, str]:
        match rule.kind:
            case "from":
                return self._from(site, rule)
            case "find":
                return self._find(site, rule)
            case "value":
                return Const(rule.value), site.about
            case "first":
                return self._first(site, rule), self._about_first(site, rule)
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
                        self.bail(self.w.say(found), "unusual")
                return self._some(rule, self.rule(site, others), "[]", LIST), site.about
            case "sum":
                return self._sum(site, rule), site.about
            case "largest":
                return self._largest(site, rule), site.about
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
        return self._or_default(site, rule, value, about, rule.paths[0])

    def _find(self, site: Site, rule: Rule) -> tuple[Value, str]:
        """An item by its key, as interpret/find.py finds it."""
        assert rule.find is not None
        asked = rule.find
        about = self.about(site, asked.equals)
        wanted = self.path(site, asked.equals)
        item = "" if wanted == ABSENT else self._item_found(site, asked, self.w.say(wanted))
        value: Value = ABSENT
        if item:
            self.beyond = True  # what is found is no part of the item
            value = self._only(rule, self.below(Var(item), asked.take.steps))
        return self._or_default(site, rule, value, about, asked.equals)

    def _item_found(self, site: Site, asked: Find, wanted: str) -> str:
        """The variable with the item; "" where there is no list."""
        w, by = self.w, self.w.const(asked.by.steps)
        index, name = w.const(find.index), find.name_of(asked)
        if find.is_fixed(asked):
            found = w.let(f"c.indexes.get({name!r})")
            with w.block(f"if {found} is None"):
                items = self.path(site, asked.among)
                w.put(f"{found} = {index}(c, {name!r}, {w.say(items)}, {by})")
            return w.let(f"{w.const(find.pick)}({found}, {wanted})")
        items = self.path(site, asked.among)
        if items == ABSENT:
            return ""
        if find.is_made(asked):
            return w.let(f"{w.const(find.scan)}(c, {w.say(items)}, {by}, {wanted})")
        found = f"{index}(c, {name!r}, {w.say(items)}, {by})"
        return w.let(f"{w.const(find.pick)}({found}, {wanted})")

    def _or_default(
        self, site: Site, rule: Rule, value: Value, about: str, path: Path
    ) -> tuple[Value, str]:
        if rule.default is None or is_sure(value):
            return value, about
        default = rule.default
        fallback = self.path(site, default) if type(default) is Path else Const(default)
        if value == ABSENT:
            return fallback, self.about(site, path)
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

    def is_of(self, name: str, kinds: frozenset[type]) -> Cond:
        """Whether a variable holds one of these kinds."""
        if len(kinds) == 1:
            (kind,) = kinds
            return Cond(f"type({name}) is {kind.__name__}", f"type({name}) is not {kind.__name__}")
        known = self.w.const(kinds)
        return Cond(f"type({name}) in {known}", f"type({name}) not in {known}")

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

    def _about_first(self, site: Site, rule: Rule) -> str:
        """The caller's field that is told of: the one that the first of several rules found."""
        if rule.about or not _may_tell(rule):
            return site.about
        found = list(dict.fromkeys(self._abouts(site, rule)))
        if len(found) > 1:
            raise CannotCompile("two fields for one rule")
        return found[0] if found else site.about

    def _abouts(self, site: Site, rule: Rule) -> Iterator[str]:
        """The caller's fields that a rule may find something in."""
        if rule.about:
            yield next((name for name in rule.about if self.is_sent(name)), rule.about[0])
        elif rule.kind == "first":
            for _, part in rule.parts:
                yield from self._abouts(site, part)
        elif rule.kind == "find" and rule.find is not None:
            yield self.about(site, rule.find.equals)
        elif rule.kind == "from":
            there = [path for path in rule.paths if self.path(site, path) != ABSENT]
            yield from (self.about(site, path) for path in there)
            if rule.default is not None:
                yield self.about(site, rule.paths[0])
        else:
            yield site.about

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
        return self._some(rule, value, "[]", LIST)

    def _some(self, rule: Rule, value: Value, empty: str, kind: Kinds) -> Value:
        """What several rules have made together; of nothing no step makes something."""
        if rule.keep_empty:
            if value == ABSENT:
                return Var(self.w.let(empty), kind, True)
            if is_sure(value):
                return value
            text = self.w.say(value)
            return Var(self.w.let(f"{empty} if {text} is None else {text}"), kind, True)
        if value == ABSENT or value in (Const([]), Const({})):
            return ABSENT
        if is_full(value):
            return value
        return Var(self.w.let(f"{self.w.say(value)} or None"), kind, False, True)

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
            return self._some(rule, ABSENT, "{}", DICT)
        made = self.w.let("{}")
        for value in values:
            text = self.w.say(value)
            self.w.put(f"if type({text}) is dict: put_over({made}, {text})")
        return self._some(rule, Var(made, DICT, True), "{}", DICT)

    def _sum(self, site: Site, rule: Rule) -> Value:
        names = self._numbers(site, rule.paths)
        if not names:
            return Const(0)
        less = self._numbers(site, rule.minus)
        if less:
            whole = self.w.let(" - ".join([" + ".join(names), *less]))
            return Var(self.w.let(f"{whole} if {whole} > 0 else 0"), NUMBERS, True)
        alone = len(names) == 1 and names[0].isidentifier()  # steps ask nothing of a literal
        return Var(names[0] if alone else self.w.let(" + ".join(names)), NUMBERS, True)

    def _numbers(self, site: Site, given: tuple[Path, ...]) -> list[str]:
        found = [self.path(site, path) for path in given]
        return [self._number(value) for value in found if value != ABSENT]

    def _largest(self, site: Site, rule: Rule) -> Value:
        found = [self.rule(site, part) for _, part in rule.parts]
        names = [self._number(value) for value in found if value != ABSENT]
        if not names:
            return Const(0)
        return Var(self.w.let(f"max({', '.join(['0', *names])})"), NUMBERS, True)

    def _number(self, value: Value) -> str:
        """A variable with this count, or the count itself; 0 for what is none."""
        if type(value) is Const:
            return repr(to_count(value.value))
        name = self.w.say(value)
        found = self.w.known(("number", name))
        if found is None:
            plain = f"type({name}) is int and {name} >= 0"
            # Most that are no count are not there: for those no call.
            made = self.w.let(f"{name} if {plain} else 0 if {name} is None else to_count({name})")
            found = self.w.loaded[-1]["number", name] = Var(made)
        return self.w.say(found)


def _may_tell(rule: Rule) -> bool:
    """Whether a note about the value can come of the rule."""
    return any((
        rule.told, rule.policy, rule.tables, rule.each, rule.shape, rule.lone, rule.arrange,
        any(conversions.VERBS[convert.verb].asks for convert in rule.converts),
    )) or rule.low is not None or rule.high is not None  # fmt: skip
