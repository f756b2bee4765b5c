"""A pass over messages does nothing unless what it is said to need is there."""

from __future__ import annotations

import copy
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aisix.mapping.verbs.passes import PASSES
from aisix.mapping.verbs.refused import Refused
from aisix.mapping.verbs.registry import NEEDS, Pass
from tests.long import times

part = st.fixed_dictionaries(
    {"kind": st.sampled_from(["say", "ask", "answer"]), "text": st.just("x ")}
)
item = st.fixed_dictionaries(
    {"role": st.sampled_from(["a", "b"]), "parts": st.lists(part, max_size=2)}
)
OPTIONS = {
    "list": "parts", "by": "role", "text": "text", "kind": "kind", "kinds": ["ask"], "into": "kept",
    "item": {"kind": "say", "text": "new"}, "fields": {"role": "a"}, "become": {"role": "c"},
    "wrap": "<{value}>", "past": {"role": "b"}, "call": "ask", "answer": "answer",
    "like": {"role": "b"}, "part": {"kind": "say"},
    "call_id": "id", "answer_id": "of", "unanswered": "bad", "orphan": "bad",
    "inner": "said", "mark": "mark", "span": "span", "long": "1h", "counted": "n", "flag": "failed",
    "twice": "bad", "lost": "gone",
}  # fmt: skip


class Asked:
    """What a pass may ask of a request; it remembers whether it was told anything."""

    def __init__(self) -> None:
        self.state: dict[str, Any] = {}
        self.told: list[str] = []
        self.tell = self.tell_quietly = self.told.append


def is_chosen(one: dict[str, Any]) -> bool:
    return bool(one["role"] == "a")


def has(needs: str, items: list[dict[str, Any]]) -> bool:
    return {
        "first": bool(items) and is_chosen(items[0]),
        "not first": not items or not is_chosen(items[0]),
        "last": bool(items) and is_chosen(items[-1]),
        "any": any(map(is_chosen, items)),
        "empty": not all(one["parts"] for one in items),
        "several": len(items) > 1,
        "paired": any(part["kind"] != "say" for one in items for part in one["parts"]),
    }[needs]


@pytest.mark.parametrize("one", [p for p in PASSES.values() if p.needs], ids=lambda p: p.name)
@settings(max_examples=times(60), deadline=None)
@given(items=st.lists(item, max_size=4))
def test_a_pass_without_what_it_needs_changes_nothing(one: Pass, items: list[Any]) -> None:
    assert one.needs in NEEDS
    if has(one.needs, items):
        return
    call, before = Asked(), copy.deepcopy(items)
    assert one.run(items, one.read(OPTIONS), is_chosen, call) == before
    assert (items, call.state, call.told) == (before, {}, [])


def test_every_need_is_some_passs() -> None:
    assert {p.needs for p in PASSES.values()} == set(NEEDS)


odd = st.one_of(st.none(), st.just("text"), st.lists(st.just("text"), max_size=1), st.lists(part))


@pytest.mark.parametrize("one", PASSES.values(), ids=lambda p: p.name)
@settings(max_examples=times(60), deadline=None)
@given(lists=st.lists(st.tuples(st.sampled_from("ab"), odd), max_size=4))
def test_an_item_without_the_list_is_no_crash(one: Pass, lists: list[Any]) -> None:
    items = [{"role": role} | ({"parts": made} if made else {}) for role, made in lists]
    with suppress(Refused):
        one.run(items, one.read(OPTIONS), is_chosen, Asked())
