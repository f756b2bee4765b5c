"""The answer machine: upstream events in, chunks out; a plain answer is its folded chunks.

Runs the rows of answer.toml one by one. State is registers ($state.NAME), registers of the block an
event belongs to ($block.NAME) and the upstream's counters ($usage.NAME). It knows no event, no
block and no field by name: those are the tables'.
"""

from __future__ import annotations

from typing import Any

import msgspec

from aisix.mapping import interpret, paths
from aisix.mapping.answer_rules import AnswerTables, Chunk, Register, Row
from aisix.mapping.answer_scope import AnswerScope
from aisix.mapping.compile_answer import PlainForm, StreamForm
from aisix.mapping.fold import add_up, event_of, fold, put, written
from aisix.mapping.paths import Json, Path
from aisix.mapping.rules import Rule
from aisix.mapping.scope import NULL, Note
from aisix.mapping.view import View, holds

NEVER = object()  # no register is this
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class Answering:
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
    ) -> None:
        self.tables = tables
        self.scope = scope
        self.form = form  # the tables as Python source, when they can be
        self.plain_form = plain_form
        self.made: dict[str, Json] | None = None  # what it has made
        self.frame = frame  # how a chunk is sent
        self.head = self.tail = b""  # the bytes of every chunk around its delta, made for `key`
        self.key: Json = NEVER
        scope.state.update(tables.state)
        self.started = False
        self.ended = False
        self.failed: Json = None
        self.pinged = False
        self.unknown: list[str] = []  # things no row knows, for a metric
        self.blocks: dict[Json, dict[str, Json]] = {}
        self.open: set[int] = set()  # numbers of blocks that have begun and not ended
        plain = tables.plain
        end = dict(plain.end) if plain else {}
        self._end_word = end.get(str(tables.by.steps[0])) if tables.by.steps else None
        self.offset = 0  # blocks of earlier rounds of a paused turn
        self.rounds = 0
        self.past_usage: dict[str, Json] = {}
        self.raw: dict[Json, dict[str, Json]] | None = {} if armed else None
        self.folded: dict[str, Json] = {}  # a plain answer's deltas, put together

    # ------------------------------------------------------------------ events
    def event(self, event: dict[str, Json]) -> list[dict[str, Json]]:
        """The deltas one upstream event makes."""
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
            elif word == self._end_word:
                self.open.discard(number)
        return self._act(row, event, view)

    def new_block(self, number: int) -> dict[str, Json]:
        """The registers of a block that begins."""
        made = self.blocks[number] = {"index": number + self.offset}
        return made

    def _row(self, rows: dict[str, Row], by: Path, word: Json, view: View) -> Row | None:
        row = rows.get(word) if type(word) is str else None
        if row is None:
            row = rows.get("*")
            if row is not None and row.unknown:
                self.unknown.append(f"{by.text}={word}"[:80])
        while row is not None:
            if row.by is not None:
                by, rows = row.by, row.when
                return self._row(rows, by, view.find(by), view)
            if not row.first:
                return row
            row = next((r for guard, r in row.first if holds(guard, view)), None)
        return None

    def _act(self, row: Row, event: dict[str, Json], view: View) -> list[dict[str, Json]]:
        if row.open:
            self.scope.block["kind"] = row.open
        for name in row.count:
            self._set(name, self._get(name, 0) + 1)
        self._set_all(row.set, view)
        if row.usage is not None:
            counters = view.find(row.usage)
            if type(counters) is dict:
                self.scope.usage.update({k: v for k, v in counters.items() if v is not None})
        deltas: list[dict[str, Json]] = []
        for chunk in row.emit:
            self._emit(self.tables.chunks[chunk], view, deltas)
        for register, path in row.measure:
            text = view.find(path)
            if type(text) is str:
                self._set(register, self._get(register, 0) + len(text))
        for register, path in row.append:
            text = view.find(path)
            if type(text) is str:
                self._set(register, self._get(register, "") + text)
        for register, path in row.push:
            value = view.find(path)
            if value is not None:
                self._set(register, [*self._get(register, []), value])
        for register, name_ in row.extend:
            items = interpret.run(self.tables.lists[name_], view)
            if items:
                self._set(register, [*self._get(register, []), *items])
        self.pinged = self.pinged or row.ping
        if row.fail:
            self.failed = event
        self.ended = self.ended or row.end
        return deltas

    def _get(self, register: Register, default: Any) -> Any:
        registers = self.scope.state if register[0] == "state" else self.scope.block
        return registers.get(register[1], default)

    def _set(self, register: Register, value: Json) -> None:
        registers = self.scope.state if register[0] == "state" else self.scope.block
        if value is NULL:
            registers.pop(register[1], None)
        else:
            registers[register[1]] = value

    def _set_all(self, rules: tuple[tuple[Register, Rule], ...], view: View) -> None:
        for register, rule in rules:
            value = interpret.run(rule, view)
            if value is not None:
                self._set(register, value)

    # ------------------------------------------------------------------ chunks
    def _emit(self, chunk: Chunk, view: View, deltas: list[dict[str, Json]]) -> None:
        if not holds(chunk.guard, view):
            return
        if chunk.name == self.tables.opening:
            if self.started:
                return
            self.started = True
        elif not self.started:  # an upstream that skipped its first event
            self._emit(self.tables.chunks[self.tables.opening], view, deltas)
        if any(interpret.run(rule, view) in (None, "", [], {}) for rule in chunk.needs):
            return
        delta: dict[str, Json] = {}
        said = not any(rule.kind == "from" for _, rule in chunk.fields)
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
        out.append(self._framed(self.chunk({}, finish)))
        if self.scope.wants_usage and "usage" in self.tables.envelopes:
            out.append(self._framed(self.usage_chunk()))

    def _framed(self, chunk: dict[str, Json]) -> bytes:
        return self.frame.replace("{data}", _encode(chunk).decode()).encode()

    def finish(self) -> tuple[list[dict[str, Json]], str]:
        """The deltas before the finish chunk, and the finish reason."""
        view = View(self.scope, {})  # type: ignore[arg-type]
        deltas: list[dict[str, Json]] = []
        if not self.started:
            self._emit(self.tables.chunks[self.tables.opening], view, deltas)
        for number in sorted(self.open):  # an upstream that does not end its blocks
            deltas += self.event(self.ending(number))
        for name in self.tables.end_emit:
            self._emit(self.tables.chunks[name], view, deltas)
        return deltas, interpret.run(self.tables.finish, view)

    def ending(self, number: int) -> dict[str, Json]:
        assert self.tables.plain is not None
        return {**event_of(self.tables.plain.end, {}), str(self.tables.block.steps[0]): number}

    @property
    def complete(self) -> bool:
        """Whether the answer is whole though the stream broke off."""
        view = View(self.scope, {})  # type: ignore[arg-type]
        return self.tables.complete is not None and holds(self.tables.complete, view)

    # ------------------------------------------------------------------ envelopes
    def envelope(self, name: str, **extra: Json) -> dict[str, Json]:
        """One object of the answer; `extra`: what it may ask for (delta, finish, message)."""
        self.scope.extra = {"counted": None, **extra}
        if name in ("usage", "whole"):
            self.scope.extra["counted"] = self.counted()
        view = View(self.scope, {})  # type: ignore[arg-type]
        out: dict[str, Json] = {}
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

    def used(self) -> dict[str, Json]:
        """The upstream's counters, of every round of a paused turn."""
        return add_up(self.past_usage, self.scope.usage) if self.past_usage else self.scope.usage

    def _counters(self, rules: tuple[tuple[str, Rule], ...]) -> dict[str, Json]:
        view = View(self.scope, self.used())  # type: ignore[arg-type]
        return interpret.build(rules, view, "") or {}

    # ------------------------------------------------------------------ plain answers
    def plain(self, answer: dict[str, Json]) -> None:
        """Take a plain answer apart and run its events; `whole` folds what they made."""
        plain = self.tables.plain
        assert plain is not None
        if self.plain_form is not None and self.raw is None:
            try:
                self.made = self.plain_form.answer(self, answer)
                return
            except Exception:  # anything unusual: the interpreter begins afresh
                self._reset()
        events = [event_of(plain.start, answer)]
        blocks = paths.get(answer, plain.blocks.steps)
        for number, block in enumerate(blocks if type(blocks) is list else ()):
            if type(block) is not dict:
                continue
            mark = {str(self.tables.block.steps[0]): number}
            events += [{**event_of(plain.begin, block), **mark}, self.ending(number)]
        events += [event_of(plain.delta, answer), event_of(plain.stop, answer)]
        for event in events:
            for delta in self.event(event):
                fold(self.folded, delta)

    def _reset(self) -> None:
        """As it was before anything of the answer was seen."""
        scope = self.scope
        scope.state = dict(self.tables.state)
        scope.usage, scope.block, scope.notes = {}, {}, []
        self.started = self.ended = self.pinged = False
        self.unknown, self.blocks, self.open = [], {}, set()

    def whole(self) -> dict[str, Json]:
        """The caller's plain answer."""
        if self.made is not None:
            return self.made
        deltas, finish = self.finish()
        for delta in deltas:
            fold(self.folded, delta)
        self.scope.extra = {"folded": written(self.folded)}
        view = View(self.scope, {})  # type: ignore[arg-type]
        message = written(interpret.build(self.tables.message, view, "") or {})
        return self.envelope("whole", message=message, finish=finish)

    # ------------------------------------------------------------------ paused turns
    def wants_more(self) -> bool:
        again = self.tables.again
        if again is None or self.raw is None or not self.ended:
            return False
        view = View(self.scope, {})  # type: ignore[arg-type]
        if not holds(again.guard, view):
            return False
        rounds = view.find(again.rounds) if isinstance(again.rounds, Path) else again.rounds
        if self.rounds >= rounds:
            self.scope.notes.append(Note(again.told, again.about, again.place))
            return False
        return True

    def next_round(self, request: dict[str, Json]) -> dict[str, Json]:
        """The request that continues a paused turn: what was said so far is put at its end."""
        again = self.tables.again
        assert again is not None and self.raw is not None
        said = [self._whole_block(self.raw[number]) for number in sorted(self.raw)]
        turn = {**again.turn, again.content: said}
        items = list(request.get(again.list) or ())
        if self.rounds and items and all(items[-1].get(k) == v for k, v in again.turn.items()):
            turn = {**items.pop(), again.content: [*self._said_before, *said]}
        self._said_before: list[Json] = turn[again.content]
        self.past_usage = add_up(self.past_usage, self.scope.usage)
        self.scope.usage = {}
        self.offset += len(self.raw)
        self.raw, self.blocks, self.open, self.ended = {}, {}, set(), False
        for register in again.forget:
            self._set(register, NULL)
        self.rounds += 1
        return {**request, again.list: [*items, turn]}

    def rebuild(self, event: dict[str, Json], number: Json) -> None:
        """Keep the upstream's own blocks, grown from their deltas, in case the turn is paused."""
        plain, again = self.tables.plain, self.tables.again
        if type(number) is not int or plain is None or again is None or self.raw is None:
            return
        start = next((key for key, value in plain.begin if isinstance(value, Path)), "")
        block = event.get(start)
        if type(block) is dict:
            self.raw[number] = dict(block)
            return
        row = self.tables.events.get(event.get(str(self.tables.by.steps[0]), ""))
        if row is None or row.by is None or number not in self.raw:
            return
        for key, how, path in again.rebuild.get(paths.get(event, row.by.steps) or "", ()):
            value = paths.get(event, path.steps)
            if value is None:
                continue
            whole = self.raw[number]
            if how == "list":
                whole[key] = [*(whole.get(key) or ()), value]
            elif how == "json":
                whole[f" {key}"] = whole.get(f" {key}", "") + value
            else:
                whole[key] = (whole.get(key) or "") + value

    @staticmethod
    def _whole_block(block: dict[str, Json]) -> dict[str, Json]:
        """Texts gathered under " key" are JSON that has come in pieces."""
        out = {key: value for key, value in block.items() if not key.startswith(" ")}
        for key, text in block.items():
            if key.startswith(" "):
                try:
                    out[key[1:]] = _decode(text) if text else {}
                except msgspec.DecodeError:
                    out[key[1:]] = {}
        return out
