"""Upstream events -> the answer's own blocks, one open at a time.

Some upstreams send no blocks but deltas that hold anything at once: text, several calls, the end.
`[piece]` takes such an event apart into small ones of one thing each. A row with `into` writes its
piece, or its event, into a block of that kind; `which` tells several of a kind apart that run side
by side. The block is opened by `[block_kind.KIND] begin` and closed by `end` when another begins or
nothing more comes; numbers are dense. An upstream's own block has the registers of the block its
events are written into, so that later ones of it find `$block.kind`. A kind with
`whole` stays open until the text in that register is whole JSON, or nothing more comes: what
belongs to other blocks waits meanwhile, in its order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from aisix.mapping.interpret.answer_state import AnswerState
from aisix.mapping.interpret.view import View
from aisix.mapping.interpret.whole_json import WholeJson
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.answer import AnswerTables, Register, Row
from aisix.mapping.syntax.paths import Json, Path
from aisix.mapping.syntax.rules import Rule

Deltas = list[dict[str, Json]]
Act = Callable[[Row, dict[str, Json]], Deltas]  # what a row does to the state
Piece = dict[str, Json]
Emit = Callable[[str, Piece, Deltas], None]
Sets = tuple[tuple[Register, Rule], ...]
Begin = Callable[[Row, Piece, Sets], None]  # what a block begins with, of the row that begins it
Key = tuple[str, Json]  # the kind of a block, and which one of that kind
Waiting = tuple[Key, Row, dict[str, Json]]
NOTHING: tuple[Json, ...] = ("", [], {})


class Pieces:
    """Takes the events of one answer apart: {by: name, value, number, whole} for each thing."""

    def __init__(self, tables: AnswerTables) -> None:
        self._tables = tables
        self._parts = tables.part  # those that may still count
        self._sources: dict[str, tuple[Path, ...]] = {}  # where a thing was found before

    def of(self, event: dict[str, Json]) -> list[dict[str, Json]]:
        """The small events one event of a stream is made of."""
        part = None
        for number, path in enumerate(self._parts):
            part = paths.get(event, path.steps)
            if type(part) is dict:
                if number + 1 < len(self._parts):  # what it also says elsewhere is the same again
                    self._parts = self._parts[: number + 1]
                break
        return self._taken(event, part)

    def of_whole(self, answer: dict[str, Json]) -> list[dict[str, Json]]:
        """... and those a plain answer is made of."""
        plain = self._tables.plain
        found = (paths.get(answer, path.steps) for path in (plain.part if plain else ()))
        return self._taken(answer, next((part for part in found if type(part) is dict), None))

    def _taken(self, event: dict[str, Json], part: Json) -> list[dict[str, Json]]:
        out: list[dict[str, Json]] = []
        by = str(self._tables.by.steps[0])
        for name, sources in self._tables.pieces:
            found = None
            for path in self._sources.get(name, sources):
                base = part if path.root else event
                found = base if not path.steps else paths.get(base, path.steps)
                if found is not None and found not in NOTHING:
                    if path.root and len(sources) > 1:
                        self._sources[name] = (path,)
                    break
            else:
                continue
            items = found if type(found) is list else [found]
            out += [
                {by: name, "value": item, "number": number, "whole": event}
                for number, item in enumerate(items)
                if item is not None
            ]
        return out


class Blocks:
    """The blocks of one answer; `take` and `finish` add what is to be sent to `deltas`."""

    def __init__(self, state: AnswerState, act: Act, emit: Emit, begin: Begin) -> None:
        self._state, self._act_on, self._emit, self._begin = state, act, emit, begin
        self._pieces = bool(state.tables.pieces)
        self.key: Key | None = None  # of the open block
        self.registers: dict[str, Json] = {}  # its own
        self.waiting: dict[int, Waiting] = {}  # by the order they came in
        self._over: set[Key] = set()
        self._queues: dict[Key, deque[int]] = {}  # the same, by what block they are for
        self._came = 0
        self._number = 0
        self._json, self._seen = WholeJson(), 0  # of the open block's text

    def take(self, row: Row, piece: dict[str, Json], deltas: Deltas) -> None:
        """A piece for a block."""
        which = None
        if row.which:
            view = View(self._state.scope, piece)  # type: ignore[arg-type]
            found = (view.find(path) for path in row.which)
            which = next((v for v in found if type(v) in (str, int)), None)
        if self._state.rounds and type(which) is int:
            which = f"{self._state.rounds} {which}"  # a paused turn goes on: numbers begin anew
        key = (row.into, which)
        if key == self.key:
            self._act(key, row, piece, deltas)
            # Whether the block is whole changes only by what is written into it.
            if self.waiting:
                self._write(deltas)
        elif self.waiting or not self._may_close():
            self._came += 1
            self.waiting[self._came] = key, row, piece  # nothing may overtake its like
            self._queues.setdefault(key, deque()).append(self._came)
        else:
            self._act(key, row, piece, deltas)

    def finish(self, deltas: Deltas) -> None:
        """Nothing more comes: what waits is written block by block."""
        if self.key is not None:
            self._go_on(self.key, deltas)
        for key in [*self._queues]:
            self._go_on(key, deltas)
        self._close(deltas)

    def _write(self, deltas: Deltas) -> None:
        """Write what may be written now, in order."""
        while self.waiting and self._may_close():
            key = next(iter(self.waiting.values()))[0]
            self._act_on_next(key, deltas)
            # Once the first one waits, only the open block goes on: nothing may overtake its like.
            while self.waiting:
                key = next(iter(self.waiting.values()))[0]
                if key != self.key and not self._may_close():
                    break
                self._act_on_next(key, deltas)
            if self.key is not None:
                self._go_on(self.key, deltas)

    def _go_on(self, key: Key, deltas: Deltas) -> None:
        """Write what waits for this block."""
        while key in self._queues:
            self._act_on_next(key, deltas)

    def _act_on_next(self, key: Key, deltas: Deltas) -> None:
        queue = self._queues[key]
        _, row, piece = self.waiting.pop(queue.popleft())
        if not queue:
            del self._queues[key]
        self._act(key, row, piece, deltas)

    def _may_close(self) -> bool:
        if self.key is None:
            return True
        whole = self._state.tables.block_kinds[self.key[0]].whole
        if not whole:
            return True
        text = str(self.registers.get(whole, ""))
        self._json.add(text[self._seen :])
        self._seen = len(text)
        return self._json.closed

    def _act(self, key: Key, row: Row, piece: dict[str, Json], deltas: Deltas) -> None:
        state = self._state
        made: Deltas | None = None
        if key != self.key:
            if key in self._over:
                state.not_known(f"{key[0]} after its end")
                return
            kind = state.tables.block_kinds[key[0]]
            fresh: dict[str, Json] = {"index": self._number, "kind": key[0]}
            if kind.said:
                state.scope.block = fresh
                self._begin(row, piece, kind.set)
                made = self._act_on(row, piece)
                if not made:
                    return
            self._close(deltas)
            self.key, self.registers = key, fresh
            self._json, self._seen = WholeJson(), 0
            self._number += 1
            state.scope.block = fresh
            self._begin(row, piece, () if kind.said else kind.set)
            for name in kind.begin:
                self._emit(name, piece, deltas)
        state.scope.block = self.registers
        if not self._pieces:  # an event of one of the upstream's own blocks
            number = paths.get(piece, state.tables.block.steps)
            if type(number) is int:
                state.blocks[number] = self.registers
        deltas += self._act_on(row, piece) if made is None else made

    def _close(self, deltas: Deltas) -> None:
        if self.key is None:
            return
        state = self._state
        state.scope.block, state.scope.given = self.registers, {}
        for name in state.tables.block_kinds[self.key[0]].end:
            self._emit(name, {}, deltas)
        if self.key[1] is not None:
            self._over.add(self.key)
        self.key = None
