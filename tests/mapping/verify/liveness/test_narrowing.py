"""A condition, policy or choice laid over a table that had none is noted, with what stops acting."""

from __future__ import annotations

from pathlib import Path

import pytest

from aisix.mapping.mappings import load_as_told
from aisix.mapping.parse.files import read_folders
from aisix.mapping.verify.liveness.narrowing import narrowed
from tests.mapping.laid import NAME, SHIPPED, laid

NOTED = {
    "a condition": ("request.toml", "[field.top_k]\nwhen = { stream = true }\n", 2, "as, from of"),
    "for some models": (
        "request.toml",
        '[field.top_p]\nwhen = { "$model.prefill" = true }\n',
        2,
        "for the models fable-5-1, opus-5-5",
    ),
    "a policy": ("request.toml", '[field.top_k]\npolicy = "reject"\n', 2, "nothing is written"),
    "a choice": (
        "answer.toml",
        '[event.message_start.first.x]\nguard.when = { a = "b" }\nping = true\n',
        1,
        "for none of them acts any more: usage, emit, rest of",
    ),
}
QUIET = {
    "a value": ("request.toml", "[field.max_tokens]\ndefault = 4000\n"),
    "a rule of its own": ("request.toml", "[field.mine]\nvalue = 1\nwhen = { stream = true }\n"),
    "another test of a condition": (
        "request.toml",
        '[adjust.no-budget.when]\n"thinking.type" = "enabled"\n',
    ),
}


@pytest.mark.parametrize("name", NOTED)
def test_what_stops_acting_is_noted_and_for_whom(name: str, tmp_path: Path) -> None:
    file, text, line, said = NOTED[name]
    site = laid(tmp_path, {file: text})
    (note,) = narrowed(load_as_told(read_folders([SHIPPED, site]), []))
    assert note.where == f"mine/{NAME}/{file}:{line}"
    assert said in note.text
    assert "mappings/openai-chat/anthropic-messages/" in note.text


@pytest.mark.parametrize("name", QUIET)
def test_what_narrows_nothing_is_not(name: str, tmp_path: Path) -> None:
    file, text = QUIET[name]
    site = laid(tmp_path, {file: text})
    assert narrowed(load_as_told(read_folders([SHIPPED, site]), [])) == []
