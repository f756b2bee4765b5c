"""A shape that is chosen by which key its item has, in both forms."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aisix.errors import CallerError
from aisix.mapping.exchange import Exchange, ResolvedModel
from aisix.mapping.mappings import Mapping, load_mappings
from tests.mapping.laid import NAME, SHIPPED, laid, said

TABLES = """
[accept]
parts = "array"
[field.parts]
from = "parts"
each = "keyed"
[shape.keyed]
by_key = "."
all.n = "$index"
[shape.keyed.is.text]
kind = "text"
words = { from = "text" }
[shape.keyed.is."inline.data"]
kind = "data"
[shape.keyed.is.call]
kind = "call"
name = { from = "call.name" }
[shape.keyed.is]
said = "text"
"""
OTHER = '[shape.keyed.is."*"]\nkind = "other"\n'


def load(tmp_path: Path, text: str) -> Mapping:
    return load_mappings([SHIPPED, laid(tmp_path, {"request.toml": text})]).mappings[NAME]


def both(mapping: Mapping, parts: Any) -> Any:
    made: list[Any] = []
    for compiled in (True, False):
        tables = mapping.effective(mapping.example())
        target = ResolvedModel("a", mapping.example())
        talk = Exchange(tables, mapping.caller, target, now=1, new_id=str, compiled=compiled)
        body = {"model": "a", "messages": [{"role": "user", "content": "q"}], "parts": parts}
        try:
            made.append(json.loads(talk.request(body).body).get("parts"))
        except CallerError as error:
            made.append((error.kind, error.param, error.values.get("allowed")))
    assert made[0] == made[1]
    return made[0]


ODD = [{"x": 1}, {}, {"text": None}, 3, None, "text", [], {"call": None, "zzz": 1}]


def test_the_first_key_that_is_there_chooses(tmp_path: Path) -> None:
    mapping = load(tmp_path, TABLES)
    parts = [{"call": {"name": "f"}}, {"text": "a"}, {"inline.data": {}}, {"call": {}, "text": ""}]
    assert both(mapping, parts) == [
        {"kind": "call", "name": "f", "n": 0},
        {"kind": "text", "words": "a", "n": 1},
        {"kind": "data", "n": 2},
        {"kind": "text", "words": "", "n": 3},
    ]


@pytest.mark.parametrize("item", ODD, ids=repr)
@pytest.mark.parametrize("other", ["", OTHER])
def test_an_item_of_none_is_refused_or_the_other_one(tmp_path: Path, item: Any, other: str) -> None:
    found = both(load(tmp_path, TABLES + other), [{"text": "a"}, item])
    if not isinstance(item, dict):
        assert found[0] == "wrong_type"
    elif other:
        assert found[1] == {"kind": "other", "n": 1}
    else:
        assert found == ("bad_value", "parts[1]", "'text', 'inline.data', 'call', 'said'")


def test_complaints(tmp_path: Path) -> None:
    alone = '[let.x]\nfrom = "parts"\neach = "y"\n[accept]\nparts = "array"\n[shape.y]\n'
    found = said(laid(tmp_path, {"request.toml": alone + 'by_key = "."\n'}))
    assert any("means nothing without `is`" in one for one in found), found
