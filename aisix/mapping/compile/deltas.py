"""Answer tables to Python source: rows and chunks of events that hold anything at once.

Such an event is taken apart into pieces and its blocks are numbered by the machine
(`interpret/answer.py`, `interpret/blocks.py`), which calls what is written here for each piece: the
row it chooses and all that does, each chunk, the counters, the end. See compile/answer.py.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from aisix.mapping.compile.chunks import Leaf
from aisix.mapping.compile.envelopes import GIVEN, AnswerCompiler
from aisix.mapping.compile.rows import all_of, into_blocks, nothing
from aisix.mapping.compile.values import (
    ABSENT,
    DICT,
    LIST,
    Const,
    Site,
    Value,
    Var,
    is_only,
    is_sure,
    may_be,
)
from aisix.mapping.interpret.fold import put
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.answer import AnswerTables, Chunk, Row
from aisix.mapping.syntax.paths import Path, Step

EVENT = Site(Var("e", DICT, True))
OF_ENVELOPES = ("delta", "message", "folded", "finish", "counted")


class DeltaCompiler(AnswerCompiler):
    """Writes the functions of a `DeltaForm`."""

    into = (
        True  # a row with `into` hands its piece to the blocks, which call that row's own function
    )
    handed = False  # what the row gives its chunks is found already

    @classmethod
    def can(cls, tables: AnswerTables) -> bool:
        return not tables.compiles

    def source(self) -> str:
        self.w.names |= {"copied": paths.copied, "remove": paths.remove, "put": put}
        acts: list[str] = []
        gives: list[str] = []
        begins: list[str] = []
        sets: list[str] = []
        emits: list[str] = []
        with self.top("named(e)", registers=False):
            made = self.build(EVENT, self.tables.counters, empty=True)
            self.w.put(f"return {self.w.say(made)}")
        for row in into_blocks(self.tables.events.values()):
            acts.append(f"id({self.w.const(row)}): act{len(acts)}")
            with self.top(f"act{len(acts) - 1}(a, e, out)"):
                self._act_within(row)
            if row.give:
                gives.append(f"id({self.w.const(row)}): give{len(gives)}")
                with self.top(f"give{len(gives) - 1}(a, e)"):
                    made = self.build(EVENT, row.give, empty=True)
                    self.w.put(f"c.given = {self.w.say(made)}")
                    self.w.put("return c.given")
                begins.append(f"id({self.w.const(row)}): begin{len(begins)}")
                with self.top(f"begin{len(begins) - 1}(a, e, out)"):
                    self.handed = True
                    self._act_within(row)
                    self.handed = False
        for name, kind in self.tables.block_kinds.items():
            if kind.set:
                sets.append(f"{name!r}: set{len(sets)}")
                with self.top(f"set{len(sets) - 1}(a, e)"):
                    self._sets(EVENT, kind.set)
        for name, chunk in self.tables.chunks.items():
            emits.append(f"{name!r}: emit{len(emits)}")
            with self.top(f"emit{len(emits) - 1}(a, e, out)"):
                self._emit(EVENT, chunk)
            if name == self.tables.opening:
                self.functions.append(f"opening = emit{len(emits) - 1}")
        words: list[str] = []
        if self.tables.pieces:
            with self.top("pieces(a, e, p, whole, out)"):
                self._pieces()
            words = self._words()
        with self.top("event(a, e, out)"):
            self._event()
        with self.top("reason(a)"):
            self.w.put(f"return {self.w.say(self.rule(Site(Const({})), self.tables.finish))}")
        with self.top("whole(a, message, finish, counted)"):
            self._whole()
        with self.top("counts(used)", registers=False):
            self.w.put(f"return {self.w.say(self.counted())}")
        self.meter()
        named = {"words": words, "acts": acts, "gives": gives, "begins": begins}
        named |= {"sets": sets, "emits": emits}
        self.functions += [f"{name} = {{{', '.join(made)}}}" for name, made in named.items()]
        return "\n\n".join(self.functions) + "\n"

    def _act_within(self, row: Row) -> None:
        """What a row does in the block its piece is for."""
        self.into = False
        self._act(EVENT, row)
        self.into = True

    def _given(self, site: Site, row: Row) -> Value:
        return GIVEN if self.handed else super()._given(site, row)

    def _words(self) -> list[str]:
        """A function for each of the words of the tables' own events, instead of a question."""
        words: list[str] = []
        for said, row in self.tables.events.items():
            if said == self._at_once():
                continue
            words.append(f"{said!r}: word{len(words)}")
            with self.top(f"word{len(words) - 1}(a, e, out)"):
                self.word = said
                self._row(EVENT, row, nothing)
                self.word = None
        return words

    def _event(self) -> None:
        if self.tables.pieces:
            word = self.w.say(self.path(EVENT, self.tables.by))
            self.w.put(f"words[{word}](a, e, out)")
            return
        number = self.path(EVENT, self.tables.block)
        if number != ABSENT:
            name = self.w.say(number)
            with self.w.block(f"if type({name}) is int"):
                self.w.put(f"block = c.block = a.blocks.get({name}) or a.new_block({name})")
        self.rows(EVENT, self.tables.events, self.tables.by)

    def _pieces(self) -> None:
        """An event taken apart, as `Pieces.taken` does it, and its first piece run at once. Most
        of it is not there: that costs a look at each place."""
        w, by = self.w, str(self.tables.by.steps[0])
        part = Site(Var("part", DICT, True))
        first = self.tables.part[0].steps if self.tables.part else ()
        w.put(f"part = {w.say(self.below(EVENT.item, first)) if first else None}")
        with w.block("if whole or type(part) is not dict or not p.settled"):
            w.put("part = p.part_of_whole(e) if whole else p.part(e)")
            w.put("if type(part) is not dict: part = {}")
        w.put("made = []")
        for name, sources in self.tables.pieces:
            sites = (part if path.root else EVENT for path in sources)
            found = [
                self.below(site.item, path.steps) for site, path in zip(sites, sources, strict=True)
            ]
            piece = f"{{{by!r}: {name!r}, 'value': %s, 'number': %s, 'whole': e}}"
            with w.block(f"if {' or '.join(self._says(value) for value in found)}"):
                if len(sources) > 1:
                    w.put(f"made += p.named(e, part, {name!r}, {w.const(sources)})")
                    continue
                (value,) = found
                text = w.say(value)
                if name == self._at_once():
                    parts = {by: Const(name), "value": value, "number": Const(0)}
                    item = Var(piece % (text, 0), DICT, True, parts={**parts, "whole": EVENT.item})
                    self.word = name
                    self._row(Site(item), self.tables.events[name], nothing)
                    self.word = None
                    w.put("p.begun = e")
                    continue
                if not may_be(value, LIST):
                    w.put(f"made.append({piece % (text, 0)})")
                    continue
                with w.block(f"if type({text}) is list"):
                    each = f"for n, x in enumerate({text}) if x is not None"
                    w.put(f"made += [{piece % ('x', 'n')} {each}]")
                with w.block("else"):
                    w.put(f"made.append({piece % (text, 0)})")
        w.put("return made")

    def _at_once(self) -> str | None:
        """The piece that every event has, where it comes first and its row neither ends the answer
        nor writes into a block: that one is run where events are taken apart."""
        name, sources = self.tables.pieces[0]
        if name in (self.tables.end_row, self.tables.fail_row):
            return None
        row = self.tables.events.get(name)
        if row is None or len(sources) > 1 or sources[0].root or sources[0].steps:
            return None
        ends = any(one.into or one.fail or one.end for one in all_of(row))
        return None if ends else name

    def _says(self, value: Value) -> str:
        """Whether it is there, and no empty text, list or object."""
        text = self.w.say(value)
        return text if is_only(value, DICT) else f"{text} is not None and ({text} or {text} == 0)"

    def _whole(self) -> None:
        plain, w = self.tables.plain, self.w
        self.extra = {
            "message": Var("message", DICT, True),
            "finish": Var("finish", sure=True, null=True),
            "counted": Var("counted", DICT, True),
        }
        if plain is None or not plain.verbatim:
            w.put(f"return {w.say(self.envelope('whole', choice=True))}")
            return
        w.put("made = {**a.said}")
        self._laid("made", [
            (path.steps, self.rule(Site(Const({})), rule))
            for path, rule in self.tables.envelopes["whole"]
        ])  # fmt: skip
        w.put("return made")

    # ------------------------------------------------------------------ what rules may ask for
    def root(self, site: Site, path: Path) -> tuple[Value, tuple[Step, ...]]:
        if path.root in OF_ENVELOPES and (path.root not in self.extra or self.inside):
            return Var(f"c.extra.get({path.root!r})", null=True, context=True), path.steps
        return super().root(site, path)

    # ------------------------------------------------------------------ what a row does
    def _act(self, site: Site, row: Row) -> None:
        if not (row.into and self.into):
            super()._act(site, row)
            return
        take = f"a.take({self.w.const(row)}, e, out)"
        if len(row.which) > 1:
            self.w.put(take)
            return
        # Most events go on with the block that is open: those need nobody who puts them in order.
        which = self.path(site, row.which[0]) if row.which else ABSENT
        key = f"({row.into!r}, {self.w.say(which)})"
        asked = f"b.key == {key}" if row.which else f"b.key == {self.w.const((row.into, None))}"
        self.w.put("b = a.own_blocks")
        with self.w.block(f"if {asked} and not b.waiting{' and not a.rounds' * bool(row.which)}"):
            self.w.put("block = c.block = b.registers")
            number = ABSENT if self.tables.pieces else self.path(site, self.tables.block)
            if number != ABSENT:
                name = self.w.say(number)
                self.w.put(f"if type({name}) is int: a.blocks[{name}] = block")
            self.into = False
            super()._act(site, row)
            self.into = True
        with self.w.block("else"):
            self.w.put(take)

    def failed(self, site: Site) -> str:
        return "e['whole']" if self.tables.pieces else super().failed(site)

    def counters(self, text: str) -> None:
        """Under names of our own, where the tables have them."""
        if not self.tables.counters:
            super().counters(text)
            return
        with self.w.block(f"if type({text}) is dict"):
            self.w.put(f"c.take(named({text}))")

    # ------------------------------------------------------------------ chunks
    def opens(self, site: Site, chunk: Chunk, stack: ExitStack) -> bool:
        if self.tables.opening:
            return super().opens(site, chunk, stack)
        self.w.put("a.started = True")
        return True

    def send(self, fields: list[Leaf], after: Callable[[], None]) -> None:
        made = self.tree(fields) if fields else ABSENT
        text = self.w.say(made) if is_sure(made) else f"{self.w.say(made)} or {{}}"
        self.w.put(f"out.append({text})")
        after()

    def copy(self, site: Site, chunk: Chunk, fields: list[Leaf], after: Callable[[], None]) -> None:
        """A copy of the event, as deep as it is written on."""
        item = self.w.say(site.item)
        flat = all(len(steps) == 1 for steps in (*(p.steps for p in chunk.without), *dict(fields)))
        made = self.w.let(f"{{**{item}}}" if flat else f"copied({item})")
        for path in chunk.without:
            head = f"{made}.pop({path.steps[0]!r}, None)"
            self.w.put(head if flat else f"remove({made}, {path.steps!r})")
        self._laid(made, fields)
        self.w.put(f"out.append({made})")
        after()

    def _laid(self, made: str, fields: list[Leaf]) -> None:
        """Lines that write values over what an object has."""
        for steps, value in fields:
            if value == ABSENT:
                continue
            check = "" if is_sure(value) else f"if {self.w.say(value)} is not None: "
            text = self.w.written(value)
            one = len(steps) == 1
            there = f"{made}[{steps[0]!r}] = {text}" if one else f"put({made}, {steps!r}, {text})"
            self.w.put(check + there)
