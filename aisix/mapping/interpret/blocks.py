"""Upstream events -> the answer's own blocks, one open at a time.

Some upstreams send no blocks but deltas that hold anything at once: text, several calls, the end.
`[piece]` takes such an event apart into small ones of one thing each. A row with `into` writes its
piece, or its event, into a block of that kind; `which` tells several of a kind apart that run side
by side. The block is opened by `[block_kind.KIND] begin` and closed by `end` when another begins or
nothing more comes; numbers are dense. An upstream's own block has the registers of the block its
events are written into, so that later ones of it find `$block.kind`. A kind with
`whole` stays open until the text in that register is whole JSON, or nothing more comes: what
belongs to other blocks waits meanwhile, in its order. `left_open` says when what may be cut is not
closed: the block that was written last, and each whose text is not whole.
"""

from __future__ import annotations

from collections import deque

from aisix.mapping.interpret.answer_rows import RowRunner
from aisix.mapping.interpret.view import View, holds
from aisix.mapping.interpret.whole_json import WholeJson
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.answer import AnswerTables, Row
from aisix.mapping.syntax.paths import Json, Path

Deltas = list[dict[str, Json]]
Key = tuple[str, Json]  # the kind of a block, and which one of that kind
Waiting = tuple[Key, Row, dict[str, Json]]
NOTHING: tuple[Json, ...] = ("", [], {})


class Pieces:
    """Takes the events of one answer apart: {by: name, value, number, whole} for each thing."""

    def __init__(self, tables: AnswerTables) -> None:
        self._tables = tables
        self.by = str(tables.by.steps[0])
        self._parts = tables.part  # those that may still count
        self.settled = len(self._parts) == 1  # only the first does
        self.begun: dict[str, Json] | None = None  # the event whose first piece a form has run
        self._sources: dict[str, tuple[Path, ...]] = {}  # where a thing was found before

    def part(self, event: dict[str, Json]) -> Json:
        """Where most of what an event of a stream says stands."""
        for number, path in enumerate(self._parts):
            part = paths.get(event, path.steps)
            if type(part) is dict:
                if number + 1 < len(self._parts):  # what it also says elsewhere is the same again
                    self._parts = self._parts[: number + 1]
                    self.settled = number == 0
                return part
        return None

    def part_of_whole(self, answer: dict[str, Json]) -> Json:
        """... and a plain answer."""
        plain = self._tables.plain
        found = (paths.get(answer, path.steps) for path in (plain.part if plain else ()))
        return next((part for part in found if type(part) is dict), None)

    def taken(self, event: dict[str, Json], whole: bool) -> list[dict[str, Json]]:
        """The small events it is made of; whole: a plain answer."""
        part = self.part_of_whole(event) if whole else self.part(event)
        out: list[dict[str, Json]] = []
        for name, sources in self._tables.pieces:
            out += self.named(event, part, name, sources)
        return out

    def named(
        self, event: dict[str, Json], part: Json, name: str, sources: tuple[Path, ...]
    ) -> list[dict[str, Json]]:
        """Those of one name."""
        for path in self._sources.get(name, sources):
            base = part if path.root else event
            found = base if not path.steps else paths.get(base, path.steps)
            if found is not None and found not in NOTHING:
                if path.root and len(sources) > 1:
                    self._sources[name] = (path,)
                break
        else:
            return []
        return [
            {self.by: name, "value": item, "number": number, "whole": event}
            for number, item in enumerate(found if type(found) is list else [found])
            if item is not None
        ]


