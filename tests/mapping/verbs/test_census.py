"""Values of JSON, counted in its bytes: never too few, and texts aside exactly, however it is cut."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisix.mapping.verbs import census
from aisix.mapping.verbs.census import Census, crowded, marks

TEXT = st.text('ab"\\,[{é\n', max_size=12)
VALUE = st.recursive(
    st.integers() | TEXT,
    lambda below: st.lists(below) | st.dictionaries(TEXT, below),
    max_leaves=30,
)


def held(value: Any) -> int:
    """Values in lists and objects; one that is empty counts as one."""
    if not isinstance(value, list | dict):
        return 0
    below = value.values() if isinstance(value, dict) else value
    return max(1, len(value)) + sum(map(held, below))


@given(VALUE, st.lists(st.integers(0, 400), max_size=3), st.sampled_from([1, 2, 7, 1 << 16]))
def test_as_one_who_has_decoded_it(value: Any, cuts: list[int], piece: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(census, "PIECE", piece)
        raw = json.dumps(value).encode()
        at = [0, *sorted(cut for cut in cuts if cut < len(raw)), len(raw)]
        chunks = [raw[one:other] for one, other in pairwise(at)]
        count = held(value)
        assert sum(map(marks, chunks)) >= count
        assert not Census(count).has_more(chunks)
        assert count == 0 or Census(count - 1).has_more(chunks)


def test_quotes_that_are_never_closed_are_looked_at_once() -> None:
    """Each of them looked at to the end would take minutes."""
    raw = b'"' + b'\\",' * 700_000
    assert not crowded(raw, 1000)


def test_text_full_of_commas_holds_no_values() -> None:
    raw = b'["' + b",[{" * 100_000 + b'",1,2]'
    assert not crowded(raw, 3) and crowded(raw, 2)
