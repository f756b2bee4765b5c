"""Names in groups become one name each, always the same, and no two of them one."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisix.mapping.verbs.conversions import VERBS
from aisix.mapping.verbs.refused import Refused

JOINED: dict[str, Any] = {
    "space": "ns",
    "joint": "__",
    "allowed": "a-zA-Z0-9_-",
    "longest": 64,
    "into": "names",
}
FLAT = {**JOINED, "kind": "type", "group": "group", "list": "tools", "bad": "duplicate"}


class Call:
    """What a verb may ask."""

    def __init__(self) -> None:
        self.state: dict[str, Any] = {}
        self.places: dict[int, str] = {}

    def moved(self, item: Any, at: str, of: Any = None) -> None:
        above = self.places.get(id(of), "")
        self.places.setdefault(id(item), f"{above}.{at}" if above and at else above + at)


def run(verb: str, value: Any, call: Any = None, **options: Any) -> Any:
    declared = VERBS[verb]
    return declared.run(value, declared.read(options), call or Call())


def test_a_list_without_groups_stays_the_same_list() -> None:
    tools = [{"type": "f", "name": "a"}, {"type": "f", "name": "b"}]
    assert run("unfolded", tools, **FLAT) is tools


def test_what_is_in_a_group_gets_both_names_and_its_place_is_known() -> None:
    inner = {"type": "f", "name": "read"}
    tools = [{"type": "f", "name": "a"}, {"type": "group", "name": "fs", "tools": [inner]}]
    call = Call()
    flat = run("unfolded", tools, call, **FLAT)
    assert [one["name"] for one in flat] == ["a", "fs__read"]
    assert call.state["names"] == {"fs__read": {"name": "read", "ns": "fs"}}
    assert call.places[id(flat[1])] == "[1].tools[0]"
    assert inner["name"] == "read"  # the caller's own is not touched


def test_a_joint_at_the_end_of_the_first_name_is_enough() -> None:
    assert run("qualified", {"name": "read", "ns": "mcp__fs__"}, **JOINED) == "mcp__fs__read"
    assert run("qualified", {"name": "read", "ns": "fs"}, **JOINED) == "fs__read"
    assert run("qualified", {"name": "read"}, **JOINED) == "read"
    assert run("qualified", [{"name": "a", "ns": "n"}, {"x": 1}, 7], **JOINED) == ["n__a"]


@pytest.mark.parametrize(
    ("space", "name", "made"),
    [
        ("a" * 40, "b" * 30, "a" * 40 + "__" + "b" * 13 + "_2fa9b707"),
        ("käse", "f", "kse__f_9217efb7"),
    ],
)
def test_a_name_that_does_not_fit_is_cut_and_gets_a_digest(
    space: str, name: str, made: str
) -> None:
    assert run("qualified", {"name": name, "ns": space}, **JOINED) == made


names = st.text("ab_é", min_size=1, max_size=70)


@given(st.lists(st.tuples(names, names), unique=True, max_size=20))
def test_every_name_fits_and_says_what_it_was(pairs: list[tuple[str, str]]) -> None:
    call = Call()
    made = [run("qualified", {"name": n, "ns": s}, call, **JOINED) for s, n in pairs]
    for (space, name), one in zip(pairs, made, strict=True):
        assert re.fullmatch("[a-zA-Z0-9_-]{1,64}", one)
        if made.count(one) == 1:
            assert call.state["names"][one] == {"name": name, "ns": space}


def test_two_of_one_name_are_refused_where_the_second_stands() -> None:
    tools = [
        {"type": "f", "name": "a__b"},
        {"type": "group", "name": "a", "tools": [{"type": "f", "name": "b"}]},
    ]
    with pytest.raises(Refused) as raised:
        run("unfolded", tools, **FLAT)
    assert (raised.value.at, raised.value.values) == ("[1].tools[0].name", {"value": "a__b"})
    twice = [{"type": "f", "name": "a"}, {"type": "f", "name": "a"}]
    with pytest.raises(Refused):
        run("unfolded", twice, **FLAT)
    without = {name: value for name, value in FLAT.items() if name != "bad"}
    assert run("unfolded", twice, **without) == twice


@pytest.mark.parametrize(
    "odd",
    [
        {"type": "group", "name": "g"},
        {"type": "group", "name": 7, "tools": []},
        {"type": "group", "name": "g", "tools": "x"},
        {"type": ["group"], "name": "g", "tools": []},
    ],
    ids=str,
)
def test_what_is_no_whole_group_stays_for_a_shape_to_refuse(odd: Any) -> None:
    assert run("unfolded", [odd], **FLAT) == [odd]


@pytest.mark.parametrize(
    ("tools", "at"),
    [
        (["text"], "[0]"),
        ([None], "[0]"),
        ([{"type": "group", "name": "g", "tools": [{"name": "a"}, 7]}], "tools[1]"),
    ],
)
def test_what_is_no_object_is_refused_where_it_stands(tools: list[Any], at: str) -> None:
    with pytest.raises(Refused) as refused:
        run("unfolded", tools, **FLAT)
    assert (refused.value.kind, refused.value.at) == ("wrong_type", at)


def test_a_kind_without_a_name_gets_the_one_that_is_given() -> None:
    given_ = {**FLAT, "given": {"find": "finder"}}
    assert run("unfolded", [{"type": "find"}], **given_) == [{"type": "find", "name": "finder"}]
    with pytest.raises(Refused):
        run("unfolded", [{"type": "find"}, {"type": "f", "name": "finder"}], **given_)


def test_lists_within_items_of_some_kinds() -> None:
    items = [
        {"type": "found", "tools": [{"name": "a"}]},
        {"type": "other", "tools": [1]},
        "x",
        {"type": "found", "tools": None},
        {"type": "found", "tools": [{"name": "b"}]},
    ]
    call = Call()
    found = run("lists_within", items, call, kind="type", kinds=["found"], list="tools")
    assert found == [{"name": "a"}, {"name": "b"}]
    assert call.places[id(found[0])] == "[0].tools[0]"
    with pytest.raises(Refused) as refused:
        odd = [*items, {"type": "found", "tools": [{}, "x"]}]
        run("lists_within", odd, call, kind="type", kinds=["found"], list="tools")
    assert (refused.value.kind, refused.value.at) == ("wrong_type", "[5].tools[1]")


def test_words_that_are_not_in_the_list_are_refused() -> None:
    options = {"words": "words", "known": "known", "bad": "unknown"}
    assert run("among", {"words": "a", "known": ["a"]}, **options) == "a"
    assert run("among", {"words": [], "known": ["a"]}, **options) == []
    for words in ("b", ["a", "b"], ["a", None], {}, 7):
        with pytest.raises(Refused):
            run("among", {"words": words, "known": ["a", 7, {}]}, **options)
    with pytest.raises(Refused):
        run("among", {"words": "a"}, **options)


def test_the_first_of_each_name() -> None:
    items = [{"n": "a"}, 7, {"n": "a", "x": 1}, {}, {"n": ["a"]}, {"n": "b"}]
    assert run("first_of_each", items, field="n") == [{"n": "a"}, 7, {}, {"n": ["a"]}, {"n": "b"}]


def test_what_is_lost_of_a_group_is_told() -> None:
    told: list[tuple[str, str]] = []
    call = Call()
    call.tell = lambda how, name="": told.append((how, name))  # type: ignore[attr-defined]
    knows = {**FLAT, "knows": ["type", "name", "tools"]}
    inner = {"type": "f", "name": "read"}
    plain = {"type": "group", "name": "fs", "tools": [inner]}
    run("unfolded", [plain, {**plain, "name": "b", "odd": None}], call, **knows)
    assert told == []
    run("unfolded", [{**plain, "odd": 1}, {**plain, "name": "no", "tools": []}], call, **knows)
    assert told == [("dropped", "fs"), ("dropped", "no")]
