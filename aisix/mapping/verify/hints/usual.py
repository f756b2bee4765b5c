"""What the shipped tables have: words, and the kind of constant that each key has. Counted once.

Must never know: a site's tables.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator

import msgspec

from aisix.mapping.parse.files import TableFolder
from aisix.mapping.syntax.paths import Json
from aisix.mapping.verify.hints.words import WordCounts
from aisix.mapping.verify.kept import Kept, engine, hashed
from aisix.mapping.verify.touched import trees

OFTEN = 2  # how often a word or a kind is right
CONDITIONS = frozenset(("when", "unless", "match", "where", "where_not", "guard", "check"))


class Usual(msgspec.Struct, frozen=True):
    """`words` to `follows` are those of `WordCounts`. `kinds`: of "name", "when name" and
    "section/name" the kinds of constant it is, where there are at least `OFTEN`; a `$lookup` is one
    of its own behind a section."""

    words: dict[str, int]
    pairs: dict[str, int]
    begins: dict[str, int]
    follows: dict[str, int]
    kinds: dict[str, set[str]]
    listed: set[str]

    def counted(self) -> WordCounts:
        found = (self.words, self.pairs, self.begins, self.follows)
        return WordCounts(*map(Counter, found))


def usual(shipped: TableFolder, kept: Kept) -> Usual:
    """Of this folder; kept on disk, and in memory for as long as it is the same."""
    texts = (part for path, data in shipped.files.items() for part in (path, data))
    name = "words-" + hashed(engine(), *texts)
    found = _read_before.get(name) or _kept(kept, name)
    if found is None:
        found = _of(shipped)
        kept.put(name, msgspec.msgpack.encode(found))
    _read_before.clear()
    _read_before[name] = found
    return found


_read_before: dict[str, Usual] = {}


def _kept(kept: Kept, name: str) -> Usual | None:
    data = kept.get(name)
    if data is not None:
        with contextlib.suppress(msgspec.DecodeError):
            return msgspec.msgpack.decode(data, type=Usual)
    return None


def _of(shipped: TableFolder) -> Usual:
    counted = WordCounts()
    kinds = Kinds()
    for path, tree in trees(shipped):
        counted.add_name(path)
        counted.add(tree.data)
        kinds.add(tree.data)
    return Usual(
        words=counted.words,
        pairs=counted.pairs,
        begins=counted.begins,
        follows=counted.follows,
        kinds=kinds.usual(),
        listed=kinds.listed(),
    )


class Kinds:
    """The kinds of constant that keys have, and how often."""

    def __init__(self) -> None:
        self.found: dict[str, Counter[str]] = {}
        self._of_one: Counter[str] = Counter()

    def add(self, data: dict[str, Json]) -> None:
        for section, key, value, asked in leaves(data):
            self._of_one[key] += isinstance(value, list) and len(value) == 1
            for name in names(section, key, asked):
                kind = kind_of(value, exact=name.endswith(f"/{key}"))
                self.found.setdefault(name, Counter())[kind] += 1

    def usual(self) -> dict[str, set[str]]:
        return {name: set(of) for name, of in self.found.items() if of.total() >= OFTEN}

    def listed(self) -> set[str]:
        return {name for name, times in self._of_one.items() if times >= OFTEN}


def names(section: str, key: str, asked: bool) -> tuple[str, ...]:
    """What a constant's kind is known by: its name, and its name in that section."""
    return (f"when {key}",) if asked else (f"{section}/{key}", key)


def leaves(
    node: dict[str, Json], section: str = "", asked: bool = False
) -> Iterator[tuple[str, str, Json, bool]]:
    """(first word, name, constant, whether it stands in a condition) of all below; a rule in a
    constant's place is one."""
    for key, value in node.items():
        if isinstance(value, dict):
            yield from leaves(value, section or key, asked or key in CONDITIONS)
        else:
            yield section, key, value, asked


def kind_of(value: Json, exact: bool = False) -> str:
    """`exact`: a text that is looked up is no constant."""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "number"
    if exact and isinstance(value, str) and value[:1] == "$":
        return "$lookup"
    return "list" if isinstance(value, list) else "text"
