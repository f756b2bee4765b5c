"""Answer tables to Python source: rows, and what they do at an event; see compile/answer.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from aisix.mapping.compile.chunks import INT, ChunkCompiler
from aisix.mapping.compile.runtime import CannotCompile
from aisix.mapping.compile.values import (
    ABSENT,
    DICT,
    LIST,
    STR,
    Const,
    Site,
    Value,
    Var,
    is_only,
    is_sure,
)
from aisix.mapping.compile.writer import Line
from aisix.mapping.syntax.answer import KnownFields, Register, Row
from aisix.mapping.syntax.paths import Json, Path


def nothing() -> None:
    """What follows a row when nothing does."""


class RowCompiler(ChunkCompiler):
    """Writes rows, and what they do at an event."""

    word: Json = None  # the event's own word, where the code knows it
    end_word: Json = None  # the word of the event that ends a block

    def rows(
        self, site: Site, rows: dict[str, Row], by: Path, then: Callable[[], None] = nothing
    ) -> None:
        """The row a word chooses, and what it does; on every way, `then` is written after it."""
        outer, first = self.word, by == self.tables.by
        word = self.path(site, by)
        if type(word) is Const:
            row = rows.get(word.value) if type(word.value) is str else None
            self.word = word.value if first else outer
            row = row or self._unknown(rows, by, repr(word.value))
            if row is None:
                then()
            else:
                self._row(site, row, then)
            self.word = outer
            return
        name, w = self.w.say(word), self.w
        branches: dict[tuple[Line, ...], list[str]] = {}  # what is written -> words
        for said, row in rows.items():
            if said != "*":
                start = len(w.lines)
                with w.block(f"if {name} == {said!r}"):
                    self.word = said if first else outer
                    self._row(site, row, then)
                branches.setdefault(tuple(w.lines[start + 1 :]), []).append(said)
                del w.lines[start:]
        self.word = outer
        word_ = "if"
        # What blocks are made of comes often, the rest once or twice in an answer.
        often = {said for said, row in rows.items() if any(into_blocks([row]))}
        for lines, words in sorted(branches.items(), key=lambda at: often.isdisjoint(at[1])):
            test = f"== {words[0]!r}" if len(words) == 1 else f"in {tuple(words)!r}"
            w.put(f"{word_} {name} {test}:")
            w.lines += lines
            word_ = "elif"
        with w.block("else" if branches else "if True"):
            star = self._unknown(rows, by, name)
            if star is None:
                then()
            else:
                self._row(site, star, then)

    def _unknown(self, rows: dict[str, Row], by: Path, word: str) -> Row | None:
        row = rows.get("*")
        if row is not None and row.unknown:
            self.w.put(f"a.not_known({by.text + '='!r} + str({word}))")
        return row

    def _row(self, site: Site, row: Row, then: Callable[[], None]) -> None:
        if row.by is not None:
            self.rows(site, row.variants, row.by, then)
            return
        if not row.first:
            said = self.condition(site, row.guard)
            if said is True:
                self._act(site, row)
            elif said is not False:
                with self.w.block(f"if {said}"):
                    self._act(site, row)
            then()
            return
        # Conditions first: what they load must stand before the whole chain.
        found = [(self.condition(site, guard), below) for guard, below in row.first]
        found = [(guard, below) for guard, below in found if guard is not False]
        start = "if"
        for guard, below in found:
            if guard is True and start == "if":
                self._row(site, below, then)
                return
            with self.w.block("else" if guard is True else f"{start} {guard}"):
                self._row(site, below, then)
            if guard is True:
                return
            start = "elif"
        if start == "if":
            then()
        elif then is not nothing:
            with self.w.block("else"):
                then()

    def _act(self, site: Site, row: Row) -> None:
        w = self.w
        self._opens(site, row)
        before, self.given = self.given, self._given(site, row)
        if row.told and row.about is not None:
            self._tell(self.rule(site, row.about), row)
        for rest in row.rest:
            self._unread(site, rest)
        for register in row.count:
            self.add(register, "1", "0", INT)
        self._sets(site, row.set)
        for path in row.usage:
            self.counters(w.say(self.path(site, path)))
        for name in row.emit:
            self._emit(site, self.tables.chunks[name])
        for register, path in row.measure:
            self._grow(site, register, path, "0", "len({})")
        for register, path in row.append:
            self.append(site, register, path)
        for register, path in row.push:
            value = self.path(site, path)
            if value != ABSENT:
                self.push(register, value)
        for register, name in row.extend:
            value = self.rule(site, self.tables.lists[name])
            if value != ABSENT:
                text = w.say(value)
                made = Var(f"c.more({self.held(register, '()')}, {text})", LIST, True)
                self.keep(register, made, text)
        if row.ping:
            w.put("a.pinged = True")
        if row.fail:
            self.fails()
            w.put(f"a.failed = {self.failed(site)}")
        if row.end:
            w.put("a.ended = True")
        self.given = before

    def _given(self, site: Site, row: Row) -> Value:
        """What the chunks of a row find as $given: made of parts, so that each is found at once."""
        parts = {name: self.rule(site, rule) for name, rule in row.give}
        return Var("c.given", DICT, True, parts=parts)

    def _tell(self, about: Value, row: Row) -> None:
        """That this came is a loss."""
        name = self.w.say(about)
        check = "" if is_only(about, STR) and is_sure(about) else f"if type({name}) is str: "
        self.w.put(f"{check}c.lost({row.told!r}, {name}, {self.w.const(row.place)})")

    def _unread(self, site: Site, rest: KnownFields) -> None:
        """A field that is not known of an object where each is to be."""
        found = self.path(site, rest.of[0])
        if len(rest.of) > 1:
            found = self._first_of(site, rest.of)
        if found == ABSENT:
            return
        if (
            type(found) is Var and found.parts is not None
        ):  # made by the tables: nothing else is in it
            if not found.parts.keys() <= rest.known:
                raise CannotCompile("an event that is made with a field that is not known")
            return
        name, known = self.w.say(found), self.w.const(rest.known)
        check = "" if is_only(found, DICT) and is_sure(found) else f"type({name}) is dict and "
        with self.w.block(f"if {check}not {name}.keys() <= {known}"):
            self.w.put(f"c.unread({name}, {self.w.const(rest)})")

    def _first_of(self, site: Site, given: tuple[Path, ...]) -> Value:
        """What stands at the first of these paths where anything does."""
        made = self.w.let(self.w.say(self.path(site, given[0])))
        for path in given[1:]:
            with self.w.block(f"if {made} is None"):
                self.w.put(f"{made} = {self.w.say(self.path(site, path))}")
        return Var(made)

    def fails(self) -> None:
        """An event that is an error."""

    def failed(self, site: Site) -> str:
        """That error."""
        return self.w.say(site.item)

    def _opens(self, site: Site, row: Row) -> None:
        """Which blocks have begun and not ended, and of what kind they are."""
        number = self.path(site, self.tables.block)
        if number != ABSENT:
            name = self.w.say(number)
            there = "" if is_only(number, INT) and is_sure(number) else f"if type({name}) is int: "
            if row.open:
                self.begun(name, there)
            elif self.word is not None and self.word == self.end_word:
                self.over(name, there)
        if row.open:
            self.keep(("block", "kind"), Const(row.open))

    def begun(self, name: str, there: str) -> None:
        self.w.put(f"{there}a.open.add({name})")

    def over(self, name: str, there: str) -> None:
        self.w.put(f"{there}a.open.discard({name})")

    def counters(self, text: str) -> None:
        """Counters that came overwrite what was there; see AnswerScope.take."""
        with self.w.block(f"if type({text}) is dict"):
            self.w.put(f"if usage or None in {text}.values(): c.take({text})")
            self.w.put(f"else: usage.update({text})")

    def _grow(self, site: Site, register: Register, path: Path, start: str, by: str) -> None:
        value = self.path(site, path)
        if value == ABSENT:
            return
        text = self.w.say(value)
        check = "" if is_only(value, STR) and is_sure(value) else f"type({text}) is str"
        self.add(register, by.format(text), start, INT if start == "0" else STR, check)

    def append(self, site: Site, register: Register, path: Path) -> None:
        self.append_value(register, self.path(site, path))


def into_blocks(rows: Iterable[Row]) -> Iterator[Row]:
    """All rows that write into blocks."""
    return (one for row in rows for one in all_of(row) if one.into)


def all_of(row: Row) -> Iterator[Row]:
    """A row and all it chooses from."""
    yield row
    for below in (*row.variants.values(), *(one for _, one in row.first)):
        yield from all_of(below)
