"""What the tables say, as typed values: the abstract syntax of the mapping language.

`parse/` reads tables into these, `interpret/` runs them one by one (and can say why), `compile/`
turns them into Python source. Nothing here runs.

A *rule* says how one value is made. Whatever it holds, the order is fixed:
find (`from`, else `default`) -> `type` -> `where` -> `as` -> `table` -> `min`/`max` ->
`each`/`shape` -> `arrange` -> `join`. A *shape* says how one object or list item is rebuilt, chosen
by a discriminator. A *condition* holds when all its tests hold.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from aisix.mapping.syntax.paths import Json, Path


@dataclass(slots=True, frozen=True)
class Place:
    """Where something was written: "request.toml:13", and its name there: "field.max_tokens"."""

    file_line: str
    name: str

    def __str__(self) -> str:
        return self.file_line


@dataclass(slots=True, frozen=True)
class Test:
    """One line of a condition: a path, and what must be true of what is found there."""

    path: Path
    kind: str  # is | in | present | absent | matches | below | above | equals (another path)
    value: Any = None  # scalar | frozenset of (type, scalar) | compiled regex | Path
    many: bool = False  # the path collects with "[]": any of what it finds may be it


@dataclass(slots=True, frozen=True)
class Condition:
    when: tuple[Test, ...] = ()
    unless: tuple[Test, ...] = ()

    @property
    def tests(self) -> tuple[Test, ...]:
        return (*self.when, *self.unless)


@dataclass(slots=True, frozen=True)
class TableEntry:
    """One word of a value table: the value it becomes, or that it is left out or refused."""

    to: Json
    omit: bool = False
    same: bool = False
    told: str = ""  # how the change is reported ("" = not a loss)
    reject: str = ""  # fault kind
    place: Place = Place("", "")


@dataclass(slots=True, frozen=True)
class ValueTable:
    name: str
    entries: dict[str, TableEntry]
    place: Place


@dataclass(slots=True, frozen=True)
class Convert:
    """`[convert.NAME]`: a verb of `conversions.py` with its options."""

    name: str
    verb: str
    options: dict[str, Json]
    place: Place


@dataclass(slots=True)
class Check:
    """What a caller may send in one field; anything else is a 400 naming the field."""

    path: Path
    types: tuple[str, ...]
    place: Place
    low: float | None = None
    high: float | None = None
    one_of: tuple[Json, ...] = ()
    match: re.Pattern[str] | None = None
    required: bool = False
    empty: str = ""  # fault kind when present and empty
    longest: int | None = None
    reject: str = ""  # fault kind used instead of the usual one
    values: tuple[str, ...] = ()  # kinds that every value of an object must be of


@dataclass(slots=True, frozen=True)
class Find:
    """Of a list the first item that has a key, and what of it."""

    among: Path  # the list
    by: Path  # where an item has its key
    equals: Path  # the key that is looked for
    take: Path  # what of the item is found; "." is all of it


@dataclass(slots=True)
class Rule:
    kind: str
    place: Place
    paths: tuple[Path, ...] = ()
    value: Json = None
    default: Json | Path = None
    parts: tuple[tuple[str, Rule], ...] = ()
    guard: Condition | None = None
    types: tuple[str, ...] = ()  # wrong type: 400
    only: tuple[str, ...] = ()  # wrong type: as if absent
    required: str = ""  # fault kind when nothing is found
    where: Condition | None = None  # list items kept
    keep: str = ""  # "nonblank": blank strings of a list are taken out and told
    converts: tuple[Convert, ...] = ()
    tables: tuple[ValueTable, ...] = ()
    low: Json | Path = None
    high: Json | Path = None
    each: Shape | None = None
    lone: Shape | None = None  # a lone string where a list may stand
    shape: Shape | None = None
    arrange: tuple[Arrange, ...] = ()
    join: str | None = None
    policy: str = ""  # warn | drop | reject: nothing is written, the caller is told
    told: str = ""  # yielding a value is itself a change that is told
    about: tuple[str, ...] = ()  # the caller's field a note or fault names: the first one sent
    named: Path | None = None  # a name that is told with it: of which of several things
    count: str = ""
    keep_empty: bool = False
    rare: bool = False  # what finds something is for the interpreter
    find: Find | None = None
    minus: tuple[Path, ...] = ()  # of a sum: taken away again, never below 0
    by: Path | None = None  # weave: where an item's own position stands
    followed: bool = False  # weave: a placed item never comes last
    leading: bool = False  # weave: where any item is placed, one comes first


@dataclass(slots=True)
class Shape:
    """How one item is rebuilt; `variants` are chosen by `by`, or in order by guards (`first`)."""

    name: str
    place: Place
    of: str = "object"  # or "string": the item itself
    my: tuple[tuple[str, Rule], ...] = ()
    by: Path | None = None
    variants: dict[str, Shape] = field(default_factory=dict)
    first: tuple[tuple[Condition, Shape], ...] = ()
    fields: tuple[tuple[str, Rule], ...] = ()
    all: tuple[tuple[str, Rule], ...] = ()
    blank: str = ""  # left out when this field of the result is blank
    count: str = ""
    verbatim: bool = False  # the item as it is, fields laid over a copy of it
    several: Rule | None = None  # the items of this list take the item's place
    skip: bool = False
    reject: str = ""
    allowed: str = ""  # what would have been right, for the fault's text
    at: str = ""
    stamp: tuple[str, str, Rule] | None = None  # (list field, key, rule): write on its last item
    guard: Condition | None = None
    told: str = ""
    knows: frozenset[str] | None = None  # keys of the item; any other is told as dropped

    @property
    def refuses(self) -> bool:
        """Whether every item of it is refused."""
        below = [variant for _, variant in self.first]
        return bool(self.reject) or (bool(below) and all(one.reject for one in below))


@dataclass(slots=True, frozen=True)
class Arrange:
    """One named pass over a list (`verbs/passes.py`)."""

    name: str
    verb: str
    options: dict[str, Json]
    guard: Condition | None
    place: Place
    where: Condition | None = None


@dataclass(slots=True, frozen=True)
class Refusal:
    """`[check.NAME]`: a condition under which the request is refused."""

    guard: Condition
    kind: str
    at: tuple[Path, ...]
    place: Place
    values: dict[str, Json]


@dataclass(slots=True, frozen=True)
class Adjust:
    """`[adjust.NAME]`: one named correction of the finished request."""

    name: str
    verb: str  # remove | set | cap | merge | keep_last
    options: dict[str, Json]
    guard: Condition | None
    told: str
    about: tuple[Path, ...]
    place: Place


@dataclass(slots=True, frozen=True)
class Rest:
    """What happens to a caller's field that no rule reads."""

    policy: str  # drop | warn | reject | pass (goes upstream as it is)
    drop: tuple[Json, ...] = ()  # values that change nothing
    drop_empty: bool = False
    items: bool = False  # look at each item of a list
    place: Place = Place("", "")
    reject: str = ""  # fault kind


@dataclass(slots=True, frozen=True)
class Header:
    name: str
    rules: tuple[tuple[str, Rule], ...]  # joined by comma, each once


@dataclass(slots=True, frozen=True)
class LocalAnswer:
    """An answer given without the upstream, in its shape; `events`: what a stream has instead."""

    guard: Condition
    answer: dict[str, Json]
    events: tuple[dict[str, Json], ...] = ()
    needs: str = ""  # a let that must be there for the guard to hold


@dataclass(slots=True)
class RequestTables:
    checks: tuple[Check, ...]
    lets: tuple[tuple[str, Rule], ...]
    refusals: tuple[Refusal, ...]
    fields: tuple[tuple[str, Rule], ...]
    adjusts: tuple[Adjust, ...]
    rest: dict[str, Rest]
    known: frozenset[str]  # top-level caller fields that some rule reads
    headers: tuple[Header, ...]
    remember: tuple[str, ...]  # lets, or state.NAME: the answer tables ask as $request.NAME
    local: tuple[LocalAnswer, ...] = ()
