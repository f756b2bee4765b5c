"""Rows and chunks of answer.toml, run one by one: what an event does to the state of an answer.

What `compile/` writes of them must do the same: see `DeltaForm`.
"""

from __future__ import annotations

from aisix.mapping.interpret import rules as interpret
from aisix.mapping.interpret.answer_state import AnswerState
from aisix.mapping.interpret.fold import put
from aisix.mapping.interpret.forms import DeltaForm
from aisix.mapping.interpret.pointers import Cause
from aisix.mapping.interpret.view import View, holds
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.answer import Chunk, Register, Row
from aisix.mapping.syntax.budget import Spent
from aisix.mapping.syntax.paths import Json, Path
from aisix.mapping.syntax.rules import Rule


class RowRunner(AnswerState):
    """Finds the row of an event and runs it."""

    deltas: DeltaForm | None = None  # the same as Python source
    gave_up: Exception | None = None  # what the compiled form raised, and the interpreter took over

    # ------------------------------------------------------------------ one or the other
    def act(
        self, row: Row, event: dict[str, Json], given: dict[str, Json] | None = None
    ) -> list[dict[str, Json]]:
        """What a row does; the deltas it sends. given: what it gives its chunks, where that is
        found already: verbs may keep what they have seen, so nothing is found twice."""
        if self.deltas is None:
            return self._act(row, event, View(self.scope, event), given)  # type: ignore[arg-type]
        out: list[dict[str, Json]] = []
        try:
            (self.deltas.begins if given else self.deltas.acts)[id(row)](self, event, out)
        except Exception as raised:
            self.give_up(raised)
            return self._act(row, event, View(self.scope, event), given)  # type: ignore[arg-type]
        return out

    def emit(self, name: str, event: dict[str, Json], out: list[dict[str, Json]]) -> None:
        """One chunk, unless there is nothing in it."""
        if self.deltas is not None:
            length = len(out)
            try:
                self.deltas.emits[name](self, event, out)
                return
            except Exception as raised:
                self.give_up(raised)
                del out[length:]
        self._emit(name, View(self.scope, event), out)  # type: ignore[arg-type]

    def give_up(self, raised: Exception) -> None:
        """Whatever it is: from here on the interpreter does it, which alone knows what is wrong."""
        if type(raised) is Spent:  # no form costs more than the interpreter
            raise raised
        self.gave_up, self.deltas = raised, None

    def give(self, row: Row, event: dict[str, Json]) -> dict[str, Json]:
        """What the chunks of this row find as $given."""
        given = self.scope.given = {}
        if self.deltas is not None:
            if not row.give:
                return given
            try:
                return self.deltas.gives[id(row)](self, event)
            except Exception as raised:
                self.give_up(raised)
        view = View(self.scope, event)  # type: ignore[arg-type]
        for name, rule in row.give:
            value = interpret.run(rule, view)
            if value is not None:
                given[name] = value
                if self.scope.trace is not None:
                    self.scope.trace.holds_in(given, "given", name)
        return given

    def begin(self, kind: str, event: dict[str, Json]) -> None:
        """The registers a block of this kind begins with."""
        sets = self.tables.block_kinds[kind].set
        if self.deltas is not None and sets:
            try:
                self.deltas.sets[kind](self, event)
                return
            except Exception as raised:
                self.give_up(raised)
        self._set_all(sets, View(self.scope, event))  # type: ignore[arg-type]

    # ------------------------------------------------------------------ rows
    def row(self, rows: dict[str, Row], by: Path, word: Json, view: View) -> Row | None:
        row = rows.get(word) if type(word) is str else None
        if row is None:
            row = rows.get("*")
            if row is not None and row.unknown:
                self.not_known(f"{by.text}={word}")
        if self.scope.trace is not None:
            self.scope.trace.row(view, by)
        while row is not None:
            if row.by is not None:
                by, rows = row.by, row.variants
                return self.row(rows, by, view.find(by), view)
            if not row.first:
                return row
            guard, row = next((pair for pair in row.first if holds(pair[0], view)), (None, None))
            if self.scope.trace is not None:
                self.scope.trace.row(view, None, guard)
        return None

    def _act(
        self, row: Row, event: dict[str, Json], view: View, given: dict[str, Json] | None = None
    ) -> list[dict[str, Json]]:
        trace = self.scope.trace
        if trace is not None:
            trace.acts(row)
        if row.open:
            self.scope.block["kind"] = row.open
            if trace is not None:
                trace.last = Cause(row.open, "", row.place, choice=trace.chosen)
                trace.holds_in(self.scope.block, "block", "kind")
        if not given:
            self.give(row, event)
        if row.told:
            self._tell(row, view)
        for rest in row.rest:
            for path in rest.of:
                found = paths.get(event, path.steps)
                if found is not None:
                    if type(found) is dict and not found.keys() <= rest.known:
                        self.scope.unread(found, rest)
                    break
        self._count(row.count, view)
        self._set_all(row.set, view)
        for path in row.usage:
            counters = paths.get(event, path.steps)
            if type(counters) is dict:
                if self.tables.counters:
                    counted = View(self.scope, counters)  # type: ignore[arg-type]
                    counters = interpret.build(self.tables.counters, counted, "") or {}
                self.scope.take(counters)
                if trace is not None:
                    trace.counts(self.scope.usage, counters)
        deltas: list[dict[str, Json]] = []
        for chunk in row.emit:
            self._emit(chunk, view, deltas)
        for register, path in row.measure:
            text = view.find(path)
            if type(text) is str:
                self.put(register, self.register(register, 0) + len(text))
                if trace is not None:
                    trace.adds_to(self.registers(register), register, view, path, "rewritten")
        for register, path in row.append:
            text = view.find(path)
            if type(text) is str:
                self.grow(register, text)
                if trace is not None:
                    trace.adds_to(self.registers(register), register, view, path)
        for register, path in row.push:
            value = view.find(path)
            if value is not None:
                self.put(register, self.scope.more(self.register(register, None), (value,)))
                if trace is not None:
                    trace.adds_to(self.registers(register), register, view, path)
        for register, name_ in row.extend:
            items = interpret.run(self.tables.lists[name_], view)
            if items:
                self.put(register, self.scope.more(self.register(register, None), items))
                if trace is not None:
                    trace.holds_in(self.registers(register), *register)
        self.pinged = self.pinged or row.ping
        if row.fail:
            self.failed = event["whole"] if self.tables.pieces else event
        self.ended = self.ended or row.end
        return deltas

    def _count(self, registers: tuple[Register, ...], view: View) -> None:
        """One more in each."""
        trace = self.scope.trace
        for name in registers:
            self.put(name, self.register(name, 0) + 1)
            if trace is not None:
                trace.adds_to(self.registers(name), name, view, None, "constant")

    def _tell(self, row: Row, view: View) -> None:
        """That this came is a loss."""
        assert row.about is not None
        about = interpret.run(row.about, view)
        if type(about) is str:
            self.scope.lost(row.told, about, row.place)

    def _set_all(self, rules: tuple[tuple[Register, Rule], ...], view: View) -> None:
        for register, rule in rules:
            value = interpret.run(rule, view)
            if value is not None:
                self.put(register, value)
                if self.scope.trace is not None:
                    self.scope.trace.holds_in(self.registers(register), *register)

    # ------------------------------------------------------------------ chunks
    def _emit(self, name: str, view: View, deltas: list[dict[str, Json]]) -> None:
        chunk = self.tables.chunks[name]
        if not holds(chunk.guard, view):
            return
        if chunk.name == self.tables.opening:
            if self.started:
                return
            self.started = True
        elif not self.tables.opening:
            self.started = True
        elif not self.started:  # an upstream that skipped its first event
            self._emit(self.tables.opening, view, deltas)
        if chunk.each is None:
            self._one(chunk, view, deltas)
            return
        items = view.find(chunk.each)
        for item in items if type(items) is list else ():
            self._one(chunk, View(self.scope, item), deltas)  # type: ignore[arg-type]

    def _one(self, chunk: Chunk, view: View, deltas: list[dict[str, Json]]) -> None:
        """One chunk, unless there is nothing in it."""
        if any(interpret.run(rule, view) in (None, "", [], {}) for rule in chunk.needs):
            return
        delta: dict[str, Json] = {}
        if chunk.verbatim:
            delta = laid_over(view.item, chunk.without)
            if self.scope.trace is not None:
                self.scope.trace.copied(view.item, delta)
        said = chunk.verbatim or not any(rule.kind == "from" for _, rule in chunk.fields)
        for path, rule in chunk.fields:
            value = interpret.run(rule, view, path.text)
            if value is None:
                continue
            said = said or (rule.kind == "from" and value != "")
            put(delta, path.steps, value)
            if self.scope.trace is not None:
                self.scope.trace.wrote(delta, path.steps)
        if said:
            deltas.append(delta)
            for register, path in chunk.push:
                pushed = paths.get(delta, path.steps)
                if pushed is not None:
                    more = self.scope.more(self.register(register, None), (pushed,))
                    self.put(register, more)
                    if self.scope.trace is not None:
                        self.scope.trace.holds_in(self.registers(register), *register)
            for register, path in chunk.append:
                text = paths.get(delta, path.steps)
                if type(text) is str:
                    self.grow(register, text)
                    if self.scope.trace is not None:
                        self.scope.trace.holds_in(self.registers(register), *register)
            self._count(chunk.count, view)
            self._set_all(chunk.after, view)


def laid_over(item: Json, without: tuple[Path, ...]) -> dict[str, Json]:
    """A copy of an event to write on, some of its fields taken away."""
    copied: dict[str, Json] = paths.copied(item) if type(item) is dict else {}
    for path in without:
        paths.remove(copied, path.steps)
    return copied
