"""How a table file's sections and keys are declared, and how to find the declaration of a place.

    Key("max", (NUMBER, LOOKUP), "a larger number becomes this, and the caller is told", 4096,
        loses_to=("policy",))

A *unit* is a table of declared keys: a rule, a shape, a row of events. Units name each other, so
that a shape may hold shapes. `free` is what stands under names of the writer's own choosing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from aisix.mapping.grammar.kinds import ValueKind
from aisix.mapping.syntax.paths import Json

ANY = "*"  # a name of the writer's own choosing


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a table.

    `words`: the only texts it may hold. `needs`: without one of these beside it, it means nothing.
    `loses_to`: beside one of these it never acts. `below`: the unit that its table is; of
    `below_each`, every table in it, under names of the writer's own. `without`: roots that find
    nothing in its paths, though they do elsewhere in the file. `fills`: names that a template may
    ask for, as {name} in a text, or as "$name".
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
    without: tuple[str, ...] = ()
    fills: tuple[str, ...] | None = None
    ordered: bool = False  # what it holds is tried or run in order: a row may say `before`

    @property
    def kinds(self) -> tuple[ValueKind, ...]:
        return self.kind if isinstance(self.kind, tuple) else (self.kind,)

    def wrong(self, value: Json) -> bool:
        """Whether a value is of no kind that this key may hold."""
        kind = self.kind
        if not isinstance(kind, tuple):
            return kind.wrong(value)
        return all(one.wrong(value) for one in kind)


@dataclass(frozen=True, slots=True)
class Unit:
    """A table with declared keys; `free`: what any other name holds, a rule or another unit.

    `marks`: a table with none of these keys has none of the others either, only free names (an
    object of rules, where a rule may stand). `verbs`: beside its keys stand the options of the one
    that `verb` names, of "verbs", "passes" or "adjustments". `elsewhere`: words that mean something
    in another place, and where that is; here they are no names of the writer's own either. `short`:
    what a plain value in the table's place is.
    """

    name: str
    about: str
    keys: tuple[Key, ...]
    example: str  # lines of a table file
    free: Key | None = None
    marks: tuple[str, ...] = ()
    verbs: str = ""
    elsewhere: tuple[tuple[str, str], ...] = ()
    short: Key | None = None
    by_name: dict[str, Key] = field(init=False, repr=False, compare=False, default_factory=dict)
    required: list[Key] = field(init=False, repr=False, compare=False, default_factory=list)

    def __post_init__(self) -> None:
        self.by_name.update((key.name, key) for key in self.keys)
        self.required.extend(key for key in self.keys if key.required)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.by_name)

    def find(self, name: str, data: Json = None) -> Key | None:
        """The key of this name; a name of the writer's own is `free`. `data`: the table itself."""
        if self.marks and isinstance(data, dict) and data.keys().isdisjoint(self.marks):
            return self.free
        key = self.by_name.get(name)
        if key is not None or (self.elsewhere and name in dict(self.elsewhere)):
            return key
        return self.own

    @property
    def own(self) -> Key | None:
        """What a name beside the declared ones holds; of a marked table there is none."""
        return None if self.marks else self.free


@dataclass(frozen=True, slots=True)
class File:
    """One kind of table file; its sections are the keys of a unit."""

    name: str  # "request"
    about: str
    unit: str


@dataclass(frozen=True, slots=True)
class Spot:
    """What a place in a file is: the key it is of, and the unit its table is, when it is one."""

    key: Key | None = None
    unit: Unit | None = None
    each: Unit | None = None  # or: every table in it is one of these


UNITS: dict[str, Unit] = {}
FILES: dict[str, File] = {}
TRAIT = "trait"  # its first words are names of the other files


def unit(
    name: str,
    about: str,
    *keys: Key,
    example: str,
    free: Key | None = None,
    marks: tuple[str, ...] = (),
    verbs: str = "",
    elsewhere: tuple[tuple[str, str], ...] = (),
    short: Key | None = None,
) -> Unit:
    """Declares a unit."""
    assert name not in UNITS, name
    UNITS[name] = Unit(name, about, keys, example, free, marks, verbs, elsewhere, short)
    return UNITS[name]


def file(
    name: str,
    about: str,
    *sections: Key,
    example: str,
    free: Key | None = None,
    elsewhere: tuple[tuple[str, str], ...] = (),
) -> File:
    """Declares a file, and the unit of the same name that its sections are the keys of."""
    unit(name, about, *sections, example=example, free=free, elsewhere=elsewhere)
    FILES[name] = File(name, about, name)
    return FILES[name]


def steps(file: str, keys: tuple[str, ...], data: Json = None) -> Iterator[Spot]:
    """What each word of a place is; nothing is declared where its key is None.

    `data`: what stands in the file, which alone can tell a rule from an object of rules; without
    it, a word that is a key of a rule is taken for one.
    """
    here: Unit | None = UNITS[FILES[file].unit]
    each: Unit | None = None
    key: Key | None = None
    for word in keys:
        if each is not None:  # a name of the writer's own
            here, each = each, None
        else:
            key = here.find(word, data) if here is not None else None
            here = UNITS[key.below] if key is not None and key.below else None
            each = UNITS[key.below_each] if key is not None and key.below_each else None
        yield Spot(key, here, each)
        data = data.get(word) if isinstance(data, dict) else None


def at(file: str, keys: tuple[str, ...], data: Json = None) -> Spot:
    """What one place is; see `steps`. `()` is the file itself."""
    spot = Spot(None, UNITS[FILES[file].unit])
    for spot in steps(file, keys, data):  # noqa: B007
        pass
    return spot
