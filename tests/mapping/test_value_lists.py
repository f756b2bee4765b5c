"""Lists of values.toml: said once, used by every verb that names them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aisix.mapping.mappings import load_mappings
from tests.mapping.laid import NAME, SHIPPED, laid, said


def kept(*folders: Path) -> list[Any]:
    """What becomes of the list in each of the three verbs that name it."""
    mapping = load_mappings([SHIPPED, *folders]).mappings[NAME]
    tables = mapping.effective(mapping.example()).tree.data
    assert all(
        tables["request"]["convert"][name]["keep"] == "$values.enforced"
        for name in ("strict_schema", "answer_schema", "strict_budget")
    )
    return list(tables["values"]["enforced"])


def test_a_site_replaces_the_list_for_all_of_them(tmp_path: Path) -> None:
    site = laid(tmp_path, {"values.toml": 'enforced = ["minimum"]\n'})
    assert len(kept()) > 10
    assert kept(site) == ["minimum"]
    assert said(site) == []


def test_a_list_that_is_not_there_is_told(tmp_path: Path) -> None:
    rule = '[convert.strict_schema]\nkeep = "$values.enforcd"\n'
    line, *_ = said(laid(tmp_path, {"request.toml": rule}))
    assert 'convert.strict_schema.keep: no value table "enforcd"' in line
    assert 'did you mean "enforced"?' in line


def test_a_table_is_no_list_and_a_list_no_table(tmp_path: Path) -> None:
    rules = (
        '[convert.strict_schema]\nkeep = "$values.media_kind"\n[field.top_k]\ntable = "enforced"\n'
    )
    found = said(laid(tmp_path, {"request.toml": rules}))
    assert any("convert.strict_schema.keep: expected list, found" in line for line in found)
    assert any('field.top_k.table: no value table "enforced"' in line for line in found)
