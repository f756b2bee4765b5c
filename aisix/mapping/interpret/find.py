"""An item of a list by its key, for both forms: `find = { in = LIST, by = "id", equals = KEY }`.

A list of an outer name ($body, $let, $my, ...) is indexed when it is first asked for; one that has
grown since, from where it ended. A list of the item's own is looked through. Both are paid for.
"""

from __future__ import annotations

from typing import Any, Protocol

from aisix.mapping.interpret.view import View
from aisix.mapping.syntax.budget import Budget
from aisix.mapping.syntax.paths import Json, Step, get
from aisix.mapping.syntax.rules import Find

FIXED = ("body", "let", "model", "option", "request")  # what they name never changes


class Index:
    """The items of a list by their key, the first of each."""

    __slots__ = ("first", "items", "seen")

    def __init__(self, items: list[Json]) -> None:
        self.items = items
        self.seen = 0  # items that stand in `first`
        self.first: dict[Any, Json] = {}


class Asked(Protocol):
    """Whose lists are looked into: the scope of a request or an answer."""

    @property
    def indexes(self) -> dict[str, Index]: ...
    @property
    def budget(self) -> Budget: ...


def is_fixed(find: Find) -> bool:
    """Whether its list is the same whenever it is asked for."""
    return find.among.root in FIXED


def is_made(find: Find) -> bool:
    """Whether its list is the item's own, or made for this look alone."""
    return find.among.root == "" or (None in find.among.steps and not is_fixed(find))


def name_of(find: Find) -> str:
    return f"{find.among.text} {find.by.text}"


def key_of(value: Json) -> Any:
    """What a value is looked up by: a text is no number, 1 is not true; None for what is no key."""
    if type(value) is str:
        return value
    return (type(value), value) if type(value) in (int, float, bool) else None


def index(call: Asked, name: str, items: Json, by: tuple[Step, ...]) -> Index | None:
    """The index of a list as it is now; None for what is no list."""
    if type(items) is not list:
        return None
    found = call.indexes.get(name)
    if found is None or found.items is not items or found.seen > len(items):
        found = call.indexes[name] = Index(items)
    if found.seen < len(items):
        call.budget.spend(len(items) - found.seen)
        for item in items[found.seen :] if found.seen else items:
            if (key := key_of(get(item, by))) is not None:
                found.first.setdefault(key, item)
        found.seen = len(items)
    return found


def pick(found: Index | None, wanted: Json) -> Json:
    """The first item with this key; None for none."""
    key = key_of(wanted)
    return None if found is None or key is None else found.first.get(key)


def scan(call: Asked, items: Json, by: tuple[Step, ...], wanted: Json) -> Json:
    """The same of a list that nobody asks again."""
    key = key_of(wanted)
    if key is None or type(items) is not list:
        return None
    call.budget.spend(len(items))
    return next((item for item in items if key_of(get(item, by)) == key), None)


def find_in(view: View, asked: Find) -> Json:
    """What a rule with this source finds, rule by rule."""
    wanted = view.find(asked.equals)
    if wanted is None:
        return None
    call, by = view.scope, asked.by.steps
    if is_made(asked):
        item = scan(call, view.find(asked.among), by, wanted)
    else:
        found = call.indexes.get(name_of(asked)) if is_fixed(asked) else None
        if found is None:
            found = index(call, name_of(asked), view.find(asked.among), by)
        item = pick(found, wanted)
    return get(item, asked.take.steps)