class Blocks:
    """The blocks of one answer; `take` and `finish` add what is to be sent to `deltas`."""

    def __init__(self, runner: RowRunner) -> None:
        self._runner = runner
        self._pieces = bool(runner.tables.pieces)
        self.key: Key | None = None  # of the open block
        self.registers: dict[str, Json] = {}  # its own
        self.waiting: dict[int, Waiting] = {}  # by the order they came in
        self._over: set[Key] = set()
        self._last: tuple[int, Key | None] = 0, None  # what the upstream wrote into last, and when
        self._all: int | None = None  # how many pieces are the upstream's, once all have come
        self._queues: dict[Key, deque[int]] = {}  # the same, by what block they are for
        self._came = 0
        self._number = 0
        self._json, self._seen = WholeJson(), 0  # of the open block's text

    def take(self, row: Row, piece: dict[str, Json], deltas: Deltas) -> None:
        """A piece for a block."""
        which = None
        if row.which:
            view = View(self._runner.scope, piece)  # type: ignore[arg-type]
            found = (view.find(path) for path in row.which)
            which = next((v for v in found if type(v) in (str, int)), None)
        if self._runner.rounds and type(which) is int:
            which = f"{self._runner.rounds} {which}"  # a paused turn goes on: numbers begin anew
        key = (row.into, which)
        self._came += 1
        if key == self.key:
            self._act(key, row, piece, deltas, self._came)
            # Whether the block is whole changes only by what is written into it.
            if self.waiting:
                self._write(deltas)
        elif self.waiting or not self._may_close():
            self.waiting[self._came] = key, row, piece  # nothing may overtake its like
            self._queues.setdefault(key, deque()).append(self._came)
        else:
            self._act(key, row, piece, deltas, self._came)

    def all_came(self) -> None:
        """What comes now is none of the upstream's."""
        self._all = self._came

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
        came = queue.popleft()
        _, row, piece = self.waiting.pop(came)
        if not queue:
            del self._queues[key]
        self._act(key, row, piece, deltas, came)

    def _may_close(self) -> bool:
        if self.key is None:
            return True
        whole = self._runner.tables.block_kinds[self.key[0]].whole
        if not whole:
            return True
        text = str(self.registers.get(whole, ""))
        self._json.add(text[self._seen :])
        self._seen = len(text)
        return self._json.closed

    def _act(self, key: Key, row: Row, piece: dict[str, Json], deltas: Deltas, came: int) -> None:
        runner = self._runner
        if key == self.key:
            runner.scope.block = self.registers
            made = runner.act(row, piece)
        elif key in self._over:
            runner.not_known(f"{key[0]} after its end")
            return
        elif not (made := self._begin(key, row, piece, deltas)) and self.key != key:
            return
        if self._last[0] < came and (self._all is None or came <= self._all):
            self._last = came, key
        if not self._pieces:  # an event of one of the upstream's own blocks
            number = paths.get(piece, runner.tables.block.steps)
            if type(number) is int:
                runner.blocks[number] = self.registers
        deltas += made

    def _begin(self, key: Key, row: Row, piece: dict[str, Json], deltas: Deltas) -> Deltas:
        """What the first piece of a block makes; the block is open then, unless it begins only
        with something said and nothing was."""
        runner, kind = self._runner, self._runner.tables.block_kinds[key[0]]
        runner.scope.block = fresh = {"index": self._number, "kind": key[0]}
        given = runner.give(row, piece)
        made: Deltas = []
        if kind.said:
            runner.begin(key[0], piece)
            made = runner.act(row, piece, given)
            if not made:
                return made
        self._close(deltas)
        self.key, self.registers = key, fresh
        self._json, self._seen = WholeJson(), 0
        self._number += 1
        runner.scope.block, runner.scope.given = fresh, given
        if not kind.said:
            runner.begin(key[0], piece)
        for name in kind.begin:
            runner.emit(name, piece, deltas)
        return made if kind.said else runner.act(row, piece, given)

    def _close(self, deltas: Deltas) -> None:
        if self.key is None:
            return
        runner = self._runner
        runner.scope.block, runner.scope.given = self.registers, {}
        for name in () if self._left_open(self.key) else runner.tables.block_kinds[self.key[0]].end:
            runner.emit(name, {}, deltas)
        if self.key[1] is not None:
            self._over.add(self.key)
        self.key = None

    def _left_open(self, key: Key) -> bool:
        """Whether this block, the open one, may be cut and is to be told as such."""
        asked = self._runner.tables.block_kinds[key[0]].left_open
        if asked is None or not holds(asked, View(self._runner.scope, {})):  # type: ignore[arg-type]
            return False
        if not self._may_close():
            return True
        came, last = self._last
        behind = (one for one in self.waiting if self._all is None or one <= self._all)
        return key == last and all(one < came for one in behind)
