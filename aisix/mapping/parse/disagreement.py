"""Why two readers of TOML differ on a file: the line, the character, and what both read alike.

    found = reason(statements, agree)     # agree(text): whether both readers read it alike

Each statement is tried by itself, and in the first that they differ on each odd character in
another spelling: what makes them agree is what was wrong. Asked only when a file is refused.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from aisix.mapping.syntax.paths import Json

Keys = tuple[str, ...]
LONGEST = 4_000  # characters of a statement that is looked into
ODD = "'\"#,[]{}=:\\"
PLAIN = "use plain scalars, lists of one type, one-level inline tables and dotted or quoted keys"


class Statement(NamedTuple):
    """`key = value`, over as many lines as it takes; `header`: the table it stands in."""

    line: int
    header: Keys
    text: str


class Reason(NamedTuple):
    line: int
    keys: Keys
    text: str


def reason(statements: Iterable[Statement], agree: Callable[[str], bool]) -> Reason | None:
    """The first statement that is read in two ways, and what would be right; None for none."""
    for one in statements:
        try:
            data = tomllib.loads(one.text)
        except tomllib.TOMLDecodeError:
            continue
        if agree(one.text):
            continue
        keys = (*one.header, *_keys(data))
        odd = _character(one.text, data, agree) if len(one.text) <= LONGEST else None
        if odd is None:
            return Reason(one.line, keys, _construct(keys, data))
        position, spelling = odd
        before = one.text[:position]
        line = one.line + before.count("\n")
        column = position - before.rfind("\n")
        text = (
            f"the character {one.text[position]} in column {column}: write {spelling} in its place"
        )
        return Reason(line, keys, text)
    return None


def _keys(data: Json) -> Iterator[str]:
    while isinstance(data, dict) and len(data) == 1:
        (key, data) = next(iter(data.items()))
        yield key


def _character(text: str, data: Json, agree: Callable[[str], bool]) -> tuple[int, str] | None:
    """(position, spelling) of the character that both read alike when it is spelt otherwise."""
    for char in dict.fromkeys(c for c in text if c in ODD or not c.isascii()):
        spelling = f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"
        places = [number for number, one in enumerate(text) if one == char]
        usable: list[int] = []
        for place in reversed(places):  # some are inside texts, others make the statement
            changed = text[:place] + spelling + text[place + 1 :]
            if _read(changed) == data:
                text, usable = changed, [place, *usable]
        if usable and agree(text):
            return usable[0], spelling
        for place in usable:
            text = text[:place] + char + text[place + len(spelling) :]
    return None


def _read(text: str) -> Json:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _construct(keys: Keys, data: Json) -> str:
    """What of a statement's form may be read in two ways."""
    for _ in range(len(list(_keys(data)))):
        data = next(iter(data.values()))
    inner = next(_tables(data), None) if isinstance(data, dict) else None
    if inner is not None:
        outer, header = ".".join(keys), ".".join((*keys, *inner))
        return f"a table in an inline table: write both as tables, [{outer}] and [{header}]"
    if any(len({type(item) for item in held}) > 1 for held in _lists(data)):
        return "a list of several types: write texts alone, or numbers alone"
    return PLAIN


def _tables(data: Json, at: Keys = ()) -> Iterator[Keys]:
    for key, value in data.items():
        if isinstance(value, dict):
            yield (*at, key)
            yield from _tables(value, (*at, key))


def _lists(data: Json) -> Iterator[list[Json]]:
    if isinstance(data, list):
        yield data
    held = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    for value in held:
        yield from _lists(value)
