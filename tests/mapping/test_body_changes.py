"""What an operator's own changes make of a body."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aisix.mapping.body_changes import BodyChanges


@pytest.mark.parametrize(
    ("changes", "body", "out"),
    [
        (BodyChanges((("a", "b"),)), {"a": 1, "b": 2}, {"b": 1}),
        (BodyChanges((("a", "a"),)), {"a": 1}, {"a": 1}),
        (BodyChanges((("a", "b"),)), {"c": {"a": 1}}, {"c": {"a": 1}}),
        (BodyChanges(bounds=(("t", 0, 1),)), {"t": 1.7}, {"t": 1}),
        (BodyChanges(bounds=(("t", 0.5, None),)), {"t": 0}, {"t": 0.5}),
        (BodyChanges(bounds=(("t", 0, 1),)), {"t": "hot"}, {"t": "hot"}),
        (BodyChanges(bounds=(("t", 0, 1),)), {"t": True}, {"t": True}),
        (BodyChanges(defaults={"a": {"x": 1}}), {"b": 2}, {"b": 2, "a": {"x": 1}}),
        (BodyChanges(defaults={"a": 1}), {"a": None}, {"a": None}),
        # in this order: the bounds hold for the new name, no default comes where one was renamed to
        (BodyChanges((("h", "t"),), (("t", None, 1),), {"t": 9, "h": 3}), {"h": 4}, {"t": 1, "h": 3}),
    ],
)  # fmt: skip
def test_a_body(changes: BodyChanges, body: dict[str, Any], out: dict[str, Any]) -> None:
    assert json.loads(changes.of(json.dumps(body).encode())) == out


@pytest.mark.parametrize("body", [b"", b"[1]", b"no json", b'{"a":', b"\xff{}"])
def test_what_is_no_object_goes_as_it_is(body: bytes) -> None:
    assert BodyChanges(defaults={"a": 1}).of(body) == body


def test_what_stands_below_stays_byte_for_byte() -> None:
    body = b'{"m":[1.50, {"a" : "\\u00e4"}],"a":1}'
    assert b'[1.50, {"a" : "\\u00e4"}]' in BodyChanges((("a", "b"),)).of(body)
