"""A word that is refused is not named among those that would have been right."""

from __future__ import annotations

import pytest

from aisix.errors import CallerError
from aisix.mapping.interpret import rules
from aisix.mapping.interpret.scope import Facts, Scope
from aisix.mapping.interpret.view import View
from aisix.mapping.parse import toml_tree
from aisix.mapping.parse.request import RequestParser
from aisix.mapping.syntax.rules import RequestTables

TABLES = """
[field]
parts = { from = "parts", each = "part" }
level = { from = "level", table = "level" }
[rest]
"*" = "drop"
[shape.part]
by = "kind"
[shape.part.is.text]
words = { from = "text" }
[shape.part.is.old]
reject = "bad_value"
at = "kind"
[shape.part.is.image.first.small]
guard.when = { small = true }
use = "image"
[shape.part.is.image.first.any]
reject = "bad_value"
at = "kind"
[shape.part.is.video.first.any]
reject = "bad_value"
at = "kind"
[shape.image]
url = { from = "url" }
"""
LEVEL = {"low": 1, "high": {"reject": "bad_value"}, "*": {"reject": "bad_value"}}


@pytest.fixture(scope="module")
def tables() -> RequestTables:
    data = toml_tree.parse(TABLES.encode(), "request.toml").data
    parser = RequestParser({"request": data, "values": {"level": LEVEL}}, lambda keys: "")
    made = parser.request()
    assert parser.complaints == []
    return made


@pytest.mark.parametrize(
    ("body", "allowed"),
    [
        ({"parts": [{"kind": "old"}]}, "'text', 'image'"),
        ({"parts": [{"kind": "image"}]}, "'text'"),
        ({"parts": [{"kind": "video"}]}, "'text', 'image'"),
        ({"parts": [{"kind": "odd"}]}, "'text', 'image'"),
        ({"level": "high"}, "'low'"),
        ({"level": "odd"}, "'low'"),
    ],
)
def test_a_refused_word_is_not_among_those_that_are_right(
    tables: RequestTables, body: dict[str, object], allowed: str
) -> None:
    view = View(Scope(Facts("", "", "", {}, {}), body), body)
    with pytest.raises(CallerError) as raised:
        rules.build(tables.fields, view, "")
    assert raised.value.values["allowed"] == allowed
