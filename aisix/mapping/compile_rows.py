"""Answer tables to Python source: rows, and what they do at an event; see compile_answer.py."""

from __future__ import annotations

from aisix.mapping.answer_rules import Register, Row
from aisix.mapping.compile_chunks import ChunkCompiler, at, get
from aisix.mapping.compile_run import CannotCompile
from aisix.mapping.compile_values import ABSENT, STR, Const, Site, is_only, is_sure
from aisix.mapping.paths import Json, Path

INT = frozenset({int})


class RowCompiler(ChunkCompiler):
    """See the module."""

    word: Json = None  # the event's own word, where the code knows it
    end_word: Json = None  # the word of the event that ends a block

    def _event(self, site: Site) -> None:
        w = self.w
        number = self.path(site, self.tables.block)
        name = w.say(number)
        with w.block(f"if type({name}) is int"):
            w.put(f"block = c.block = a.blocks.get({name}) or a.new_block({name})")
        if self.tables.again is not None:
            w.put(f"if a.raw is not None: a.rebuild(e, {name})")
        self._rows(site, self.tables.events, self.tables.by)

    def _rows(self, site: Site, rows: dict[str, Row], by: Path) -> None:
        """The row a word chooses, and what it does."""
        outer, first = self.word, by == self.tables.by
        word = self.path(site, by)
        if type(word) is Const:
            row = rows.get(word.value) if type(word.value) is str else None
            self.word = word.value if first else outer
            row = row or self._unknown(rows, by, repr(word.value))
            if row is not None:
                self._row(site, row)
            self.word = outer
            return
        name = self.w.say(word)
        start = "if"
        for said, row in rows.items():
            if said != "*":
                with self.w.block(f"{start} {name} == {said!r}"):
                    self.word = said if first else outer
                    self._row(site, row)
                start = "elif"
        self.word = outer
        with self.w.block("else" if start == "elif" else "if True"):
            star = self._unknown(rows, by, name)
            if star is not None:
                self._row(site, star)

    def _unknown(self, rows: dict[str, Row], by: Path, word: str) -> Row | None:
        row = rows.get("*")
        if row is not None and row.unknown:
            self.w.put(f"a.unknown.append(f'{by.text}={{{word}}}'[:80])")
        return row

    def _row(self, site: Site, row: Row) -> None:
        if row.by is not None:
            self._rows(site, row.when, row.by)
        elif row.first:
            # Conditions first: what they load must stand before the whole chain.
            found = [(self.condition(site, guard), below) for guard, below in row.first]
            start = "if"
            for guard, below in found:
                if guard is False:
                    continue
                if guard is True:
                    with self.w.block("else" if start == "elif" else "if True"):
                        self._row(site, below)
                    break
                with self.w.block(f"{start} {guard}"):
                    self._row(site, below)
                start = "elif"
        else:
            said = self.condition(site, row.guard)
            if said is True:
                self._act(site, row)
            elif said is not False:
                with self.w.block(f"if {said}"):
                    self._act(site, row)

    def _act(self, site: Site, row: Row) -> None:
        w = self.w
        self._opens(site, row)
        for register in row.count:
            w.put(f"{at(register)} = {get(register)}, 0) + 1")
        self._sets(site, row.set)
        if row.usage is not None:
            counters = w.say(self.path(site, row.usage))
            with w.block(f"if type({counters}) is dict"):
                w.put(f"usage.update({{k: v for k, v in {counters}.items() if v is not None}})")
        for name in row.emit:
            self._emit(site, self.tables.chunks[name])
        for register, path in row.measure:
            self._grow(site, register, path, "0", "len({})")
        for register, path in row.append:
            self._grow(site, register, path, "''", "{}")
        for register, path in row.push:
            value = self.path(site, path)
            if value != ABSENT:
                with w.block(f"if {w.say(value)} is not None"):
                    w.put(f"{at(register)} = [*{get(register)}, ()), {w.say(value)}]")
        for register, name in row.extend:
            value = self.rule(site, self.tables.lists[name])
            if value != ABSENT:
                text = w.say(value)
                w.put(f"if {text}: {at(register)} = [*{get(register)}, ()), *{text}]")
        if row.ping:
            w.put("a.pinged = True")
        if row.fail:
            if self.folding:
                raise CannotCompile("a plain answer that fails by itself")
            w.put(f"a.failed = {w.say(site.item)}")
        if row.end:
            w.put("a.ended = True")

    def _opens(self, site: Site, row: Row) -> None:
        """Which blocks have begun and not ended, and of what kind they are."""
        number = self.path(site, self.tables.block)
        if number != ABSENT:
            name = self.w.say(number)
            there = "" if is_only(number, INT) and is_sure(number) else f"if type({name}) is int: "
            if row.open:
                self.w.put(f"{there}a.open.add({name})")
            elif self.word is not None and self.word == self.end_word:
                self.w.put(f"{there}a.open.discard({name})")
        if row.open:
            self.w.put(f"block['kind'] = {row.open!r}")

    def _grow(self, site: Site, register: Register, path: Path, start: str, by: str) -> None:
        value = self.path(site, path)
        if value == ABSENT:
            return
        text = self.w.say(value)
        check = "" if is_only(value, STR) and is_sure(value) else f"if type({text}) is str: "
        self.w.put(f"{check}{at(register)} = {get(register)}, {start}) + {by.format(text)}")
