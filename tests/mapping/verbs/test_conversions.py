"""What verbs make of values, beside what their examples show."""

from __future__ import annotations

from typing import Any

from aisix.mapping.verbs.conversions import VERBS


def test_items_of_one_number_or_text_become_one_and_no_others() -> None:
    keys: list[Any] = ["x", 0, "x", None, 0, None, True, 1, [0]]
    items = [{"i": key, "t": str(number)} for number, key in enumerate(keys)]
    combine, asked = VERBS["combine"], {"by": "i", "join": ["t"]}
    call: Any = None
    made = combine.run(items, combine.read(asked), call)
    assert [item["t"] for item in made] == ["02", "14", "3", "5", "6", "7", "8"]
