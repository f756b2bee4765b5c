"""The short form: a few hundred exchanges of each pair, the same ones each time."""

from __future__ import annotations

import pytest

from tests.differential.judge import doubled, invented, lost
from tests.differential.run import PAIRS, judged
from tests.long import times

COUNT = 40


@pytest.mark.parametrize("pair", PAIRS)
def test_nothing_is_lost_invented_or_said_twice(pair: str) -> None:
    found = {number: judged(pair, number) for number in range(times(COUNT))}
    assert not {number: one.faults for number, one in found.items() if one.faults}
    assert sum(one.refused for one in found.values()) < len(found) / 2, "hardly any is translated"


def test_the_judge_sees_each_fault() -> None:
    given = {"a": "q100z", "b": {"c": "q101z"}, "n": 1234567}
    assert lost(given, given, ()) == []
    assert lost(given, {"a": "q100z", "n": 1234567}, ()) == ['lost: b.c = "q101z"']
    assert lost(given, {"a": "q100z", "n": 1234567}, {"b"}) == []
    assert lost(given, {"a": "q100z", "b": "q101z"}, {"b"}) == ["lost: n = 1234567"]
    assert doubled(given, {"x": ["q100z", "q100z"]}) == ["said 2 times instead of 1: q100z"]
    assert invented(given, {"a": "q100z", "x": "hello"}, {"x"}) == []
    assert invented(given, {"a": "q100z", "y": "hello"}, {"x"}) == ['invented: y = "hello"']
