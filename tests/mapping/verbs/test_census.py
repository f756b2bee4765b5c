"""Values of JSON, counted in its bytes: never too few, and texts aside exactly, however it is cut."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisix.mapping.verbs import census
from aisix.mapping.verbs.census import SLOW, crowded, marks, slow

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


@given(VALUE, st.sampled_from([1, 2, 3, 7, 50, 1 << 16]))
def test_as_one_who_has_decoded_it(value: Any, piece: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(census, "PIECE", piece)
        raw = json.dumps(value).encode()
        count = held(value)
        assert marks(raw) >= count
        assert not crowded(raw, count)
        assert count == 0 or crowded(raw, count - 1)


def test_quotes_that_are_never_closed_are_looked_at_once() -> None:
    """Each of them looked at to the end would take minutes."""
    raw = b'"' + b'\\",' * 700_000
    assert not crowded(raw, 1000)


def test_text_full_of_commas_holds_no_values() -> None:
    raw = b'["' + b",[{" * 100_000 + b'",1,2]'
    assert not crowded(raw, 3) and crowded(raw, 2)


@pytest.mark.parametrize(
    "number", ["1e300", "1.5E+0300", "4.9e-324", "1e-1000", "9" * 40, "0." + "3" * 40]
)
def test_numbers_that_are_slow_to_read_are_counted_outside_texts(number: str) -> None:
    numbers = [number] * SLOW
    assert not slow(f"[{','.join(numbers)},1e9]".encode() + b" " * (1 << 15))
    more = [number] * 8  # some may be cut between two pieces
    assert slow(f"[{','.join(numbers + more)}]".encode() + b" " * (1 << 15))


def test_quick_numbers_and_texts_may_be_as_many_as_they_like() -> None:
    quick = b",".join([b"1.2345678901234567e-05,-1E+249,0.1234567890123456,12"] * SLOW)
    text = b'"' + rb"1e300 \"1e300\" " * SLOW + b'"'
    assert not slow(b"[" + quick + b"," + text + b"," + text + b"]")
    assert slow(b"[" + quick + b"," + text + b",1e300" * (SLOW + 1))


def test_a_text_without_its_end_is_looked_at_once() -> None:
    assert not slow(b'"' + b'\\"1e300,' * 300_000 + b"\\")
