"""JSON with settings in it, as people write it."""

from __future__ import annotations

import pytest

from aisix.cli.use.merging import NotMerged, merged


def test_order_indent_and_letters_stay() -> None:
    mine = '{\n    "z": "é",\n    "env": {\n        "A": "1"\n    }\n}\n'
    assert merged("json", mine, {"env": {"B": "2"}, "a": True}) == (
        '{\n    "z": "é",\n    "env": {\n        "A": "1",\n        "B": "2"\n    },\n    "a": true\n}\n'
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{\n  // mine\n  "a": 1\n}', "line 2: no JSON"),
        ('{"a": 1, "a": 2}', "twice"),
        ("[1]", "names and values"),
        ("[" * 100_000, "."),
    ],
)
def test_what_would_lose_something_is_refused(text: str, why: str) -> None:
    with pytest.raises(NotMerged, match=why):
        merged("json", text, {"a": 1})
