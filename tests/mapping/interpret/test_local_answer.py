"""An answer that never went upstream: which one, its identifier, what it is in a stream."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

from aisix.mapping.interpret.local_answer import chosen, events, whole
from aisix.mapping.interpret.scope import Facts
from aisix.mapping.syntax import paths, rules
from aisix.mapping.syntax.rules import Condition, LocalAnswer

FACTS = Facts("alias", "model", "1", {}, {})


def when(path: str, value: Any) -> Condition:
    return Condition((rules.Test(paths.parse(path), "is", value),))


def numbered() -> Callable[[], str]:
    numbers = itertools.count()
    return lambda: f"id_{next(numbers)}"


class AnsweringNothing:
    """Takes an answer apart as the tables of a dialect would."""

    def events_of(self, answer: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"all": answer}]


def test_the_first_whose_guard_holds_is_it() -> None:
    local = (
        LocalAnswer(when("$let.found", "a"), {"text": "let"}, needs="found"),
        LocalAnswer(when("limit", 0), {"text": "body"}),
        LocalAnswer(when("limit", 0), {"text": "never"}),
    )
    both, one = (
        chosen(local, FACTS, {"limit": 0}, {"found": "a"}),
        chosen(local, FACTS, {"limit": 0}, {}),
    )
    assert both is local[0] and one is local[1]
    assert chosen(local, FACTS, {"limit": 1}, {}) is None


def test_each_answer_has_an_identifier_of_its_own() -> None:
    texts = {"call": "c_{new_id}", "answer": "c_{new_id}"}
    local, new_id = LocalAnswer(Condition(), texts), numbered()
    assert json.loads(whole(local, new_id)) == {"call": "c_id_0", "answer": "c_id_0"}
    assert json.loads(whole(local, new_id)) == {"call": "c_id_1", "answer": "c_id_1"}


def test_a_stream_has_its_own_events_or_those_of_the_answer() -> None:
    answering: Any = AnsweringNothing()
    plain = LocalAnswer(Condition(), {"a": 1})
    assert events(plain, answering, numbered()) == [{"all": {"a": 1}}]
    local = LocalAnswer(Condition(), {"a": 1}, ({"id": "{new_id}", "part": {}}, {"end": True}))
    made = list(events(local, answering, numbered()))
    assert made == [{"id": "id_0", "part": {}}, {"end": True}]
    made[0]["part"]["mended"] = True  # what a stream changes is of that stream alone
    assert local.events[0]["part"] == {}
