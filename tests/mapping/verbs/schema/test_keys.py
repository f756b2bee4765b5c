"""Property keys a provider refuses: renamed, and restored however the text is cut."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from aisix.mapping.verbs.schema.keys import renamed, restored, with_keys, with_names

OTHERS = re.compile("[^a-zA-Z0-9_.-]")
KEYS = st.one_of(
    st.text(max_size=80), st.from_regex(r"[a-z]{1,3}[\[\$ ][a-z]{0,3}", fullmatch=True)
)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(KEYS, below, max_size=3),
    max_leaves=8,
)


@given(st.sets(KEYS, max_size=8))
def test_names_fit_differ_and_depend_on_the_key_alone(keys: set[str]) -> None:
    made = renamed(keys, OTHERS, 64)
    names = {made.get(key, key) for key in keys}
    assert len(names) == len(keys)
    assert all(re.fullmatch(r"[a-zA-Z0-9_.-]{1,64}", name) for name in names)
    for key, name in made.items():
        assert renamed([key], OTHERS, 64) == {key: name}


def test_a_name_that_is_taken_is_another_one() -> None:
    (name,) = renamed(["a b"], OTHERS, 64).values()
    (other,) = renamed(["a b", name], OTHERS, 64).values()
    assert other != name


@given(
    st.dictionaries(KEYS, JSON, max_size=5),
    st.lists(st.integers(0, 400), max_size=6),
    st.booleans(),
)
def test_arguments_come_back_however_their_text_is_cut(
    arguments: dict[str, Any], cuts: list[int], ascii_: bool
) -> None:
    name_of = renamed(arguments, OTHERS, 64)
    back = {name: key for key, name in name_of.items()}
    sent = with_keys(arguments, name_of)
    assert with_keys(sent, back) == arguments
    text = json.dumps(sent, ensure_ascii=ascii_)
    places = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    reading: dict[str, Any] = {}
    pieces = [restored(text[a:b], back, reading) for a, b in itertools.pairwise(places)]
    assert json.loads("".join(pieces)) == arguments


def test_only_keys_of_the_root_are_read() -> None:
    text = '{"x_1":{"x_1":["x_1",{"x_1":"x_1"}]},"y":"x_1" , "x_1" :1}'
    assert restored(text, {"x_1": "x y"}, {}) == (
        '{"x y":{"x_1":["x_1",{"x_1":"x_1"}]},"y":"x_1" , "x y" :1}'
    )
    assert restored('[{"x_1":1}]', {"x_1": "x y"}, {}) == '[{"x_1":1}]'


def test_a_schema_has_the_names_wherever_it_speaks_of_the_root() -> None:
    schema = {
        "properties": {"a b": {"properties": {"a b": {}}}},
        "required": ["a b", "c"],
        "dependentRequired": {"a b": ["c"], "c": ["a b"]},
        "not": {"required": ["a b"]},
        "dependentSchemas": {"a b": {"required": ["a b"]}},
    }
    assert with_names(schema, {"a b": "x"}) == {
        "properties": {"x": {"properties": {"a b": {}}}},
        "required": ["x", "c"],
        "dependentRequired": {"x": ["c"], "c": ["x"]},
        "not": {"required": ["x"]},
        "dependentSchemas": {"x": {"required": ["x"]}},
    }
