"""Items that know their position among the others, put there: the source `weave` of a rule."""

from __future__ import annotations

from collections.abc import Callable

from aisix.mapping.interpret.scope import Note
from aisix.mapping.interpret.view import View, holds
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.paths import Json
from aisix.mapping.syntax.rules import Rule
from aisix.mapping.verbs import conversions

Run = Callable[[Rule, View, str], Json]  # what runs one rule


def weave(run: Run, rule: Rule, view: View, target: str) -> list[Json]:
    """Items that know their position among the others, put there: all of them or none."""
    placed_rule, others_rule = rule.parts[0][1], rule.parts[1][1]
    others = run(others_rule, view, target) or []
    assert rule.by is not None
    items = _items_of(placed_rule, view)
    if not items:
        return list(others)
    placed = run(placed_rule, view, target) or []
    positions = [paths.get(item, rule.by.steps) for item in items]
    length = len(placed) + len(others)
    if (
        len(placed) != len(items)
        or not all(type(p) is int and 0 <= p < length for p in positions)
        or len(set(positions)) != len(positions)
        or (rule.followed and length - 1 in positions)
        or (rule.leading and 0 not in positions)
    ):
        param = view.caller_path(placed_rule.paths[0])
        view.scope.notes.append(Note("dropped", param, placed_rule.place, quiet=True))
        return list(others)
    by_position = dict(zip(positions, placed, strict=True))
    rest = iter(others)
    return [by_position[n] if n in by_position else next(rest) for n in range(length)]


def _items_of(rule: Rule, view: View) -> list[Json]:
    """The source items behind a placed rule, filtered and converted as the rule itself does."""
    value = next((v for v in map(view.find, rule.paths) if v is not None), None)
    if type(value) is not list:
        return []
    if rule.where is not None:
        value = [item for item in value if holds(rule.where, View(view.scope, item))]
    for convert in rule.converts:
        value = conversions.VERBS[convert.verb].run(value, convert.options, view)
    return list(value)
