"""Rules to Python source: the fast form of what `interpret.py` runs.

Code is made for one model's tables and one *set of fields* a caller sends. What is not sent, and
every fact of the model and its options, is a constant while the code is written, so most rules
fold away and what is left is close to what a programmer would write for that very request. A
program keeps a handful of such forms; requests of one application all have the same one.

The code is optimistic: at anything unusual it raises `Bail`, and the interpreter, which alone
knows exact paths and fault texts, runs the request instead. Quiet notes are not made here.

This file: values and what is known of them, loads, conditions. `compile_rules.py` and
`compile_shapes.py` build on it; `compile_request.py` and `compile_answer.py` write whole functions.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from aisix.mapping import adjust, paths
from aisix.mapping.compile_run import (
    EMPTIABLE,
    Bail,
    CannotCompile,
    any_in,
    any_is,
    equals,
    is_in,
    table,
    total,
)
from aisix.mapping.compile_tidy import tidy
from aisix.mapping.paths import Json, Path, Step
from aisix.mapping.rules import Condition, Place, Rule, Test
from aisix.mapping.scope import NULL, Facts, Note
from aisix.mapping.view import same

Kinds = frozenset[type]
DICT: Kinds = frozenset({dict})
LIST: Kinds = frozenset({list})
STR: Kinds = frozenset({str})
CONTAINERS: Kinds = frozenset({dict, list})


@dataclass(frozen=True, slots=True)
class Const:
    """A value known while the code is written; None is "absent"."""

    value: Json


@dataclass(frozen=True, slots=True)
class Var:
    """A local variable (or a short expression) and what is known of its value."""

    name: str
    kinds: Kinds | None = None  # what it can be besides None; None: anything
    sure: bool = False  # it is not None
    full: bool = False  # a list or object that is not empty
    has: frozenset[str] = frozenset()  # keys that are there, with a value
    only: frozenset[str] | None = None  # no other key can be there
    live: bool = False  # its fields may change between two looks
    null: bool = False  # it may be NULL: a null that is written
    parts: dict[str, Value] | None = field(default=None, compare=False, hash=False)  # all of it


Value = Const | Var
ABSENT = Const(None)


def is_sure(value: Value) -> bool:
    return value.sure if type(value) is Var else value != ABSENT


def may_be(value: Value, kinds: Kinds) -> bool:
    if type(value) is Const:
        return type(value.value) in kinds
    return value.kinds is None or bool(value.kinds & kinds)  # type: ignore[union-attr]


def is_only(value: Value, kinds: Kinds) -> bool:
    """Whether a value that is there is surely of these kinds."""
    if type(value) is Const:
        return type(value.value) in kinds
    return value.kinds is not None and value.kinds <= kinds  # type: ignore[union-attr]


@dataclass(frozen=True, slots=True)
class Site:
    """Where in the code we are: the item, and the caller's top-level field that notes name."""

    item: Value
    about: str = ""
    index: Value = Const(0)
    body: bool = False  # the item is the caller's whole body
    my: dict[str, Value | Rule] = field(default_factory=dict)  # a rule: not looked up yet


