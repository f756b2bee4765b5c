"""Answer tables to Python source: a plain answer in one go; see compile/answer.py.

The events a plain answer is taken apart into are not made: their rows are written with the parts of
the answer they would be made of. Of a block the event that ends it is written right behind the one
that begins it, where its kind is known. Registers are variables; what is known of them is kept
beside what is known of loads, so that it ends with the block of lines it was learnt in. Deltas are
folded while the code is written wherever it is known what they meet.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from aisix.mapping.compile.chunks import INT, Leaf
from aisix.mapping.compile.envelopes import AnswerCompiler
from aisix.mapping.compile.runtime import CannotCompile, add_item, grown_by
from aisix.mapping.compile.shapes import Made
from aisix.mapping.compile.values import (
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
from aisix.mapping.compile.writer import Line
from aisix.mapping.interpret.fold import NOT_JOINED, fold
from aisix.mapping.interpret.scope import NULL
from aisix.mapping.syntax.answer import NUMBER, Chunk, Register
from aisix.mapping.syntax.paths import Json, Path, Step, copied
from aisix.mapping.syntax.rules import Shape


class PlainCompiler(AnswerCompiler):
    """Writes the function of a plain answer's form."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.slots: dict[Register, str] = {}  # "folded" beside "state" and "block"
        self.opened = False  # the first chunk is written
        self.began: int | None = None  # how deep a block was begun that has not ended
        self.looped = False  # in the loop over blocks, or behind it
        self.number: Value | None = None  # of the block, in the loop
        self.counted_of = ""  # whose counters were taken last
        self.reads: set[Register] = set()  # registers the function being written asks for
        self.read_by: dict[tuple[int, str], set[Register]] = {}
        self.stored: dict[Register, set[type] | None] = {}  # kinds of what is written; None: any
        self.emptied: set[Register] = set()  # registers that may be made nothing
        self.learnt: PlainCompiler | None = None  # the one that wrote this before
        self.w.names |= {"copied": copied, "fold": fold, "grown_by": grown_by, "add_item": add_item}

    def source(self) -> str:
        """Written twice: what is ever stored in a register is known the second time."""
        again = type(self)(self.tables, self.facts, self.request, self.names, self.wants_usage)
        self._write()
        again.learnt = self
        source = again._write()
        for register, kinds in again.stored.items():
            before = self.stored.get(register, set())
            if not (before is None or (kinds is not None and kinds <= before)):
                raise CannotCompile("what is known of a register was wrong")
        if not again.emptied <= self.emptied:
            raise CannotCompile("what is known of a register was wrong")
        self.w.names = again.w.names
        return source

    def _write(self) -> str:
        plain, w = self.tables.plain, self.w
        if plain is None:
            raise CannotCompile("no plain answers")
        answer = Var("answer", DICT, True)
        with self.top("answer(a, answer)", registers=False):
            w.put("c = a.scope")
            w.put("usage = c.usage")
            top = len(w.lines)
            self._virtual(plain.start, answer)
            self._blocks(answer)
            self._virtual(plain.delta, answer)
            self._virtual(plain.stop, answer)
            self._end()
            w.lines[top:top] = self._initial("state", "folded")
        self.meter()
        return "\n\n".join(self.functions) + "\n"

    def _initial(self, *roots: str) -> list[Line]:
        depth = "    " * (2 if "block" in roots else 1)
        return [
            Line(f"{depth}{slot} = {self.w.say(self._start(root, name))}")
            for (root, name), slot in self.slots.items()
            if root in roots
        ]

    def _blocks(self, answer: Var) -> None:
        assert self.tables.plain is not None
        plain, w = self.tables.plain, self.w
        blocks = self.path(Site(answer), plain.blocks)
        self.looped = True
        for level in w.loaded:
            for key in [k for k in level if type(k) is tuple and k[0] == "register"]:
                level[key] = self._any(key[1])
        if blocks == ABSENT:
            return
        name = w.say(blocks)
        w.put(f"blocks = {name} if type({name}) is list else ()")
        with w.block("for number, item in enumerate(blocks)"):
            w.put("if type(item) is not dict: continue")
            top = len(w.lines)
            number = self.number = Var("number", INT, True)

            def end() -> None:
                assert self.tables.plain is not None
                self._virtual(self.tables.plain.end, Const({}), number)
                if self.began is not None:
                    raise CannotCompile("a block that may not end")

            self._virtual(plain.begin, Var("item", DICT, True), number, end)
            w.lines[top:top] = self._initial("block")
        self.number = None

    def _virtual(
        self,
        fields: tuple[tuple[str, Json | Path], ...],
        source: Value,
        number: Value = ABSENT,
        *then: Any,
    ) -> None:
        """The row of an event that is never made: its fields are parts of the plain answer."""
        parts: dict[str, Value] = {
            key: self.below(source, value.steps) if isinstance(value, Path) else Const(value)
            for key, value in fields
        }
        if number != ABSENT:
            parts[str(self.tables.block.steps[0])] = number
        item = Var("e", DICT, True, parts=parts)
        self.rows(Site(item), self.tables.events, self.tables.by, *then)

    def _end(self) -> None:
        """What stands at the end of every answer, then the completion."""
        w, site = self.w, Site(Const({}))
        self._emit(site, self.tables.chunks[self.tables.opening])
        for name in self.tables.end_emit:
            self._emit(site, self.tables.chunks[name])
        message = self.build(site, self.tables.message, empty=True)
        w.put("used = usage")
        counted = self.counted()
        finish = self.rule(site, self.tables.finish)
        if not is_sure(finish) or finish == Const(NULL):
            raise CannotCompile("an answer that may have no end")
        w.put(f"finish = {w.say(finish)}")
        kinds = finish.kinds if isinstance(finish, Var) else frozenset({type(finish.value)})
        said = Var("finish", kinds, True, True)
        self.extra = {"message": message, "counted": counted, "finish": said}
        w.put(f"return {w.say(self.envelope('whole', choice=True))}")

    # ------------------------------------------------------------------ registers
    def root(self, site: Site, path: Path) -> tuple[Value, tuple[Step, ...]]:
        if path.root not in ("state", "block", "folded"):
            return super().root(site, path)
        if not path.steps or type(path.steps[0]) is not str:
            raise CannotCompile("all registers at once")
        register = (path.root, path.steps[0])
        if not self.inside:
            return self.register(register), path.steps[1:]
        self.reads.add(register)
        return super().root(site, path)

    def _slot(self, register: Register) -> str:
        if register not in self.slots:
            self.slots[register] = self.w.new()
        return self.slots[register]

    def _start(self, root: str, name: str) -> Value:
        """What a register holds at first."""
        if root == "block":
            return Var("number", INT, True) if name == "index" else ABSENT
        return Const(self.tables.state.get(name)) if root == "state" else ABSENT

    def register(self, register: Register) -> Value:
        root, name = register
        found = self.w.known(("register", register))
        if found is not None:
            return found
        if root == "block" and self.number is None and self.looped:
            raise CannotCompile("a register of the last block")
        if root == "block" or not self.looped:
            return self._start(root, name) if self.number is not None or root != "block" else ABSENT
        return self._any(register)

    def _any(self, register: Register) -> Value:
        """What a register holds when it is not known what was written to it last."""
        first = self._start(*register)
        if self.learnt is None:
            return Var(self._slot(register), live=True)
        if register not in self.learnt.stored and register not in self.learnt.emptied:
            return first
        kinds = self.learnt.stored.get(register, set())
        if kinds is not None:
            kinds = kinds | ({type(first.value)} if type(first) is Const else {int})
        sure = is_sure(first) and register not in self.learnt.emptied
        known = None if kinds is None else frozenset(kinds - {type(None)})
        return Var(self._slot(register), known, sure, live=True)

    def _stores(self, register: Register, value: Value) -> None:
        kinds = frozenset({type(value.value)}) if type(value) is Const else value.kinds  # type: ignore[union-attr]
        before = self.stored.setdefault(register, set())
        self.stored[register] = None if kinds is None or before is None else before | kinds

    def _know(self, register: Register, value: Value) -> None:
        """What it holds from here on in these lines; whoever is outside them does not know."""
        key, slot = ("register", register), self._slot(register)
        for level in self.w.loaded:
            for old in [k for k in level if type(k) is tuple and k[0] == slot]:
                del level[old]
            level.pop(key, None)
        self.w.loaded[0][key] = self._any(register)
        self.w.loaded[-1][key] = value

    def keep(self, register: Register, value: Value, check: str = "") -> None:
        slot, text = self._slot(register), self.w.say(value)
        self._stores(register, value)
        first = self.register(register) == ABSENT
        if (check and not first) or (not check and not first and not is_sure(value)):
            self.w.put(f"if {check or f'{text} is not None'}: {slot} = {text}")
            self._know(register, self._any(register))
            return
        if not is_sure(value) or check:
            self.emptied.add(register)
        self.w.put(f"{slot} = {text} if {check} else None" if check else f"{slot} = {text}")
        if isinstance(value, Var):
            value = replace(value, name=slot, live=True, parts=None)
            value = replace(value, sure=value.sure and not check)
        elif check:
            value = Var(slot, frozenset({type(value.value)}), live=True)
        self._know(register, value)

    def append(self, site: Site, register: Register, path: Path) -> None:
        self._grow(site, register, path, "''", "{}")

    def forget(self, register: Register) -> None:
        self.emptied.add(register)
        self.w.put(f"{self._slot(register)} = None")
        self._know(register, ABSENT)

    def held(self, register: Register, default: str) -> str:
        value = self.register(register)
        if value == ABSENT:
            return default
        text = self.w.say(value)
        return text if is_sure(value) else f"({text} or {default})"

    def function(self, shape: Shape, about: str) -> Made:
        """A function finds the registers it asks for where the interpreter keeps them."""
        key = (id(shape), about)
        if key in self.shapes and key not in self.read_by:
            raise CannotCompile("a shape that uses itself")
        before, self.reads = self.reads, set()
        made = super().function(shape, about)
        asked = self.read_by.setdefault(key, self.reads)
        self.reads = before | asked
        if not self.inside:
            for root, name in sorted(asked):
                self.w.put(f"c.{root}[{name!r}] = {self.w.say(self.register((root, name)))}")
        return made

    # ------------------------------------------------------------------ what a row does
    def begun(self, name: str, there: str) -> None:
        self.began = self.w.depth

    def over(self, name: str, there: str) -> None:
        if self.began is not None and self.w.depth <= self.began:
            self.began = None

    def fails(self) -> None:
        raise CannotCompile("a plain answer that fails by itself")

    def counters(self, text: str) -> None:
        if text != self.counted_of:  # else they are there already
            super().counters(text)
        self.counted_of = text

    # ------------------------------------------------------------------ chunks, folded
    def opens(self, site: Site, chunk: Chunk, stack: ExitStack) -> bool:
        if chunk.name == self.tables.opening:
            if self.opened:
                return False
            if self.w.depth > 1:
                raise CannotCompile("an answer that may begin anywhere")
            self.opened = True
            self.w.put("a.started = True")
        elif not self.opened:
            self._emit(site, self.tables.chunks[self.tables.opening])
        return True

    def send(self, fields: list[Leaf], after: Any) -> None:
        groups: dict[str, list[Leaf]] = {}
        for steps, value in fields:
            groups.setdefault(str(steps[0]), []).append((steps[1:], value))
        for name, leaves in groups.items():
            if not leaves[-1][0]:
                self._fold_value(name, leaves[-1][1])
            elif all(steps and steps[0] == 0 for steps, _ in leaves):
                self._fold_item(name, [(steps[1:], value) for steps, value in leaves])
            else:
                self._fold_value(name, self.tree(leaves))
        after()

    def _fold_value(self, name: str, value: Value) -> None:
        """What folding a delta's top-level field does; see fold.py."""
        register = ("folded", name)
        old, text = self.register(register), self.w.say(value)
        self._no_item(name)
        if value == Const(NULL):
            if old != ABSENT:
                raise CannotCompile("a null over a value")
            return
        if isinstance(value, Var) and value.null:
            raise CannotCompile("a value that may be null")
        check = "" if is_sure(value) else f"{text} is not None"
        if old == ABSENT:
            if may_be(value, CONTAINERS) and not (text in self.fields and is_sure(value)):
                value = Var(f"copied({text})", value.kinds if isinstance(value, Var) else None,
                            is_sure(value))  # fmt: skip
            self.keep(register, value, check if isinstance(value, Var) and check else "")
        elif is_only(value, STR) and name not in NOT_JOINED:
            if old == Const(""):
                self.keep(register, value if not check else Var(text, STR, True), check)
                return
            before = self.w.say(old)
            both = f"{before} + {text}"
            if not (is_only(old, STR) and is_sure(old)):
                both += f" if type({before}) is str else {text}"
            self.keep(register, Var(both, STR, True), check)
        else:
            whole = f"grown_by({self.w.say(old)}, {text}, {name!r}, a.numbers)"
            self.keep(register, Var(whole, None, True), check)

    def _no_item(self, name: str) -> None:
        for level in self.w.loaded:
            level.pop(("item", name), None)

    def _fold_item(self, name: str, leaves: list[Leaf]) -> None:
        """A list with one item: the one with the same number grows, or it is a new one."""
        w, register = self.w, ("folded", name)
        latest = w.known(("item", name))
        numbers = [value for steps, value in leaves if steps == (NUMBER,)]
        if latest is not None and numbers and is_only(numbers[0], INT) and is_sure(numbers[0]):
            assert isinstance(latest, Var)
            if self.fields[latest.name].get(NUMBER) == numbers[0]:
                self._grow_into(latest, leaves)
                return
        item = self.tree(leaves)
        if not is_sure(item) or not isinstance(item, Var):
            raise CannotCompile("an item that may be none")
        old = self.register(register)
        if old == ABSENT:
            self.keep(register, Var(f"[{item.name}]", LIST, True, True))
        else:
            slot = self._slot(register)
            w.put(f"if {slot} is None: {slot} = [{item.name}]")
            w.put(f"else: add_item({slot}, {item.name}, a.numbers)")
            self._stores(register, Var(slot, LIST))
            self._know(register, Var(slot, LIST, True, True, live=True))
        w.loaded[-1]["item", name] = item

    def _grow_into(self, old: Var, leaves: list[Leaf]) -> None:
        """Folds what is known to meet the object `old`, which has just been built here."""
        known = self.fields[old.name]
        groups: dict[str, list[Leaf]] = {}
        for steps, value in leaves:
            groups.setdefault(str(steps[0]), []).append((steps[1:], value))
        for key, below in groups.items():
            before = known.get(key, ABSENT)
            if below[-1][0]:
                if isinstance(before, Var) and before.name in self.fields and is_sure(before):
                    self._grow_into(before, below)
                    continue
                value = self.tree(below)
            else:
                value = below[-1][1]
            if value == before and (key in NOT_JOINED or not may_be(value, STR)):
                continue
            text, place = self.w.say(value), f"{old.name}[{key!r}]"
            check = "" if is_sure(value) else f"if {text} is not None: "
            joined = is_only(value, STR) and key not in NOT_JOINED
            if before == Const("") and joined:
                self.w.put(f"{check}{place} = {text}")
            elif joined and is_sure(before) and is_only(before, STR):
                self.w.put(f"{check}{place} += {text}")
            else:
                self.w.put(f"{check}fold({old.name}, {{{key!r}: {text}}}, a.numbers)")
            known[key] = Var(place, value.kinds if isinstance(value, Var) else None, live=True)
