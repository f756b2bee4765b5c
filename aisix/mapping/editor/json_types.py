"""What a key's kinds are in JSON Schema."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aisix.mapping.grammar.kinds import CONDITION, PATTERNS_BY_PATH, ValueKind
from aisix.mapping.syntax.paths import TYPE_NAMES

Schema = dict[str, Any]
ANYTHING: Schema = {}
TABLE = TYPE_NAMES[dict]
_FOUND = ["string", "boolean", "number", "array"]  # what a condition may compare with
_HELD: dict[ValueKind, Schema] = {
    CONDITION: {"type": _FOUND},
    PATTERNS_BY_PATH: {"type": ["string", TABLE]},
}


def types_of(kinds: Iterable[ValueKind]) -> list[str]:
    """The JSON types of what kinds may hold; [] when it may be anything."""
    found = dict.fromkeys(type_ for kind in kinds for type_ in kind.types)
    names = dict.fromkeys(TYPE_NAMES[type_] for type_ in found)
    if len(found) == len(TYPE_NAMES):
        return []
    if "number" in names:
        names.pop("integer", None)
    return [*names]


def typed(types: list[str]) -> Schema:
    """
    >>> typed(["string"]), typed(["string", "array"]), typed([])
    ({'type': 'string'}, {'type': ['string', 'array']}, {})
    """
    return {"type": types[0] if len(types) == 1 else types} if types else {}


def of_kinds(kinds: tuple[ValueKind, ...], words: tuple[str, ...] = ()) -> Schema:
    """The types of kinds, and what is asked of each type by the only kind that takes it."""
    schema = typed(types_of(kinds))
    for type_ in TYPE_NAMES:
        asking = [kind for kind in kinds if type_ in kind.types]
        if len(asking) == 1:
            schema |= _asked(asking[0], type_)
    if words:
        schema |= {"if": {"type": "string"}, "then": {"enum": [*words]}}
        if any(list in kind.types for kind in kinds):
            schema["items"] = {"enum": [*words]}
    return schema


def _asked(kind: ValueKind, type_: type) -> Schema:
    """What a kind asks of its values of one type."""
    held = _HELD.get(kind)
    if kind.holds:
        held = {"type": TYPE_NAMES[kind.holds], **(_range(kind) if kind.holds is int else {})}
    if type_ is str and kind.begins:
        return {"pattern": "^" + kind.begins.replace("$", r"\$")}
    if type_ is str and kind.filled:
        return {"minLength": 1}
    if type_ in (int, float):
        return _range(kind)
    asked: Schema = {}
    if type_ in (list, dict) and held:
        asked["items" if type_ is list else "additionalProperties"] = held
    if type_ in (list, dict) and kind.filled:
        asked["minItems" if type_ is list else "minProperties"] = 1
    return asked


def _range(kind: ValueKind) -> Schema:
    bounds = {"minimum": kind.least, "maximum": kind.most}
    return {word: bound for word, bound in bounds.items() if bound is not None}
