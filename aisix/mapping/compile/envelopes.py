"""Answer tables to Python source: what rules may ask for, envelopes; see compile/answer.py."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import msgspec

from aisix.mapping.compile.chunks import INT
from aisix.mapping.compile.rows import RowCompiler
from aisix.mapping.compile.runtime import CannotCompile
from aisix.mapping.compile.values import ABSENT, DICT, STR, Const, Site, Value, Var, is_sure
from aisix.mapping.interpret.answer_state import grow
from aisix.mapping.interpret.scope import NULL, Facts
from aisix.mapping.syntax.answer import AnswerTables
from aisix.mapping.syntax.paths import Json, Path, Step

_encode = msgspec.json.Encoder().encode
GIVEN = Var("c.given", DICT, True, live=True)  # of a chunk that several rows send


class AnswerCompiler(RowCompiler):
    """Writes envelopes; says what rules of an answer may ask for."""

    def __init__(
        self,
        tables: AnswerTables,
        facts: Facts,
        known: dict[str, Json],
        names: frozenset[str],
        wants_usage: bool,
    ) -> None:
        super().__init__(facts)
        if not self.can(tables):
            raise CannotCompile("an answer that is not made of blocks and deltas")
        self.tables = tables
        self.request = known
        self.names = names
        self.wants_usage = wants_usage
        self.word: Json = None  # the event's own word, where the code knows it
        self.extra: dict[str, Value] = {}  # what an envelope may ask for
        self.given: Value = GIVEN  # by the row whose chunks are written
        self.asked: set[tuple[str, tuple[Step, ...]]] = set()  # registers that were looked at
        self.end_word = tables.end_word
        if self.end_word is not None and self.end_word not in tables.events:
            raise CannotCompile("blocks end with an event that has no row")
        self.w.names |= {"encode": _encode, "NULL": NULL, "grow": grow}

    @classmethod
    def can(cls, tables: AnswerTables) -> bool:
        """Whether these tables keep to what this compiler writes."""
        return tables.compiles

    # ------------------------------------------------------------------ what rules may ask for
    def root(self, site: Site, path: Path) -> tuple[Value, tuple[Step, ...]]:
        steps = path.steps
        match path.root:
            case "state" | "block" | "usage":
                self.asked.add((path.root, steps))
                name = f"c.{path.root}" if self.inside else path.root
                return Var(name, DICT, True, live=True, context=self.inside), steps
            case "given":
                return self.given, steps
            case "error":
                return Var("c.extra.get('error')", DICT, context=True), steps
            case "request":
                name = str(steps[0]) if steps else ""
                if name in self.request or name not in self.names:
                    return Const(self.request.get(name)), steps[1:]
                return Var("c.remember", DICT, True, context=True), steps
            case "alias" | "upstream_model":
                return Var(f"c.facts.{path.root}", STR, True, context=True), steps
            case "now":
                return Var("c.now", INT, True, context=True), steps
            case "new_id":
                return Var("c.new_id()", STR, True, context=True), steps
            case "wants_usage":
                return Const(self.wants_usage), steps
            case "let" | "body" | "out" | "header":
                return ABSENT, steps
        if path.root in self.extra and not self.inside:
            return self.extra[path.root], steps
        if path.root in ("delta", "finish", "message", "folded", "counted"):
            if self.inside:
                raise CannotCompile("a shape that asks for parts of the envelope")
            return ABSENT, steps
        return super().root(site, path)

    def about(self, site: Site, path: Path) -> str:
        return str(path.steps[0]) if path.root == "" and path.steps else site.about

    def is_sent(self, name: str) -> bool:
        return False

    # ------------------------------------------------------------------ functions, envelopes
    def top(self, start: str, registers: bool = True) -> Any:
        """A function of the form, with the registers at hand."""
        stack = ExitStack()
        stack.enter_context(self.w.function(self.functions, f"def {start}"))
        self.extra, self.word = {}, None
        if registers:
            self.w.put("c = a.scope")
            self.w.put("state, block, usage = c.state, c.block, c.usage")
        return stack

    def envelope(self, name: str, choice: bool = False) -> Value:
        """One object of the answer."""
        site = Site(Const({}))
        fields = [
            (path.steps, self.rule(site, rule))
            for path, rule in self.tables.envelopes.get(name, ())
        ]
        made = self.tree([(steps, value) for steps, value in fields if value != ABSENT])
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

    def counted(self) -> Value:
        """The caller's counters, of the variable `used`."""
        site = Site(Var("used", DICT, True))
        return self.build(site, self.tables.usage, empty=True)

    def meter(self) -> None:
        """The function that counts for the gateway itself."""
        with self.top("meter(usage)", registers=False):
            site = Site(Var("usage", DICT, True))
            value = self.build(site, self.tables.meter, empty=True)
            self.w.put(f"return {self.w.say(value)}")
