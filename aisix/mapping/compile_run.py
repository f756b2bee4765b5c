"""What compiled tables call while a request runs; see compile.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aisix.mapping.paths import Json
from aisix.mapping.rules import Place
from aisix.mapping.scope import Note
from aisix.mapping.view import same

NOWHERE = Place("", "")


class Bail(Exception):
    """This request is for the interpreter."""


class CannotCompile(Exception):
    """These tables say something only the interpreter can do with this set of fields."""


@dataclass(slots=True)
class Call:
    """One request under way; also what verbs and passes may ask of it."""

    body: dict[str, Json]
    alias: str
    upstream_model: str
    headers: dict[str, str]
    notes: list[Note] = field(default_factory=list)
    state: dict[str, Json] = field(default_factory=dict)
    lets: dict[str, Json] = field(default_factory=dict)
    remember: dict[str, Json] = field(default_factory=dict)
    sent: dict[str, str] = field(default_factory=dict)  # headers of the upstream's request
    item: Json = None
    about: str = ""
    place: Place = NOWHERE

    def tell(self, how: str) -> None:
        self.notes.append(Note(how, self.about, self.place))

    def tell_quietly(self, how: str) -> None:
        """Only `explain` shows quiet notes, and that runs the interpreter."""


def any_is(found: Json, wanted: Json) -> bool:
    if type(found) is list and type(wanted) is not list:
        return any(same(item, wanted) for item in found)
    return same(found, wanted)


def equals(found: Json, wanted: Json) -> bool:
    if type(wanted) is list:
        return found is not None and found in wanted
    return found is not None and same(found, wanted)


def is_in(found: Json, wanted: frozenset[Any]) -> bool:
    def key(value: Json) -> tuple[type, Json]:
        return (type(value), value) if type(value) not in (dict, list) else (type(value), None)

    if type(found) is list:
        return any(key(item) in wanted for item in found)
    return key(found) in wanted


def total(values: tuple[Json, ...]) -> Json:
    return sum(value for value in values if type(value) in (int, float))


def table(entries: dict[str, Any], value: Json, call: Call, about: str) -> Json:
    """A value table's answer; None when the value is left out."""
    from aisix.mapping.interpret import look_up

    entry = look_up(entries, value)
    if entry is None:
        return None
    if entry.reject:
        raise Bail
    if entry.told:
        call.notes.append(Note(entry.told, about, entry.place))
    if entry.omit:
        return None
    return value if entry.same else entry.to
