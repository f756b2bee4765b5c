"""A table against its declaration: unknown keys, wrong types and words, keys that can never act.

What is wrong is told and left out, so that the rest can be read.

Must never know: what is made of the table afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from aisix.mapping.grammar.kinds import FIELD, TEMPLATE_OBJECT, ValueKind
from aisix.mapping.grammar.tables import ANY, FILES, UNITS, Key, Unit
from aisix.mapping.parse.meant import meant
from aisix.mapping.parse.overlays import DROP
from aisix.mapping.parse.structure import EXPECTED, found, in_toml
from aisix.mapping.parse.toml_tree import Keys
from aisix.mapping.syntax.paths import Json

NO_PLACE = '"{}" finds nothing: expected the name of a field, not a place below it'
_BELOW = re.compile(r"\w[.\[]")
_NAMED = re.compile(r"\{([\w.-]+)\}")
_LOOKED_UP = re.compile(r"\$[A-Za-z_]\w*")
LONGEST_EXAMPLE = 60

Where = Callable[[Keys], str]
Knew = Callable[[Keys, Keys], bool]


class Complain(Protocol):
    """Hears what is wrong at a key; `idle`: with a key that does nothing."""

    def __call__(self, at: Keys, text: str, /, *, idle: bool = False) -> None: ...


NO_DROP = "expected true or false, found {}"


class Sounds:
    """Tables in which nothing is wrong, known by themselves: those of `trees`, which stay as they
    are and outlive this."""

    def __init__(self, trees: Iterable[Json] = ()) -> None:
        self._own: set[int] = set()
        self._kept: dict[tuple[int, str], dict[str, Json]] = {}
        for tree in trees:
            self._add(tree)

    def _add(self, node: Json) -> None:
        if isinstance(node, dict):
            self._own.add(id(node))
            for below in node.values():
                self._add(below)

    def get(self, data: Json, unit: str) -> dict[str, Json] | None:
        """What `sound` made of it as this unit, if there was nothing to complain about."""
        return self._kept.get((id(data), unit))

    def put(self, data: Json, unit: str, kept: dict[str, Json]) -> None:
        if id(data) in self._own:
            self._kept[id(data), unit] = kept


def sound(
    data: Json, at: Keys, one: Unit, complain: Complain, where: Where, knew: Knew
) -> dict[str, Json]:
    """The table without what is wrong in it; {} of what is no table, nor short for one.

    knew(key, other): whether who wrote the key had the other one before him. Only then a key that
    the other makes vain is told: whoever lays a stronger key over a base means it. Keys of a verb's
    options are left as they are.
    """
    if not isinstance(data, dict):
        short = one.short
        if short is None or short.name == ANY or short.wrong(data):
            complain(at, _expected(one, data))
        elif is_sound(short, data, at, complain):
            return {short.name: data}
        return {}
    kept: dict[str, Json] = {}
    elsewhere = dict(one.elsewhere)
    for name, value in data.items():
        key, here = one.find(name, data), (*at, name)
        if name in elsewhere:
            complain(here, f"means nothing here: {elsewhere[name]}")
        elif key is None and not one.verbs:
            complain(here, _unknown(name, value, one))
        elif key is None or (key is one.free and key.below) or is_sound(key, value, here, complain):
            kept[name] = value
        if key is not None and (key.loses_to or key.needs):
            _vain(key, data, here, complain, where, knew)
    for key in one.required:
        if key.name not in data:
            complain(at, f"needs {key.name} = {in_toml(key.example)}, or the like")
    return kept


def _unknown(name: str, value: Json, one: Unit) -> str:
    """What is wrong with a key that the unit has not; a section of another file is told so."""
    if name == DROP:  # any table may say so: as it has to be said, it is gone before this is asked
        return NO_DROP.format(found(value))
    homes = [
        file for file in FILES if one.name in FILES and name in UNITS[FILES[file].unit].by_name
    ]
    if homes:
        return f"means nothing here: [{name}] stands in {' and '.join(homes)}.toml"
    return f"unknown key ({meant(name, one.names)})"


def all_sound(
    data: Json, at: Keys, one: Unit, complain: Complain, where: Where, knew: Knew
) -> dict[str, Json]:
    """The same of a table that holds no rules, with every table in it."""
    kept = sound(data, at, one, complain, where, knew)
    for name, value in kept.items():
        key = one.find(name, kept)
        if key is None or not isinstance(value, dict):
            continue
        here = (*at, name)
        if key.below:
            kept[name] = all_sound(value, here, UNITS[key.below], complain, where, knew)
        elif key.below_each:
            unit = UNITS[key.below_each]
            kept[name] = {
                each: all_sound(table, (*here, each), unit, complain, where, knew)
                for each, table in value.items()
            }
    return kept


def is_sound(key: Key, value: Json, at: Keys, complain: Complain) -> bool:
    """Whether a value is of the kinds and words that its key may hold; else it is told."""
    if key.wrong(value):
        text = f"expected {wanted(key.kinds, value)}, found {found(value)}"
        complain(at, text + _for_example(key))
        return False
    if key.words:
        held = value if isinstance(value, list) else [value]
        odd = [word for word in held if word not in key.words]
        for word in odd:
            what = "policy" if key.name == "policy" else "word"
            complain(at, f'unknown {what} "{word}" ({meant(word, key.words)})')
        return not odd
    for text in places_among(value) if FIELD in key.kinds else ():
        complain(at, NO_PLACE.format(text))
        return False
    if key.fills is not None:
        odd = [*not_filled(value, key.fills, TEMPLATE_OBJECT in key.kinds)]
        for keys, text in odd:
            complain((*at, *keys), text)
        return not odd
    return True


def not_filled(value: Json, known: Iterable[str], lookups: bool) -> Iterator[tuple[Keys, str]]:
    """(where, why) of what a template asks for and nobody puts in, or asks for in the other way:
    "$name" is for objects (`lookups`), {name} for texts."""
    names = tuple(known)
    for keys, word in asked_for(value, lookups):
        looked_up, word = word[:1] == "$", word.removeprefix("$")
        if looked_up == lookups and _is_filled(word, names):
            continue
        asked, instead = (f"${word}", f"{{{word}}}") if looked_up else (f"{{{word}}}", f"${word}")
        if not names:
            yield keys, f'nothing is put in here: "{asked}" would be sent as it stands'
        elif looked_up == lookups:
            yield keys, f'nothing is called "{word}" here ({meant(word, names)})'
        elif _is_filled(word, names):
            yield keys, f'"{asked}" would be sent as it stands: here it is "{instead}"'


def places_among(value: Json) -> list[str]:
    """Paths that go below a field, where the name of a field is asked for."""
    texts = value if isinstance(value, list) else [value]
    return [text for text in texts if isinstance(text, str) and _BELOW.search(text)]


def asked_for(value: Json, lookups: bool, at: Keys = ()) -> Iterator[tuple[Keys, str]]:
    """What a template seems to ask for, and where: "name" for {name}, and "$name", which for a
    lookup is all of a text."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield from asked_for(below, lookups, (*at, key))
    elif isinstance(value, str):
        yield from ((at, name) for name in _NAMED.findall(value))
        whole = [value] if value.startswith("$") else []
        yield from ((at, name) for name in (whole if lookups else _LOOKED_UP.findall(value)))


