"""A whole request as Python source: accept, let, check, field, adjust, rest and headers, in order.

    forms = Forms(request_tables, facts)         # one per effective tables
    out = forms.translate(body, call)            # raises Bail: let the interpreter do it

A form is written for the set of fields a body has (null fields are not there). Forms are few; one
that cannot be written, and sets beyond the limit, are the interpreter's. The source of a form is
registered with `linecache`, so tracebacks and profilers show it; `sources()` gives it to a reader.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable
from typing import Any

from aisix.mapping import adjust
from aisix.mapping.compile import ABSENT, Const, Site
from aisix.mapping.compile_rules import PYTHON, RuleCompiler
from aisix.mapping.compile_run import Bail, Call, CannotCompile
from aisix.mapping.paths import Json
from aisix.mapping.rules import Adjust, Check, RequestTables, Rest
from aisix.mapping.scope import Facts
from aisix.mapping.view import same

Translate = Callable[[dict[str, Json], Call], dict[str, Json]]

MOST = 64  # forms of one model's tables
TAKES_AWAY = ("remove", "note", "cap", "keep_last")  # corrections that add no field


class Forms:
    """See the module."""

    def __init__(self, tables: RequestTables, facts: Facts, name: str) -> None:
        self._tables = tables
        self._facts = facts
        self._name = name
        self._forms: dict[frozenset[str], Translate | None] = {}
        self._sources: dict[str, str] = {}

    def translate(self, body: dict[str, Json], call: Call) -> dict[str, Json]:
        present = frozenset([key for key, value in body.items() if value is not None])
        try:
            form = self._forms[present]
        except KeyError:
            form = self._make(present)
        if form is None:
            raise Bail
        return form(body, call)

    def sources(self) -> dict[str, str]:
        """The forms written so far: name -> source."""
        return dict(self._sources)

    def _make(self, present: frozenset[str]) -> Translate | None:
        if len(self._forms) >= MOST:
            return None
        form: Translate | None
        try:
            form = self._write(present)
        except CannotCompile:
            form = None
        self._forms[present] = form
        return form

    def _write(self, present: frozenset[str]) -> Translate:
        compiler = RequestCompiler(self._tables, self._facts, present)
        source = compiler.source()
        name = f"<{self._name}: {', '.join(sorted(present))}>"
        namespace: dict[str, Any] = dict(compiler.w.names)
        exec(compile(source, name, "exec"), namespace)
        linecache.cache[name] = (len(source), None, source.splitlines(True), name)
        self._sources[name] = source
        made: Translate = namespace["translate"]
        return made


class RequestCompiler(RuleCompiler):
    def __init__(self, tables: RequestTables, facts: Facts, present: frozenset[str]) -> None:
        super().__init__(facts, present)
        self.tables = tables
        self.known: dict[str, bool] = {}  # fields of the result that are surely there, or may be

    def source(self) -> str:
        site = Site("body", present=self.present, is_dict=True)
        for check in self.tables.checks:
            self._accept(site, check)
        for name, rule in self.tables.lets:
            value = self.lets[name] = self.rule(site, rule)
            if type(value) is str:
                self.w.put(f"c.lets[{name!r}] = {value}")
        for refusal in self.tables.refusals:
            guard = self.condition(site, refusal.guard)
            if guard is not False:
                self.w.put("raise Bail" if guard is True else f"if {guard}: raise Bail")
        self.w.put("out = {}")
        for name, rule in self.tables.fields:
            self._field(site, name, self.rule(site, rule))
        for step in self.tables.adjusts:
            self._adjust(site, step)
        for name in sorted(self.present):
            if name not in self.tables.known or name in self.tables.rest:
                self._rest(name)
        for name in self.tables.remember:
            value = self.lets.get(name, ABSENT)
            self.w.put(f"c.remember[{name!r}] = {self.w.say(value)}")
        self._headers()
        body = "\n".join(self.w.lines)
        main = f"def translate(body, c):\n{body}\n    return out\n"
        return "\n\n".join([*self.functions, main])

    def _accept(self, site: Site, check: Check) -> None:
        value = self.path(site, check.path)
        if value == ABSENT:
            if check.required:
                raise CannotCompile("a required field is missing")
            return
        name, put, const = self.w.say(value), self.w.put, self.w.const
        tests = []
        if check.types:
            kinds = const(tuple(t for kind in check.types for t in PYTHON[kind]))
            tests.append(f"type({name}) not in {kinds}")
        if check.low is not None:
            tests.append(f"type({name}) in (int, float) and {name} < {check.low!r}")
        if check.high is not None:
            tests.append(f"type({name}) in (int, float) and {name} > {check.high!r}")
        if check.one_of:
            tests.append(f"{name} not in {const(check.one_of)}")
        if check.match is not None:
            tests.append(f"type({name}) is str and not {const(check.match)}.search({name})")
        if check.longest is not None:
            tests.append(f"type({name}) in (str, list) and len({name}) > {check.longest}")
        if check.empty:
            tests.append(f"{name} == [] or {name} == ''")
        if tests:
            put(f"if {name} is not None and ({' or '.join(f'({t})' for t in tests)}): raise Bail")

    def _field(self, site: Site, name: str, value: Const | str) -> None:
        if value == ABSENT:
            return
        text = self.w.say(value)
        sure = type(value) is Const
        self.known[name] = sure
        self.w.put(("" if sure else f"if {text} is not None: ") + f"out[{name!r}] = {text}")

    def _adjust(self, site: Site, step: Adjust) -> None:
        """One correction of the whole; the result is then no longer known field by field."""
        if step.verb == "merge" and step.options.get("from") not in self.present:
            return
        guard = self.condition(self._out(), step.guard)
        if guard is False:
            return
        asks = any(type(v) is str and v.startswith("$") for v in step.options.values())
        if asks or step.verb not in TAKES_AWAY:
            self.w.put("raise Bail" if guard is True else f"if {guard}: raise Bail")
            return
        run = self.w.const(adjust.ADJUSTMENTS[step.verb].run)
        call = f"{run}(out, body, {self.w.const(step.options)}, {self.w.const(as_it_is)})"
        self.w.put(f"if {'' if guard is True else f'({guard}) and '}{call}:")
        self.w.depth += 1
        self.w.put("pass")
        if step.told:
            about = [p for p in step.about if self.path(site, p) != ABSENT]
            name = str(about[0].steps[0]) if about else ""
            if any(len(path.steps) > 1 for path in step.about):
                self.w.put("raise Bail")
            elif about or not step.about:
                self.note(step.told, name, step.place)
        self.w.depth -= 1

    def _out(self) -> Site:
        """A site on the result: what no field can have written is absent."""
        return Site("out", is_dict=True, fields=frozenset(self.known))

    def _rest(self, name: str) -> None:
        row = self.tables.rest.get(name)
        if row is None:
            row = self.tables.rest["*"]
            if row.policy == "reject":
                self.w.put("raise Bail")
            elif row.policy == "warn":
                self.note("unknown", name, row.place)
        elif row.policy != "drop":
            self.w.put(f"if {self.w.const(row_tells(row))}(body[{name!r}]):")
            self.w.depth += 1
            if row.policy == "warn":
                self.note("dropped", name, row.place)
            else:
                self.w.put("raise Bail")
            self.w.depth -= 1

    def _headers(self) -> None:
        site = self._out()
        for header in self.tables.headers:
            values = [self.rule(site, rule) for _, rule in header.rules]
            values = [value for value in values if value != ABSENT]
            if all(type(value) is Const for value in values):
                words = [str(v.value) for v in values if type(v) is Const]
                if words:
                    text = ",".join(dict.fromkeys(words))
                    self.w.put(f"c.sent[{header.name!r}] = {text!r}")
                continue
            said = ", ".join(self.w.say(value) for value in values)
            self.w.names["header"] = header_of
            made = self.w.new()
            self.w.put(f"{made} = header(({said},))")
            self.w.put(f"if {made}: c.sent[{header.name!r}] = {made}")


def row_tells(row: Rest) -> Any:
    def tells(value: Json) -> bool:
        values = value if row.items and type(value) is list else [value]
        left = [v for v in values if not any(same(v, d) or v == d for d in row.drop)]
        if row.drop_empty:
            left = [v for v in left if v not in ({}, [], "")]
        return bool(left)

    return tells


def header_of(values: tuple[Json, ...]) -> str:
    words: list[str] = []
    for value in values:
        words += value if type(value) is list else [str(value)] if value is not None else []
    return ",".join(dict.fromkeys(words))


def as_it_is(value: Json) -> Json:
    return value
