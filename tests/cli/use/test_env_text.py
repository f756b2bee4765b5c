"""NAME=value lines with settings in them, as people write them."""

from __future__ import annotations

import pytest

from aisix.cli.use.merging import NotMerged, merged, read

MINE = """# mine
export OPENAI_API_KEY="sk-old"  # of the shop
OTHER='two
OPENAI_BASE_URL=not this one
lines'

OPENAI_API_KEY = sk-older
"""


def test_the_last_one_counts_and_all_else_stays() -> None:
    after = merged("env", MINE, {"OPENAI_API_KEY": "sk-new", "OPENAI_BASE_URL": "http://h:1/v1"})
    assert after == MINE.replace("OPENAI_API_KEY = sk-older", "OPENAI_API_KEY=sk-new") + (
        "OPENAI_BASE_URL=http://h:1/v1\n"
    )
    assert read("env", MINE)["OTHER"] == "two\nOPENAI_BASE_URL=not this one\nlines"


def test_export_stays_and_odd_values_are_quoted() -> None:
    assert merged("env", "export A=1\n", {"A": "x y"}) == "export A='x y'\n"
    with pytest.raises(NotMerged):
        merged("env", "", {"A": "it's"})
