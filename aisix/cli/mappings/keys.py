"""`aisix mappings keys`: what may stand where in a table file, as it is declared."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from aisix.cli.mappings import reference
from aisix.cli.mappings.output import Row, table, write_json
from aisix.errors import OperatorError
from aisix.mapping.grammar.roots import ROOTS, Root
from aisix.mapping.grammar.tables import ANY, FILES, UNITS, Key, Unit, at
from aisix.mapping.parse.meant import meant
from aisix.mapping.parse.structure import in_toml


def keys(args: argparse.Namespace, folders: list[Path]) -> int:
    """All units that a file, one of its sections or a unit's name leads to; or "roots"."""
    if args.markdown:
        print(reference.markdown(), end="")
        return 0
    if args.place == "roots":
        table([_root(root) for root in ROOTS.values()], args.json, wrap=True)
        return 0
    units = list(reached(_asked(args.place)) if args.place else UNITS.values())
    if args.json:
        write_json([as_json(one) for one in units])
    else:
        table([row for one in units for row in _rows(one)], False, wrap=True)
    return 0


def _asked(place: str) -> Unit:
    """The unit of "request", "request.field" or "rule"; OperatorError when there is none."""
    name, *rest = place.split(".")
    name = name.removesuffix(".toml")
    if not rest and name in UNITS:
        return UNITS[name]
    if name not in FILES:
        raise OperatorError(f'no file or unit "{name}" ({meant(name, [*FILES, *UNITS])})')
    spot = at(name, tuple(rest))
    found = spot.unit or spot.each
    if found is None:
        one = UNITS[FILES[name].unit]
        if spot.key is not None:
            return Unit(spot.key.name, spot.key.about, (spot.key,), "")
        raise OperatorError(f'nothing is declared at "{place}" ({meant(rest[0], one.names)})')
    return found


def reached(first: Unit) -> Iterator[Unit]:
    """A unit, and those that its keys lead to, each once."""
    waiting, seen = [first], {first.name}
    while waiting:
        one = waiting.pop(0)
        yield one
        for key in (*one.keys, *([one.free] if one.free is not None else [])):
            for name in (key.below, key.below_each):
                if name and name not in seen:
                    seen.add(name)
                    waiting.append(UNITS[name])


def _root(root: Root) -> Row:
    where = ", ".join(f"{file}.toml" for file in root.files)
    sections = ", ".join(f"[{section}]" for section in root.sections)
    return {
        "root": f"${root.name}",
        "what is there": root.about,
        "in": f"{where} {sections}".strip(),
        "for example": root.example,
    }


def _rows(one: Unit) -> Iterator[Row]:
    yield {"in": one.name, "key": "", "holds": "", "what it means": one.about, "for example": ""}
    for key in (*one.keys, *([one.free] if one.free is not None else [])):
        yield {
            "in": "",
            "key": "(any other name)" if key.name == ANY else key.name,
            "holds": reference.holds(key),
            "what it means": key.about + _beside(key),
            "for example": in_toml(key.example),
        }


def _beside(key: Key) -> str:
    """What a key needs beside it, and what it loses to."""
    said = ""
    if key.needs:
        said += f"; only beside {' or '.join(key.needs)}"
    if key.loses_to:
        said += f"; never beside {', '.join(key.loses_to)}"
    return said


def as_json(one: Unit) -> Row:
    """A unit as `--json` shows it; what is empty is left out."""
    shown = {
        "unit": one.name,
        "what it is": one.about,
        "keys": [_key_as_json(key) for key in one.keys],
        "any other name": _key_as_json(one.free) if one.free is not None else None,
        "short for": _key_as_json(one.short) if one.short is not None else None,
        "needs one of": list(one.marks),
        "options of": one.verbs,
        "elsewhere": dict(one.elsewhere),
        "example": one.example.strip(),
    }
    return {name: value for name, value in shown.items() if value or name == "keys"}


def _key_as_json(key: Key) -> Row:
    shown = {
        "name": key.name,
        "holds": [kind.word for kind in key.kinds],
        "words": list(key.words),
        "required": key.required,
        "default": key.default,
        "what it means": key.about,
        "example": key.example,
        "needs": list(key.needs),
        "loses to": list(key.loses_to),
        "its table is": key.below,
        "each table in it is": key.below_each,
        "in order": key.ordered,
        "for people": key.for_people,
        "without": [f"${root}" for root in key.without],
    }
    return {
        name: value
        for name, value in shown.items()
        if value or (name == "default" and value is not None) or name == "example"
    }
