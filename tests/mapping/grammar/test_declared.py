"""Every declaration can be read, and its example is right by what it declares."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aisix.mapping.grammar import kinds
from aisix.mapping.grammar.declared import file
from aisix.mapping.grammar.tables import FILES, UNITS, Key, Unit, at
from aisix.mapping.parse import toml_tree
from aisix.mapping.verbs import adjustments, conversions, passes  # noqa: F401
from aisix.mapping.verbs.registry import ADJUSTMENTS, PASSES, VERBS
from tests.running import ROOT

FAULTS = toml_tree.parse((ROOT / "mappings/openai-chat/caller.toml").read_bytes(), "").data["fault"]
KEYS = [(one, key) for one in UNITS.values() for key in one.keys]


@pytest.mark.parametrize(("one", "key"), KEYS, ids=[f"{one.name}.{key.name}" for one, key in KEYS])
def test_a_key_says_what_it_means(one: Unit, key: Key) -> None:
    assert key.about and not key.about.endswith(".")
    assert not key.wrong(key.example)
    assert set(key.needs) | set(key.loses_to) <= set(one.names) - {key.name}
    if key.words:
        held = key.example if isinstance(key.example, list) else [key.example]
        assert set(held) <= set(key.words)


@pytest.mark.parametrize(("one", "key"), KEYS, ids=[f"{one.name}.{key.name}" for one, key in KEYS])
def test_an_example_names_what_is_there(one: Unit, key: Key) -> None:
    if kinds.VERB in key.kinds:
        assert (
            key.example in {"verbs": VERBS, "passes": PASSES, "adjustments": ADJUSTMENTS}[one.verbs]
        )
    if kinds.FAULT in key.kinds:
        assert key.example in FAULTS


@pytest.mark.parametrize("one", UNITS.values(), ids=UNITS)
def test_a_unit_has_lines_that_can_be_written_so(one: Unit) -> None:
    assert len(set(one.names)) == len(one.names)
    assert toml_tree.parse(one.example.encode(), one.name).data


@pytest.fixture
def invented() -> Iterator[str]:
    """A file with a section of rules, and one that holds a rule."""
    rules = Key("made", kinds.RULES, "rules", {"a": 1}, below_each="rule")
    one = Key("one", kinds.RULE, "a rule", 1, below="rule")
    file("invented", "a file", rules, one, example="one = 1")
    yield "invented"
    del FILES["invented"], UNITS["invented"]


def key_at(name: str, place: str, data: object = None) -> str:
    key = at(name, tuple(place.split(".")), data).key
    return key.name if key else ""


def test_a_place_is_found_through_names_of_the_writers_own(invented: str) -> None:
    assert key_at(invented, "made.max_tokens") == "made"
    assert key_at(invented, "made.max_tokens.max") == "max"
    assert key_at(invented, "made.x.first.y.first.z.where") == "where"
    assert key_at(invented, "one.as") == "as"
    assert key_at(invented, "nothing") == key_at(invented, "made.x.nothing.y") == ""
    assert at(invented, ("made", "x")).unit is UNITS["rule"]
    assert at(invented, ("made",)).each is UNITS["rule"]


def test_an_object_of_rules_has_no_keys_of_a_rule(invented: str) -> None:
    data = {"made": {"x": {"max": {"from": "a", "max": 3}}, "y": {"from": "a", "mxa": 1}}}
    assert key_at(invented, "made.x.max", data) == "*"
    assert key_at(invented, "made.x.max.max", data) == "max"
    assert key_at(invented, "made.y.mxa", data) == ""
