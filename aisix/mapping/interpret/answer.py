"""The answer machine: upstream events in, chunks out; a plain answer is its folded chunks.

Runs the rows of answer.toml one by one. State is registers ($state.NAME), registers of the block an
event belongs to ($block.NAME) and the upstream's counters ($usage.NAME). It knows no event, no
block and no field by name: those are the tables'.
"""

from __future__ import annotations

from aisix.mapping.interpret import accumulate, continuation
from aisix.mapping.interpret import rules as interpret
from aisix.mapping.interpret.answer_state import AnswerScope
from aisix.mapping.interpret.blocks import Blocks, Pieces
from aisix.mapping.interpret.calls import Calls
from aisix.mapping.interpret.envelopes import Enveloping
from aisix.mapping.interpret.fold import ending, fold, taken_apart
from aisix.mapping.interpret.forms import DeltaForm, PlainForm, StreamForm
from aisix.mapping.interpret.frames import Frames
from aisix.mapping.interpret.view import View, holds
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.answer import AnswerTables, Row
from aisix.mapping.syntax.budget import Spent
from aisix.mapping.syntax.paths import Json, Path


class Answering(Enveloping):
    """One answer. `event` takes upstream events and gives the deltas to send, `finish` the last
    ones.

    A delta is a dict to stand where the envelope says `$delta`. After `fail`, `failed` holds the
    upstream's error event; after the last event `ended` is true.
    """

    def __init__(
        self,
        tables: AnswerTables,
        scope: AnswerScope,
        armed: bool = False,
        form: StreamForm | None = None,
        plain_form: PlainForm | None = None,
        frame: str = "{data}",
        deltas: DeltaForm | None = None,
    ) -> None:
        self.tables = tables
        self.scope = scope
        self.plain_form = plain_form  # the tables as Python source, when they can be
        if plain_form is not None:
            return  # what follows is asked for only when that has failed
        self.form = form
        # A form may run a piece where it is taken out, which `rebuild` would not see.
        self.deltas = None if armed and tables.pieces else deltas
        self.frame = frame  # how a chunk is sent
        self.raw = {} if armed else None
        self._reset()

    def _reset(self) -> None:
        """As it is before anything of the answer was seen."""
        self.reset()
        makes_blocks = bool(self.tables.pieces or self.tables.block_kinds)
        self.own_blocks = Blocks(self) if makes_blocks else None
        self._pieces = Pieces(self.tables) if self.tables.pieces else None
        self._calls = [Calls(how, self.scope) for how in self.tables.calls]
        self._frames = Frames(self.frame, self.tables.number)
        self._direct = "chunk" not in self.tables.envelopes  # what rows make is sent as it is
        # ... and events go to them as they come.
        self._untouched = not (self._pieces or self._calls or self.raw is not None)

    # ------------------------------------------------------------------ events
    def event(self, event: dict[str, Json]) -> list[dict[str, Json]]:
        """The deltas one upstream event makes."""
        if self.scope.trace is not None:
            self.scope.trace.event(event, self.tables.by, self.tables.mended_by)
        for calls in self._calls:
            calls.event(event)
            if self.scope.trace is not None:
                self.scope.trace.mended(event, calls.place)
        return self._deltas(event)

    def _deltas(self, event: dict[str, Json], whole: bool = False) -> list[dict[str, Json]]:
        deltas: list[dict[str, Json]] = []
        pieces = self._pieces
        if pieces is None:
            self._event(event, deltas)
            return deltas
        over = self.ended  # then what was held back of it is all that comes
        for piece in self._taken(pieces, event, whole, deltas):
            if self.deltas is not None:  # as `_event` does it
                length = len(deltas)
                try:
                    self.deltas.words[piece[pieces.by]](self, piece, deltas)
                except Exception as raised:
                    self.give_up(raised)
                    del deltas[length:]
                    self._event(piece, deltas)
            else:
                if self.scope.trace is not None:
                    self._trace_piece(piece, event, whole)
                self._event(piece, deltas)
            if self.failed is not None or self.ended is not over:
                break
        return deltas

    def _taken(
        self, pieces: Pieces, event: dict[str, Json], whole: bool, deltas: list[dict[str, Json]]
    ) -> list[dict[str, Json]]:
        """The pieces of an event; its compiled form may have run the first one."""
        if self.deltas is not None:
            assert self.deltas.pieces is not None
            try:
                return self.deltas.pieces(self, event, pieces, whole, deltas)
            except Exception as raised:
                self.give_up(raised)
                if pieces.begun is event:  # the first one has been run, whatever came then
                    return pieces.taken(event, whole)[1:]
                deltas.clear()
        return pieces.taken(event, whole)

    def _event(self, event: dict[str, Json], deltas: list[dict[str, Json]]) -> None:
        """The row of an event, or of a piece of one."""
        if self.raw is not None:
            self.rebuild(event, paths.get(event, self.tables.block.steps))
        if self.deltas is not None:
            length = len(deltas)
            try:
                self.deltas.event(self, event, deltas)
                return
            except Exception as raised:
                self.give_up(raised)
                del deltas[length:]
        number = paths.get(event, self.tables.block.steps)
        if type(number) is int:
            self.scope.block = self.blocks.get(number) or self.new_block(number)
        view = View(self.scope, event)  # type: ignore[arg-type]
        word = paths.get(event, self.tables.by.steps)
        row = self.row(self.tables.events, self.tables.by, word, view)
        if row is None or not holds(row.guard, view):
            return
        if type(number) is int:
            if row.open:
                self.open.add(number)
            elif word == self.tables.end_word:
                self.open.discard(number)
        if row.into:
            self.take(row, event, deltas)
        else:
            deltas += self._act(row, event, view)

    def _trace_piece(self, piece: dict[str, Json], event: dict[str, Json], whole: bool) -> None:
        """For who asks why: where a piece stands in its event."""
        trace, tables = self.scope.trace, self.tables
        assert trace is not None
        parts = tables.plain.part if whole and tables.plain is not None else tables.part
        sources = dict(tables.pieces)[str(tables.by.get(piece))]
        trace.piece(piece, event, sources, parts)

    def take(self, row: Row, piece: dict[str, Json], deltas: list[dict[str, Json]]) -> None:
        """A piece for a block of the caller's."""
        assert self.own_blocks is not None
        self.own_blocks.take(row, piece, deltas)

    # ------------------------------------------------------------------ chunks
    def send(self, event: dict[str, Json], out: list[bytes]) -> None:
        """What one upstream event makes for the caller of a stream, added to `out`."""
        if self.form is not None:
            self.form.event(self, event, out)
            return
        if self._direct and self.deltas is not None:
            made: list[dict[str, Json]] = []
            if self._untouched:
                self._event(event, made)
            else:
                made = self.event(event)
            for delta in made:  # one, mostly: a comprehension costs more
                out.append(self._frames.of(delta))
            return
        out += [self._framed(self.chunk(delta)) for delta in self.event(event)]

    def send_end(self, out: list[bytes]) -> None:
        """The last chunks of a stream."""
        if self.form is not None:
            self.form.finish(self, out)
            finish = self.form.reason(self)
        else:
            deltas, finish = self.finish()
            out += [self._framed(self.chunk(delta)) for delta in deltas]
            if "chunk" not in self.tables.envelopes:
                return
        out.append(self._framed(self.chunk({}, finish)))
        if self.scope.wants_usage and "usage" in self.tables.envelopes:
            out.append(self._framed(self.usage_chunk()))

    def send_failure(self, out: list[bytes], error: dict[str, Json]) -> None:
        """The chunks that tell of an error."""
        self.scope.extra = {"error": error}
        deltas: list[dict[str, Json]] = []
        self._event(self._own(self.tables.fail_row), deltas)
        out += [self._framed(self.chunk(delta)) for delta in deltas]

    def _own(self, row: str) -> dict[str, Json]:
        """An event that the upstream did not send."""
        return {str(self.tables.by.steps[0]): row, "whole": {}}

    def send_one(self, name: str, out: list[bytes]) -> None:
        """A chunk that no event of the upstream's makes."""
        deltas: list[dict[str, Json]] = []
        self.emit(name, {}, deltas)
        out += [self._framed(self.chunk(delta)) for delta in deltas]

    def _framed(self, chunk: dict[str, Json]) -> bytes:
        data, trace = self._frames.of(chunk), self.scope.trace
        if trace is not None:
            trace.chunks.append(chunk)
            if self.tables.number_at is not None and self.tables.number:
                trace.numbered(chunk, self.tables.number, self.tables.number_at)
        return data

    def finish(self) -> tuple[list[dict[str, Json]], str]:
        """The deltas before the finish chunk, and the finish reason."""
        view = View(self.scope, {})  # type: ignore[arg-type]
        deltas: list[dict[str, Json]] = []
        if not self.started and self.tables.opening:
            self.emit(self.tables.opening, {}, deltas)
        for calls in self._calls:
            for event in calls.rest():
                deltas += self._deltas(event)
        if self.own_blocks is not None:
            self.own_blocks.all_came()
        if self.tables.end_row:
            self._event(self._own(self.tables.end_row), deltas)
        if self.own_blocks is not None:
            self.own_blocks.finish(deltas)
        for number in sorted(self.open):  # an upstream that does not end its blocks
            deltas += self.event(self.ending(number))
        finish = self._reason(view)
        self.scope.extra = {"finish": finish, "counted": self.counted()}
        for name in self.tables.end_emit:
            self.emit(name, {}, deltas)
        return deltas, finish

    def _reason(self, view: View) -> Json:
        if self.deltas is not None:
            try:
                return self.deltas.reason(self)
            except Exception as raised:
                self.give_up(raised)
        reason = interpret.run(self.tables.finish, view)
        if self.scope.trace is not None:
            self.scope.trace.finish = self.scope.trace.last
        return reason

    def ending(self, number: int) -> dict[str, Json]:
        assert self.tables.plain is not None
        return ending(self.tables.plain, self.tables.block, number)

    @property
    def complete(self) -> bool:
        """Whether the answer is whole though the stream broke off."""
        view = View(self.scope, {})  # type: ignore[arg-type]
        return self.tables.complete is not None and holds(self.tables.complete, view)

    @property
    def enough(self) -> bool:
        """Whether what came can be an answer, when the upstream says that this was all."""
        asked = self.tables.enough
        view = View(self.scope, {})  # type: ignore[arg-type]
        return asked is None or holds(asked, view) or self.complete

    # ------------------------------------------------------------------ plain answers
    def plain(self, answer: dict[str, Json]) -> None:
        """Take a plain answer apart and run its events; `completion` folds what they made."""
        assert self.tables.plain is not None
        if self.plain_form is not None:
            told, losses = len(self.scope.notes), self.scope.losses  # of mending, done already
            try:
                self.made = self.plain_form.answer(self, answer)
                return
            except Spent:
                raise
            except Exception as raised:  # whatever it is: the interpreter begins afresh
                self.gave_up, notes = raised, self.scope.notes[:told]
                self._reset()
                self.scope.notes, self.scope.losses = notes, losses
        trace = self.scope.trace
        if trace is not None:
            trace.event(answer, self.tables.by, self.tables.mended_by)
        for calls in self._calls:
            calls.plain(answer)
            if trace is not None:
                trace.mended(answer, calls.place)
        self.said = dict(answer) if self.tables.plain.verbatim else {}
        if trace is not None and self.said:
            trace.copied(answer, self.said)
        folds = bool(self.tables.message)
        for event in self.events_of(answer):
            for delta in self._deltas(event, whole=True):
                if folds:
                    self._fold(delta)

    def events_of(self, answer: dict[str, Json]) -> list[dict[str, Json]]:
        """A plain answer as the events a stream would have brought."""
        if self.tables.plain is None or self.tables.pieces:
            return [answer]
        return taken_apart(self.tables.plain, self.tables.block, answer, self.scope.trace)

    def _fold(self, delta: dict[str, Json]) -> None:
        how, trace = self.tables.accumulate, self.scope.trace
        if how is None:
            fold(self.folded, delta, self.numbers)
            if trace is not None:
                trace.folded(self.folded, delta)
        else:
            accumulate.add(self.grown, delta, how)
            if trace is not None:
                trace.accumulated(self.grown, delta, how)
            self.folded[how.list] = []  # filled when nothing more comes

    def completion(self) -> dict[str, Json]:
        """The caller's plain answer."""
        if self.made is not None:
            made, self.made = self.made, None  # not kept for as long as the exchange
            return made
        deltas, finish = self.finish()
        plain = self.tables.plain
        if plain is not None and plain.made is not None:
            return self._last(deltas, plain.made)
        for delta in deltas:
            self._fold(delta)
        how = self.tables.accumulate
        if how is not None and self.folded:
            blocks = [self.grown[n] for n in sorted(self.grown)]
            self.folded[how.list] = whole = [accumulate.whole(block) for block in blocks]
            if self.scope.trace is not None:
                self.scope.trace.copied(blocks, whole)
        self.scope.extra = {"folded": self._written(self.folded)}
        view = View(self.scope, {})  # type: ignore[arg-type]
        message = self._written(interpret.build(self.tables.message, view, "") or {})
        if self.deltas is not None:
            try:
                return self.deltas.whole(self, message, finish, self.counted())
            except Exception as raised:
                self.give_up(raised)
        made = self.envelope("whole", message=message, finish=finish)
        if self.scope.trace is not None:
            self.scope.trace.chunks.append(made)
        return made

    def _last(self, deltas: list[dict[str, Json]], at: Path) -> dict[str, Json]:
        """The plain answer is what stands there in the last chunk."""
        found = paths.get(deltas[-1] if deltas else {}, at.steps)
        made = self._written(found if type(found) is dict else {}) or {}
        if self.scope.trace is not None:
            self.scope.trace.chunks.append(made)
        return made

    # ------------------------------------------------------------------ paused turns
    def wants_more(self) -> bool:
        return continuation.wants_more(self)

    def rebuild(self, event: dict[str, Json], number: Json) -> None:
        continuation.rebuild(self, event, number)

    def next_round(self, request: dict[str, Json]) -> dict[str, Json]:
        return continuation.next_round(self, request)
