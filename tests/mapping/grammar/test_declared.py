"""Every declaration can be read, and its example is right by what it declares."""

from __future__ import annotations

import pytest

from aisix.mapping.grammar import rule  # noqa: F401
from aisix.mapping.grammar.declared import UNITS, Key, Unit
from aisix.mapping.parse import toml_tree

KEYS = [(one, key) for one in UNITS.values() for key in one.keys]


@pytest.mark.parametrize(("one", "key"), KEYS, ids=[f"{one.name}.{key.name}" for one, key in KEYS])
def test_a_key_says_what_it_means(one: Unit, key: Key) -> None:
    assert key.about and not key.about.endswith(".")
    assert not key.wrong(key.example)
    assert set(key.needs) | set(key.loses_to) <= set(one.names) - {key.name}
    if key.words:
        held = key.example if isinstance(key.example, list) else [key.example]
        assert set(held) <= set(key.words)


@pytest.mark.parametrize("one", UNITS.values(), ids=UNITS)
def test_a_unit_has_lines_that_can_be_written_so(one: Unit) -> None:
    assert len(set(one.names)) == len(one.names)
    assert toml_tree.parse(one.example.encode(), one.name).data
