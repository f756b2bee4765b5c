"""Every input of the folder through one running gateway."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.replay import HERE, Input, Replay, inputs_of
from tests.faults.wanted import WANTED

INPUTS = inputs_of(HERE)


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replay]:
    with Replay(tmp_path_factory.mktemp("faults"), INPUTS) as running:
        yield running


@pytest.mark.parametrize("one", INPUTS, ids=lambda one: one.id)
def test_the_exchange_is_right(replay: Replay, one: Input) -> None:
    assert replay.misses(one) == []


@pytest.mark.parametrize(
    "one", [one for one in INPUTS if one.answer is not None], ids=lambda one: one.id
)
def test_a_caller_of_the_responses_api_gets_it_too(replay: Replay, one: Input) -> None:
    assert replay.misses(one.asked_by_responses()) == []


def test_each_input_says_what_is_wanted() -> None:
    names = {one.id for one in INPUTS}
    assert len(names) == len(INPUTS)
    assert {one.id for one in INPUTS if one.answer is None} == WANTED.keys()
    assert all(isinstance(one.want, dict) for one in INPUTS if one.answer is not None)