def _is_filled(word: str, known: tuple[str, ...]) -> bool:
    return word in known or any(one.endswith("*") and word.startswith(one[:-1]) for one in known)


def acts(value: Json) -> bool:
    """Whether what a key holds does something: `skip = false` and an empty table do not."""
    return value is not False and value != "" and value != [] and value != {}


def _vain(key: Key, data: Json, here: Keys, complain: Complain, where: Where, knew: Knew) -> None:
    """Tell of a key that does nothing beside, or without, another one."""
    at, name = here[:-1], here[-1]
    for other in key.loses_to:
        if other in data and acts(data[other]) and acts(data[name]):
            if knew(here, (*at, other)):
                line = where((*at, other))
                complain(here, f"never acts: `{other}` beside it wins ({line})", idle=True)
            return
    if not key.needs or not acts(data[name]) or any(other in data for other in key.needs):
        return
    if all(knew(here, (*at, other)) for other in data):
        words = " or ".join(f"`{name}`" for name in key.needs)
        complain(here, f"means nothing without {words} beside it", idle=True)


def _expected(one: Unit, value: Json) -> str:
    short = f"{wanted(one.short.kinds, value)}, or " if one.short is not None else ""
    return f"expected {short}table, found {found(value)}"


def wanted(kinds: Iterable[ValueKind], value: Json) -> str:
    """What may stand in a value's place, in plain words where a plain type is all there is to
    say."""
    words: list[str] = []
    for kind in kinds:
        inside = isinstance(value, kind.types) and type(value) is not bool
        plain = dict.fromkeys(EXPECTED[type_] for type_ in kind.types)
        exact = inside or len(plain) > 1 or kind.least is not None
        words.append(kind.word if exact else next(iter(plain)))
    return " or ".join(dict.fromkeys(words))


def _for_example(key: Key) -> str:
    if key.name == ANY:
        return ""
    text = f"{key.name} = {in_toml(key.example)}"
    return f"; for example {text}" if len(text) <= LONGEST_EXAMPLE else ""
