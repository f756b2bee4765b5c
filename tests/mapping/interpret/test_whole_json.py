"""Whole JSON is known by its brackets and quotes, in whatever pieces it comes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisix.mapping.interpret.whole_json import WholeJson

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=4), below),
    max_leaves=8,
)


@given(VALUES.filter(lambda v: isinstance(v, dict | list | str)), st.integers(1, 9), st.booleans())
def test_whole_at_its_last_character(value: object, size: int, asked: bool) -> None:
    text = " " + json.dumps(value)
    whole = WholeJson()
    for at in range(0, len(text) - 1, size):
        whole.add(text[at : min(at + size, len(text) - 1)])
        if asked:
            assert not whole.closed
    assert not whole.closed
    whole.add(text[-1])
    assert whole.closed
    whole.add("more")
    assert whole.closed


@pytest.mark.parametrize(
    ("text", "closed"),
    [
        ("", False),
        (" ", False),
        ("nul", False),
        ("null", True),
        ("12", True),
        ('"{', False),
        ('{"a": "}"', False),
        (r'{"a": "\"}', False),
        (r'"\\"', True),
        ("x" * 9999, False),
    ],
)
def test_words(text: str, closed: bool) -> None:
    whole = WholeJson()
    whole.add(text)
    assert whole.closed is closed
