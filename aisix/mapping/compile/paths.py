"""Rules to Python source: the fast form of what `interpret/rules.py` runs.

Code is made for one model's tables and one *set of fields* a caller sends. What is not sent, and
every fact of the model and its options, is a constant while the code is written, so most rules
fold away and what is left is close to what a programmer would write for that very request. A
program keeps a handful of such forms; requests of one application all have the same one.

The code is optimistic: at anything unusual it raises `Bail`, and the interpreter, which alone
knows exact paths and fault texts, runs the request instead. Quiet notes are not made here.

This file: loads and conditions. A compiler is built up floor by floor: `compile/shapes.py` (items),
`compile/sources.py` (where a value comes from), `compile/steps.py` (what is done to it),
`compile/rules.py` (a whole rule); `compile/request.py` and `compile/answer.py` use it for whole
functions. `compile/values.py` and `compile/writer.py` stand below, `compile/runtime.py` is what the
written code calls.
"""

from __future__ import annotations

import re
from dataclasses import replace

from aisix.mapping.compile.runtime import (
    CannotCompile,
    spread,
    table,
)
from aisix.mapping.compile.values import (
    ABSENT,
    DICT,
    LIST,
    STR,
    Cond,
    Const,
    Question,
    Site,
    Value,
    Var,
    is_only,
    may_be,
)
from aisix.mapping.compile.writer import Line, Writer
from aisix.mapping.interpret.forms import Bail
from aisix.mapping.interpret.scope import NULL, Facts, Note
from aisix.mapping.interpret.view import (
    EMPTIABLE,
    any_in,
    any_is,
    any_word,
    equals,
    is_in,
    meets,
    same,
    to_count,
)
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.paths import Json, Path, Step
from aisix.mapping.syntax.rules import Condition, Place, Rule, Test
from aisix.mapping.verbs import adjustments


