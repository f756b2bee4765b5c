"""Two steps of a rule that look at its value alone: blank texts taken out, numbers kept in bounds.

Must never know: how the value was found.
"""

from __future__ import annotations

from aisix.errors import CallerError
from aisix.mapping.interpret.scope import Note
from aisix.mapping.interpret.view import JSON_TYPES, View
from aisix.mapping.syntax.paths import Json, Path
from aisix.mapping.syntax.rules import Rule

DEFAULT = "default (caller sent none)"


def keep_nonblank(rule: Rule, view: View, value: list[Json], param: str) -> list[Json]:
    kept = []
    for number, text in enumerate(value):
        if type(text) is not str:
            raise CallerError(
                "wrong_type", f"{param}[{number}]", expected="string", found=JSON_TYPES[type(text)]
            )
        if text and not text.isspace():
            kept.append(text)
    if len(kept) != len(value):
        view.scope.notes.append(Note("dropped", param, rule.place, old=value, new=kept))
    return kept


def clamp(rule: Rule, view: View, value: Json, param: str, why: str) -> tuple[Json, str]:
    if type(value) not in (int, float):
        return value, why
    for limit, worse in ((rule.low, -1), (rule.high, 1)):
        bound = view.find(limit) if type(limit) is Path else limit
        if bound is not None and (value - bound) * worse > 0:
            quiet = why == DEFAULT  # what the caller never said is no loss
            view.scope.notes.append(
                Note("clamped", param, rule.place, quiet=quiet, old=value, new=bound)
            )
            why = f"{value} clamped to {'min' if worse < 0 else 'max'}"
            value = bound
    return value, why
