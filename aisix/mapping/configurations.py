"""Every kind of model a mapping can be asked for: what is built to hear all that is wrong with it.

    for one in configurations(mapping):
        one.build(mapping)                  # Effective, or OperatorError
        one.brings(mapping)                 # the traits laid over the base, in their order

Each row of models.toml with each version, each value of each option by itself, and each trait that
nothing else brings.

Must never know: what a table says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aisix.mapping.effective import Mapping
from aisix.mapping.model_tables import Effective
from aisix.mapping.parse.options import words_of
from aisix.mapping.syntax.paths import Json


@dataclass(frozen=True, slots=True)
class Configuration:
    """What an alias can differ in; the defaults are those of an id nobody listed."""

    row: str | None = None  # of models.toml; None: the one for unknown ids
    version: str | None = None
    option: tuple[str, Json] | None = None  # one that is not as by default
    traits: tuple[str, ...] = ()  # beside those its row, version and option bring

    def build(self, mapping: Mapping) -> Effective:
        """Its tables; OperatorError with every complaint."""
        options = dict([self.option]) if self.option else {}
        return mapping.effective(mapping.example(self.row), self.version, options, self.traits)

    def brings(self, mapping: Mapping) -> tuple[str, ...]:
        """The traits laid over the base, in their order; those there are not are left out."""
        row = mapping.row_for(mapping.example(self.row))
        options = dict([self.option]) if self.option else {}
        settled = mapping.settled(row, self.version, options, self.traits)
        return tuple(name for name in settled.traits if name in mapping.traits)


def configurations(mapping: Mapping) -> Iterator[Configuration]:
    """All there are, that of unknown ids first."""
    found = list(_of_tables(mapping))
    yield from found
    brought = {trait for one in found for trait in one.brings(mapping)}
    for name in mapping.traits:
        if name not in brought:  # only an alias can name it
            yield Configuration(traits=(name,))


def _of_tables(mapping: Mapping) -> Iterator[Configuration]:
    data = mapping.tree.data
    rows: dict[str, Json] = (data.get("models") or {}).get("model", {})
    versions = data["mapping"].get("versions", {})
    known = list(versions.get("known", {}))
    usual = versions.get("default")
    known.sort(key=lambda version: version != usual)
    for row in (None, *rows):
        for version in known or [None]:
            yield Configuration(row, None if version == usual else version)
    for name, about in data["mapping"].get("option", {}).items():
        for value in words_of(about):
            if value != about.get("default"):  # which every row has
                yield Configuration(option=(name, value))
