"""How a table file's sections and keys are declared, and how to find the declaration of a place.

    Key("max", (NUMBER, LOOKUP), "a larger number becomes this, and the caller is told", 4096,
        loses_to=("policy",))

A *unit* is a table of declared keys: a rule, a shape, a row of events. Units name each other, so
that a shape may hold shapes. `free` is what stands under names of the writer's own choosing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aisix.mapping.grammar.kinds import ValueKind
from aisix.mapping.syntax.paths import Json

ANY = "*"  # a name of the writer's own choosing


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a table.

    `words`: the only texts it may hold. `needs`: without one of these beside it, it means nothing.
    `loses_to`: beside one of these it never acts. `below`: the unit that its table is; of
    `below_each`, every table in it.
    """

    name: str
    kind: ValueKind | tuple[ValueKind, ...]
    about: str  # one line, for someone who has the file open
    example: Json
    default: Json = None
    words: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    loses_to: tuple[str, ...] = ()
    required: bool = False
    for_people: bool = False  # it never acts
    below: str = ""
    below_each: str = ""

    @property
    def kinds(self) -> tuple[ValueKind, ...]:
        return self.kind if isinstance(self.kind, tuple) else (self.kind,)

    def wrong(self, value: Json) -> bool:
        """Whether a value is of no kind that this key may hold."""
        return all(kind.wrong(value) for kind in self.kinds)


@dataclass(frozen=True, slots=True)
class Unit:
    """A table with declared keys; `free`: what any other name holds, a rule or another unit."""

    name: str
    about: str
    keys: tuple[Key, ...]
    example: str  # lines of a table file
    free: Key | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(key.name for key in self.keys)

    def find(self, name: str) -> Key | None:
        """The key of this name; a name of the writer's own is `free`."""
        return next((key for key in self.keys if key.name == name), self.free)


@dataclass(frozen=True, slots=True)
class File:
    """One kind of table file; its sections are the keys of a unit."""

    name: str  # "request"
    about: str
    unit: str


UNITS: dict[str, Unit] = {}
FILES: dict[str, File] = {}


def unit(name: str, about: str, *keys: Key, example: str, free: Key | None = None) -> Unit:
    """Declares a unit."""
    assert name not in UNITS, name
    UNITS[name] = Unit(name, about, keys, example, free)
    return UNITS[name]


def steps(file: str, keys: tuple[str, ...]) -> Iterator[tuple[str, Key | None]]:
    """(word, its declaration) of each word of a place in a file; None: nothing is declared there.

    After a key whose table holds names of the writer's own, such a name is told as that key again.
    """
    inside: Unit | None = UNITS[FILES[file].unit]
    each = ""
    key: Key | None = None
    for word in keys:
        if each:
            inside, each = UNITS[each], ""
            yield word, key
            continue
        key = inside.find(word) if inside is not None else None
        yield word, key
        inside = UNITS[key.below] if key is not None and key.below else None
        each = key.below_each if key is not None else ""
