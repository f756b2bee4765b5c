"""What a request may hold too much of, found where the dialect says it stands."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from aisix.config.sections import Limits
from aisix.config.shipped import shipped_mappings
from aisix.errors import CallerError, OperatorError
from aisix.mapping.dialect import counts
from aisix.mapping.grammar import caller
from aisix.mapping.mappings import load_mappings

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


def test_a_name_that_has_no_limit_is_told(tmp_path: Path) -> None:
    assert {f"max_{name}" for name in caller.COUNTED} <= {one.name for one in fields(Limits)}
    (tmp_path / "openai-chat").mkdir()
    site = tmp_path / "openai-chat" / "caller.toml"
    site.write_text('[request.counts]\nthings = ["messages"]\n')
    with pytest.raises(OperatorError, match=r"caller\.toml:2: request\.counts\.things: unknown"):
        load_mappings([shipped_mappings(), tmp_path])
