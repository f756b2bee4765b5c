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
from dataclasses import dataclass, field
from typing import Any

from aisix.mapping import adjust, paths
from aisix.mapping.compile_run import Bail, CannotCompile, any_is, equals, is_in, table, total
from aisix.mapping.paths import Json, Path
from aisix.mapping.rules import Condition, Place, Rule, Test
from aisix.mapping.scope import NULL, Facts, Note
from aisix.mapping.view import same


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

    def note(self, how: str, about: str, place: Place) -> None:
        note = Note(how, about, place)
        self.w.put(f"c.notes.append({self.w.const(note)})")

    def rule(self, site: Site, rule: Rule) -> Value:
        """The value a rule makes: a constant, or a variable that may be None."""
        raise NotImplementedError  # compile_rules.py
