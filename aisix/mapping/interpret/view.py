"""What a rule sees: the item, where it stands in the caller's body, the scope around it.

A condition is a question to a view; it has no side effects and never fails.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from aisix.mapping.interpret.pointers import shown
from aisix.mapping.interpret.scope import NULL, Note, Scope
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.budget import Budget
from aisix.mapping.syntax.paths import TYPE_NAMES, Json, Path
from aisix.mapping.syntax.rules import Condition, Place, TableEntry, Test

JSON_TYPES = {**TYPE_NAMES, type(None): "null", type(NULL): "null"}


def is_kind(value: Json, kinds: tuple[str, ...]) -> bool:
    kind = JSON_TYPES[type(value)]
    return kind in kinds or (kind == "integer" and "number" in kinds)


EMPTIABLE = frozenset({dict, list})
NOWHERE = Place("", "")


@dataclass(slots=True)
class View:
    """What a rule sees: the item, where it stands in the caller's body, and the scope around it."""

    scope: Scope
    item: Json
    at: str = ""  # caller path of the item; "" is the body
    index: int = 0
    my: dict[str, Json] | None = None
    my_at: dict[str, str] | None = None
    place: Place = NOWHERE
    param: str = ""  # caller path of the value a verb is looking at
    pointers: tuple[str, ...] = ()  # of the item, for who asks why: see `pointers.py`
    choices: tuple[str, ...] = ()  # and of what chose its shape

    # what verbs and passes may ask of us
    @property
    def body(self) -> dict[str, Json]:
        return self.scope.body

    @property
    def state(self) -> dict[str, Json]:
        return self.scope.state

    @property
    def budget(self) -> Budget:
        return self.scope.budget

    @property
    def now(self) -> int:
        return self.scope.now

    def tell(self, how: str, name: str = "") -> None:
        self.scope.notes.append(Note(how, self.param, self.place, part=name))

    def tell_quietly(self, how: str) -> None:
        self.scope.notes.append(Note(how, self.param, self.place, quiet=True))

    def moved(self, item: Json, at: str, of: Json = None) -> None:
        places = self.scope.places
        if type(item) in EMPTIABLE and id(item) not in places:
            places[id(item)] = paths.join(places.get(id(of), self.param), at)

    def find(self, path: Path) -> Json:
        if path.root == "":
            return paths.get(self.item, path.steps)
        if path.root == "my":
            return paths.get(self.my, path.steps)
        if path.root == "index":
            return self.index
        return paths.get(self.scope.root(path.root), path.steps)

    def caller_path(self, path: Path) -> str:
        if path.root == "":
            return paths.join(self.at, path.text)
        if path.root == "body":
            return path.text.removeprefix("$body").lstrip(".")
        if path.root == "my" and self.my_at and path.steps:
            return self.my_at.get(str(path.steps[0]), self.at)
        return self.at


# ---------------------------------------------------------------- conditions
def holds(condition: Condition | None, view: View) -> bool:
    if condition is None:
        return True
    return all(passes(test, view) for test in condition.when) and not any(
        passes(test, view) for test in condition.unless
    )


def unmet(condition: Condition, view: View) -> str:
    """What of a condition does not hold, in words."""
    failed = [test for test in condition.when if not passes(test, view)]
    failed += [test for test in condition.unless if passes(test, view)]
    found = view.find(failed[0].path) if failed else None
    said = shown(found) if found is not None else "not there"
    return f"{failed[0].path.text} is {said}" if failed else ""


def passes(test: Test, view: View) -> bool:
    wanted = view.find(test.value) if test.kind == "equals" else None
    return meets(test, view.find(test.path), wanted)


def meets(test: Test, found: Json, wanted: Json = None) -> bool:
    """Whether what a test's path found passes; `wanted`: what the other path of "equals" found."""
    match test.kind:
        case "present":
            return found is not None
        case "absent":
            return found is None
        case "below":
            return type(found) in (int, float) and bool(found < test.value)
        case "above":
            return type(found) in (int, float) and bool(found > test.value)
        case "matches":
            return type(found) is str and test.value.search(found) is not None
        case "equals":
            return equals(found, wanted)
        case "in":
            return any_in(found, test.value) if test.many else is_in(found, test.value)
    return any_is(found, test.value) if test.many else same(found, test.value)


def any_is(found: Json, wanted: Json) -> bool:
    """Whether one of the values a "[]" path found is the one wanted."""
    return any(same(item, wanted) for item in found or ())


def equals(found: Json, wanted: Json) -> bool:
    if type(wanted) is list:
        return found is not None and found in wanted
    if type(wanted) is dict and type(found) is str:
        return found in wanted  # of many words: see the verb key_of_each
    return found is not None and same(found, wanted)


def is_in(found: Json, wanted: frozenset[Any]) -> bool:
    kind = type(found)
    return (kind, None if kind in EMPTIABLE else found) in wanted


def any_in(found: Json, wanted: frozenset[Any]) -> bool:
    return any(is_in(item, wanted) for item in found or ())


def any_word(found: list[Json], wanted: frozenset[str]) -> bool:
    """The same of texts alone."""
    try:
        return not wanted.isdisjoint(found)
    except TypeError:  # a list or an object among them
        return any(type(item) is str and item in wanted for item in found)


def same(one: Json, other: Json) -> bool:
    return type(one) is type(other) and bool(one == other)


def to_count(value: Json) -> int:
    """How many: a whole number, never below 0; 0 for what is no number, nor a text of digits."""
    if type(value) is int:
        return max(0, value)
    if type(value) is str:
        return int(value) if value.isascii() and value.isdigit() and len(value) <= 15 else 0
    return max(0, round(value)) if type(value) is float and math.isfinite(value) else 0


# ---------------------------------------------------------------- value tables
def look_up(entries: dict[str, TableEntry], value: Json) -> TableEntry | None:
    word = (
        value
        if type(value) is str
        else {True: "true", False: "false"}.get(value, str(value))
        if type(value) in (bool, int)
        else None
    )
    if word is not None and word in entries and word != "*":
        return entries[word]
    return entries.get("*")