class Compiler:
    """Writes loads of values and conditions; the base of every compiler."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.w = Writer()
        self.functions: list[str] = []
        self.inside = False  # in a function other than the main one
        self.beyond = False  # a path of the function being written looks beyond the item
        self.only_if = ""  # a list is collected only then: a condition before it says no
        self.indices: set[str] = set()  # variables with an item's number that someone asked for
        self.last_bail: Line | None = None  # the last line that always bails
        self.w.names |= {
            "Bail": Bail,
            "NULL": NULL,
            "EMPTIABLE": EMPTIABLE,
            "spread": spread,
            "get": paths.get,
            "same": same,
            "any_in": any_in,
            "any_is": any_is,
            "any_word": any_word,
            "equals": equals,
            "is_in": is_in,
            "table": table,
            "put_over": adjustments.put_over,
            "to_count": to_count,
        }

    # ------------------------------------------------------------------ what a verb or rule needs
    def root(self, site: Site, path: Path) -> tuple[Value, tuple[Step, ...]]:
        """What `$name` stands for, and the steps below it."""
        steps = path.steps
        match path.root:
            case "my":
                found = site.my.get(str(steps[0]), ABSENT)
                return (self.rule(site, found) if isinstance(found, Rule) else found), steps[1:]
            case "model":
                return Const(self.facts.model), steps
            case "option":
                return Const(self.facts.option), steps
            case "version":
                return Const(self.facts.version), steps
            case "null":
                return Const(NULL), steps
            case "index":
                return self.index(site), steps
        raise CannotCompile(path.text)

    def index(self, site: Site) -> Value:
        """The number of the item; remembers that someone asked."""
        if type(site.index) is Var:
            self.indices.add(site.index.name)
        return site.index

    def about(self, site: Site, path: Path) -> str:
        """The field a note names that is about what stands at `path`."""
        raise NotImplementedError

    def is_sent(self, name: str) -> bool:
        """Whether the caller sends this field."""
        raise NotImplementedError

    def bail(self, condition: str = "", reason: str = "refused") -> None:
        """Here, or where the condition holds, the interpreter takes over: for a word of REASONS."""
        self.w.put(f"{f'if {condition}: ' if condition else ''}raise Bail({reason!r})")
        if not condition:
            self.last_bail = self.w.lines[-1]

    def rule(self, site: Site, rule: Rule) -> Value:
        """The value a rule makes."""
        raise NotImplementedError

    def note(self, how: str, about: str, place: Place, name: Value | None = None) -> None:
        """`name`: of which of several things, when that is said too."""
        note = self.w.const(Note(how, about, place))
        if name is not None and name != ABSENT:
            text = self.w.say(name)
            note = f"{self.w.const(named)}({note}, {text})"
        self.w.put(f"c.notes.append({note})")

    # ------------------------------------------------------------------ paths
    def path(self, site: Site, path: Path) -> Value:
        """What stands at a path."""
        if path.root == "":
            return self.below(site.item, path.steps)
        base, steps = self.root(site, path)
        self.beyond = self.beyond or (type(base) is Var and base.context)
        return self.below(base, steps)

    def below(self, base: Value, steps: tuple[Step, ...]) -> Value:
        for number, step in enumerate(steps):
            if type(base) is Const:
                return Const(paths.get(base.value, steps[number:]))
            assert type(base) is Var
            if step is None:
                return self._collect(base, steps[number:])
            base = self._field(base, step) if type(step) is str else self._item(base, int(step))
        return base

    def _field(self, base: Var, name: str) -> Value:
        if base.parts is not None:
            return base.parts.get(name, ABSENT)
        if (base.only is not None and name not in base.only) or not may_be(base, DICT):
            return ABSENT
        return self._load(base, name, f"{base.name}[{name!r}]" if name in base.has else "")

    def _load(self, base: Var, name: str, there: str) -> Value:
        found = None if base.live else self.w.known((base.name, name))
        if found is None:
            guard = ""
            if not is_only(base, DICT):
                guard = f" if type({base.name}) is dict else None"
            elif not base.sure:
                guard = f" if {base.name} is not None else None"
            made = self.w.let(there or f"{base.name}.get({name!r}){guard}")
            found = Var(made, sure=bool(there))
            if not base.live:
                self.w.loaded[-1][base.name, name] = found
        return found

    def _item(self, base: Var, number: int) -> Value:
        if not may_be(base, LIST):
            return ABSENT
        key = (base.name, number)
        found = self.w.known(key)
        if found is None:
            if number in (0, -1):
                guard = "" if is_only(base, LIST) else f" and type({base.name}) is list"
                found = Var(self.w.let(f"{base.name}[{number}] if {base.name}{guard} else None"))
            else:
                found = Var(self.w.let(f"get({base.name}, ({number},))"))
            self.w.loaded[-1][key] = found
        return found

    def _collect(self, base: Var, steps: tuple[Step, ...]) -> Value:
        """A path with "[]": the values of every item."""
        if not may_be(base, LIST):
            return ABSENT
        key = (base.name, steps)
        found = self.w.known(key)
        if found is None:
            words = [step for step in steps[1:] if type(step) is str]
            if len(words) != len(steps) - 1 or not words:
                text = f"get({base.name}, {self.w.const(steps)})"
            else:
                text, item = "x", "x"
                tests = []
                for word in words:
                    value = self.w.new()
                    tests.append(f"type({item}) is dict and ({value} := {item}.get({word!r}))")
                    text = item = value
                asked = " is not None and ".join(tests) + " is not None"
                text = f"[{text} for x in {base.name} if {asked}]"
                if not is_only(base, LIST):
                    text += f" if type({base.name}) is list else None"
                elif not base.sure:
                    text += f" if {base.name} is not None else None"
            if self.only_if:
                return Var(self.w.let(f"({text}) if {self.only_if} else None"), LIST)
            found = Var(self.w.let(text), LIST, is_only(base, LIST) and base.sure)
            self.w.loaded[-1][key] = found
        return found

    # ------------------------------------------------------------------ conditions
    def condition(self, site: Site, condition: Condition | None) -> Question:
        """Whether all of it holds."""
        if condition is None:
            return True
        parts: list[str] = []
        for wanted, tests in ((True, condition.when), (False, condition.unless)):
            for test in tests:
                self.only_if = " and ".join(parts) if test.many else ""
                found = self.test(site, test)
                self.only_if = ""
                if type(found) is bool:
                    if found is not wanted:
                        return False
                else:
                    assert type(found) is Cond
                    parts.append(found.text if wanted else found.opposite)
        return Cond(" and ".join(parts)) if parts else True

    def inline(self, item: str, condition: Condition | None) -> Question | None:
        """A condition on an object as an expression that needs no line before it, or None."""
        if condition is None:
            return True
        tests = (*condition.when, *condition.unless)
        names = [test.path.steps[0] for test in tests if len(test.path.steps) == 1]
        if len(names) < len(tests) or any(t.path.root or t.kind == "equals" for t in tests):
            return None
        parts: dict[str, Value] = {str(name): Var(f"{item}.get({name!r})") for name in names}
        return self.condition(Site(Var(item, DICT, True, parts=parts)), condition)

    def test(self, site: Site, test: Test) -> Question:
        """Whether one line of a condition holds."""
        value = self.path(site, test.path)
        if type(value) is Const:
            return self._known(site, test, value.value)
        assert type(value) is Var
        name = value.name
        match test.kind:
            case "present":
                return value.sure or Cond(f"{name} is not None", f"{name} is None", name)
            case "absent":
                return False if value.sure else Cond(f"{name} is None", f"{name} is not None")
            case "below" | "above":
                sign = "<" if test.kind == "below" else ">"
                return Cond(f"type({name}) in (int, float) and {name} {sign} {test.value!r}")
            case "matches":
                return Cond(f"type({name}) is str and {self.matches(name, test.value)}")
            case "equals":
                wanted = self.path(site, test.value)
                return wanted != ABSENT and Cond(f"equals({name}, {self.w.say(wanted)})")
            case "in":
                return Cond(self._one_of(value, test))
        return self._is(value, test)

    def matches(self, name: str, pattern: re.Pattern[str]) -> str:
        """Whether a pattern is found in a text."""
        return f"{self.w.const(pattern)}.search({name}) is not None"

    def _is(self, value: Var, test: Test) -> Cond:
        name, wanted = value.name, self.w.const(test.value)
        if test.many:
            if type(test.value) is str:
                there = "" if value.sure else f"{name} and "
                return Cond(f"{there}{wanted} in {name}")
            return Cond(f"any_is({name}, {wanted})")
        if type(test.value) is bool:
            return Cond(f"{name} is {wanted}", f"{name} is not {wanted}")
        if type(test.value) is str:
            return Cond(f"{name} == {wanted}", f"{name} != {wanted}")
        return Cond(f"same({name}, {wanted})")

    def _one_of(self, value: Var, test: Test) -> str:
        if test.many:
            found = value.name
            if all(kind is str for kind, _ in test.value):
                words = self.w.const(frozenset(word for _, word in test.value))
                return f"{found} and any_word({found}, {words})"
            return f"{found} and any_in({found}, {self.w.const(test.value)})"
        if all(kind is str for kind, _ in test.value):
            words = self.w.const(frozenset(word for _, word in test.value))
            guard = "" if is_only(value, STR) else f"type({value.name}) is str and "
            return f"{guard}{value.name} in {words}"
        return f"is_in({value.name}, {self.w.const(test.value)})"

    def _known(self, site: Site, test: Test, found: Json) -> Question:
        if test.kind != "equals" or found is None:
            return meets(test, found)
        wanted = self.path(site, test.value)
        if type(wanted) is Const:
            return meets(test, found, wanted.value)
        return Cond(f"equals({self.w.const(found)}, {self.w.say(wanted)})")

    def predicate(self, condition: Condition | None, about: Value | None = None) -> str:
        """The name of a function item -> whether the condition holds."""
        self.w.count += 1
        name = f"f{self.w.count}"
        inside, self.inside = self.inside, True
        beyond, self.beyond = self.beyond, False
        with self.w.function(self.functions, f"def {name}(item)"):
            item = replace(about, name="item") if isinstance(about, Var) else Var("item")
            found = self.condition(Site(item), condition)
            self.w.put(f"return {found}")
        if self.beyond:
            raise CannotCompile("a filter that looks beyond its item")
        self.inside, self.beyond = inside, beyond
        return name


def named(note: Note, name: Json) -> Note:
    """A note about one of several things."""
    return replace(note, part=name) if type(name) is str else note
