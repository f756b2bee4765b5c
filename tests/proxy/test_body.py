"""A body's bytes and what becomes of them, without a handler."""

from __future__ import annotations

import pytest

from aisix.errors import CallerError
from aisix.mapping.syntax.budget import Held
from aisix.proxy.body import Body, decoded, deeper


def test_an_object_in_pieces() -> None:
    assert decoded([b'{"a":', b"1}"], Held(escapes=9)) == Body({"a": 1})
    assert decoded([rb'{"a":"\ud83d"}'], Held(escapes=9)) == Body({"a": "\ufffd"}, ["a"])


@pytest.mark.parametrize(
    ("raw", "kind"), [(b"[]", "bad_json"), (b"{", "bad_json"), (b"[" * 9_999, "too_deep")]
)
def test_what_is_none_is_refused(raw: bytes, kind: str) -> None:
    with pytest.raises(CallerError) as refused:
        decoded([raw], Held(escapes=9))
    assert refused.value.kind == kind


def test_levels_are_those_of_lists_and_objects() -> None:
    assert not deeper({"a": [{}]}, 3) and deeper({"a": [{}]}, 2)


def test_escapes_are_counted_over_all_pieces() -> None:
    pieces = [rb'{"a":"\n\n', rb'\n"}']
    assert decoded(pieces, Held(escapes=3)) == Body({"a": "\n\n\n"})
    with pytest.raises(CallerError) as refused:
        decoded(pieces, Held(escapes=2))
    assert refused.value.kind == "too_many_escapes"


def test_values_are_counted_over_all_pieces() -> None:
    pieces = [b'{"a":[1,2', b",3,4]}"]
    assert decoded(pieces, Held(values=5)) == Body({"a": [1, 2, 3, 4]})
    with pytest.raises(CallerError) as refused:
        decoded(pieces, Held(values=4))
    assert refused.value.kind == "too_many_values"


def test_numbers_that_take_long_are_refused_before_they_are_read() -> None:
    with pytest.raises(CallerError) as refused:
        decoded([b'{"a":[' + b"1e300," * 6_000, b"1]}"], Held(escapes=9))
    assert refused.value.kind == "bad_json" and "4000" in str(refused.value.values["why"])
