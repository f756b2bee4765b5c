"""Paths as tables write them: read, followed, written at, and what is no path."""

from __future__ import annotations

from typing import Any

import pytest

from aisix.mapping.syntax import paths

TALK = {"messages": [{"role": "user", "parts": [{"n": 1}, {"n": 2}]}, {"role": "tool"}, 7]}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("messages[0].role", "user"),
        ("messages[-1]", 7),
        ("messages[].role", ["user", "tool"]),
        ("messages[].parts[].n", [1, 2]),
        (".", TALK),
        ("messages[9]", None),
        ("messages.role", None),
        ("messages[2].role", None),
        ("nothing[].role", None),
    ],
)
def test_what_is_not_there_or_of_another_kind_is_absent(path: str, found: Any) -> None:
    assert paths.parse(path).get(TALK) == found


def test_a_first_word_with_a_dollar_is_no_step() -> None:
    path = paths.parse("$model.limits.output")
    assert (path.root, path.steps) == ("model", ("limits", "output"))


@pytest.mark.parametrize("text", ["", "a..b", "a[x]", "a[0", "$", "$.a", "a]"])
def test_what_is_no_path_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="path"):
        paths.parse(text)


def test_what_was_put_is_found_and_leaves_nothing_when_removed() -> None:
    body: dict[str, Any] = {"a": "in the way", "z": 1}
    steps = paths.parse("a.b.c").steps
    paths.put(body, steps, 5)
    assert body == {"a": {"b": {"c": 5}}, "z": 1}
    assert paths.remove(body, steps)
    assert body == {"z": 1}
    assert not paths.remove(body, steps)


def test_a_copy_has_objects_and_lists_of_its_own() -> None:
    copy = paths.copied(TALK)
    copy["messages"][0]["parts"].clear()
    assert TALK["messages"][0] == {"role": "user", "parts": [{"n": 1}, {"n": 2}]}


def test_a_path_seen_from_another_one() -> None:
    assert paths.join("messages[2]", "role") == "messages[2].role"
    assert paths.join("messages", "[2]") == "messages[2]"
    assert paths.join("", "role") == "role"
    assert paths.join("messages[2]", ".") == "messages[2]"
