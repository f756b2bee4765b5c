"""The answer machine: upstream events in, chunks out; a plain answer is its folded chunks.

Runs the rows of answer.toml one by one. State is registers ($state.NAME), registers of the block an
event belongs to ($block.NAME) and the upstream's counters ($usage.NAME). It knows no event, no
block and no field by name: those are the tables'.
"""

from __future__ import annotations

import re

import msgspec

from aisix.mapping.interpret import accumulate, continuation
from aisix.mapping.interpret import rules as interpret
from aisix.mapping.interpret.answer_state import AnswerScope, AnswerState
from aisix.mapping.interpret.blocks import Blocks, Pieces
from aisix.mapping.interpret.calls import Calls
from aisix.mapping.interpret.fold import event_of, fold, put, written
from aisix.mapping.interpret.forms import PlainForm, StreamForm
from aisix.mapping.interpret.scope import FINISH, NULL
from aisix.mapping.interpret.view import View, holds
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.answer import AnswerTables, Register, Row
from aisix.mapping.syntax.paths import Json, Path
from aisix.mapping.syntax.rules import Rule

NAME = re.compile(r"\{(\w+)\}")
_encode = msgspec.json.Encoder().encode


class Answering(AnswerState):
    """One answer. `event` takes upstream events and gives the deltas to send, `finish` the last
    ones.

    A delta is a dict to stand where the envelope says `$delta`. After `fail`, `failed` holds the
    upstream's error event; after the last event `ended` is true.
    """

    gave_up: Exception | None = None  # what the compiled form raised, and the interpreter took over

    def __init__(
        self,
        tables: AnswerTables,
        scope: AnswerScope,
        armed: bool = False,
        form: StreamForm | None = None,
        plain_form: PlainForm | None = None,
        frame: str = "{data}",
    ) -> None:
        self.tables = tables
        self.scope = scope
        self.plain_form = plain_form  # the tables as Python source, when they can be
        if plain_form is not None:
            return  # what follows is asked for only when that has failed
        self.form = form
        self.frame = frame  # how a chunk is sent
        self.raw = {} if armed else None
        self._reset()

    def _reset(self) -> None:
        """As it is before anything of the answer was seen."""
        self.reset()
        self._interleaved = Blocks(self, self.act, self.emit) if self.tables.pieces else None
        self._pieces = Pieces(self.tables)
        self._calls = [Calls(how, self.scope) for how in self.tables.calls]
        # Fields of a chunk that its frame names beside the data.
        names = [] if self.form is not None else NAME.findall(self.frame)
        self.names = [name for name in names if name != "data"]

    # ------------------------------------------------------------------ events
    def event(self, event: dict[str, Json]) -> list[dict[str, Json]]:
        """The deltas one upstream event makes."""
        for calls in self._calls:
            calls.event(event)
        return self._deltas(event)

    def _deltas(self, event: dict[str, Json], whole: bool = False) -> list[dict[str, Json]]:
        if self._interleaved is None:
            return self._event(event)
        deltas: list[dict[str, Json]] = []
        over = self.ended  # then what was held back of it is all that comes
        for piece in self._pieces.of_whole(event) if whole else self._pieces.of(event):
            deltas += self._event(piece)
            if self.failed is not None or self.ended is not over:
                break
        return deltas

    def _event(self, event: dict[str, Json]) -> list[dict[str, Json]]:
        number = paths.get(event, self.tables.block.steps)
        if type(number) is int:
            self.scope.block = self.blocks.get(number) or self.new_block(number)
        view = View(self.scope, event)  # type: ignore[arg-type]
        if self.raw is not None:
            self.rebuild(event, number)
        word = paths.get(event, self.tables.by.steps)
        row = self._row(self.tables.events, self.tables.by, word, view)
        if row is None or not holds(row.guard, view):
            return []
        if type(number) is int:
            if row.open:
                self.open.add(number)
            elif word == self.tables.end_word:
                self.open.discard(number)
        if row.into and self._interleaved is not None:
            deltas: list[dict[str, Json]] = []
            self._interleaved.take(row, event, view, deltas)
            return deltas
        return self.act(row, event, view)

    def _row(self, rows: dict[str, Row], by: Path, word: Json, view: View) -> Row | None:
        row = rows.get(word) if type(word) is str else None
        if row is None:
            row = rows.get("*")
            if row is not None and row.unknown:
                self.unknown = [*self.unknown, f"{by.text}={word}"[:80]]
        while row is not None:
            if row.by is not None:
                by, rows = row.by, row.variants
                return self._row(rows, by, view.find(by), view)
            if not row.first:
                return row
            row = next((r for guard, r in row.first if holds(guard, view)), None)
        return None

    def act(self, row: Row, event: dict[str, Json], view: View) -> list[dict[str, Json]]:
        """What a row does; the deltas it sends."""
        if row.open:
            self.scope.block["kind"] = row.open
        if row.told:
            self._tell(row, view)
        for rest in row.rest:
            for path in rest.of:
                found = paths.get(event, path.steps)
                if found is not None:
                    if type(found) is dict and not found.keys() <= rest.known:
                        self.scope.unread(found, rest)
                    break
        for name in row.count:
            self.put(name, self.register(name, 0) + 1)
        self._set_all(row.set, view)
        for path in row.usage:
            counters = paths.get(event, path.steps)
            if type(counters) is dict:
                if self.tables.counters:
                    counted = View(self.scope, counters)  # type: ignore[arg-type]
                    counters = interpret.build(self.tables.counters, counted, "") or {}
                self.scope.take(counters)
        deltas: list[dict[str, Json]] = []
        for chunk in row.emit:
            self.emit(chunk, view, deltas)
        for register, path in row.measure:
            text = view.find(path)
            if type(text) is str:
                self.put(register, self.register(register, 0) + len(text))
        for register, path in row.append:
            text = view.find(path)
            if type(text) is str:
                self.put(register, self.register(register, "") + text)
        for register, path in row.push:
            value = view.find(path)
            if value is not None:
                self.put(register, [*self.register(register, []), value])
        for register, name_ in row.extend:
            items = interpret.run(self.tables.lists[name_], view)
            if items:
                self.put(register, [*self.register(register, []), *items])
        self.pinged = self.pinged or row.ping
        if row.fail:
            self.failed = event if self._interleaved is None else event["whole"]
        self.ended = self.ended or row.end
        return deltas

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

    # ------------------------------------------------------------------ chunks
    def emit(self, name: str, view: View, deltas: list[dict[str, Json]]) -> None:
        """One chunk, unless there is nothing in it."""
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
            self.emit(self.tables.opening, view, deltas)
        if any(interpret.run(rule, view) in (None, "", [], {}) for rule in chunk.needs):
            return
        delta: dict[str, Json] = {}
        if chunk.verbatim:
            delta = laid_over(view.item, chunk.without)
        said = chunk.verbatim or not any(rule.kind == "from" for _, rule in chunk.fields)
        for path, rule in chunk.fields:
            value = interpret.run(rule, view, path.text)
            if value is None:
                continue
            said = said or (rule.kind == "from" and value != "")
            put(delta, path.steps, value)
        if said:
            deltas.append(delta)
            self._set_all(chunk.after, view)

    def send(self, event: dict[str, Json], out: list[bytes]) -> None:
        """What one upstream event makes for the caller of a stream, added to `out`."""
        if self.form is not None:
            self.form.event(self, event, out)
            return
        for delta in self.event(event):
            out.append(self._framed(self.chunk(delta)))

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

    def _framed(self, chunk: dict[str, Json]) -> bytes:
        frame = self.frame
        for name in self.names:
            frame = frame.replace(f"{{{name}}}", str(chunk.get(name, "")))
        return frame.replace("{data}", _encode(chunk).decode()).encode()

    def finish(self) -> tuple[list[dict[str, Json]], str]:
        """The deltas before the finish chunk, and the finish reason."""
        view = View(self.scope, {})  # type: ignore[arg-type]
        deltas: list[dict[str, Json]] = []
        if not self.started and self.tables.opening:
            self.emit(self.tables.opening, view, deltas)
        for calls in self._calls:
            for event in calls.rest():
                deltas += self._deltas(event)
        if self._interleaved is not None:
            self._interleaved.finish(deltas)
        for number in sorted(self.open):  # an upstream that does not end its blocks
            deltas += self.event(self.ending(number))
        finish = interpret.run(self.tables.finish, view, FINISH)
        self.scope.extra = {"finish": finish, "counted": self.counted()}
        for name in self.tables.end_emit:
            self.emit(name, view, deltas)
        return deltas, finish

    def ending(self, number: int) -> dict[str, Json]:
        assert self.tables.plain is not None
        return {**event_of(self.tables.plain.end, {}), str(self.tables.block.steps[0]): number}

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

    # ------------------------------------------------------------------ envelopes
    def envelope(self, name: str, **extra: Json) -> dict[str, Json]:
        """One object of the answer; `extra`: what it may ask for (delta, finish, message)."""
        self.scope.extra = {"counted": None, **extra}
        if name in ("usage", "whole"):
            self.scope.extra["counted"] = self.counted()
        view = View(self.scope, {})  # type: ignore[arg-type]
        out: dict[str, Json] = {**self.said} if name == "whole" else {}
        rules = self.tables.envelopes[name]
        for path, rule in rules:
            value = interpret.run(rule, view, path.text)
            if value is not None:
                put(out, path.steps, value)
        for key, rule in self.tables.choice if extra.get("finish") not in (None, NULL) else ():
            value = interpret.run(rule, view)
            choices = next((v for v in out.values() if type(v) is list and v), None)
            if value is not None and choices:
                choices[0][key] = value
        return out

    def chunk(self, delta: dict[str, Json], finish: Json = NULL) -> dict[str, Json]:
        if self.form is not None:
            return self.form.chunk(self, delta, finish)
        if "chunk" not in self.tables.envelopes:
            return dict(written(delta))
        return self.envelope("chunk", delta=written(delta) or {}, finish=finish)

    def usage_chunk(self) -> dict[str, Json]:
        if self.form is not None and self.form.usage is not None:
            return self.form.usage(self)
        return self.envelope("usage")

    def counted(self) -> dict[str, Json]:
        return self._counters(self.tables.usage)

    def metered(self) -> dict[str, Json]:
        """Token counters: input, output, cache_read, cache_write, reasoning."""
        form = self.form or self.plain_form
        if form is not None:
            return form.meter(self.used())
        return self._counters(self.tables.meter)

    def _counters(self, rules: tuple[tuple[str, Rule], ...]) -> dict[str, Json]:
        view = View(self.scope, self.used())  # type: ignore[arg-type]
        return interpret.build(rules, view, "") or {}

    # ------------------------------------------------------------------ plain answers
    def plain(self, answer: dict[str, Json]) -> None:
        """Take a plain answer apart and run its events; `completion` folds what they made."""
        plain = self.tables.plain
        assert plain is not None
        if self.plain_form is not None:
            try:
                self.made = self.plain_form.answer(self, answer)
                return
            except Exception as raised:  # whatever it is: the interpreter begins afresh
                self.gave_up = raised
                self._reset()
        for calls in self._calls:
            calls.plain(answer)
        self.said = dict(answer) if plain.verbatim else {}
        for event in self.events_of(answer):
            for delta in self._deltas(event, whole=True):
                self._fold(delta)

    def events_of(self, answer: dict[str, Json]) -> list[dict[str, Json]]:
        """A plain answer as the events a stream would have brought."""
        plain = self.tables.plain
        if plain is None or self.tables.pieces or not (plain.start or plain.begin or plain.stop):
            return [answer]
        events = [event_of(plain.start, answer)]
        blocks = paths.get(answer, plain.blocks.steps)
        for number, block in enumerate(blocks if type(blocks) is list else ()):
            if type(block) is not dict:
                continue
            mark = {str(self.tables.block.steps[0]): number}
            events += [{**event_of(plain.begin, block), **mark}, self.ending(number)]
        return [*events, event_of(plain.delta, answer), event_of(plain.stop, answer)]

    def _fold(self, delta: dict[str, Json]) -> None:
        how = self.tables.accumulate
        if how is None:
            fold(self.folded, delta)
        else:
            accumulate.add(self.grown, delta, how)
            self.folded[how.list] = [accumulate.whole(self.grown[n]) for n in sorted(self.grown)]

    def completion(self) -> dict[str, Json]:
        """The caller's plain answer."""
        if self.made is not None:
            made, self.made = self.made, None  # not kept for as long as the exchange
            return made
        deltas, finish = self.finish()
        for delta in deltas:
            self._fold(delta)
        self.scope.extra = {"folded": written(self.folded)}
        view = View(self.scope, {})  # type: ignore[arg-type]
        message = written(interpret.build(self.tables.message, view, "") or {})
        return self.envelope("whole", message=message, finish=finish)

    # ------------------------------------------------------------------ paused turns
    def wants_more(self) -> bool:
        return continuation.wants_more(self)

    def rebuild(self, event: dict[str, Json], number: Json) -> None:
        continuation.rebuild(self, event, number)

    def next_round(self, request: dict[str, Json]) -> dict[str, Json]:
        return continuation.next_round(self, request)


def laid_over(item: Json, without: tuple[Path, ...]) -> dict[str, Json]:
    """A copy of an event to write on, some of its fields taken away."""
    copied: dict[str, Json] = paths.copied(item) if type(item) is dict else {}
    for path in without:
        paths.remove(copied, path.steps)
    return copied
