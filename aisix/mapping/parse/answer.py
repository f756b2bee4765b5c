"""answer.toml -> `AnswerTables`, with every complaint; rules and shapes are `parse/rules.py`'s."""

from __future__ import annotations

from dataclasses import replace

from aisix.mapping.parse.mending import MendParser
from aisix.mapping.parse.structure import found
from aisix.mapping.parse.unreachable import overlapping, unreachable
from aisix.mapping.syntax.answer import (
    Accumulate,
    AnswerTables,
    BlockKind,
    CallRules,
    Chunk,
    Continuation,
    KnownFields,
    Parts,
    Plain,
    Register,
    Row,
)
from aisix.mapping.syntax.paths import Json, Path
from aisix.mapping.syntax.rules import Condition, Rule

KEYS = (
    *("by", "block", "opening", "event", "chunk", "end", "continuation", "envelope", "choice"),
    *("message", "shape", "list", "usage", "meter", "counters", "plain", "convert", "state"),
    *("done", "closing", "piece", "block_kind", "accumulate", "calls", "part", "rest"),
    *("mend", "estimate"),
)
ROW_KEYS = (
    *("by", "is", "first", "guard", "unless", "open", "set", "count", "measure", "push"),
    *("append", "extend", "usage", "emit", "ping", "fail", "end", "ignore", "unknown"),
    *("into", "which", "told", "about", "rest"),
)
CALL_KEYS = (
    *("of", "which", "list", "whole", "end", "names", "index", "id", "made", "name", "text"),
    *("objects", "fixed"),
)
At = tuple[str, ...]


