"""What a mapping can be asked for: every row, version, option and trait, each at least once."""

from __future__ import annotations

import pytest

from aisix.mapping.configurations import configurations
from aisix.mapping.mappings import load_mappings
from aisix.mapping.parse.options import words_of
from tests.mapping.laid import SHIPPED

MAPPINGS = load_mappings([SHIPPED]).mappings


@pytest.mark.parametrize("name", MAPPINGS)
def test_everything_a_mapping_knows_is_in_one(name: str) -> None:
    mapping = MAPPINGS[name]
    found = list(configurations(mapping))
    assert len(found) == len(set(found))
    built = [one.build(mapping) for one in found]
    assert {one.row for one in built} >= set(mapping.tree.data["models"].get("model", {}))
    versions = mapping.tree.data["mapping"].get("versions", {}).get("known", {})
    assert {one.version for one in built} >= set(versions)
    assert {trait for one in built for trait in one.traits} == set(mapping.traits)
    for option, about in mapping.known_options.items():
        for word in words_of(about):
            assert any(one.option[option] == word for one in built)
    for one, tables in zip(found, built, strict=True):
        assert one.brings(mapping) == tables.traits
