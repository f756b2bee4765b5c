"""Settings into a text: what it says after is what it said before with them over it, or a refusal."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
import toml
import yaml
from hypothesis import given
from hypothesis import strategies as st

from aisix.cli.use.json_text import over
from aisix.cli.use.merging import NotMerged, merged, read, replaced

NAMES = st.text("abc-. é\"'#", min_size=1, max_size=4).filter(lambda text: text.strip() == text)
LEAVES = st.one_of(
    st.text("abc#'\"\\ =:{}[]é\n\t👩", max_size=8), st.booleans(), st.integers(-9, 99), st.just(1.5)
)
TREES = st.recursive(
    st.dictionaries(NAMES, LEAVES, max_size=3),
    lambda below: st.dictionaries(NAMES, st.one_of(LEAVES, below), min_size=1, max_size=3),
    max_leaves=6,
)
SETTINGS = TREES.filter(bool)


def known(tree: Any) -> Any:
    """Without objects that hold nothing: whether they are there is not said in every format."""
    if not isinstance(tree, dict):
        return tree
    return {name: found for name, one in tree.items() if (found := known(one)) != {}}


def check(format: str, text: str, settings: dict[str, Any]) -> None:
    before = read(format, text)
    try:
        after = merged(format, text, settings)
    except NotMerged:
        return
    assert read(format, after) == over(before, settings)
    comments = [line for line in text.split("\n") if line.startswith("#")]
    assert [line for line in after.split("\n") if line in comments] == comments
    assert merged(format, after, settings) == after, "a second time changes nothing"


@given(TREES.map(known), SETTINGS.map(known))
def test_toml_of_any_kind(before: dict[str, Any], settings: dict[str, Any]) -> None:
    text = toml.dumps(before)
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return  # that library writes some keys in a way nobody reads
    check("toml", f"# mine\n{text}\n# and the end\n", settings)


@given(TREES, SETTINGS)
def test_yaml_of_any_kind(before: dict[str, Any], settings: dict[str, Any]) -> None:
    text = yaml.safe_dump(before, allow_unicode=True) if before else ""
    check("yaml", f"# mine\n{text}# and the end\n", settings)


@given(TREES, SETTINGS, st.sampled_from([None, 2, 4, "\t"]))
def test_json_of_any_kind(before: dict[str, Any], settings: dict[str, Any], indent: Any) -> None:
    check("json", json.dumps(before, indent=indent), settings)


@pytest.mark.parametrize("format", ["toml", "yaml", "json"])
@given(settings=SETTINGS.map(known).filter(bool))
def test_a_file_that_is_not_there_yet_takes_all(format: str, settings: dict[str, Any]) -> None:
    assert read(format, merged(format, "", settings)) == settings


@pytest.mark.parametrize("format", ["toml", "yaml", "json", "env"])
@given(text=st.text("ab=\"'[]{}#:-\n\t ,\\", max_size=30))
def test_whatever_the_file_holds_it_is_merged_or_refused(format: str, text: str) -> None:
    try:
        before = read(format, text)
        after = merged(format, text, {"a": "x"})
    except NotMerged as why:
        assert str(why)
        return
    assert read(format, after) == over(before, {"a": "x"})


def test_the_paths_of_what_was_otherwise_are_told() -> None:
    before = {"a": 1, "b": {"c": 2, "d": 3}, "e": 5}
    assert replaced(before, {"a": 1, "b": {"c": 9, "x": 1}, "e": 6, "g": 1}) == ["b.c", "e"]


def test_an_item_of_a_list_is_known_by_one_of_its_keys() -> None:
    mine = "# mine\n- model_id: other\n  x: 1\n- model_id: a\n  x: 1  # why\n  y: 2\n"
    text = merged("yaml", mine, {"model_id": "a", "x": 3}, "model_id")
    assert text == mine.replace("x: 1  # why", "x: 3  # why")
    text = merged("yaml", mine, {"model_id": "b", "x": {"y": 3}}, "model_id")
    assert text == mine + '- model_id: "b"\n  x:\n    y: 3\n'
    assert merged("yaml", text, {"model_id": "b", "x": {"y": 3}}, "model_id") == text
    with pytest.raises(NotMerged, match="a list"):
        merged("yaml", "a: 1\n", {"model_id": "b"}, "model_id")
