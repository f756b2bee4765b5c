"""`[mapping.option]`: what values an option can have, and what is wrong with one an alias gives."""

from __future__ import annotations

from collections.abc import Iterable

from aisix.mapping.syntax.paths import TYPE_NAMES, Json

# Those the gateway itself asks for, so that no rule has to: of a mapping that declares them.
OF_GATEWAY = ("ratelimit_headers", "status_first")


def words_of(row: dict[str, Json]) -> list[Json]:
    """The values an option can have, when they are few."""
    return [True, False] if row.get("type") == "boolean" else list(row.get("one_of", ()))


def option_value(row: dict[str, Json], value: Json) -> Json:
    """The value an alias gives an option; "on" and "off" are true and false where those are."""
    return value == "on" if row.get("type") == "boolean" and value in ("on", "off") else value


def option_faults(name: str, row: dict[str, Json], value: Json) -> list[str]:
    """What is wrong with the value an alias gives an option."""
    if row.get("type") not in TYPE_NAMES.values():
        return []  # which has been told
    if not fits(value, (row["type"],)):
        return [f'option "{name}": expected {row["type"]}, found {value!r}']
    if "one_of" in row and value not in row["one_of"]:
        words = ", ".join(map(str, row["one_of"]))
        return [f'option "{name}": expected one of {words}, found {value!r}']
    return []


def fits(value: Json, types: Iterable[str]) -> bool:
    """Whether a constant is of one of these types."""
    kind = TYPE_NAMES.get(type(value), "")
    return kind in types or (kind == "integer" and "number" in types)
