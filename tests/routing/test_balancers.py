"""What a group and its targets settle together: times, retries, whose cells."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aisix.routing.balancers import _own_silence, _within
from aisix.store.resources import AliasGroup, GroupTarget, Model

GROUP = AliasGroup((GroupTarget("small"),), retries=4)


def model(**given: Any) -> Model:
    return Model("m", "small", "m-large", "acme", "k", **given)


@pytest.mark.parametrize(
    ("target", "group", "plain", "silence"),
    [
        ({}, {}, None, None),
        ({"timeout": 500}, {}, 500, 500),
        ({}, {"timeout": 900}, 900, 900),
        ({"timeout": 500}, {"timeout": 900}, 500, 500),
        ({"timeout": 0}, {"timeout": 900}, 0, 0),  # none, and that ends the search
        ({"stream_timeout": 70}, {"stream_timeout": 90}, None, 70),
        ({"stream_timeout": 0}, {"stream_timeout": 90}, None, 90),  # 0 is not said
        ({"timeout": 500}, {"stream_timeout": 90}, 500, 90),
        ({"timeout": 500, "stream_timeout": 500}, {"stream_timeout": 90}, 500, 90),  # moved in
        ({"timeout": 500, "stream_timeout": 70}, {"stream_timeout": 90}, 500, 70),
        ({"stream_timeout": 0}, {"timeout": 900, "stream_timeout": 0}, 900, 900),
    ],
)
def test_times(
    target: dict[str, Any], group: dict[str, Any], plain: int | None, silence: int | None
) -> None:
    whole, other = model(group=GROUP, **group), model(**target)
    found = _within(whole, GROUP, other)
    assert (found.timeout, found.stream_timeout) == (plain, silence)
    assert _own_silence(whole, other) == silence


def test_retries() -> None:
    whole = model(group=GROUP)
    assert _within(whole, GROUP, model()).retries == 4
    assert _within(whole, GROUP, model(retries=0)).retries == 0
    assert _within(whole, replace(GROUP, retries=None), model()).retries is None
