"""An answer of the tables to a request that never goes upstream, as the upstream would say it.

chosen(locals, facts, body, lets)  the one for this request, or None
whole(local, new_id)               JSON, as a plain answer's body
events(local, answering, new_id)   ... as events of a stream: its own, else those of the answer
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from aisix.mapping.interpret.answer import Answering
from aisix.mapping.interpret.scope import Facts, Scope
from aisix.mapping.interpret.view import View, holds
from aisix.mapping.syntax.paths import Json
from aisix.mapping.syntax.rules import LocalAnswer

NEW_ID = b"{new_id}"  # in a text: an identifier, the same in all of one answer
_encode = msgspec.json.Encoder().encode


def chosen(
    local: Sequence[LocalAnswer], facts: Facts, body: dict[str, Json], lets: dict[str, Json]
) -> LocalAnswer | None:
    """The first whose guard holds; `lets`: those the request's `remember` names."""
    for one in local:  # this is asked for every request: what needs a let is soon said no to
        if one.needs and lets.get(one.needs) is None:
            continue
        if holds(one.guard, View(Scope(facts, body, lets), body)):
            return one
    return None


def whole(local: LocalAnswer, new_id: Callable[[], str]) -> bytes:
    """The body of a plain answer."""
    return _filled(local.answer, new_id)


def events(
    local: LocalAnswer, answering: Answering, new_id: Callable[[], str]
) -> Sequence[dict[str, Json]]:
    """What a stream brings; nobody else has a hold of it."""
    if not local.events:
        return answering.events_of(local.answer)
    made: list[dict[str, Json]] = msgspec.json.decode(_filled(list(local.events), new_id))
    return made


def _filled(value: Json, new_id: Callable[[], str]) -> bytes:
    text = _encode(value)
    return text.replace(NEW_ID, new_id().encode()) if NEW_ID in text else text
