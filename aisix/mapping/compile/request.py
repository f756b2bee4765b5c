"""A whole request as Python source: accept, let, check, field, adjust, rest and headers, in order.

One source for each set of fields a body may have: `compile/request_forms.py` keeps them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from aisix.mapping.compile.rules import RuleCompiler
from aisix.mapping.compile.runtime import CannotCompile
from aisix.mapping.compile.sources import NUMBERS, PYTHON
from aisix.mapping.compile.tidy import tidy
from aisix.mapping.compile.values import ABSENT, DICT, STR, Const, Site, Value, Var, is_sure
from aisix.mapping.grammar.kinds import CALLER_FIELD, VALUES_BY_PATH
from aisix.mapping.interpret.request import header_of
from aisix.mapping.interpret.scope import NULL, Facts
from aisix.mapping.interpret.view import is_kind, same
from aisix.mapping.syntax.paths import Json, Path, Step, parse
from aisix.mapping.syntax.rules import Adjust, Check, RequestTables, Rest
from aisix.mapping.verbs import adjustments

SIZED = frozenset({list, dict})  # what `longest` counts


class RequestCompiler(RuleCompiler):
    """Writes the function for requests with one set of fields. kinds: what those of several types
    are in them."""

    loops = True

    def __init__(
        self,
        tables: RequestTables,
        facts: Facts,
        present: frozenset[str],
        kinds: dict[str, type] | None = None,
    ) -> None:
        super().__init__(facts)
        self.kinds = kinds or {}
        self.tables = tables
        self.present = present
        self.lets: dict[str, Value] = {}
        self.known: dict[str, Value] = {}  # fields of the result that are there, or may be
        self.written: dict[str, Value] | None = None  # and while they are made: those before
        self.asked: set[str] = set()  # names of lets that functions look up
        self.w.names |= {"header": header_of, "is_kind": is_kind, "resolver": resolver}

    # ------------------------------------------------------------------ what rules may ask for
    def root(self, site: Site, path: Path) -> tuple[Value, tuple[Step, ...]]:
        steps = path.steps
        match path.root:
            case "body":
                return self._body(), steps
            case "let":
                name = str(steps[0])
                found = self.lets.get(name, ABSENT)
                if type(found) is Var and self.inside:
                    self.asked.add(name)
                    name = self.once(f"c.lets[{name!r}]")
                    return replace(found, name=name, context=True), steps[1:]
                return found, steps[1:]
            case "alias" | "upstream_model":
                return Var(f"c.{path.root}", STR, True, context=True), steps
            case "now":
                return Var("c.now", frozenset({int}), True, context=True), steps
            case "state":
                return Var("c.state", DICT, True, live=True, context=True), steps
            case "header":
                return Var("c.headers", DICT, True, context=True), steps
            case "out" if not self.inside and steps and self.written is not None:
                return self._written(str(steps[0])), steps[1:]
            case "out" if not self.inside:
                return self._out().item, steps
        return super().root(site, path)

    def _written(self, name: str) -> Value:
        """What an earlier field is, for a later one."""
        assert self.written is not None
        found = self.written.get(name, ABSENT)
        if type(found) is Var and found.null:
            raise CannotCompile("a field that may be null, asked for by another")
        return ABSENT if found == Const(NULL) else found

    def _body(self) -> Var:
        name = self.once("c.body") if self.inside else "body"
        fields = self.present
        return Var(name, DICT, True, True, fields, fields, context=self.inside)

    def once(self, text: str) -> str:
        """The variable an expression is loaded into."""
        found = self.w.known(text)
        if found is None:
            found = self.w.loaded[-1][text] = Var(self.w.let(text))
        return self.w.say(found)

    def about(self, site: Site, path: Path) -> str:
        if path.root == "body" or (path.root == "" and site.body):
            return str(path.steps[0]) if path.steps else ""
        return site.about

    def is_sent(self, name: str) -> bool:
        return name in self.present

    # ------------------------------------------------------------------ the whole
    def source(self) -> str:
        site = Site(self._body(), body=True)
        for check in self.tables.checks:
            self._accept(site, check)
        for name, rule in self.tables.lets:
            value = self.lets[name] = self.rule(site, rule)
            if type(value) is Var:
                self.w.put(f"c.lets[{name!r}] = {value.name}", only_for=name)
        for refusal in self.tables.refusals:
            guard = self.condition(site, refusal.guard)
            if guard is not False:
                self.bail("" if guard is True else str(guard))
        self.written = {}
        for name, rule in self.tables.fields:
            value = self.rule(site, rule)
            if value != ABSENT:
                self.written[name] = value
        self.known, self.written = self.written, None
        out = self.object(list(self.known.items()), empty=True)
        self.w.put(f"out = {self.w.say(out)}")
        self.w.loaded[-1] = {}
        for step in self.tables.adjusts:
            self._adjust(step)
        for name in sorted(self.present):
            if name not in self.tables.known or name in self.tables.rest:
                self._rest(name)
        self._remember()
        self._headers()
        # A let that no function asks for needs no place where functions find it.
        lines = [line for line in self.w.lines if not line.only_for or line.only_for in self.asked]
        start = ["    c.lets = {}"] if self.asked else []
        main = "\n".join(tidy(["def translate(body, c):", *start, *lines, "    return out"]))
        return "\n\n".join([*self.functions, main]) + "\n"

    def _accept(self, site: Site, check: Check) -> None:
        value = self.path(site, check.path)
        if value == ABSENT:
            if check.required:
                raise CannotCompile("a required field is missing")
            return
        assert type(value) is Var
        name = value.name
        kinds = frozenset(t for kind in check.types for t in PYTHON[kind])
        only = self.kinds.get(str(check.path.steps[0])) if len(check.path.steps) == 1 else None
        if only in kinds:
            kinds = frozenset({only})
        tests = [self.is_of(name, kinds).opposite] if kinds else []
        number = "" if kinds and kinds <= NUMBERS else f"{self.is_of(name, NUMBERS)} and "
        sized = "" if kinds and kinds <= SIZED else f"{self.is_of(name, SIZED)} and "
        if check.low is not None:
            tests.append(f"{number}{name} < {check.low!r}")
        if check.high is not None:
            tests.append(f"{number}{name} > {check.high!r}")
        if check.one_of:
            tests.append(f"{name} not in {self.w.const(check.one_of)}")
        if check.match is not None:
            tests.append(f"type({name}) is str and not {self.w.const(check.match)}.search({name})")
        if check.longest is not None:
            tests.append(f"{sized}len({name}) > {check.longest}")
        if check.values:
            bad = f"any(not is_kind(v, {self.w.const(check.values)}) for v in {name}.values())"
            tests.append(f"type({name}) is dict and {bad}")
        if check.empty:
            known = kinds and kinds <= frozenset({str, list})
            tests.append(f"not {name}" if known else f"{name} == [] or {name} == ''")
        there = "" if value.sure else f"{name} is not None and "
        if tests:
            self.bail(f"{there}({' or '.join(tests)})" if there else " or ".join(tests))
        if kinds:
            self._learn(value, kinds, bool(check.empty))

    def _learn(self, value: Var, kinds: frozenset[type], full: bool) -> None:
        """From here on it is known of what kinds a loaded value is."""
        for key, found in self.w.loaded[-1].items():
            if found == value:
                self.w.loaded[-1][key] = replace(value, kinds=kinds, full=full)

    def _adjust(self, step: Adjust) -> None:
        """One correction of the whole; the result is then no longer known field by field."""
        verb = adjustments.ADJUSTMENTS[step.verb]
        needs = [step.options[o.name] for o in verb.options if o.kind == CALLER_FIELD]
        if not self.present.issuperset(needs):
            return
        guard = self.condition(self._out(), step.guard)
        if guard is False:
            return
        written = [step.options[o.name] for o in verb.options if o.kind == VALUES_BY_PATH]
        if verb.adds and not written:
            self.bail("" if guard is True else str(guard), "unusual")
            return
        run = self.w.const(verb.run)
        options, values = self.w.const(step.options), self._lookups(step.options)
        call = f"{run}(out, body, {options}, {values})"
        with self.w.block(f"if {call}" if guard is True else f"if {guard} and {call}"):
            if step.told:
                site = Site(self._body(), body=True)
                about = [p for p in step.about if self.path(site, p) != ABSENT]
                name = str(about[0].steps[0]) if about else ""
                if about and len(about[0].steps) > 1:
                    self.bail(reason="unusual")
                elif about or not step.about:
                    self.note(step.told, name, step.place)
        for path in (parse(name) for fields in written for name in fields):
            self.known.setdefault(str(path.steps[0]), Var("None"))
        self.w.loaded[-1] = {}

    def _lookups(self, options: dict[str, Json]) -> str:
        """What resolves the "$lookup"s of an adjustment's options."""
        held = [*options.values()]
        held += [v for value in held if type(value) is dict for v in value.values()]
        names = dict.fromkeys(v for v in held if type(v) is str and v.startswith("$"))
        if not names:
            return self.w.const(as_it_is)
        site = Site(self._body(), body=True)
        found = ", ".join(f"{n!r}: {self.w.say(self.path(site, parse(n)))}" for n in names)
        return f"resolver({{{found}}})"

    def _out(self) -> Site:
        """A site on the result: what no field can have written is absent."""
        return Site(Var("out", DICT, True, only=frozenset(self.known), live=True))

    def _rest(self, name: str) -> None:
        row = self.tables.rest.get(name)
        if row is None:
            row = self.tables.rest["*"]
            if row.policy == "reject":
                self.bail()
            elif row.policy == "warn":
                self.note("unknown", name, row.place)
            elif row.policy == "pass":
                self._pass_on(name)
        elif row.policy == "pass":
            self._pass_on(name)
        elif row.policy != "drop":
            with self.w.block(f"if {self.w.const(row_tells(row))}(body[{name!r}])"):
                if row.policy == "warn":
                    self.note("dropped", name, row.place)
                else:
                    self.bail()

    def _pass_on(self, name: str) -> None:
        """A field that goes upstream as it is."""
        self.w.put(f"out[{name!r}] = body[{name!r}]")
        self.known[name] = Var(f"body[{name!r}]")

    def _remember(self) -> None:
        values: dict[str, Value] = {}
        for word in self.tables.remember:
            name = word.removeprefix("state.")
            register = Var(f"c.state.get({name!r})")
            values[name] = register if name != word else self.lets.get(name, ABSENT)
        if all(type(value) is Const for value in values.values()):
            known = {name: value.value for name, value in values.items() if type(value) is Const}
            self.w.put(f"c.remember = {self.w.const(known)}")
            return
        said = ", ".join(f"{name!r}: {self.w.say(value)}" for name, value in values.items())
        self.w.put(f"c.remember = {{{said}}}")

    def _headers(self) -> None:
        made: dict[str, str] = {}
        sure: dict[str, str] = {}
        for header in self.tables.headers:
            values = [self.rule(self._out(), rule) for _, rule in header.rules]
            values = [value for value in values if value != ABSENT]
            known = [value.value for value in values if type(value) is Const]
            if len(known) < len(values):
                said = ", ".join(self.w.say(value) for value in values)
                there = [f"{self.w.say(v)} is not None" for v in values if not is_sure(v)]
                asked = f" if {' or '.join(there)} else ''" if len(there) == len(values) else ""
                made[header.name] = self.w.let(f"header(({said},)){asked}")
            elif text := header_of(known):
                sure[header.name] = text
        self.w.put(f"c.upstream_headers = {self.w.const(sure)}")
        for name, text in made.items():
            self.w.put(
                f"if {text}: c.upstream_headers = {{**c.upstream_headers, {name!r}: {text}}}"
            )


def row_tells(row: Rest) -> Any:
    def tells(value: Json) -> bool:
        values = value if row.items and type(value) is list else [value]
        left = [v for v in values if not any(same(v, d) or v == d for d in row.drop)]
        if row.drop_empty:
            left = [v for v in left if v not in ({}, [], "")]
        return bool(left)

    return tells


def as_it_is(value: Json) -> Json:
    return value


def resolver(found: dict[str, Json]) -> Callable[[Json], Json]:
    return lambda value: found.get(value, value) if type(value) is str else value
