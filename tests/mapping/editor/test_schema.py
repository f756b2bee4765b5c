"""A schema is whole: every kind of file has one, and every reference leads somewhere."""

from __future__ import annotations

import json
import re

import pytest

from aisix.mapping.editor.schema import in_lines, schema
from aisix.mapping.grammar.tables import FILES


@pytest.mark.parametrize("file", FILES)
def test_every_reference_leads_to_a_definition_and_every_definition_is_used(file: str) -> None:
    whole = schema(file)
    text = in_lines(whole)
    assert json.loads(text) == json.loads(json.dumps(whole))
    asked = set(re.findall(r'"#/definitions/([^"]+)"', text))
    there = set(whole["definitions"])
    assert asked <= there
    assert {name for name in there - asked if not name.endswith("-whole")} == set()
