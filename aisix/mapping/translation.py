"""A caller's request as the upstream wants it, and what is told of what was lost on the way.

    made = translate(tables, facts, caller_body, caller_headers, budget, compiled, told)
    made.upstream_body, made.upstream_headers, made.remember, made.notes

Tables have a compiled form for what is usual; whatever that cannot take, the interpreter decides,
which alone can say what is wrong and where. Both come to the same result, or raise CallerError, or
Spent when it would cost more than the budget has.

Must never know: a transport, a field by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from collections.abc import Mapping as Map
from typing import NamedTuple

from aisix.mapping.compile.runtime import CompiledRequest
from aisix.mapping.interpret import request
from aisix.mapping.interpret.scope import Facts, Note, Scope
from aisix.mapping.interpret.trace import RuleTrace
from aisix.mapping.model_tables import Effective, Told
from aisix.mapping.syntax.budget import Budget, Spent
from aisix.mapping.syntax.paths import Json
from aisix.mapping.syntax.rules import Place

MOST_WARNINGS = 2000  # characters of the header that tells of losses
MENDED = Place("", "body")  # no rule's doing


class TranslatedRequest(NamedTuple):
    """`remember` is what the answer's tables will ask for, `notes` what was lost or changed."""

    upstream_body: dict[str, Json]
    upstream_headers: dict[str, str]
    remember: dict[str, Json]
    notes: Sequence[Note]


def translate(
    tables: Effective,
    facts: Facts,
    caller_body: dict[str, Json],
    caller_headers: Map[str, str],
    budget: Budget,
    compiled: bool,
    told: Told,
    now: int = 0,
) -> TranslatedRequest:
    """CallerError names the caller's own field. `caller_headers` finds lower-case names; `now`:
    Unix seconds.

    `compiled=False` runs the tables rule by rule, as an alias that is strict always does. `told`
    gets what a compiled form raised, if it did, and the interpreter made good.
    """
    if compiled and not facts.strict:
        made = _by_form(tables, facts, caller_body, caller_headers, budget, told, now)
        if made is not None:
            return made
    return _by_rules(tables, facts, caller_body, caller_headers, budget, now)


def _by_form(
    tables: Effective,
    facts: Facts,
    caller_body: dict[str, Json],
    caller_headers: Map[str, str],
    budget: Budget,
    told: Told,
    now: int,
) -> TranslatedRequest | None:
    """The result of the compiled form; None when this request is for the interpreter."""
    alias, model = facts.alias, facts.upstream_model
    run = CompiledRequest(caller_body, alias, model, caller_headers, budget, now)
    try:
        upstream_body = tables.forms.translate(caller_body, run)
    except Spent:
        raise
    except Exception as raised:  # the interpreter decides, and tells what is wrong and where
        told("request", raised)
        return None
    return TranslatedRequest(upstream_body, run.upstream_headers, run.remember, run.notes)


def _by_rules(
    tables: Effective,
    facts: Facts,
    caller_body: dict[str, Json],
    caller_headers: Map[str, str],
    budget: Budget,
    now: int,
) -> TranslatedRequest:
    """The result of the tables, rule by rule; CallerError."""
    named = {name.lower(): value for name, value in caller_headers.items()}
    scope = Scope(facts, caller_body, headers=named, budget=budget, now=now)
    upstream_body = request.translate(tables.request, scope)
    upstream_headers = request.headers(tables.request, scope)
    if facts.strict:
        request.refuse_losses(scope.notes, caller_body, tables.request)
    return TranslatedRequest(upstream_body, upstream_headers, scope.remember, scope.notes)


def mended(
    tables: Effective, facts: Facts, caller_body: dict[str, Json], names: Iterable[str]
) -> list[Note]:
    """What is told of fields that reading the body has changed; CallerError for a strict alias."""
    notes = [Note("rewritten", name, MENDED) for name in names]
    if facts.strict:
        request.refuse_losses(notes, caller_body, tables.request)
    return notes


# ---------------------------------------------------------------- why, and what of it
def trace(
    tables: Effective,
    facts: Facts,
    caller_body: dict[str, Json],
    budget: Budget | None = None,
    now: int = 0,
    why: RuleTrace | None = None,
    headers: Map[str, str] | None = None,
) -> Scope:
    """Translate once more and say why: for `explain` and for naming the caller's own fields."""
    named = {name.lower(): value for name, value in (headers or {}).items()}
    trace, spent = why or RuleTrace(), budget or Budget()
    scope = Scope(facts, caller_body, headers=named, trace=trace, budget=spent, now=now)
    request.translate(tables.request, scope)
    if why is not None:
        of_the_body = len(why.moments)
        request.headers(tables.request, scope)
        del why.moments[of_the_body:]
        if facts.strict:
            why.losses([note.place for note in scope.notes if not note.quiet])
            request.refuse_losses(scope.notes, caller_body, tables.request)
    return scope


def origin(scope: Scope, name: str, numbers: Sequence[int]) -> tuple[str | None, Json]:
    """The caller's path of the upstream's NAME[n], of the part [m] of it and so on, as deep as a
    trace knows it; and that item of the list."""
    assert scope.trace is not None
    path, first = None, None
    inside = scope.out.get(name)
    for number in numbers:
        if type(inside) is not list or number >= len(inside):
            break
        item = inside[number]
        first = item if first is None else first
        path = scope.trace.origin.get(id(item), path)
        lists = [v for v in item.values() if type(v) is list] if type(item) is dict else []
        inside = lists[0] if lists else None
    return path, first


def warnings(notes: Iterable[Note]) -> str:
    """Losses as a header's value: "temperature=clamped, tools.f=rewritten"; "" without any."""
    told: dict[str, None] = {}
    known: set[tuple[str, str]] = set()
    length = 0
    for note in notes:
        if note.quiet or (said := (note.about, note.how)) in known:
            continue
        known.add(said)
        one = f"{_token(note.about)}={note.how}"
        if one not in told:
            told[one] = None
            length += len(one) + 2
            if length > MOST_WARNINGS:
                break
    return ", ".join(told)[:MOST_WARNINGS]


def _token(text: str) -> str:
    """A field name fit for a header."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", text)[:64]
