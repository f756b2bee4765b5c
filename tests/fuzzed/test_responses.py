"""Whatever an upstream answers, a Responses caller gets what its clients can read, and all of it.

The checks are those of tests/strict, the SDK's own accumulator among them; the properties are that a
stream and a plain answer agree, that compiled tables and rules do, and that nothing is lost.
"""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzzed import asked, judged
from tests.fuzzed.judged import ANSWERS, faults
from tests.fuzzed.responses import Carried, streamed
from tests.long import times

some = settings(
    max_examples=times(150), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


@pytest.mark.parametrize("mapping", ANSWERS)
@some
@given(st.integers(0, 1 << 32))
def test_every_answer_is_one_that_clients_read(mapping: str, number: int) -> None:
    assert faults(mapping, Random(number)) == []


@pytest.mark.parametrize("mapping", ANSWERS)
def test_the_answers_are_of_every_kind(mapping: str) -> None:
    """Or the test above shows less than it says."""
    made = [ANSWERS[mapping](Random(number)) for number in range(200)]
    assert {one.ends for one in made} >= {"completed", "incomplete", "failed", None}
    assert sum(one.plain is not None for one in made) > 50
    said = [one.said for one in made if one.said]
    assert any(one.text for one in said) and any(one.thoughts for one in said)
    assert {name for one in said for _, name, _ in one.calls} == {*asked.NAMES}


@pytest.mark.parametrize("mapping", ANSWERS)
def test_what_is_lost_is_noticed(mapping: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def spoilt(*given: object, **more: object) -> Carried:
        carried = streamed(*given, **more)  # type: ignore[arg-type]
        data = carried.data.replace(b'"delta":"', b'"delta":"+')
        return Carried(data, carried.exchange)

    monkeypatch.setattr(judged, "streamed", spoilt)
    assert any(faults(mapping, Random(number)) for number in range(20))
