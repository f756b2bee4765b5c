"""Constants that look like lookups, which they are not."""

from __future__ import annotations

import pytest

from tests.mapping.laid import NAME, checked

STANDS = "is taken as it stands"
HINTED = {
    "a field of the caller's": (
        *("[field.zz]\nvalue = '$user'\n", 2),
        'a constant is not looked up: write from = "user"',
    ),
    "a root": ("[field.zz]\nvalue = '$now'\n", 2, 'write from = "$now"'),
    "one within an object": ("[field.zz]\nvalue = { a = '$body.user' }\n", 2, STANDS),
    "one in a list": ("[field]\nzz = ['$body.user']\n", 2, STANDS),
    "one in a list that is compared": (
        *("[field.zz]\nfrom = 'user'\nwhen = { user = ['$alias', 'x'] }\n", 3, STANDS),
    ),
    "one in an answer": (
        *("[local.m]\nwhen = { user = 'x' }\nanswer = { at = '$now' }\n", 3, STANDS),
    ),
    "one below what a correction writes": (
        *("[adjust.m]\nverb = 'set'\nfields = { a = { b = '$alias' } }\n", 3, STANDS),
    ),
    "a rule that a correction would write": (
        *("[adjust.m]\nverb = 'set'\nfields = { 'a.b' = { from = 'usr' } }\n", 3),
        "the object itself would be written",
    ),
}


@pytest.mark.parametrize("slip", HINTED)
def test_what_looks_like_a_lookup(slip: str) -> None:
    text, line, words = HINTED[slip]
    found, notes = checked({f"{NAME}/request.toml": text})
    assert found == []
    told = [note for note in notes if note.startswith(f"mine/{NAME}/request.toml:{line}: ")]
    assert any(words in note for note in told), notes


def test_what_is_no_lookup_is_quiet() -> None:
    text = (
        "[field]\nzz = { value = '$5 off' }\nyy = { value = '$ 3' }\nxx = ['costs $now', '$null']\n"
    )
    text += "[adjust.m]\nverb = 'set'\nfields = { a = '$alias', b = { value = 3 } }\n"
    assert checked({f"{NAME}/request.toml": text}) == ([], [])


def test_those_of_a_trait_are_told_too() -> None:
    path = f"{NAME}/traits/no-thinking.toml"
    found, notes = checked({path: "[request.field.zz]\nvalue = '$alias'\n"})
    assert found == []
    assert any(
        note.startswith(f"mine/{path}:2: request.field.zz.value: a constant") for note in notes
    )
