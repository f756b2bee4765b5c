"""Answer tables to Python source: a chunk for the caller; see compile/answer.py."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

import msgspec

from aisix.mapping.compile.rules import RuleCompiler
from aisix.mapping.compile.runtime import CannotCompile
from aisix.mapping.compile.sources import NUMBERS
from aisix.mapping.compile.values import (
    ABSENT,
    LIST,
    STR,
    Cond,
    Const,
    Kinds,
    Question,
    Site,
    Value,
    Var,
    is_only,
    is_sure,
)
from aisix.mapping.interpret.scope import NULL
from aisix.mapping.syntax.answer import AnswerTables, Chunk, Register
from aisix.mapping.syntax.paths import Path, Step
from aisix.mapping.syntax.rules import Rule

_encode = msgspec.json.Encoder().encode

INT = frozenset({int})
Leaf = tuple[tuple[Step, ...], Value]  # where in a delta, and what


class ChunkCompiler(RuleCompiler):
    """Writes chunks for the caller, and the registers they are made of."""

    tables: AnswerTables
    given: Value  # by the row whose chunks are written
    key: str  # what the bytes around a delta are made of
    stale: str  # how it is told that they are of another key: "is not", or "!=" for several

    def _sets(self, site: Site, rules: tuple[tuple[Register, Rule], ...]) -> None:
        for register, rule in rules:
            value = self.rule(site, rule)
            if value == ABSENT:
                continue
            if value == Const(NULL):
                self.forget(register)
                continue
            if type(value) is Var and value.null:
                raise CannotCompile("a register that may be set to null")
            self.keep(register, value)

    # ------------------------------------------------------------------ registers
    def keep(self, register: Register, value: Value, check: str = "") -> None:
        """Set a register, if there is a value and `check` holds."""
        if not check and not is_sure(value):
            check = f"{self.w.say(value)} is not None"
        start = f"if {check}: " if check else ""
        self.w.put(f"{start}{at(register)} = {self.w.say(value)}")

    def forget(self, register: Register) -> None:
        self.w.put(f"{register[0]}.pop({register[1]!r}, None)")

    def held(self, register: Register, default: str) -> str:
        """What a register holds, as an expression."""
        return f"{register[0]}.get({register[1]!r}, {default})"

    def _emit(self, site: Site, chunk: Chunk) -> None:
        w = self.w
        with ExitStack() as stack:
            guard = self.condition(site, chunk.guard)
            if guard is False:
                return
            if guard is not True:
                stack.enter_context(w.block(f"if {guard}"))
            if not self.opens(site, chunk, stack):
                return
            if chunk.each is not None:
                site = self._item_of(site, chunk.each, stack)
                if site.item == ABSENT:
                    return
            for rule in chunk.needs:
                value = self.rule(site, rule)
                if value == ABSENT or value == Const(""):
                    return
                if type(value) is Var:
                    there = [] if is_sure(value) else [f"{value.name} is not None"]
                    if not is_only(value, NUMBERS):
                        there = [value.name] if is_only(value, STR) else [
                            *there, f"{value.name} not in ('', [], {{}})"]  # fmt: skip
                    if there:
                        stack.enter_context(w.block(f"if {' and '.join(there)}"))
                        w.is_there(value.name)
            values = [(path, rule, self.rule(site, rule)) for path, rule in chunk.fields]
            said = True if chunk.verbatim else self._said(values)
            if said is False:
                return
            if said is not True:
                stack.enter_context(w.block(f"if {said}"))
                values = [(p, r, self._said_so(v, said)) for p, r, v in values]
            fields = [(path.steps, value) for path, _, value in values if value != ABSENT]
            pushed, fields = self._pushed(chunk, fields)

            def after() -> None:
                for register, value in pushed:
                    self.push(register, value)
                for register, path in chunk.append:
                    value = next((v for s, v in fields if s == path.steps), ABSENT)
                    self.append_value(register, value)
                for register in chunk.count:
                    self.add(register, "1", "0", INT)
                self._sets(site, chunk.after)

            if chunk.verbatim:
                self.copy(site, chunk, fields, after)
            else:
                self.send(fields, after)

    def _item_of(self, site: Site, each: Path, stack: ExitStack) -> Site:
        """The item of a list, in a loop over them that has begun."""
        items = self.path(site, each)
        if items == ABSENT:
            return Site(ABSENT)
        name, item = self.w.say(items), self.w.new()
        there = name if is_only(items, LIST) and is_sure(items) else (
            f"({name} if type({name}) is list else ())")  # fmt: skip
        stack.enter_context(self.w.block(f"for {item} in {there}"))
        return Site(Var(item))

    def _pushed(
        self, chunk: Chunk, fields: list[Leaf]
    ) -> tuple[list[tuple[Register, Value]], list[Leaf]]:
        """What a chunk adds to lists, each made once; and the chunk's fields with it."""
        pushed: list[tuple[Register, Value]] = []
        for register, path in chunk.push:
            length = len(path.steps)
            below = [(s[length:], value) for s, value in fields if s[:length] == path.steps]
            if not below:
                continue
            value = below[-1][1] if not below[-1][0] else self.tree(below)
            first = next(n for n, (s, _) in enumerate(fields) if s[:length] == path.steps)
            kept = [leaf for leaf in fields if leaf[0][:length] != path.steps]
            fields = [*kept[:first], (path.steps, value), *kept[first:]]
            pushed.append((register, value))
        return pushed, fields

    def add(self, register: Register, by: str, start: str, kinds: Kinds, check: str = "") -> None:
        made = Var(f"{self.held(register, start)} + {by}", kinds, True)
        self.keep(register, made, check)

    def append_value(self, register: Register, value: Value) -> None:
        """More of a text."""
        if value != ABSENT:
            text = self.w.say(value)
            check = "" if is_only(value, STR) and is_sure(value) else f"if type({text}) is str: "
            self.w.put(f"{check}grow({register[0]}, {register[1]!r}, {text})")

    def push(self, register: Register, value: Value) -> None:
        """One item more in a list."""
        text = self.w.say(value)
        made = Var(f"c.more({self.held(register, '()')}, ({text},))", LIST, True)
        self.keep(register, made, "" if is_sure(value) else f"{text} is not None")

    def opens(self, site: Site, chunk: Chunk, stack: ExitStack) -> bool:
        """The answer's first chunk comes first, once; whether there is a chunk to write."""
        if chunk.name == self.tables.opening:
            stack.enter_context(self.w.block("if not a.started"))
            self.w.put("a.started = True")
        else:
            self.w.put(f"if not a.started: opening(a, {self.w.say(site.item)}, out)")
        return True

    def _said(self, values: list[tuple[Path, Rule, Value]]) -> Question:
        """Whether a chunk says anything."""
        if not any(rule.kind == "from" for _, rule, _ in values):
            return True
        tests: list[Cond] = []
        for _, rule, value in values:
            if rule.kind != "from" or value == ABSENT or value == Const(""):
                continue
            if type(value) is Const:
                return True
            name = self.w.say(value)
            if is_only(value, STR):
                tests.append(Cond(name, proves=name))
            elif is_sure(value) and not may_be_text(value):
                return True
            else:
                tests.append(Cond(f"({name} is not None and {name} != '')"))
        if len(tests) == 1:
            return tests[0]
        return Cond(" or ".join(map(str, tests))) if tests else False

    def _said_so(self, value: Value, said: Cond) -> Value:
        """What is known of a value behind the test that the chunk says something."""
        if type(value) is Var and value.name == said.proves:
            return replace(value, sure=True)
        return value

    def send(self, fields: list[Leaf], after: Callable[[], None]) -> None:
        """The lines that send one delta; `after` writes what follows from it."""
        # The bytes around a delta stay until a register they are made of does not.
        if len(fields) == 1 and len(fields[0][0]) == 1 and is_sure(fields[0][1]):
            steps, value = fields[0]
            start = _encode({steps[0]: 0}).removesuffix(b"0}")
            delta = f"{start!r} + encode({self.w.say(value)}) + b'}}'"
        else:
            delta = f"encode({self._object(fields)})"
        after()
        self.w.put(f"if {self.key} {self.stale} a.key: head(a)")
        self.w.put(f"out.append(a.head + {delta} + a.tail)")

    def copy(self, site: Site, chunk: Chunk, fields: list[Leaf], after: Callable[[], None]) -> None:
        """The lines that send a copy of the event with these fields laid over it."""
        raise CannotCompile("a chunk that is the event itself")

    def _object(self, fields: list[Leaf]) -> str:
        made = self.tree(fields) if fields else ABSENT
        return self.w.say(made) if is_sure(made) else f"{self.w.say(made)} or {{}}"

    def tree(self, fields: list[Leaf]) -> Value:
        """Nested objects (and lists of one) from paths and values; None values are left out."""
        groups: dict[Step, list[Leaf]] = {}
        for steps, value in fields:
            groups.setdefault(steps[0], []).append((steps[1:], value))
        values: list[tuple[str, Value]] = []
        for step, below in groups.items():
            if type(step) is not str and (step != 0 or len(groups) > 1):
                raise CannotCompile("a list of more than one item")
            leaf = below[-1][1] if not below[-1][0] else self.tree(below)
            if type(step) is not str:
                name = self.w.say(leaf)
                text = f"[{name}]" if is_sure(leaf) else f"[{name}] if {name} is not None else None"
                return Var(self.w.let(text), LIST, is_sure(leaf), True)
            values.append((step, leaf))
        return self.object(values)


def at(register: Register) -> str:
    return f"{register[0]}[{register[1]!r}]"


def may_be_text(value: Value) -> bool:
    return type(value) is Var and (value.kinds is None or str in value.kinds)
