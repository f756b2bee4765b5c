"""A table of several that lacks what all others of the caller's dialect have.

Must never know: what a table says.
"""

from __future__ import annotations

from collections.abc import Iterator

from aisix.errors import Complaint
from aisix.mapping.grammar.tables import at
from aisix.mapping.mappings import Mapping, Mappings
from aisix.mapping.syntax.paths import Json
from aisix.mapping.verify.touched import units

OTHERS = 3  # how many tables say what all of them have
FILE = "answer"  # what callers get is alike, whatever is behind it


def lacking(mappings: Mappings) -> Iterator[Complaint]:
    """Of mappings that only the site has."""
    shipped = {path.rpartition("/")[0] for path in mappings.table_folders[0].files}
    written = units(mappings)
    for mapping in mappings.mappings.values():
        if not shipped.isdisjoint(mapping.kin):
            continue
        others = [
            other
            for other in mappings.mappings.values()
            if other.kin[0] in shipped and other.caller is mapping.caller
        ]
        places = {
            unit.keys: unit.where
            for unit in written[mapping.name]
            if unit.file == FILE and not unit.trait
        }
        for section, tables in _sections(mapping):
            common = _common(section, others)
            for name, table in tables.items():
                for key in sorted(common - table.keys()):
                    where = places.get((section, name), "")
                    text = f'every other [{section}.NAME] has "{key}", which this one lacks'
                    yield Complaint(where, f"{section}.{name}", text)


def _sections(mapping: Mapping) -> Iterator[tuple[str, dict[str, dict[str, Json]]]]:
    """(section, its tables by name) of those that hold nothing but tables."""
    sections = mapping.tree.data.get(FILE) or {}
    if "verbatim" in sections.get("plain", ()):
        return  # its tables are laid over what the upstream says
    for section, data in sections.items():
        if isinstance(data, dict) and data and all(isinstance(one, dict) for one in data.values()):
            tables = {name: one for name, one in data.items() if "verbatim" not in one}
            yield section, tables  # a copy has all there is


def _common(section: str, others: list[Mapping]) -> set[str]:
    """The names of their own choosing that all tables of a section have, each without a rule."""
    tables = [
        {key for key, value in table.items() if not isinstance(value, dict)}
        for other in others
        for name, of in _sections(other)
        if name == section
        for table in of.values()
    ]
    if len(tables) < OTHERS:
        return set()
    common = tables[0].intersection(*tables[1:])
    unit = at(FILE, (section, "x")).unit
    return common - set(unit.names if unit is not None else ())