class AnswerParser(MendParser):
    """Reads the `answer` section."""

    def answer(self) -> AnswerTables:
        self.section = "answer"
        self.names_below(("answer",))
        data = self.tables.get("answer", {})
        at = ("answer",)
        self.keys(data, at, KEYS)
        chunks = {
            name: self.chunk(name, row, (*at, "chunk", name))
            for name, row in data.get("chunk", {}).items()
        }
        self.chunk_names = frozenset(chunks)
        block_kinds = {
            name: self.block_kind(row, (*at, "block_kind", name))
            for name, row in self.typed(data, (*at, "block_kind"), dict, {}).items()
        }
        self.block_kinds = frozenset(block_kinds)
        self.rests = {
            name: self.rest(row, (*at, "rest", name)) for name, row in data.get("rest", {}).items()
        }
        end = data.get("end", {})
        self.keys(end, (*at, "end"), ("emit", "complete", "enough", "finish"))
        events = {
            name: self.row(row, (*at, "event", name)) for name, row in data.get("event", {}).items()
        }
        pieces = tuple(
            (name, self.path_list(given, (*at, "piece", name)))
            for name, given in data.get("piece", {}).items()
        )
        for name, _ in pieces:
            if name not in events:
                self.unknown((*at, "piece", name), "no [event] row for", name, events)
        if "*" not in events and not pieces:
            self.complain((*at, "event"), '[event] needs a "*" row for events not invented yet')
        blocks, choices = self.mends(data.get("mend", {}), (*at, "mend"))
        tables = AnswerTables(
            by=self.path(data.get("by", "type"), (*at, "by")),
            block=self.path(data.get("block", "index"), (*at, "block")),
            opening=str(data.get("opening", "")),
            state=self.typed(data, (*at, "state"), dict, {}),
            events=events,
            chunks=chunks,
            end_emit=self.chunk_list(end.get("emit", []), (*at, "end", "emit")),
            finish=self.rule(end.get("finish", ""), (*at, "end", "finish")),
            complete=self.condition(end.get("complete", {}), (*at, "end", "complete")),
            enough=self.condition(end.get("enough", {}), (*at, "end", "enough")),
            continuation=self.continuation(data["continuation"], (*at, "continuation"))
            if "continuation" in data
            else None,
            envelopes={
                name: _kept(self.path_rules(rows, (*at, "envelope", name)))
                for name, rows in data.get("envelope", {}).items()
            },
            choice=self.rules(data.get("choice", {}), (*at, "choice")),
            message=self.rules(data.get("message", {}), (*at, "message")),
            lists={
                name: self.rule(rule, (*at, "list", name))
                for name, rule in data.get("list", {}).items()
            },
            usage=self.rules(data.get("usage", {}), (*at, "usage")),
            meter=self.rules(data.get("meter", {}), (*at, "meter")),
            counters=self.rules(data.get("counters", {}), (*at, "counters")),
            plain=self.plain(data["plain"], (*at, "plain")) if "plain" in data else None,
            shapes=self.shapes,
            done=self.typed(data, (*at, "done"), str, ""),
            closing=self.typed(data, (*at, "closing"), str, ""),
            pieces=pieces,
            part=self.path_list(data.get("part", []), (*at, "part")),
            block_kinds=block_kinds,
            accumulate=self.accumulate(data["accumulate"], (*at, "accumulate"))
            if "accumulate" in data
            else None,
            calls=tuple(
                self.calls(row, (*at, "calls", name))
                for name, row in self.typed(data, (*at, "calls"), dict, {}).items()
            ),
            mend_blocks=blocks,
            mend_choices=choices,
            estimate=self.estimate(data.get("estimate", {}), (*at, "estimate")),
        )
        self.check_arranged()
        self.registers_set.update(f"state.{name}" for name in tables.state)
        self.check_registers()
        if "opening" in data and tables.opening not in chunks:
            self.unknown((*at, "opening"), "no chunk", tables.opening, chunks)
        return tables

    # ------------------------------------------------------------------ rows
    def row(self, data: Json, at: At) -> Row:
        row = Row(self.place(at))
        if not isinstance(data, dict):
            self.complain(at, f"expected table, found {found(data)}")
            return row
        self.keys(data, at, ROW_KEYS)
        if "by" in data:
            row.by = self.path(data["by"], (*at, "by"))
            for word, below in self.typed(data, (*at, "is"), dict, {}).items():
                row.variants[word] = self.row(below, (*at, "is", word))
            if "*" not in row.variants:
                self.complain((*at, "is"), 'a row with `by` needs a "*" row for words not listed')
        elif "is" in data:
            self.complain((*at, "is"), "a row with `is` needs `by`: the path that chooses")
        for name, below in self.typed(data, (*at, "first"), dict, {}).items():
            path = (*at, "first", name)
            if not isinstance(below, dict):
                self.complain(path, f"expected table, found {found(below)}")
                continue
            guard = self.condition(self.typed(below, (*path, "guard"), dict, {}), (*path, "guard"))
            row.first += ((guard or Condition(), self.row(below, path)),)
        tried = [(x.place.name.rpartition(".")[2], guard) for guard, x in row.first]
        for name, why in unreachable(tried, self.hiding(dict(tried), (*at, "first"))):
            self.complain((*at, "first", name), why)
        row.guard = self.condition({"unless": data["unless"]}, at) if "unless" in data else None
        row.open = self.typed(data, (*at, "open"), str, "")
        row.set = self.registers(self.typed(data, (*at, "set"), dict, {}), (*at, "set"))
        if "count" in data:
            names = self.words(data["count"], (*at, "count"))
            row.count = tuple(self.register(name, (*at, "count")) for name in names)
        for key in ("measure", "push", "append"):
            pairs = self.typed(data, (*at, key), dict, {}).items()
            made = tuple((self.register(n, (*at, key)), self.path(p, (*at, key))) for n, p in pairs)
            setattr(row, key, made)
        for name, rule in self.typed(data, (*at, "extend"), dict, {}).items():
            if not isinstance(rule, str) or rule not in self.tables["answer"].get("list", {}):
                self.unknown(
                    (*at, "extend", name),
                    "no [list]",
                    str(rule),
                    self.tables["answer"].get("list", {}),
                )
            row.extend += ((self.register(name, (*at, "extend")), str(rule)),)
        if "usage" in data:
            row.usage = self.path_list(data["usage"], (*at, "usage"))
        row.emit = self.chunk_list(data.get("emit", []), (*at, "emit"))
        row.into = self.typed(data, (*at, "into"), str, "")
        if row.into and row.into not in self.block_kinds:
            self.unknown((*at, "into"), "no [block_kind]", row.into, self.block_kinds)
        row.which = self.path_list(data.get("which", []), (*at, "which"))
        row.told = self.typed(data, (*at, "told"), str, "")
        if "about" in data:
            row.about = self.rule(data["about"], (*at, "about"))
        if ("told" in data) != ("about" in data):
            self.complain(
                at, "`told` needs `about`: what the caller reads, and the other way round"
            )
        named = self.words(data.get("rest", []), (*at, "rest"), self.rests)
        row.rest = tuple(self.rests[name] for name in named if name in self.rests)
        for key in ("ping", "fail", "end", "unknown"):
            setattr(row, key, self.typed(data, (*at, key), bool, False))
        return row

    def chunk_list(self, value: Json, at: At) -> tuple[str, ...]:
        names = self.words(value, at)
        for name in names:
            self.used.add(f"answer.chunk.{name}")
            if name not in self.chunk_names:
                self.unknown(at, "no chunk", name, self.chunk_names)
        return names

    def register(self, text: str, at: At) -> Register:
        group, _, name = text.partition(".")
        if group not in ("state", "block") or not name:
            self.complain(at, f'"{text}" is no register (state.NAME or block.NAME)')
        self.registers_set.add(text)
        return group, name

    def registers(self, data: dict[str, Json], at: At) -> tuple[tuple[Register, Rule], ...]:
        return tuple(
            (self.register(name, (*at, name)), self.rule(rule, (*at, name)))
            for name, rule in data.items()
        )

    # ------------------------------------------------------------------ chunks and envelopes
    def chunk(self, name: str, data: Json, at: At) -> Chunk:
        if not isinstance(data, dict):
            self.complain(at, f"expected table, found {found(data)}")
            data = {}
        words = ("needs", "after", "when", "unless", "verbatim", "without")
        fields = {key: value for key, value in data.items() if key not in words}
        needs = self.rules(self.typed(data, (*at, "needs"), dict, {}), (*at, "needs"))
        return Chunk(
            name,
            self.place(at),
            self.path_rules(fields, at),
            tuple(rule for _, rule in needs),
            self.condition(data, at),
            self.registers(self.typed(data, (*at, "after"), dict, {}), (*at, "after")),
            self.typed(data, (*at, "verbatim"), bool, False),
            self.path_list(data.get("without", []), (*at, "without")),
        )

    def block_kind(self, data: Json, at: At) -> BlockKind:
        if not isinstance(data, dict):
            self.complain(at, f"expected table, found {found(data)}")
            data = {}
        self.keys(data, at, ("begin", "end", "whole", "said"))
        group, name = "block", ""
        if "whole" in data:
            group, name = self.register(str(data["whole"]), (*at, "whole"))
        if group != "block":
            self.complain((*at, "whole"), "expected a register of the block (block.NAME)")
        return BlockKind(
            self.chunk_list(data.get("begin", []), (*at, "begin")),
            self.chunk_list(data.get("end", []), (*at, "end")),
            name,
            self.typed(data, (*at, "said"), bool, False),
        )

    def calls(self, data: Json, at: At) -> CallRules:
        if not isinstance(data, dict):
            self.complain(at, f"expected table, found {found(data)}")
            data = {}
        self.keys(data, at, CALL_KEYS)

        def path(key: str) -> Path | None:
            return self.path(data[key], (*at, key)) if key in data else None

        for key in ("list", "name", "text"):
            if key not in data:
                self.complain(at, f"needs `{key}`")
        return CallRules(
            self.place(at),
            path("list") or Path("", "", ("",)),
            self.path_list(data.get("name", []), (*at, "name")),
            path("text") or Path("", "", ("",)),
            self.typed(data, (*at, "of"), str, None),
            self.typed(data, (*at, "which"), str, ""),
            path("whole"),
            path("end"),
            self.path_list(data.get("names", []), (*at, "names")),
            path("index"),
            path("id"),
            self.rule(data["made"], (*at, "made")) if "made" in data else None,
            self.typed(data, (*at, "objects"), bool, False),
            tuple(
                (self.path(key, (*at, "fixed", key)).steps, value)
                for key, value in self.typed(data, (*at, "fixed"), dict, {}).items()
            ),
        )

    def rest(self, data: dict[str, Json], at: At) -> KnownFields:
        self.keys(data, at, ("of", "known", "told"))
        known = self.words(data.get("known", []), (*at, "known"))
        told = self.typed(data, (*at, "told"), str, "dropped")
        of = self.path_list(data.get("of"), (*at, "of"))
        if any(path.root for path in of):
            self.complain((*at, "of"), "expected a path of the event")
        return KnownFields(of, frozenset(known), told, self.place(at))

    def accumulate(self, data: Json, at: At) -> Accumulate:
        self.keys(data, at, ("list", "begin", "number", "by", "is"))
        rows = self.typed(data, (*at, "is"), dict, {})
        return Accumulate(
            self.typed(data, (*at, "list"), str, ""),
            self.path(data.get("begin"), (*at, "begin")),
            self.path(data.get("number"), (*at, "number")),
            self.path(data.get("by"), (*at, "by")),
            {word: self.parts(parts, (*at, "is", word)) for word, parts in rows.items()},
        )

    def parts(self, data: dict[str, Json], at: At) -> Parts:
        """{ "field" or "field json" or "field list" = "path of the delta" }"""
        made: list[tuple[str, str, Path]] = []
        if not isinstance(data, dict):
            self.complain(at, f"expected table, found {found(data)}")
            return ()
        for target, path in data.items():
            key, _, how = target.partition(" ")
            if how not in ("", "json", "list"):
                self.complain(at, f'"{how}" is not one of: json, list')
            made.append((key, how, self.path(path, at)))
        return tuple(made)

    def path_rules(self, data: dict[str, Json], at: At) -> tuple[tuple[Path, Rule], ...]:
        made = tuple(
            (self.path(key, (*at, key)), self.rule(rule, (*at, key))) for key, rule in data.items()
        )
        for path, other in overlapping([path for path, _ in made]):
            text = f'writes into what "{other.text}" writes ({self.where((*at, other.text))})'
            self.complain((*at, path.text), text)
        return made

    # ------------------------------------------------------------------ the rest
    def continuation(self, data: dict[str, Json], at: At) -> Continuation:
        keys = ("when", "unless", "armed", "rounds", "list", "turn", "content", "told", "about")
        self.keys(data, at, (*keys, "forget", "rebuild"))
        rebuild = {
            delta: self.parts(parts, (*at, "rebuild", delta))
            for delta, parts in self.typed(data, (*at, "rebuild"), dict, {}).items()
        }
        armed = self.words(data.get("armed", []), (*at, "armed"))
        return Continuation(
            self.condition(data, at) or Condition(),
            tuple(self.path(text, (*at, "armed")) for text in armed),
            self.scalar_or_path(data.get("rounds", 0), (*at, "rounds")),
            str(data.get("list", "")),
            self.typed(data, (*at, "turn"), dict, {}),
            str(data.get("content", "")),
            str(data.get("told", "")),
            str(data.get("about", "")),
            self.place(at),
            tuple(
                self.register(name, (*at, "forget"))
                for name in self.words(data.get("forget", []), (*at, "forget"))
            ),
            rebuild,
        )

    def plain(self, data: dict[str, Json], at: At) -> Plain:
        self.keys(data, at, ("check", "start", "blocks", "delta", "stop", "verbatim", "part"))
        blocks = self.typed(data, (*at, "blocks"), dict, {})

        def event(rows: dict[str, Json], where: At) -> tuple[tuple[str, Json | Path], ...]:
            # The discriminator is a constant, every other value a path of the plain answer.
            if not isinstance(rows, dict):
                self.complain(where, f"expected table, found {found(rows)}")
                return ()
            return tuple(
                (
                    key,
                    value
                    if key == self.tables["answer"].get("by")
                    else self.path(value, (*where, key)),
                )
                for key, value in rows.items()
                if not isinstance(value, dict)
            )

        return Plain(
            tuple(
                (self.path(place, (*at, "check", place)), value)
                for place, value in self.typed(data, (*at, "check"), dict, {}).items()
            ),
            event(data.get("start", {}), (*at, "start")),
            self.path(blocks.get("from", "."), (*at, "blocks")),
            event(blocks.get("begin", {}), (*at, "blocks", "begin")),
            event(blocks.get("end", {}), (*at, "blocks", "end")),
            event(data.get("delta", {}), (*at, "delta")),
            event(data.get("stop", {}), (*at, "stop")),
            self.typed(data, (*at, "verbatim"), bool, False),
            self.path_list(data.get("part", []), (*at, "part")),
        )


def _kept(rules: tuple[tuple[Path, Rule], ...]) -> tuple[tuple[Path, Rule], ...]:
    """An envelope's constants are written even when they are empty."""
    return tuple(
        (path, replace(rule, keep_empty=True) if rule.kind == "value" else rule)
        for path, rule in rules
    )