class Writer:
    """Source lines with indentation, the constants they name, and values already loaded."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.depth = 1
        self.names: dict[str, Any] = {}
        self.count = 0
        self.loaded: list[dict[Any, Value]] = [{}]

    def put(self, line: str) -> None:
        self.lines.append("    " * self.depth + line)

    def new(self) -> str:
        self.count += 1
        return f"v{self.count}"

    def let(self, text: str) -> str:
        """A new variable with this value."""
        name = self.new()
        self.put(f"{name} = {text}")
        return name

    def const(self, value: Any) -> str:
        if value is None or type(value) in (bool, int, str):
            return repr(value)
        self.count += 1
        name = f"K{self.count}"
        self.names[name] = value
        return name

    def say(self, value: Value) -> str:
        return self.const(value.value) if type(value) is Const else value.name  # type: ignore[union-attr]

    def written(self, value: Value) -> str:
        """As part of an object that is sent: NULL is null there."""
        if type(value) is Const:
            return "None" if value.value is NULL else self.say(value)
        name = self.say(value)
        return f"None if {name} is NULL else {name}" if value.null else name  # type: ignore[union-attr]

    @contextmanager
    def block(self, start: str) -> Iterator[None]:
        """Lines below `start:`; what is loaded there is not known after it."""
        self.put(start + ":")
        before = len(self.lines)
        self.depth += 1
        self.loaded.append({})
        yield
        if len(self.lines) == before:
            self.put("pass")
        self.loaded.pop()
        self.depth -= 1

    @contextmanager
    def function(self, functions: list[str], start: str) -> Iterator[None]:
        """Lines of a function of their own."""
        saved = self.lines, self.depth, self.loaded
        self.lines, self.depth, self.loaded = [start + ":"], 1, [{}]
        yield
        functions.append("\n".join(tidy(self.lines)))
        self.lines, self.depth, self.loaded = saved

    def is_there(self, name: str) -> None:
        """From here on, in this block, the variable is known not to be None."""
        for level in self.loaded[:]:
            for key, value in list(level.items()):
                if type(value) is Var and value.name == name:
                    self.loaded[-1][key] = replace(value, sure=True)

    def known(self, key: Any) -> Value | None:
        for level in reversed(self.loaded):
            found: Value | None = level.get(key)
            if found is not None:
                return found
        return None


class Compiler:
    """Values, paths and conditions; see the module."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.w = Writer()
        self.functions: list[str] = []
        self.inside = False  # in a function other than the main one
        self.w.names |= {
            "Bail": Bail,
            "NULL": NULL,
            "EMPTIABLE": EMPTIABLE,
            "get": paths.get,
            "same": same,
            "any_in": any_in,
            "any_is": any_is,
            "equals": equals,
            "is_in": is_in,
            "table": table,
            "lay_over": adjust.lay_over,
            "total": total,
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
                return site.index, steps
        raise CannotCompile(path.text)

    def about(self, site: Site, path: Path) -> str:
        """The field a note names that is about what stands at `path`."""
        raise NotImplementedError

    def bail(self, condition: str = "") -> None:
        self.w.put(f"if {condition}: raise Bail" if condition else "raise Bail")

    def rule(self, site: Site, rule: Rule) -> Value:
        """The value a rule makes."""
        raise NotImplementedError

    def note(self, how: str, about: str, place: Place) -> None:
        self.w.put(f"c.notes.append({self.w.const(Note(how, about, place))})")

    # ------------------------------------------------------------------ paths
    def path(self, site: Site, path: Path) -> Value:
        if path.root == "":
            return self.below(site.item, path.steps)
        return self.below(*self.root(site, path))

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
            found = Var(self.w.let(text), LIST, is_only(base, LIST) and base.sure)
            self.w.loaded[-1][key] = found
        return found

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
                elif wanted:
                    parts.append(str(found))
                else:
                    parts.append(f"not ({found})")
        return " and ".join(parts) if parts else True

    def test(self, site: Site, test: Test) -> bool | str:
        value = self.path(site, test.path)
        if type(value) is Const:
            return self._known(site, test, value.value)
        assert type(value) is Var
        name = value.name
        match test.kind:
            case "present":
                return value.sure or f"{name} is not None"
            case "absent":
                return False if value.sure else f"{name} is None"
            case "below" | "above":
                sign = "<" if test.kind == "below" else ">"
                return f"type({name}) in (int, float) and {name} {sign} {test.value!r}"
            case "matches":
                pattern = self.w.const(test.value)
                return f"type({name}) is str and {pattern}.search({name}) is not None"
            case "equals":
                wanted = self.path(site, test.value)
                return wanted != ABSENT and f"equals({name}, {self.w.say(wanted)})"
            case "in":
                return self._one_of(value, test)
        return self._is(value, test)

    def _is(self, value: Var, test: Test) -> str:
        name, wanted = value.name, self.w.const(test.value)
        if test.many:
            if type(test.value) is str:
                return f"{wanted} in {name}" if value.sure else f"{name} and {wanted} in {name}"
            return f"any_is({name}, {wanted})"
        if type(test.value) is bool:
            return f"{name} is {wanted}"
        return f"{name} == {wanted}" if type(test.value) is str else f"same({name}, {wanted})"

    def _one_of(self, value: Var, test: Test) -> str:
        if test.many:
            return f"any_in({value.name}, {self.w.const(test.value)})"
        if all(kind is str for kind, _ in test.value):
            words = self.w.const(frozenset(word for _, word in test.value))
            guard = "" if is_only(value, STR) else f"type({value.name}) is str and "
            return f"{guard}{value.name} in {words}"
        return f"is_in({value.name}, {self.w.const(test.value)})"

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
                if found is None:
                    return False
                wanted = self.path(site, test.value)
                if type(wanted) is Const:
                    return equals(found, wanted.value)
                return f"equals({self.w.const(found)}, {self.w.say(wanted)})"
            case "in":
                return any_in(found, test.value) if test.many else is_in(found, test.value)
        return any_is(found, test.value) if test.many else same(found, test.value)

    def predicate(self, condition: Condition | None, about: Value | None = None) -> str:
        """The name of a function item -> whether the condition holds."""
        self.w.count += 1
        name = f"f{self.w.count}"
        inside, self.inside = self.inside, True
        with self.w.function(self.functions, f"def {name}(item)"):
            item = replace(about, name="item") if isinstance(about, Var) else Var("item")
            found = self.condition(Site(item), condition)
            self.w.put(f"return {found}")
            if any(" c." in line or "(c." in line for line in self.w.lines):
                raise CannotCompile("a filter that looks beyond its item")
        self.inside = inside
        return name
