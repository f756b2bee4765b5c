"""Each key a folder writes, left out by turns: whether anything differs.

A table that acts is looked into, one that does not is told once. Of a suspect every configuration
is tried, and each row with each option and trait beside it; then its value is changed: a key that
acts with another value, or is refused, only says again what holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from aisix.mapping.configurations import Configuration, configurations
from aisix.mapping.grammar import kinds
from aisix.mapping.grammar.tables import FILES, Key, at
from aisix.mapping.mappings import Mapping
from aisix.mapping.parse.files import TableFolder
from aisix.mapping.parse.overlays import BEFORE
from aisix.mapping.parse.toml_tree import Keys
from aisix.mapping.syntax.paths import Json, get
from aisix.mapping.verify.liveness.program import Program, Traits, differ, may_differ
from aisix.mapping.verify.liveness.sources import Changes, Part, Sources

MOST_OTHERS = 4  # other words that a key is tried with


@dataclass(slots=True)
class Tried:
    """One mapping of which keys are left out."""

    mapping: Mapping
    sources: Sources
    program: Program
    lists: list[Traits] = field(default_factory=list)  # of traits, the likeliest first
    pairs: list[Traits] | None = None  # made when a suspect asks for them

    @classmethod
    def of(cls, folders: Sequence[TableFolder], mapping: Mapping) -> Tried:
        made = cls(mapping, Sources.of(folders, mapping), Program.of(mapping))
        made.lists = list(dict.fromkeys(one.brings(mapping) for one in configurations(mapping)))
        return made

    def acts(self, part: Part, keys: Keys, value: Json = None) -> bool:
        """Whether anything differs when a key says something else, or nothing."""
        changes = self.sources.changes(part, keys, value)
        other = self.program.changed(changes)
        alike: set[tuple[Traits, ...]] = set()  # by the traits that write there
        for traits in self._every(part):
            touching = self._touching(changes, traits)
            if touching in alike:
                continue
            if not may_differ(self.program, other, traits):
                alike.add(touching)
            elif differ(self.program, other, traits):
                return True
        return False

    def read_by(self, part: Part, keys: Keys) -> str:
        """Of a row of [rest] that drops a field, over no row of an earlier folder: the rule that
        reads the field in any case, so that it is never left over; or "". Who writes in that rule
        himself knows what it reads, and may well say so."""
        unit = keys if part.trait else (part.file, *keys)
        if unit[:2] != ("request", "rest") or len(unit) != 3:
            return ""
        own = {".".join((at[1:] if part.trait else at)[:2]) for at in part.tree.lines}
        other, reader = self.program.changed(self.sources.changes(part, keys)), ""
        for traits in self._every(part):
            reader = self.program.reader_of(unit[-1], traits)
            row = self.program.data(unit, traits)
            if (
                not reader
                or reader in own
                or not _drops(row)
                or other.data(unit, traits) is not None
            ):
                return ""
        return reader

    def asked(self, part: Part, changes: Changes) -> Iterator[Traits]:
        """Configurations in which these units are not the same; of several alike the first."""
        seen = set()
        for traits in self._every(part):
            touching = self._touching(changes, traits)
            if touching not in seen:
                seen.add(touching)
                yield traits

    def _touching(self, changes: Changes, traits: Traits) -> tuple[Traits, ...]:
        return tuple(self.program.touching(unit, traits) for _, unit in changes)

    def _every(self, part: Part) -> Iterator[Traits]:
        wanted = part.trait
        yield from (traits for traits in self.lists if not wanted or wanted in traits)
        if self.pairs is None:
            self.pairs = list(_pairs(self.mapping))
        yield from (traits for traits in self.pairs if not wanted or wanted in traits)

    # ------------------------------------------------------------------ the same with another value
    def restates(self, part: Part, keys: Keys, value: Json) -> bool:
        """Whether a key that changes nothing would with another value, or refuses one."""
        return any(self.acts(part, keys, other) for other in self._others(part, keys, value))

    def _others(self, part: Part, keys: Keys, value: Json) -> Iterator[Json]:
        named = [word for word in self._words(part, keys, value) if word != value][:MOST_OTHERS]
        yield from named
        if isinstance(value, bool):
            yield not value
        elif isinstance(value, int | float):
            yield value + 1
        elif isinstance(value, list):
            yield [*value, value[-1] if value and not isinstance(value[0], str) else "z"]
            yield [f"{one}z" if isinstance(one, str) else one for one in value]
        elif isinstance(value, dict):
            yield {"z": "z"}
        elif isinstance(value, str) and not named:
            yield f"{value}z"

    def _words(self, part: Part, keys: Keys, value: Json) -> Sequence[Json]:
        """What else may stand there, where only some words may."""
        key = declared(part, keys)
        file = part.file or keys[0]
        tables = self.program.reader.tables
        if keys[-1] == BEFORE:
            return list(get(part.data, (part.file, *keys[:-2]) if part.file else keys[:-2]))
        if key is None or not isinstance(value, str):
            return ()
        if key.words:
            return key.words
        if kinds.FAULT in key.kinds:
            return list(self.program.reader.facts["fault"])
        if kinds.SHAPE in key.kinds:
            return list(tables.get(file, {}).get("shape", {}))
        return list(tables.get("values", {})) if kinds.VALUE_TABLES in key.kinds else ()


def _drops(row: Json) -> bool:
    return "drop" in (row, row.get("policy") if isinstance(row, dict) else None)


def declared(part: Part, keys: Keys) -> Key | None:
    """What a key of a file is."""
    file, below = (part.file, keys) if part.file else (keys[0], keys[1:])
    return at(file, below, part.data.get(file)).key if file in FILES else None


def _pairs(mapping: Mapping) -> Iterator[Traits]:
    """Each row with each option's word, and each trait beside it."""
    rows = (mapping.tree.data.get("models") or {}).get("model") or {}
    usual = Configuration().brings(mapping)
    brought = {
        tuple(name for name in one.brings(mapping) if name not in usual)
        for one in configurations(mapping)
        if one.option
    }
    more = [*sorted(filter(None, brought)), *((trait,) for trait in mapping.traits)]
    found: dict[Traits, None] = {}
    for row in rows:
        own = Configuration(row).brings(mapping)
        for above in more:
            found.setdefault((*own, *(name for name in above if name not in own)))
    yield from found
