"""The answer's tables as Python source: a stream's events to chunks, or a plain answer in one go.

    forms = AnswerForms(answer_tables, facts, name)
    form = forms.stream.find(remember, wants_usage)      # or forms.plain, forms.deltas
    form.event(answering, event, out)        # a stream's event: bytes for the caller into `out`
    form.answer(answering, answer)           # a plain answer's completion

A form is written for what the request left behind (`$request.NAME`), so that whole branches fold
away; `find` gives None, or raises Bail to say why, where only the interpreter can do it.
Tables are either made of the upstream's blocks, or its events hold anything at once: then there is
one form for both, `forms.deltas`, and the machine of `interpret/` calls it piece by piece.
`compile/envelopes.py` is what all kinds share; `compile/stream.py`, `plain.py`, `deltas.py` write
them, out of rows (`compile/rows.py`) and chunks (`compile/chunks.py`).
"""

from __future__ import annotations

import linecache
from collections.abc import Collection
from dataclasses import fields
from typing import Any, Generic, TypeVar

from aisix.mapping.compile.deltas import DeltaCompiler
from aisix.mapping.compile.plain import PlainCompiler
from aisix.mapping.compile.runtime import CannotCompile
from aisix.mapping.compile.stream import StreamCompiler
from aisix.mapping.compile.values import LIST
from aisix.mapping.interpret.forms import Bail, DeltaForm, PlainForm, StreamForm
from aisix.mapping.interpret.scope import Facts
from aisix.mapping.syntax.answer import AnswerTables
from aisix.mapping.syntax.paths import Json

PLAIN = (str, bool)
MOST = 32


Form = TypeVar("Form", StreamForm, PlainForm, DeltaForm)


class FormCache(Generic[Form]):
    """The forms of one kind, of one model's tables, each written when it is first asked for."""

    def __init__(
        self,
        kind: type[Form],
        compiler: Any,
        tables: AnswerTables,
        facts: Facts,
        name: str,
        differs: bool = False,
    ) -> None:
        self._kind: type[Form] = kind
        self._compiler = compiler
        self._tables = tables
        self._facts = facts
        self._name = name
        self._differs = differs  # known to give something else than the rules: there is none
        self._forms: dict[Any, Form | None] = {}
        self._known: dict[Any, Form | None] = {}  # by what was remembered, where that is a key

    def find(self, remember: dict[str, Json], wants_usage: bool) -> Form | None:
        try:
            return self._known[wants_usage, *remember.values()]
        except (KeyError, TypeError):  # a list is no key
            return self._find(remember, wants_usage)

    def _find(self, remember: dict[str, Json], wants_usage: bool) -> Form | None:
        if self._differs and self._compiler.can(self._tables):
            raise Bail("differs")
        # A list stays a question at run time; words and flags are constants of the form.
        key = (
            wants_usage,
            *[v if v is None or type(v) in PLAIN else LIST for v in remember.values()],
        )
        try:
            return self._forms[key]
        except KeyError:
            if len(self._forms) >= MOST:
                raise Bail("too_many_forms") from None
        known = {n: v for n, v in remember.items() if v is None or type(v) in PLAIN}
        words = (wants_usage, *remember.values()) if LIST not in key else None
        self._forms[key] = None  # unless it is written: a mistake of ours is not made again
        if words:
            self._known[words] = None
        if not self._compiler.can(self._tables):
            return None  # tables of another sort
        try:
            form = self._write(known, frozenset(remember), wants_usage, str(key))
        except CannotCompile:
            raise Bail("cannot_compile") from None
        self._forms[key] = form
        if words:
            self._known[words] = form
        return form

    def sources(self) -> dict[str, str]:
        """The forms written so far: name -> source."""
        return {str(key): form.source for key, form in self._forms.items() if form is not None}

    def _write(
        self, known: dict[str, Json], names: frozenset[str], wants_usage: bool, key: str
    ) -> Form:
        compiler = self._compiler(self._tables, self._facts, known, names, wants_usage)
        source = compiler.source()
        name = f"<{self._name} {self._kind.__name__} {key}>"
        made: dict[str, Any] = dict(compiler.w.names)
        exec(compile(source, name, "exec"), made)
        linecache.cache[name] = (len(source), None, source.splitlines(True), name)
        functions: dict[str, Any] = {f.name: made.get(f.name) for f in fields(self._kind)}
        form: Form = self._kind(**functions | {"source": source})
        return form


class AnswerForms:
    """All kinds; a form is written when it is first asked for."""

    def __init__(
        self, tables: AnswerTables, facts: Facts, name: str, differs: Collection[str] = ()
    ) -> None:
        given = tables, facts, name
        stream, plain = "stream" in differs, "plain" in differs
        self.stream = FormCache(StreamForm, StreamCompiler, *given, stream)
        self.plain = FormCache(PlainForm, PlainCompiler, *given, plain)
        self.deltas = FormCache(DeltaForm, DeltaCompiler, *given, stream or plain)
