"""Why a value is what it is, in words."""

from __future__ import annotations

from collections.abc import Sequence

from aisix.mapping.interpret.pointers import Done
from aisix.mapping.syntax.rules import Rule


def why(rule: Rule, how: str, steps: Sequence[Done]) -> str:
    """Why a rule's value is what it is, in one line."""
    if how == "default":
        said = "default (caller sent none)"
    elif rule.kind in ("from", "find"):
        said = steps[0][0].replace("found ", "from ", 1) if steps else ""
    else:
        said = "constant" if rule.kind == "value" else rule.kind
    before = steps[0][1] if steps else None
    for what, value in steps[1:]:
        word, _, name = what.partition(" ")
        if word == "as" and value != before:
            said += f", as {name}"
        elif word == "table":
            said = f'"{before}" by table {name.rpartition(".")[0]}'
        elif word in ("min", "max"):
            said = f"{before} clamped to {word}"
        before = value
    return said
