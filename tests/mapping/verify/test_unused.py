"""What an overlay made unused is told at the overlay's line, with what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from aisix.mapping.mappings import load_mappings
from aisix.mapping.verify.unused import unused
from tests.mapping.laid import NAME, SHIPPED, laid

# what a site writes -> the line that takes the last use of [convert.user_tag] away
TAKEN = {
    "another list of verbs": ("[field.metadata.user_id]\nas = 'not_empty'\n", 2),
    "another source": ("[field.metadata]\nuser_id = 'me'\n", 2),
    "the rule taken away": ("[field.metadata.user_id]\ndrop = true\n", 2),
    "the rule around it taken away": ("\n[field.metadata]\ndrop = true\n", 3),
}


@pytest.mark.parametrize("how", TAKEN)
def test_it_is_told_where_it_was_caused(how: str, tmp_path: Path) -> None:
    text, line = TAKEN[how]
    mappings = load_mappings([SHIPPED, laid(tmp_path, {"request.toml": text})])
    before = mappings.up_to(0).mappings[NAME]
    complaint = unused(mappings.mappings[NAME], "request.convert.user_tag", before)
    assert complaint.where == f"mine/{NAME}/request.toml:{line}"
    assert "the last use of [convert.user_tag]" in complaint.text
    assert complaint.text.endswith("write [convert.user_tag] drop = true in request.toml")


def test_a_name_that_nobody_used_before_is_told_where_it_stands(tmp_path: Path) -> None:
    text = "\n[chunk.mine]\nx = 'y'\n"
    mapping = load_mappings([SHIPPED, laid(tmp_path, {"answer.toml": text})]).mappings[NAME]
    complaint = unused(mapping, "answer.chunk.mine", None)
    assert str(complaint) == f"mine/{NAME}/answer.toml:2: answer.chunk.mine: nothing uses it"


def test_a_value_table_is_told_too(tmp_path: Path) -> None:
    text = "[field.output_config]\ndrop = true\n"
    mappings = load_mappings([SHIPPED, laid(tmp_path, {"request.toml": text})])
    spot = unused(mappings.mappings[NAME], "values.effort", mappings.up_to(0).mappings[NAME])
    assert "[effort] drop = true in values.toml" in spot.text
