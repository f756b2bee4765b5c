"""Upstream events that are not yet blocks -> blocks of the answer, one open at a time.

Some upstreams send no blocks but deltas that hold anything at once: text, several calls, the end.
`[piece]` takes such an event apart into small ones of one thing each; a row with `into` writes its
piece into a block of that kind; `which` tells several of a kind apart that run side by side. The
block is opened by `[block_kind.KIND] begin` and closed by `end`; numbers are dense. A kind with
`whole` stays open until the text in that register is whole JSON, or nothing more comes: what
belongs to other blocks waits meanwhile, in its order.
"""

from __future__ import annotations

from collections.abc import Callable

from aisix.mapping.interpret.answer_state import AnswerState
from aisix.mapping.interpret.view import View
from aisix.mapping.interpret.whole_json import WholeJson
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.answer import AnswerTables, Row
from aisix.mapping.syntax.paths import Json

Deltas = list[dict[str, Json]]
Act = Callable[[Row, dict[str, Json], View], Deltas]  # what a row does to the state
Emit = Callable[[str, View, Deltas], None]
Key = tuple[str, Json]  # the kind of a block, and which one of that kind
NOTHING: tuple[Json, ...] = ("", [], {})


def pieces(tables: AnswerTables, event: dict[str, Json]) -> list[dict[str, Json]]:
    """The small events one upstream event is made of: {by: name, value, number, whole}."""
    out: list[dict[str, Json]] = []
    by = str(tables.by.steps[0])
    for name, sources in tables.pieces:
        found = None
        for path in sources:
            found = event if not path.steps else paths.get(event, path.steps)
            if found is not None and found not in NOTHING:
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

    def __init__(self, state: AnswerState, act: Act, emit: Emit) -> None:
        self._state, self._act_on, self._emit = state, act, emit
        self._open: Key | None = None
        self._registers: dict[str, Json] = {}  # of the open block
        self._over: set[Key] = set()
        self._waiting: list[tuple[Key, Row, dict[str, Json]]] = []
        self._number = 0
        self._json, self._seen = WholeJson(), 0  # of the open block's text

    def take(self, row: Row, piece: dict[str, Json], view: View, deltas: Deltas) -> None:
        """A piece for a block."""
        found = (view.find(path) for path in row.which)
        key = (row.into, next((v for v in found if type(v) in (str, int)), None))
        if key == self._open:
            self._act(key, row, piece, deltas)
            # Whether the block is whole changes only by what is written into it.
            while self._waiting and self._may_close() and self._write(deltas):
                pass
        elif self._waiting or not self._may_close():
            self._waiting.append((key, row, piece))  # nothing may overtake its like
        else:
            self._act(key, row, piece, deltas)

    def finish(self, deltas: Deltas) -> None:
        """Nothing more comes: what waits is written block by block."""
        order: dict[Key | None, int] = {self._open: 0}
        for key, _, _ in self._waiting:
            order.setdefault(key, len(order))
        for key, row, piece in sorted(self._waiting, key=lambda item: order[item[0]]):
            self._act(key, row, piece, deltas)
        self._waiting = []
        self._close(deltas)

    def _write(self, deltas: Deltas) -> bool:
        """Write what may be written now, in order; whether that was anything."""
        waiting, self._waiting = self._waiting, []
        for key, row, piece in waiting:
            # Once something waits, only the open block goes on: nothing may overtake its like.
            if key == self._open or (not self._waiting and self._may_close()):
                self._act(key, row, piece, deltas)
            else:
                self._waiting.append((key, row, piece))
        return len(self._waiting) < len(waiting)

    def _may_close(self) -> bool:
        if self._open is None:
            return True
        whole = self._state.tables.block_kinds[self._open[0]].whole
        if not whole:
            return True
        text = str(self._registers.get(whole, ""))
        self._json.add(text[self._seen :])
        self._seen = len(text)
        return self._json.closed

    def _act(self, key: Key, row: Row, piece: dict[str, Json], deltas: Deltas) -> None:
        state = self._state
        view = View(state.scope, piece)  # type: ignore[arg-type]
        if key != self._open:
            if key in self._over:
                state.unknown = [*state.unknown, f"{key[0]} after its end"]
                return
            self._close(deltas)
            self._open, self._registers = key, {"index": self._number}
            self._json, self._seen = WholeJson(), 0
            self._number += 1
            state.scope.block = self._registers
            for name in state.tables.block_kinds[key[0]].begin:
                self._emit(name, view, deltas)
        state.scope.block = self._registers
        deltas += self._act_on(row, piece, view)

    def _close(self, deltas: Deltas) -> None:
        if self._open is None:
            return
        state = self._state
        state.scope.block = self._registers
        view = View(state.scope, {})  # type: ignore[arg-type]
        for name in state.tables.block_kinds[self._open[0]].end:
            self._emit(name, view, deltas)
        if self._open[1] is not None:
            self._over.add(self._open)
        self._open = None
