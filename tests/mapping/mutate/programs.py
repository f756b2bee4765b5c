"""Whether two sets of tables do the same: the judge of the run, in one function."""

from __future__ import annotations

from typing import Any

from aisix.mapping.configurations import configurations
from aisix.mapping.mappings import Mapping, Mappings
from aisix.mapping.verify.liveness.program import Program

FOR_PEOPLE = ("format", "title", "help")
AS_WRITTEN = ("mapping", "models")  # files that are compared as they are


def same(one: Mappings, other: Mappings) -> bool:
    """Whether callers and upstreams get the same of both, whatever they send."""
    if one.mappings.keys() != other.mappings.keys():
        return False
    return all(
        _alike(mapping, other.mappings[name])
        for name, mapping in one.mappings.items()
        if mapping.digest != other.mappings[name].digest
    )


def _alike(one: Mapping, other: Mapping) -> bool:
    if _written(one) != _written(other):
        return False
    programs = Program.of(one), Program.of(other)
    brought = (
        {each.brings(mapping) for each in configurations(mapping)} for mapping in (one, other)
    )
    every = set().union(*brought)
    if any(
        not set(traits) <= mapping.traits.keys() for traits in every for mapping in (one, other)
    ):
        return False
    return all(programs[0].reached(traits).same(programs[1].reached(traits)) for traits in every)


def _written(mapping: Mapping) -> Any:
    files = {name: mapping.tree.data.get(name) for name in AS_WRITTEN}
    return _acting({**files, "caller": mapping.caller.data})


def _acting(value: Any) -> Any:
    """Without what people read."""
    if isinstance(value, dict):
        return {key: _acting(below) for key, below in value.items() if key not in FOR_PEOPLE}
    return value
