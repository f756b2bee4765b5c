"""What an editor shows for a key, and what it offers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aisix.mapping.editor.schema import schema

REQUEST = schema("request")


def shown(whole: dict[str, Any], *keys: str) -> list[dict[str, Any]]:
    """The nodes that Taplo takes its hover and completion for a place from, by its rules."""

    def walk(node: Any, left: tuple[str, ...]) -> Iterator[dict[str, Any]]:
        if not isinstance(node, dict):
            return
        if "$ref" in node:  # what stands beside it is lost
            yield from walk(whole["definitions"][node["$ref"].rpartition("/")[2]], left)
            return
        for word in ("oneOf", "anyOf", "allOf"):
            for branch in node.get(word, ()):
                yield from walk(branch, left)
        if not left:
            if "allOf" not in node:
                yield node
            return
        key, *below = left
        for held in (node.get("properties", {}).get(key), node.get("additionalProperties")):
            yield from walk(held, (*below,))

    return [*walk(whole, keys)]


def said(*keys: str) -> list[str]:
    return [node["description"] for node in shown(REQUEST, *keys) if "description" in node]


def offered(*keys: str) -> set[str]:
    return {name for node in shown(REQUEST, *keys) for name in node.get("properties", ())}


def test_a_key_of_a_rule_is_said_in_a_sentence_at_any_depth() -> None:
    for place in (("field", "a"), ("let", "a", "first", "b"), ("shape", "s", "is", "w", "f")):
        found = said(*place, "max")
        assert found[0].startswith("A larger number becomes this"), place
        assert "For example `max = 4096`." in found[0]


def test_sections_and_keys_are_offered() -> None:
    assert {"accept", "field", "shape", "rest"} <= offered()
    assert {"from", "default", "when", "as", "drop"} <= offered("field", "a")
    assert {"verb", "limit", "matches"} <= offered("convert", "a")


def test_words_are_offered_with_what_they_mean() -> None:
    (node,) = [node for node in shown(REQUEST, "convert", "a", "verb") if "enum" in node]
    meanings = dict(zip(node["enum"], node["x-taplo"]["docs"]["enumValues"], strict=True))
    assert meanings["list"].startswith("one value becomes a list")
    policies = [n["enum"] for n in shown(REQUEST, "field", "a", "policy") if "enum" in n]
    assert policies == [["drop", "warn", "reject"]]


def test_an_option_says_of_which_verb_it_is() -> None:
    assert said("convert", "a", "limit")[0].startswith("`at_most`: Items at most.")


def test_what_judges_is_not_shown() -> None:
    assert not [text for text in said("feild") if "no such key" in text]
