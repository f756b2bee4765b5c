"""TOML with settings in it, as people write it."""

from __future__ import annotations

import pytest

from aisix.cli.use.merging import NotMerged, merged

MINE = """# my Codex
model = "gpt-5"   # the good one
notes = \"\"\"
[not.a.table]
model = "x"
\"\"\"

# the servers
[mcp_servers.docs]
command = "npx"
args = [
  "a",  # first
  "b",
]

[[hooks]]
model = "of the hook"
"""
WANTED = {"model": "claude-prod", "depth": 3, "providers": {"aisix": {"name": "aisix", "on": True}}}


def test_what_is_there_stays_as_it_is_written() -> None:
    after = merged("toml", MINE, WANTED)
    assert after == MINE.replace(
        'model = "gpt-5"   # the good one', 'model = "claude-prod"  # the good one'
    ).replace('"""\n\n# the servers', '"""\ndepth = 3\n\n# the servers') + (
        '\n[providers.aisix]\nname = "aisix"\non = true\n'
    )


def test_an_empty_file_takes_the_settings_in_their_order() -> None:
    assert merged("toml", "", WANTED) == (
        'model = "claude-prod"\ndepth = 3\n\n[providers.aisix]\nname = "aisix"\non = true\n'
    )


def test_a_table_that_is_there_takes_what_is_new() -> None:
    text = '[providers.aisix]\nname = "old"\nmine = 1\n\n# other\n[x]\ny = 1\n'
    after = merged("toml", text, {"providers": {"aisix": {"name": "new", "on": True}}})
    assert after == (
        '[providers.aisix]\nname = "new"\nmine = 1\non = true\n\n# other\n[x]\ny = 1\n'
    )


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ('p.a.name = "old"\n', 'p.a.name = "new"\np.a.on = true\n'),
        ('p = {a = {name = "old", b = 1}}\n', 'p = {a = {name = "new", b = 1, on = true}}\n'),
        ("[p]\na = {b = 1}\n", '[p]\na = {b = 1, name = "new", on = true}\n'),
        ("[p]\na.b = 1\n", '[p]\na.b = 1\na.name = "new"\na.on = true\n'),
        ('"p".a.name = "old"\r\n', '"p".a.name = "new"\r\np.a.on = true\r\n'),
    ],
)
def test_however_a_table_is_written(text: str, after: str) -> None:
    assert merged("toml", text, {"p": {"a": {"name": "new", "on": True}}}) == after


def test_what_cannot_be_changed_is_refused() -> None:
    with pytest.raises(NotMerged):
        merged("toml", "[[p]]\nx = 1\n", {"p": {"a": 1}})
    with pytest.raises(NotMerged, match="line 2"):
        merged("toml", "a = 1\nb = = 2\n", {"c": 1})
