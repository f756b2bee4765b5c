"""Whether two sets of tables do the same: the judge of the run, in one function."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from typing import Any

from aisix.mapping.configurations import configurations
from aisix.mapping.mappings import Mapping, Mappings
from aisix.mapping.syntax.rules import Place

FOR_PEOPLE = ("format", "title", "help")


def same(one: Mappings, other: Mappings) -> bool:
    """Whether callers and upstreams get the same of both, whatever they send."""
    if one.mappings.keys() != other.mappings.keys():
        return False
    return all(
        _form(_raw(one.mappings[name])) == _form(_raw(other.mappings[name]))
        and _tables(one.mappings[name]) == _tables(other.mappings[name])
        for name in one.mappings
        if one.mappings[name].digest != other.mappings[name].digest
    )


def _raw(mapping: Mapping) -> Any:
    """What counts as it is written."""
    data = mapping.tree.data
    return mapping.caller.data, data["mapping"], data.get("models")


def _tables(mapping: Mapping) -> Any:
    made = {}
    for one in configurations(mapping):
        tables = one.build(mapping)
        made.setdefault((tables.traits, repr(tables.option)), _form((tables.request, tables.answer, tables.errors)))
    return made


def _form(value: Any) -> Any:
    match value:
        case Place():
            return None
        case re.Pattern():
            return value.pattern
        case dict():
            return tuple((key, _form(below)) for key, below in value.items() if key not in FOR_PEOPLE)
        case list() | tuple():
            return tuple(map(_form, value))
        case frozenset() | set():
            return tuple(sorted(map(repr, value)))
    if is_dataclass(value):
        return type(value).__name__, *(_form(getattr(value, one.name)) for one in fields(value))
    return getattr(value, "__qualname__", None) or repr(value)
