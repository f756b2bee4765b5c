"""A turn the upstream paused is continued: what it said so far goes back to it, and it goes on.

`[continuation]` of answer.toml says when, how often, and how the upstream's own blocks are grown
from their deltas so that they can be sent back unchanged. Knows no block by name.
"""

from __future__ import annotations

from aisix.mapping.interpret import accumulate
from aisix.mapping.interpret.answer_state import AnswerState
from aisix.mapping.interpret.fold import add_up
from aisix.mapping.interpret.scope import NULL, Note
from aisix.mapping.interpret.view import View, holds
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.paths import Json, Path


def wants_more(a: AnswerState) -> bool:
    """Whether the turn has paused and may go on."""
    how = a.tables.continuation
    if how is None or a.raw is None or not a.ended:
        return False
    view = View(a.scope, {})  # type: ignore[arg-type]
    if not holds(how.guard, view):
        return False
    rounds = view.find(how.rounds) if isinstance(how.rounds, Path) else how.rounds
    if a.rounds >= rounds:
        a.scope.notes.append(Note(how.told, how.about, how.place))
        return False
    return True


def next_round(a: AnswerState, request: dict[str, Json]) -> dict[str, Json]:
    """The request that continues a paused turn: what was said so far is put at its end."""
    how = a.tables.continuation
    assert how is not None and a.raw is not None
    said = [accumulate.whole(a.raw[number]) for number in sorted(a.raw)]
    turn = {**how.turn, how.content: said}
    items = list(request.get(how.list) or ())
    if a.rounds and items and all(items[-1].get(k) == v for k, v in how.turn.items()):
        turn = {**items.pop(), how.content: [*a.said_before, *said]}
    a.said_before = turn[how.content]
    a.past_usage = add_up(a.past_usage, a.scope.usage)
    a.scope.usage = {}
    a.offset += len(a.raw)
    a.raw, a.blocks, a.open, a.ended = {}, {}, set(), False
    for register in how.forget:
        a.put(register, NULL)
    a.rounds += 1
    return {**request, how.list: [*items, turn]}


def rebuild(a: AnswerState, event: dict[str, Json], number: Json) -> None:
    """Keep the upstream's own blocks, grown from their deltas, in case the turn is paused."""
    plain, how = a.tables.plain, a.tables.continuation
    if type(number) is not int or plain is None or how is None or a.raw is None:
        return
    start = next((key for key, value in plain.begin if isinstance(value, Path)), "")
    block = event.get(start)
    if type(block) is dict:
        a.raw[number] = dict(block)
        return
    row = a.tables.events.get(event.get(str(a.tables.by.steps[0]), ""))
    if row is None or row.by is None or number not in a.raw:
        return
    parts = how.rebuild.get(paths.get(event, row.by.steps) or "", ())
    accumulate.add_delta(a.raw[number], parts, event)
