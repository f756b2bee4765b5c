"""The answer's tables as Python source: rows, chunks and envelopes; a plain answer in one go.

    form = AnswerForms(answer_tables, facts, name).find(remember, wants_usage)   # None: interpret
    form.event(answering, event, out)        # a stream's event: bytes for the caller into `out`
    form.plain(answering, answer)            # a plain answer's events, folded
    form.whole(answering)                    # ... and the completion they make

A form is written for what the request left behind (`$request.NAME`), so that whole branches fold
away. In a stream every chunk but its delta is the same bytes: they are made once. In a plain answer
the events are not even made: their rows run on the parts of the answer they would be made of.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, fields
from typing import Any

import msgspec

from aisix.mapping.answer_rules import AnswerTables
from aisix.mapping.compile_rows import INT, RowCompiler
from aisix.mapping.compile_run import CannotCompile
from aisix.mapping.compile_values import (
    ABSENT,
    DICT,
    LIST,
    STR,
    Const,
    Site,
    Value,
    Var,
    is_sure,
)
from aisix.mapping.fold import fold
from aisix.mapping.paths import Json, Path, Step
from aisix.mapping.scope import NULL, Facts

_encode = msgspec.json.Encoder().encode
MARK = "\0delta\0"  # stands where a chunk's delta will
PLAIN = (str, bool)
MOST = 32


@dataclass(frozen=True, slots=True)
class AnswerForm:
    """The functions of one form; `a` is the Answering whose registers they use."""

    event: Callable[[Any, dict[str, Json], list[bytes]], None]
    finish: Callable[[Any, list[bytes]], None]  # the chunks before the last one
    reason: Callable[[Any], Json]
    chunk: Callable[[Any, Json, Json], dict[str, Json]]  # (a, delta, finish)
    usage: Callable[[Any], dict[str, Json]] | None
    meter: Callable[[dict[str, Json]], dict[str, Json]]
    plain: Callable[[Any, dict[str, Json]], None] | None
    whole: Callable[[Any], dict[str, Json]] | None
    source: str


class AnswerForms:
    """The forms of one model's tables; see the module."""

    def __init__(self, tables: AnswerTables, facts: Facts, name: str) -> None:
        self._tables = tables
        self._facts = facts
        self._name = name
        self._forms: dict[Any, AnswerForm | None] = {}
        self._known: dict[Any, AnswerForm] = {}  # by what was remembered, where that is a key

    def find(self, remember: dict[str, Json], wants_usage: bool) -> AnswerForm | None:
        try:
            return self._known[wants_usage, *remember.values()]
        except (KeyError, TypeError):  # a list is no key
            return self._find(remember, wants_usage)

    def _find(self, remember: dict[str, Json], wants_usage: bool) -> AnswerForm | None:
        # A list stays a question at run time; words and flags are constants of the form.
        key = (
            wants_usage,
            *[v if v is None or type(v) in PLAIN else LIST for v in remember.values()],
        )
        try:
            return self._forms[key]
        except KeyError:
            if len(self._forms) >= MOST:
                return None
        known = {n: v for n, v in remember.items() if v is None or type(v) in PLAIN}
        form: AnswerForm | None
        try:
            form = self._write(known, frozenset(remember), wants_usage, str(key))
        except CannotCompile:
            form = None
        self._forms[key] = form
        if form is not None and LIST not in key:
            self._known[wants_usage, *remember.values()] = form
        return form

    def sources(self) -> dict[str, str]:
        return {str(key): form.source for key, form in self._forms.items() if form is not None}

    def _write(
        self, known: dict[str, Json], names: frozenset[str], wants_usage: bool, key: str
    ) -> AnswerForm:
        compiler = AnswerCompiler(self._tables, self._facts, known, names, wants_usage)
        source = compiler.source()
        name = f"<{self._name} answer {key}>"
        made: dict[str, Any] = dict(compiler.w.names)
        exec(compile(source, name, "exec"), made)
        linecache.cache[name] = (len(source), None, source.splitlines(True), name)
        functions: dict[str, Any] = {f.name: made.get(f.name) for f in fields(AnswerForm)}
        return AnswerForm(**functions | {"source": source})


