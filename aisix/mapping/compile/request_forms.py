"""The forms of a model's requests: one for each set of fields, written when it is first asked for.

    forms = RequestForms(request_tables, facts, name)    # one per effective tables
    out = forms.translate(body, call)            # whatever it raises: let the interpreter do it

A form is written for the set of fields a body has (null fields are not there), and for the type of
each that may be of several, such as a text or a list. Forms are few; one that cannot be written,
and sets beyond the limit, are the interpreter's. The source of a form is
registered with `linecache`, so tracebacks and profilers show it; `sources()` gives it to a reader.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Sequence
from typing import Any

from aisix.mapping.compile.request import RequestCompiler
from aisix.mapping.compile.runtime import CannotCompile, CompiledRequest
from aisix.mapping.interpret.forms import Bail
from aisix.mapping.interpret.scope import Facts
from aisix.mapping.syntax.paths import Json
from aisix.mapping.syntax.rules import Check, RequestTables

Translate = Callable[[dict[str, Json], CompiledRequest], dict[str, Json]]

Kinds = tuple[tuple[str, type], ...]  # of fields that may be of several types, by name
Fields = tuple[frozenset[str], Kinds]
ByTypes = dict[tuple[type, ...], Translate]
NONE: tuple[tuple[str, ...], ByTypes] = (), {}
MOST = 64  # forms of one model's tables
STRANGE = 16  # of them for bodies with fields the tables do not name: anyone can make up more
WRITING = 15_000  # steps of writing a form: too much for whoever has only a short time
WIDEST = 100  # fields of a body worth a form: no dialect has that many, so most are unknown


class RequestForms:
    """The request's forms of one model's tables, each written when it is first asked for.

    differs: they are known to give something else than the rules, so there is none.
    """

    def __init__(
        self, tables: RequestTables, facts: Facts, name: str, differs: bool = False
    ) -> None:
        self._differs = differs
        self._tables = tables
        self._facts = facts
        self._name = name
        self._named = tables.known | tables.rest.keys()
        self._lists = tables.rest["*"].policy != "pass"  # it names all that it sends
        self._strange = 0  # forms for bodies with other fields
        self._several = of_several_types(tables.checks)
        self._forms: dict[Fields, Translate | None] = {}
        # By the names of a body in their order: those that may be of several types, and by these
        # the forms.
        self._by_order: dict[tuple[str, ...], tuple[tuple[str, ...], ByTypes]] = {}
        self._sources: dict[str, str] = {}

    def translate(self, body: dict[str, Json], call: CompiledRequest) -> dict[str, Json]:
        """The upstream's body; Bail, or whatever else: let the interpreter do it."""
        if len(body) > WIDEST:
            raise Bail("too_wide")
        order = tuple(body)  # requests of one program have one order
        several, forms = self._by_order.get(order, NONE)
        form = forms.get(tuple([type(body[name]) for name in several]) if several else ())
        if form is None or None in body.values():
            form = self._found(body, order, call)
        return form(body, call)

    def _found(
        self, body: dict[str, Json], order: tuple[str, ...], call: CompiledRequest
    ) -> Translate:
        """The form of a body; Bail where there is none."""
        several = tuple(name for name in order if name in self._several)
        fields = fields_of(body, self._several)
        form = self._forms[fields] if fields in self._forms else self._make(fields, call)
        if form is None:
            raise Bail("")  # told when it could not be written
        if len(fields[0]) == len(body) and (len(self._by_order) < MOST or order in self._by_order):
            _, forms = self._by_order.setdefault(order, (several, {}))
            if len(forms) < MOST:
                forms[tuple(type(body[name]) for name in several)] = form
        return form

    def sources(self) -> dict[str, str]:
        """The forms written so far: name -> source."""
        return dict(self._sources)

    def _make(self, fields: Fields, call: CompiledRequest) -> Translate:
        present = fields[0]
        if self._differs:
            raise Bail("differs")
        strange = self._lists and not present <= self._named
        if len(self._forms) >= MOST or (strange and self._strange >= STRANGE):
            raise Bail("too_many_forms")
        call.budget.spend(WRITING)
        self._strange += strange
        self._forms[fields] = None  # unless it is written: a mistake of ours is not made again
        try:
            form = self._forms[fields] = self._write(*fields)
        except CannotCompile:
            raise Bail("cannot_compile") from None
        return form

    def _write(self, present: frozenset[str], kinds: Kinds) -> Translate:
        compiler = RequestCompiler(self._tables, self._facts, present, dict(kinds))
        source = compiler.source()
        types = {name: f"{name} ({kind.__name__})" for name, kind in kinds}
        fields = (
            ", ".join(types.get(name, name) for name in sorted(present))
            .encode("unicode_escape")
            .decode()
        )  # a log may show it
        name = f"<{self._name}: {fields}>"
        namespace: dict[str, Any] = dict(compiler.w.names)
        exec(compile(source, name, "exec"), namespace)
        linecache.cache[name] = (len(source), None, source.splitlines(True), name)
        self._sources[name] = source
        made: Translate = namespace["translate"]
        return made


def fields_of(body: dict[str, Json], several: frozenset[str]) -> Fields:
    """What the form of a body is written for."""
    present = frozenset(key for key, value in body.items() if value is not None)
    return present, tuple((name, type(body[name])) for name in sorted(present & several))


def of_several_types(checks: Sequence[Check]) -> frozenset[str]:
    """The fields of a body that may be of one JSON type or of another."""
    return frozenset(
        str(check.path.steps[0])
        for check in checks
        if len(check.path.steps) == 1 and len(check.types) > 1
    )
