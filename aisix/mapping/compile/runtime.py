"""What compiled tables call while a request runs; see `compile/`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from aisix.mapping.interpret.fold import Numbers, fold
from aisix.mapping.interpret.forms import Bail
from aisix.mapping.interpret.scope import NOWHERE, Note
from aisix.mapping.interpret.view import look_up
from aisix.mapping.syntax.answer import NUMBER
from aisix.mapping.syntax.budget import Budget
from aisix.mapping.syntax.paths import Json
from aisix.mapping.syntax.rules import Place, TableEntry


class CannotCompile(Exception):
    """These tables say something only the interpreter can do with this set of fields."""


class CompiledRequest:
    """One request under way; also what verbs and passes may ask of it."""

    remember: dict[str, Json]
    upstream_headers: dict[str, str]  # headers of the upstream's request
    lets: dict[str, Json]  # of those that functions look up
    item: Json = None
    spot: tuple[str, Place] = NOWHERE  # what a verb or pass is looking at: (caller field, rule)

    def __init__(
        self,
        body: dict[str, Json],
        alias: str,
        upstream_model: str,
        headers: Mapping[str, str],
        budget: Budget | None = None,
        now: int = 0,
    ) -> None:
        self.body = body
        self.now = now
        self.alias = alias
        self.upstream_model = upstream_model
        self.headers = headers
        self.budget = Budget() if budget is None else budget
        self.notes: list[Note] = []
        self.state: dict[str, Json] = {}

    @cached_property  # few tables look anything up in a list
    def indexes(self) -> dict[Any, Any]:
        """Of lists: see `interpret/find.py`."""
        return {}

    def tell(self, how: str, name: str = "") -> None:
        self.notes.append(Note(how, *self.spot, part=name))

    def tell_quietly(self, how: str) -> None:
        """Only `explain` shows quiet notes, and that runs the interpreter."""

    def moved(self, item: Json, at: str, of: Json = None) -> None:
        """Only complaints ask for places, and those the interpreter makes."""


def table(entries: dict[str, TableEntry], value: Json, call: CompiledRequest, about: str) -> Json:
    """A value table's answer; None when the value is left out."""
    entry = look_up(entries, value)
    if entry is None:
        return None
    if entry.reject:
        raise Bail("refused")
    if entry.told:
        call.notes.append(Note(entry.told, about, entry.place))
    if entry.omit:
        return None
    return value if entry.same else entry.to


def spread(made: Json) -> Sequence[Json]:
    """What a shape has made of one item: all of a list, or one thing, or nothing."""
    return made if type(made) is list else () if made is None else (made,)


def grown_by(old: Json, value: Json, key: str, numbers: Numbers) -> Json:
    """What folding makes of a field."""
    whole = {key: old}
    fold(whole, {key: value}, numbers)
    return whole[key]


def add_item(items: list[Json], item: dict[str, Json], numbers: Numbers) -> None:
    """Folds an item that is new; one that is not is the interpreter's."""
    number = item.get(NUMBER)
    if number is not None and numbers.find(items, number) is not None:
        raise Bail
    items.append(item)