class AnswerCompiler(RowCompiler):
    def __init__(
        self,
        tables: AnswerTables,
        facts: Facts,
        known: dict[str, Json],
        names: frozenset[str],
        wants_usage: bool,
    ) -> None:
        super().__init__(facts)
        self.tables = tables
        self.request = known
        self.names = names
        self.wants_usage = wants_usage
        self.word: Json = None  # the event's own word, where the code knows it
        self.extra: dict[str, Value] = {}  # what an envelope may ask for
        self.asked: set[tuple[str, tuple[Step, ...]]] = set()  # registers that were looked at
        plain, by = tables.plain, tables.by.steps
        self.end_word = dict(plain.end).get(str(by[0])) if plain and by else None
        if self.end_word is not None and self.end_word not in tables.events:
            raise CannotCompile("blocks end with an event that has no row")
        self.folding = False  # writing the plain answer: deltas are folded, not sent
        self.w.names |= {"encode": _encode, "fold": fold, "NULL": NULL, "MARK": MARK}

    # ------------------------------------------------------------------ what rules may ask for
    def root(self, site: Site, path: Path) -> tuple[Value, tuple[Step, ...]]:
        steps = path.steps
        match path.root:
            case "state" | "block" | "usage":
                self.asked.add((path.root, steps))
                name = f"c.{path.root}" if self.inside else path.root
                return Var(name, DICT, True, live=True), steps
            case "request":
                name = str(steps[0]) if steps else ""
                if name in self.request or name not in self.names:
                    return Const(self.request.get(name)), steps[1:]
                return Var("c.remember", DICT, True), steps
            case "alias" | "upstream_model":
                return Var(f"c.facts.{path.root}", STR, True), steps
            case "now":
                return Var("c.now", INT, True), steps
            case "new_id":
                return Var("c.new_id()", STR, True), steps
            case "wants_usage":
                return Const(self.wants_usage), steps
            case "let" | "body" | "out" | "header":
                return ABSENT, steps
        if path.root in self.extra and not self.inside:
            return self.extra[path.root], steps
        if path.root in ("delta", "finish", "message", "folded", "counted"):
            return ABSENT, steps
        return super().root(site, path)

    def about(self, site: Site, path: Path) -> str:
        return str(path.steps[0]) if path.root == "" and path.steps else site.about

    def is_sent(self, name: str) -> bool:
        return False

    # ------------------------------------------------------------------ the functions
    def source(self) -> str:
        with self._top("chunk(a, delta, finish)"):
            self.asked.clear()
            # Told as what it is in a stream's body: a delta, and a finish that may be null.
            self.extra = {
                "delta": Var("delta", sure=True, full=True),
                "finish": Var("finish", sure=True, null=True),
            }
            self.w.put(f"return {self.w.say(self.envelope('chunk', choice=True))}")
        self._head()
        with self._top("opening(a, e, out)"):
            self._emit(Site(Var("e", DICT, True)), self.tables.chunks[self.tables.opening])
        with self._top("event(a, e, out)"):
            self._event(Site(Var("e", DICT, True)))
        with self._top("finish(a, out)"):
            self._finish_chunks()
        self._reason()
        if "usage" in self.tables.envelopes:
            with self._top("usage(a)"):
                self.extra = {"counted": self._counted()}
                self.w.put(f"return {self.w.say(self.envelope('usage'))}")
        with self._top("meter(usage)", registers=False):
            site = Site(Var("usage", DICT, True))
            value = self.build(site, self.tables.meter, empty=True)
            self.w.put(f"return {self.w.say(value)}")
        if self.tables.plain is not None:
            self._plain()
        return "\n\n".join(self.functions) + "\n"

    def _top(self, start: str, registers: bool = True) -> Any:
        """A function of the form, with the registers at hand."""
        stack = ExitStack()
        stack.enter_context(self.w.function(self.functions, f"def {start}"))
        self.extra, self.word = {}, None
        if registers:
            self.w.put("c = a.scope")
            self.w.put("state, block, usage = c.state, c.block, c.usage")
        return stack

    def _head(self) -> None:
        """What stands before and behind the delta in every chunk, as long as registers stay."""
        rules = dict(self.tables.envelopes.get("chunk", ()))
        deltas = [rule for rule in rules.values() if any(p.root == "delta" for p in rule.paths)]
        if len(deltas) != 1 or self._steps(Site(ABSENT), deltas[0], ""):
            raise CannotCompile("a delta that is not written as it is")
        if any(root != "state" or len(steps) != 1 for root, steps in self.asked):
            raise CannotCompile("an envelope that asks for more than registers of the answer")
        names = sorted(str(steps[0]) for _, steps in self.asked)
        self.key = ", ".join(f"state.get({name!r})" for name in names)
        if len(names) != 1:
            self.key = f"({self.key})"
        with self._top("head(a)"):
            self.w.put(f"a.key = {self.key}")
            self.w.put("data = a.frame.replace('{data}', encode(chunk(a, MARK, NULL)).decode())")
            self.w.put("a.head, a.tail = data.encode().split(encode(MARK))")

    def _reason(self) -> None:
        with self._top("reason(a)"):
            value = self.rule(Site(Const({})), self.tables.finish)
            self.w.put(f"return {self.w.say(value)}")

    # ------------------------------------------------------------------ the end, envelopes
    def _finish_chunks(self) -> None:
        """Blocks an upstream has not ended, then what stands at the end of every answer."""
        w = self.w
        site = Site(Const({}))
        if self.folding:
            self._emit(site, self.tables.chunks[self.tables.opening])
            w.put("if a.open: a.end_blocks()")
        else:
            w.put("if not a.started: opening(a, {}, out)")
            w.put("for number in sorted(a.open): event(a, a.ending(number), out)")
            w.put("block = c.block")
        for name in self.tables.end_emit:
            self._emit(site, self.tables.chunks[name])

    def envelope(self, name: str, choice: bool = False) -> Value:
        """One object of the answer."""
        site = Site(Const({}))
        fields = [(path.steps, self.rule(site, rule)) for path, rule in self.tables.envelopes[name]]
        made = self._tree([(steps, value) for steps, value in fields if value != ABSENT])
        if made == ABSENT:
            return Const({})
        rules = self.tables.choice if choice else ()
        if rules:
            with ExitStack() as stack:
                if "finish" in self.extra and type(self.extra["finish"]) is Var:
                    stack.enter_context(self.w.block("if finish is not NULL"))
                for key, rule in rules:
                    value = self.rule(site, rule)
                    if value != ABSENT:
                        values, text = f"{self.w.say(made)}.values()", self.w.say(value)
                        found = self.w.let(
                            f"next((v for v in {values} if type(v) is list and v), None)"
                        )
                        check = "" if is_sure(value) else f" and {text} is not None"
                        self.w.put(f"if {found}{check}: {found}[0][{key!r}] = {text}")
        return made

    def _counted(self) -> Value:
        self.w.put("used = a.used()")
        site = Site(Var("used", DICT, True))
        return self.build(site, self.tables.usage, empty=True)

    # ------------------------------------------------------------------ plain answers
    def _plain(self) -> None:
        plain = self.tables.plain
        assert plain is not None
        w = self.w
        self.folding = True
        answer = Var("answer", DICT, True)
        with self._top("plain(a, answer)"):
            w.put("folded = a.folded")
            self._virtual(plain.start, answer)
            blocks = self.path(Site(answer), plain.blocks)
            if blocks != ABSENT:
                name = w.say(blocks)
                w.put(f"blocks = {name} if type({name}) is list else ()")
                with w.block("for number, item in enumerate(blocks)"):
                    w.put("if type(item) is not dict: continue")
                    w.put("block = c.block = a.new_block(number)")
                    self._virtual(plain.begin, Var("item", DICT, True), Var("number", INT, True))
                    self._virtual(plain.end, Const({}), Var("number", INT, True))
            self._virtual(plain.delta, answer)
            self._virtual(plain.stop, answer)
        with self._top("whole(a)"):
            w.put("folded = a.folded")
            self._finish_chunks()
            found = Var("folded", DICT, True)
            self.extra = {"folded": found}
            message = self.build(Site(Const({})), self.tables.message, empty=True)
            counted = self._counted()
            w.put("finish = reason(a)")
            finish = Var("finish", sure=True)
            self.extra = {"message": message, "counted": counted, "finish": finish}
            w.put(f"return {w.say(self.envelope('whole', choice=True))}")

    def _virtual(
        self, fields: tuple[tuple[str, Json | Path], ...], source: Value, number: Value = ABSENT
    ) -> None:
        """The row of an event that is never made: its fields are parts of the plain answer."""
        parts: dict[str, Value] = {
            key: self.below(source, value.steps) if isinstance(value, Path) else Const(value)
            for key, value in fields
        }
        if number != ABSENT:
            parts[str(self.tables.block.steps[0])] = number
        item = Var("e", DICT, True, parts=parts)
        self._rows(Site(item), self.tables.events, self.tables.by)
