"""answer.toml -> `AnswerTables`, with every complaint; rules and shapes are `parse/rules.py`'s."""

from __future__ import annotations

from dataclasses import replace

from aisix.mapping.grammar import rows as declared_rows
from aisix.mapping.grammar.tables import UNITS
from aisix.mapping.parse.handed import wanting
from aisix.mapping.parse.plain import PlainParser
from aisix.mapping.parse.structure import found
from aisix.mapping.parse.units import acts
from aisix.mapping.parse.unreachable import overlapping, unreachable
from aisix.mapping.syntax.answer import (
    AnswerTables,
    BlockKind,
    CallRules,
    Chunk,
    Continuation,
    KnownFields,
    Register,
    Row,
)
from aisix.mapping.syntax.paths import Json, Path
from aisix.mapping.syntax.rules import Condition, Rule

At = tuple[str, ...]
NOWHERE = Path("", "", ("",))


class AnswerParser(PlainParser):
    """Reads the `answer` section."""

    def answer(self) -> AnswerTables:
        self.section = "answer"
        self.names_below(("answer",))
        at = ("answer",)
        data = self.unit(self.tables.get("answer", {}), at, "answer")
        chunks = {
            name: self.chunk(name, row, (*at, "chunk", name))
            for name, row in data.get("chunk", {}).items()
        }
        self.chunk_names = frozenset(chunks)
        block_kinds = {
            name: self.block_kind(row, (*at, "block_kind", name))
            for name, row in data.get("block_kind", {}).items()
        }
        self.block_kinds = frozenset(block_kinds)
        self.rests = {
            name: self.rest(row, (*at, "rest", name)) for name, row in data.get("rest", {}).items()
        }
        end = self.unit(data.get("end", {}), (*at, "end"), "end")
        fail = self.unit(data.get("fail", {"row": "*"}), (*at, "fail"), "fail")
        envelopes = self.unit(data.get("envelope", {}), (*at, "envelope"), "envelopes")
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
            opening=data.get("opening", ""),
            state=data.get("state", {}),
            events=events,
            chunks=chunks,
            end_emit=self.chunk_list(end.get("emit", []), (*at, "end", "emit")),
            end_row=end.get("row", ""),
            fail_row=fail.get("row", "") if "fail" in data else "",
            finish=self.rule(end.get("finish", ""), (*at, "end", "finish")),
            complete=self.asked(end.get("complete", {}), (*at, "end", "complete")),
            enough=self.asked(end.get("enough", {}), (*at, "end", "enough")),
            continuation=self.continuation(data["continuation"], (*at, "continuation"))
            if "continuation" in data
            else None,
            envelopes={
                name: _kept(self.path_rules(rows, (*at, "envelope", name)))
                for name, rows in envelopes.items()
            },
            choice=self.rules(data.get("choice", {}), (*at, "choice")),
            message=self.rules(data.get("message", {}), (*at, "message")),
            lists={
                name: self.rule(rule, (*at, "list", name))
                for name, rule in data.get("list", {}).items()
            },
            usage=self.rules(data.get("usage", {}), (*at, "usage")),
            meter=self.rules(
                self.unit(data.get("meter", {}), (*at, "meter"), "meter"), (*at, "meter")
            ),
            counters=self.rules(data.get("counters", {}), (*at, "counters")),
            plain=self.plain(data["plain"], (*at, "plain")) if "plain" in data else None,
            shapes=self.shapes,
            done=data.get("done", ""),
            closing=data.get("closing", ""),
            ping=next(iter(self.chunk_list(data.get("ping", []), (*at, "ping"))), ""),
            number=data.get("number", ""),
            number_at=self.place((*at, "number")),
            pieces=pieces,
            part=self.path_list(data.get("part", []), (*at, "part")),
            block_kinds={
                name: kind
                for name, kind in block_kinds.items()
                if f"answer.block_kind.{name}" in self.used
            },
            accumulate=self.accumulate(data["accumulate"], (*at, "accumulate"))
            if "accumulate" in data
            else None,
            calls=tuple(
                self.calls(row, (*at, "calls", name)) for name, row in data.get("calls", {}).items()
            ),
            mend_blocks=blocks,
            mend_choices=choices,
            estimate=self.estimate(data.get("estimate", {}), (*at, "estimate")),
        )
        self.check_arranged()
        for name in tables.state:
            self.sets(f"state.{name}", (*at, "state", name))
        for name in self.words(data.get("takes", []), (*at, "takes")):
            self.group(name, (*at, "takes"))
            self.registers_set.add(name)
            self.registers_read.append((name, (*at, "takes")))
        self.check_registers()
        self.numbered(tables)
        for section, name in (("end", tables.end_row), ("fail", tables.fail_row)):
            if name and name not in events:
                self.unknown((*at, section, "row"), "no [event] row for", name, events)
        if "opening" in data and tables.opening not in chunks:
            self.unknown((*at, "opening"), "no chunk", tables.opening, chunks)
        return tables

    def numbered(self, tables: AnswerTables) -> None:
        """Items of [accumulate] have whole numbers: a chunk that says something else is in none."""
        number = tables.accumulate.number if tables.accumulate else None
        for name, chunk in tables.chunks.items():
            for path, rule in chunk.fields:
                if path == number and rule.kind == "value" and type(rule.value) is not int:
                    text = f"no item of [accumulate] has the number {found(rule.value)}"
                    self.complain(("answer", "chunk", name, path.text), text)

    # ------------------------------------------------------------------ rows
    def row(self, data: Json, at: At, unit: str = "row") -> Row:
        row = Row(self.place(at))
        data = self.unit(data, at, unit)
        self.silenced(data, at)
        if "by" in data:
            row.by = self.path(data["by"], (*at, "by"))
            for word, below in data.get("is", {}).items():
                row.variants[word] = self.row(below, (*at, "is", word))
            if "*" not in row.variants:
                self.complain((*at, "is"), 'a row with `by` needs a "*" row for words not listed')
        for name, below in data.get("first", {}).items():
            path = (*at, "first", name)
            guard = self.asked(below.get("guard", {}), (*path, "guard"))
            row.first += ((guard or Condition(), self.row(below, path, "guarded_row")),)
        tried = [(x.place.name.rpartition(".")[2], guard) for guard, x in row.first]
        for name, why in unreachable(tried, self.hiding(dict(tried), (*at, "first"))):
            self.complain((*at, "first", name), why, idle=True)
        row.guard = self.condition({"unless": data["unless"]}, at) if "unless" in data else None
        row.open = data.get("open", "")
        row.set = self.registers_of(data.get("set", {}), (*at, "set"))
        row.count = self.counted(data, at)
        for key in ("measure", "push", "append"):
            setattr(row, key, self.grows(data, key, at))
        lists = self.tables["answer"].get("list", {})
        for name, rule in data.get("extend", {}).items():
            if rule not in lists:
                self.unknown((*at, "extend", name), "no [list]", rule, lists)
            row.extend += ((self.register(name, (*at, "extend")), rule),)
        if "usage" in data:
            row.usage = self.path_list(data["usage"], (*at, "usage"))
        row.emit = self.chunk_list(data.get("emit", []), (*at, "emit"))
        row.into = data.get("into", "")
        if row.into and row.into not in self.block_kinds:
            self.unknown((*at, "into"), "no [block_kind]", row.into, self.block_kinds)
        self.used.add(f"answer.block_kind.{row.into}")
        row.which = self.path_list(data.get("which", []), (*at, "which"))
        row.give = self.rules(data.get("give", {}), (*at, "give"))
        for why in wanting(row.emit, dict(row.give), self.given_asked):
            self.complain((*at, "emit"), why, idle=True)
        row.told = data.get("told", "")
        if "about" in data:
            row.about = self.rule(data["about"], (*at, "about"))
        if ("told" in data) != ("about" in data):
            self.complain(
                at, "`told` needs `about`: what the caller reads, and the other way round"
            )
        named = self.words(data.get("rest", []), (*at, "rest"), self.rests)
        row.rest = tuple(self.rests[name] for name in named if name in self.rests)
        for key in ("ping", "fail", "end", "unknown"):
            setattr(row, key, data.get(key, False))
        if row.unknown and at[-1] != "*":
            text = 'means nothing here: only a "*" row has it'
            self.complain((*at, "unknown"), text, idle=True)
        return row

    def silenced(self, data: dict[str, Json], at: At) -> None:
        """Tell who makes a row choose that what it did until now is not done any more."""
        for key in ("by", "first"):
            if key not in data:
                continue
            gone = [
                name
                for name in declared_rows.ACTING
                if acts(data.get(name, "")) and not self.knew((*at, name), (*at, key))
            ]
            if gone:
                words = ", ".join(f"`{name}`" for name in gone)
                line = self.where((*at, gone[0]))
                text = f"with it {words} of this row ({line}) never acts: say that in each of the"
                text += f" rows below, or take it away here ({gone[0]} = {_nothing(data[gone[0]])})"
                self.complain((*at, key), text)
            return

    def asked(self, data: Json, at: At) -> Condition | None:
        """A condition in a table of its own."""
        return self.condition(self.unit(data, at, "condition"), at)

    def chunk_list(self, value: Json, at: At) -> tuple[str, ...]:
        """Names of chunks, each with those that are sent ahead of it."""
        found: list[str] = []
        for name in self.words(value, at):
            self.used.add(f"answer.chunk.{name}")
            if name not in self.chunk_names:
                self.unknown(at, "no chunk", name, self.chunk_names)
            elif at[:2] != ("answer", "chunk"):
                chunk = self.tables["answer"]["chunk"][name]
                ahead = chunk.get("ahead", []) if isinstance(chunk, dict) else []
                found += self.chunk_list(ahead, ("answer", "chunk", name, "ahead"))
            found.append(name)
        return tuple(found)

    def register(self, text: str, at: At) -> Register:
        """One that is set here."""
        self.sets(text, at)
        return self.group(text, at)

    def group(self, text: str, at: At) -> Register:
        group, _, name = text.partition(".")
        if group not in ("state", "block") or not name:
            self.complain(at, f'"{text}" is no register (state.NAME or block.NAME)')
        return group, name

    def registers_of(self, data: dict[str, Json], at: At) -> tuple[tuple[Register, Rule], ...]:
        return tuple(
            (self.register(name, (*at, name)), self.rule(rule, (*at, name)))
            for name, rule in data.items()
        )

    # ------------------------------------------------------------------ chunks and envelopes
    def chunk(self, name: str, data: Json, at: At) -> Chunk:
        data = self.unit(data, at, "chunk")
        words = UNITS["chunk"].names
        fields = {key: value for key, value in data.items() if key not in words}
        needs = self.rules(data.get("needs", {}), (*at, "needs"))
        return Chunk(
            name,
            self.place(at),
            self.path_rules(fields, at),
            tuple(rule for _, rule in needs),
            self.condition(data, at),
            self.registers_of(data.get("after", {}), (*at, "after")),
            data.get("verbatim", False),
            self.path_list(data.get("without", []), (*at, "without")),
            self.path(data["each"], (*at, "each")) if "each" in data else None,
            self.grows(data, "push", at),
            self.grows(data, "append", at),
            self.counted(data, at),
        )

    def counted(self, data: dict[str, Json], at: At) -> tuple[Register, ...]:
        """Registers that one is added to."""
        names = self.words(data.get("count", []), (*at, "count"))
        return tuple(self.register(name, (*at, "count")) for name in names)

    def grows(self, data: dict[str, Json], key: str, at: At) -> tuple[tuple[Register, Path], ...]:
        """Registers that something is added to, and where that stands."""
        return tuple(
            (self.register(register, (*at, key)), self.path(path, (*at, key)))
            for register, path in data.get(key, {}).items()
        )

    def block_kind(self, data: Json, at: At) -> BlockKind:
        data = self.unit(data, at, "block_kind")
        group, name = "block", ""
        if "whole" in data:
            group, name = self.register(data["whole"], (*at, "whole"))
            self.registers_read.append((data["whole"], (*at, "whole")))
        if group != "block":
            self.complain((*at, "whole"), "expected a register of the block (block.NAME)")
        for register in data.get("set", {}):
            if not register.startswith("block."):
                text = "expected a register of the block (block.NAME)"
                self.complain((*at, "set", register), text)
        return BlockKind(
            self.chunk_list(data.get("begin", []), (*at, "begin")),
            self.chunk_list(data.get("end", []), (*at, "end")),
            self.registers_of(data.get("set", {}), (*at, "set")),
            name,
            data.get("said", False),
            self.condition(data.get("left_open", {}), (*at, "left_open")),
        )

    def calls(self, data: Json, at: At) -> CallRules:
        data = self.unit(data, at, "calls")

        def path(key: str) -> Path | None:
            return self.path(data[key], (*at, key)) if key in data else None

        return CallRules(
            self.place(at),
            path("list") or NOWHERE,
            self.path_list(data.get("name", []), (*at, "name")),
            path("text") or NOWHERE,
            data.get("of"),
            data.get("which", ""),
            path("whole"),
            path("end"),
            self.path_list(data.get("names", []), (*at, "names")),
            path("index"),
            path("id"),
            self.rule(data["made"], (*at, "made")) if "made" in data else None,
            data.get("objects", False),
            tuple(
                (self.path(key, (*at, "fixed", key)).steps, value)
                for key, value in data.get("fixed", {}).items()
            ),
        )

    def rest(self, data: Json, at: At) -> KnownFields:
        data = self.unit(data, at, "known_fields")
        of = self.path_list(data.get("of", []), (*at, "of"))
        if any(path.root for path in of):
            self.complain((*at, "of"), "expected a path of the event")
        known = frozenset(data.get("known", []))
        return KnownFields(of, known, data.get("told", "dropped"), self.place(at))

    def path_rules(self, data: dict[str, Json], at: At) -> tuple[tuple[Path, Rule], ...]:
        made = tuple(
            (self.path(key, (*at, key)), self.rule(rule, (*at, key))) for key, rule in data.items()
        )
        for path, other in overlapping([path for path, _ in made]):
            text = f'writes into what "{other.text}" writes ({self.where((*at, other.text))})'
            self.complain((*at, path.text), text)
        return made

    # ------------------------------------------------------------------ the rest
    def continuation(self, data: Json, at: At) -> Continuation:
        data = self.unit(data, at, "continuation")
        rebuild = {
            delta: self.parts(parts, (*at, "rebuild", delta))
            for delta, parts in data.get("rebuild", {}).items()
        }
        armed = self.words(data.get("armed", []), (*at, "armed"))
        return Continuation(
            self.condition(data, at) or Condition(),
            tuple(self.path(text, (*at, "armed")) for text in armed),
            self.scalar_or_path(data.get("rounds", 0), (*at, "rounds")),
            data.get("list", ""),
            data.get("turn", {}),
            data.get("content", ""),
            data.get("told", ""),
            data.get("about", ""),
            self.place(at),
            tuple(
                self.group(name, (*at, "forget"))
                for name in self.words(data.get("forget", []), (*at, "forget"))
            ),
            rebuild,
        )


def _kept(rules: tuple[tuple[Path, Rule], ...]) -> tuple[tuple[Path, Rule], ...]:
    """An envelope's constants are written even when they are empty."""
    return tuple(
        (path, replace(rule, keep_empty=True) if rule.kind == "value" else rule)
        for path, rule in rules
    )


def _nothing(value: Json) -> str:
    """What takes a key of a base away: the value of its kind that does nothing."""
    kinds = {bool: "false", dict: "{}", list: "[]"}
    return kinds.get(type(value), '""')
