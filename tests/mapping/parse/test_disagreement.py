"""What two readers of TOML differ on is told by its line and character, with what both read."""

from __future__ import annotations

import pytest

from aisix.errors import OperatorError
from aisix.mapping.parse import toml_tree

BEFORE = '# a comment\n[field.ok]\nfrom = "It\'s"\nlist = [\n  "a", # [\n  "b",\n]\ntext = """\n[x]\n"""\n\n[field.x]\n'


def complaint(lines: str) -> str:
    with pytest.raises(OperatorError) as raised:
        toml_tree.parse_text(BEFORE + lines, "f.toml")
    (one,) = raised.value.complaints
    return str(one)


@pytest.mark.parametrize(
    ("lines", "where", "told", "mended"),
    [
        (
            'value = [{ type = "text", text = "It\'s" }]',
            "f.toml:13: field.x.value: ",
            "the character ' in column 37: write \\u0027 in its place",
            'value = [{ type = "text", text = "It\\u0027s" }]',
        ),
        (
            "a = 1\nvalue = [\n  { text = \"It's, that's, he's\" },\n]",
            "f.toml:15: field.x.value: ",
            "the character ' in column 15: write \\u0027",
            'a = 1\nvalue = [\n  { text = "It\\u0027s, that\\u0027s, he\\u0027s" },\n]',
        ),
        (
            'value = [1, "a"]',
            "f.toml:13: field.x.value: ",
            "a list of several types",
            'value = ["1", "a"]',
        ),
        (
            'n = { first = { a = { from = "x" }, b = "?" } }',
            "f.toml:13: field.x.n.first: ",
            "write both as tables, [field.x.n.first] and [field.x.n.first.a]",
            '[field.x.n.first]\nb = "?"\n[field.x.n.first.a]\nfrom = "x"',
        ),
    ],
)
def test_the_character_or_the_form_is_told_and_what_both_read(
    lines: str, where: str, told: str, mended: str
) -> None:
    found = complaint(lines)
    assert found.startswith(where), found
    assert "the two TOML parsers read this differently" in found
    assert told in found, found
    toml_tree.parse_text(BEFORE + mended, "f.toml")


def test_a_long_statement_is_looked_at_in_bounded_time() -> None:
    found = complaint("value = [" + ", ".join(['{ t = "It\'s" }'] * 3000) + "]")
    assert found.startswith("f.toml:13: field.x.value: ")
