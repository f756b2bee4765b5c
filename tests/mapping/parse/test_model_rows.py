"""A row of models.toml that is like another: one model of a row without copying it."""

from __future__ import annotations

from pathlib import Path

import pytest

from aisix.config.shipped import shipped_mappings
from aisix.errors import Complaint
from aisix.mapping.mappings import Mapping, load_as_told, load_mappings
from aisix.mapping.parse.files import read_folders
from aisix.mapping.parse.model_rows import line_of
from aisix.mapping.verify.check import check

NAME = "openai-chat/anthropic-messages"


def site(folder: Path, text: str) -> Path:
    file = folder / "site" / NAME / "models.toml"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    return folder / "site"


def loaded(folder: Path, text: str) -> Mapping:
    return load_mappings([shipped_mappings(), site(folder, text)]).mappings[NAME]


def refused(folder: Path, text: str) -> list[str]:
    found: list[Complaint] = []
    load_as_told(read_folders([shipped_mappings(), site(folder, text)]), found)
    return [f"{one.where.rpartition('/')[2]}: {one.text}" for one in dict.fromkeys(found)]


def test_a_line_ends_at_what_is_not_there() -> None:
    assert line_of({"a": {"like": "b"}}, "a") == ["a"]
    assert line_of({"a": {"like": "b"}, "b": {"like": "a"}}, "a") == ["b", "a"]
    assert line_of({}, "a") == ["a"]


def test_it_has_the_facts_and_traits_of_that_row_save_its_own(tmp_path: Path) -> None:
    text = '[model.mini]\nlike = "opus-5"\nmax_tokens = 8000\nmore_traits = ["no-effort"]\n'
    text += '[model.mini-2]\nlike = "mini"\nprefill = true\n'
    mapping = loaded(tmp_path, text)
    whole, mini, two = (mapping.effective(f"claude-{n}") for n in ("opus-5", "mini", "mini-2"))
    assert (mini.row, two.row) == ("mini", "mini-2")
    assert mini.model["thinking_off"] == whole.model["thinking_off"] == "disabled"
    assert mini.model["max_tokens"] == two.model["max_tokens"] == 8000
    assert mini.model["default_max_tokens"] == 8000  # "$max_tokens" of the defaults: its own
    assert set(mini.traits) == set(two.traits) == {*whole.traits, "no-effort"}
    assert two.model["prefill"] is True
    assert "like" not in mini.model
    assert whole.model == load_mappings([shipped_mappings()]).mappings[NAME].facts("opus-5")


def test_a_prefix_that_both_match_is_its_own_and_siblings_are_not_touched(tmp_path: Path) -> None:
    """The shipped row lists two models; a site says of one of them what differs."""
    mapping = loaded(tmp_path, '[model.mythos-5]\nlike = "fable-5"\nmax_tokens = 9000\n')
    assert mapping.row_for("claude-mythos-5") == "mythos-5"
    assert mapping.row_for("claude-fable-5") == "fable-5"
    assert mapping.facts("fable-5")["max_tokens"] == 128000
    assert mapping.facts("mythos-5")["traits"] == mapping.facts("fable-5")["traits"]
    assert mapping.example("fable-5") == "claude-fable-5"
    folder = site(tmp_path / "again", '[model.mythos-5]\nlike = "fable-5"\nmax_tokens = 9000\n')
    assert check([shipped_mappings(), folder], with_cases=False) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[model.mini]\nlike = "opus-55"\n', 'models.toml:2: no model row "opus-55" (did you mean "opus-5'),
        ('[model.mini]\nlike = "claude-mythos-5"\n', '("fable-5" is the row that matches it)'),
        ('[model.a]\nlike = "b"\n[model.b]\nlike = "a"\n', "models.toml:2: goes round in a circle"),
        ('[model.a]\nlike = "a"\n', "models.toml:2: goes round in a circle"),
        ('[model.mythos-5]\nlike = "opus-5"\n', '"mythos-5" is matched by "fable-5" too'),
        ('[model.mini]\nlike = 5\n', "models.toml:2: expected"),
        ('[model.fable-5]\ndrop = true\n[model.mini]\nlike = "fable-5"\n', 'no model row "fable-5"'),
    ],
)  # fmt: skip
def test_a_slip(text: str, told: str, tmp_path: Path) -> None:
    assert told in "\n".join(refused(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[model.mine]\nmatch = ['claude-opus-9']\n", ['models.toml:2: never reached: "claude-opus-9" is compared with what follows "claude-" (did you mean "opus-9"?)']),
        ("[model.claude-opus-9]\nmax_tokens = 5\n", ['models.toml:1: never reached: "claude-opus-9" is compared with what follows "claude-" (did you mean "opus-9"?)']),
        ("[model.claude-x]\nmax_tokens = 5\n[model.mine]\nlike = 'claude-x'\n", []),
        ("[model.mine]\ntraits = ['no-sampling']\nmore_traits = ['no-sampling']\n", ['models.toml:3: the row has the trait "no-sampling" without it']),
        ("[model.a]\nmore_traits = ['no-sampling']\n[model.b]\nlike = 'a'\nmore_traits = ['no-sampling']\n", ['models.toml:5: the row has the trait "no-sampling" without it']),
        ("[model.mine]\ntraits = []\nmore_traits = ['no-sampling']\n", []),
    ],
)  # fmt: skip
def test_what_can_never_be_reached_or_is_there_without_it(
    text: str, told: list[str], tmp_path: Path
) -> None:
    assert refused(tmp_path, text) == told
