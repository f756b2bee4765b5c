"""`[mapping.option]`: what values an option can have, and what is wrong with one an alias gives."""

from __future__ import annotations

from aisix.mapping.syntax.paths import Json

TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "array": list,
    "object": dict,
}


def words_of(row: dict[str, Json]) -> list[Json]:
    """The values an option can have, when they are few."""
    return [True, False] if row.get("type") == "boolean" else list(row.get("one_of", ()))


def option_value(row: dict[str, Json], value: Json) -> Json:
    """The value an alias gives an option; "on" and "off" are true and false where those are."""
    return value == "on" if row.get("type") == "boolean" and value in ("on", "off") else value


def option_faults(name: str, row: dict[str, Json], value: Json) -> list[str]:
    """What is wrong with the value an alias gives an option."""
    if row.get("type") not in TYPES:
        return []  # which has been told
    odd = isinstance(value, bool) and row["type"] != "boolean"
    if odd or not isinstance(value, TYPES[row["type"]]):
        return [f'option "{name}": expected {row["type"]}, found {value!r}']
    if "one_of" in row and value not in row["one_of"]:
        words = ", ".join(map(str, row["one_of"]))
        return [f'option "{name}": expected one of {words}, found {value!r}']
    return []
