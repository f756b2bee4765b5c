"""What a request may hold too much of, found where the dialect says it stands."""

from __future__ import annotations

from typing import Any

import pytest

from aisix.errors import CallerError
from aisix.mapping.dialect import counts

ROWS = {
    "turns": ["turns"],
    "parts": ["turns[].said", "turns[].said[].said", "head"],
    "names": ["tools[].form.names", "form.names"],
}
COUNTED = counts.parse(ROWS)
LIMITS = {"turns": 3, "parts": 2, "names": 2}
MANY: list[Any] = [1, 2, 3]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"turns": [1, 2, 3, 4]}, "too_long at turns"),
        ({"turns": [{}, {"said": MANY}]}, "too_long at turns[1].said"),
        ({"turns": [{"said": [0, {"said": MANY}]}]}, "too_long at turns[0].said[1].said"),
        ({"head": MANY}, "too_long at head"),
        (
            {"tools": [0, {"form": {"names": {1: 1, 2: 2, 3: 3}}}]},
            "too_many at tools[1].form.names",
        ),
        ({"form": {"names": {1: 1, 2: 2, 3: 3}}}, "too_many at form.names"),
    ],
)
def test_the_first_that_holds_too_much_is_named(body: dict[str, Any], said: str) -> None:
    with pytest.raises(CallerError, match="too") as refused:
        counts.check(COUNTED, LIMITS, body, 1000)
    assert str(refused.value) == said
    assert refused.value.values["found"] == refused.value.values["limit"] + 1
    counts.check(COUNTED, LIMITS, body, 6)  # too short a body to hold so many: not looked at


def test_what_is_of_another_kind_is_nobodys_count() -> None:
    for body in (
        {"turns": {"a": 1}},
        {"turns": ["text", None, {"said": "long text"}]},
        {"head": 1},
    ):
        counts.check(COUNTED, LIMITS, body, 1000)


def test_what_is_no_path_is_told() -> None:
    with pytest.raises(ValueError, match="not a path"):
        counts.parse({"turns": ["a..b"]})
