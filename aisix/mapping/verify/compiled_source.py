"""The generated source of one model's tables, for a reader: `aisix mappings show --compiled`.

For a request with the fields of `body` and the answers to it, plain and streamed. What a name of
the source stands for (options of a verb, a note, a pattern) is said in a comment below each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aisix.errors import CallerError
from aisix.mapping.compile.deltas import DeltaCompiler
from aisix.mapping.compile.paths import Compiler
from aisix.mapping.compile.plain import PlainCompiler
from aisix.mapping.compile.request import RequestCompiler
from aisix.mapping.compile.request_forms import fields_of, of_several_types
from aisix.mapping.compile.runtime import CannotCompile
from aisix.mapping.compile.stream import StreamCompiler
from aisix.mapping.dialect.upstream_errors import CallerDialect
from aisix.mapping.interpret import request
from aisix.mapping.interpret.scope import Scope
from aisix.mapping.mappings import Effective
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.paths import Json
from aisix.mapping.types import ResolvedModel

WIDTH = 96


def sources(
    tables: Effective, caller: CallerDialect, body: dict[str, Json]
) -> Iterator[tuple[str, str]]:
    """(title, source), or (title, why the interpreter does it)."""
    facts = tables.facts(ResolvedModel("", ""))
    present, kinds = fields_of(body, of_several_types(tables.request.checks))
    yield _written(
        "request with " + ", ".join(sorted(present)),
        lambda: RequestCompiler(tables.request, facts, present, dict(kinds)),
    )
    scope = Scope(facts, body)
    try:
        request.translate(tables.request, scope)
    except CallerError as error:
        yield "answer", f"# none: the request is refused ({error.kind}, {error.param})\n"
        return
    known = {n: v for n, v in scope.remember.items() if v is None or type(v) in (str, bool)}
    wants_usage = paths.is_true(body, caller.wants_usage)
    given = tables.answer, facts, known, frozenset(scope.remember), wants_usage
    if DeltaCompiler.can(tables.answer):
        yield _written("answer, piece by piece", lambda: DeltaCompiler(*given))
        return
    yield _written("plain answer", lambda: PlainCompiler(*given))
    yield _written("stream", lambda: StreamCompiler(*given))


def _written(title: str, make: Any) -> tuple[str, str]:
    try:
        compiler: Compiler = make()
        source: str = compiler.source()  # type: ignore[attr-defined]
    except CannotCompile as why:
        return title, f"# run rule by rule: {why}\n"
    return title, source + "\n" + "".join(_constants(compiler, source))


def _constants(compiler: Compiler, source: str) -> Iterator[str]:
    for name, value in compiler.w.names.items():
        if name[-1].isdigit() and name in source:
            if callable(value) and hasattr(value, "__qualname__"):
                text = f"{value.__module__}.{value.__qualname__}"
            else:
                text = repr(value)
            line = f"# {name} = {text}"
            yield line[: WIDTH - 3] + "...\n" if len(line) > WIDTH else line + "\n"
