"""What the declarations of kinds promise each other, and what a Registry refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest

from aisix.store.kinds.declare import Command, Field, Kind
from aisix.store.kinds.limits import COST, RATE_LIMIT
from aisix.store.kinds.provider_keys import PROVIDER_KEYS
from aisix.store.kinds.registry import KINDS, Registry
from aisix.store.kinds.types import ID, NAME, SECRET
from aisix.store.resources import ApiKey, Cost, Model, ModelTarget, ProviderKey, RateLimit

CLASSES: dict[str, Any] = {"provider_keys": ProviderKey, "models": Model, "apikeys": ApiKey}


@pytest.mark.parametrize("kind", tuple(KINDS), ids=lambda kind: kind.name)
def test_a_resource_has_what_its_kind_declares(kind: Kind) -> None:
    there = {field.name for field in fields(CLASSES[kind.name]) if field.init}
    declared = {field.attribute or field.name for field in kind.stored.values()}
    made = {"group"}  # of `routing`, where that is an object
    assert declared == there - {"id", "created_at"} - made


def test_what_is_below_a_field_has_it_too() -> None:
    names = [below.name for below in RATE_LIMIT.type.fields]
    assert names == list(RateLimit._fields)
    assert [below.name for below in COST.type.fields] == [field.name for field in fields(Cost)]
    targets = KINDS["models"].stored["targets"].type.fields
    assert {f.name for f in targets if not f.instead_of} == {f.name for f in fields(ModelTarget)}


@pytest.mark.parametrize("kind", tuple(KINDS), ids=lambda kind: kind.name)
def test_every_field_has_an_example_that_is_right(kind: Kind) -> None:
    for field in kind.stored.values():
        assert field.example is not None, field.name
        assert field.type.check(field.example) == field.example
        assert field.help


def kind(name: str = "teams", *more: Field, **other: Any) -> Kind:
    command = other.pop("command", Command(name, "them"))
    named = Field("display_name", NAME, "its name")
    return Kind(name, "team", "teams", "Team", command, (named, *more), id_prefix="team", **other)


WRONG: dict[str, Callable[[], Any]] = {
    "a kind has a display_name": lambda: replace(kind(), fields=(Field("a", NAME, ""),)),
    "two secrets": lambda: kind(
        "x", Field("a", SECRET, "", secret=True), Field("b", SECRET, "", secret=True)
    ),
    "a field twice": lambda: kind("x", Field("a", NAME, ""), Field("a", NAME, "")),
    "there is no b": lambda: kind("x", Field("a", NAME, "", instead_of="b")),
    "refers to no kind: models": lambda: Registry(
        [kind("x", Field("a", ID, "", refers_to="models"))]
    ),
    "taken: provider_keys": lambda: Registry([PROVIDER_KEYS, kind(aliases=("provider_keys",))]),
    "taken: providers": lambda: Registry(
        [PROVIDER_KEYS, kind(command=Command("providers", "them"))]
    ),
}


@pytest.mark.parametrize("text", WRONG)
def test_a_declaration_that_contradicts_itself_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=text):
        WRONG[text]()
