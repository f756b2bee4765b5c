"""A block that grows from its deltas."""

from __future__ import annotations

from typing import Any

from aisix.mapping.interpret.accumulate import add_delta, whole
from aisix.mapping.syntax.paths import parse

TEXT = (("text", "text", parse("delta.text")),)
INPUT = (("input", "json", parse("delta.partial")),)
LIST = (("notes", "list", parse("delta.note")),)


def grown(parts: Any, *deltas: Any) -> dict[str, Any]:
    block: dict[str, Any] = {"kind": "x"}
    for delta in deltas:
        add_delta(block, parts, {"delta": delta})
    return whole(block)


def test_texts_are_joined() -> None:
    assert grown(TEXT, {"text": "Hel"}, {}, {"text": "lo"}) == {"kind": "x", "text": "Hello"}


def test_values_are_listed() -> None:
    assert grown(LIST, {"note": {"a": 1}}, {"note": 2}) == {"kind": "x", "notes": [{"a": 1}, 2]}


def test_json_in_pieces_is_read_at_the_end() -> None:
    assert grown(INPUT, {"partial": '{"a"'}, {"partial": ": 1}"})["input"] == {"a": 1}


def test_json_that_is_no_object_becomes_the_empty_one() -> None:
    for text in ("", "[1]", '{"a"'):
        assert grown(INPUT, {"partial": text})["input"] == {}
