"""What has to be a table in a mapping's files: never a crash, always a complaint.

What is something else is told and left out, so that the rest can be read and complained about too.

Must never know: what stands in those tables.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from aisix.errors import Complaint
from aisix.mapping.grammar import kinds
from aisix.mapping.grammar.tables import FILES, UNITS
from aisix.mapping.parse.toml_tree import Keys, Tree
from aisix.mapping.syntax.paths import Json

TABLE, OF_TABLES = 1, 2  # a table; a table of tables
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def _of_declared(name: str) -> dict[str, int]:
    """Of one file's sections, what has to be a table."""
    return {
        key.name: OF_TABLES if kinds.UNITS_BY_NAME in key.kinds else TABLE
        for key in UNITS[FILES[name].unit].keys
        if all(kind.types == (dict,) for kind in key.kinds)
    }


SECTIONS: dict[str, dict[str, int]] = {
    name: _of_declared(name) for name in ("request", "answer", "errors", "models", "caller")
}


def found(value: Json) -> str:
    """What was found, in the words of a table file.

    >>> found({}), found(3), found(True), found([1]), found("a")
    ('a table', 'number 3', 'true', 'list [1]', "text 'a'")
    """
    match value:
        case dict():
            return "a table"
        case bool():
            return str(value).lower()
        case int() | float():
            return f"number {value}"
        case str():
            return f"text {value!r}" if len(value) < 60 else f"text {value[:57] + '...'!r}"
        case list():
            text = repr(value)
            return f"list {text}" if len(text) < 60 else "a list"
    return f"{type(value).__name__} {value}"  # a date or a time


def in_toml(value: Json) -> str:
    """A value as it stands in a table file, on one line.

    >>> in_toml({"a": [1, "b"]}), in_toml(True)
    ('{ a = [1, "b"] }', 'true')
    """
    match value:
        case dict():
            rows = (f"{_key(name)} = {in_toml(below)}" for name, below in value.items())
            return f"{{ {', '.join(rows)} }}" if value else "{}"
        case list() | tuple():
            return f"[{', '.join(map(in_toml, value))}]"
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    return str(value).lower()


def _key(name: str) -> str:
    return name if re.fullmatch("[A-Za-z0-9_-]+", name) else in_toml(name)


EXPECTED = {
    str: "text",
    dict: "table",
    list: "list",
    bool: "true or false",
    int: "whole number",
    float: "number",
}


def sound(data: dict[str, Json], where: Callable[[Keys], str], out: list[Complaint]) -> None:
    """Take out of one mapping's files (name -> data) what is no table and has to be one."""
    for file, sections in SECTIONS.items():
        if file in data:
            data[file] = _sound(data[file], sections, (file,), where, out)
    if "values" in data:
        kept = {
            name: table
            for name, table in data["values"].items()
            if isinstance(table, list) or _is_table(table, ("values", name), where, out)
        }
        if len(kept) < len(data["values"]):
            data["values"] = kept


def _sound(
    data: dict[str, Json],
    kinds: dict[str, int],
    at: Keys,
    where: Callable[[Keys], str],
    out: list[Complaint],
) -> dict[str, Json]:
    """The same table where nothing is to be left out."""
    kept = {}
    for key, value in data.items():
        kind = kinds.get(key)
        if kind is not None and not _is_table(value, (*at, key), where, out):
            continue
        if kind == OF_TABLES:
            tables = {
                name: below
                for name, below in value.items()
                if _is_table(below, (*at, key, name), where, out)
            }
            value = tables if len(tables) < len(value) else value
        kept[key] = value
    same = len(kept) == len(data) and all(kept[key] is data[key] for key in kept)
    return data if same else kept


def _is_table(value: Json, at: Keys, where: Callable[[Keys], str], out: list[Complaint]) -> bool:
    if isinstance(value, dict):
        return True
    out.append(Complaint(where(at), ".".join(at[1:]), f"expected table, found {found(value)}"))
    return False


def sound_caller(tree: Tree, out: list[Complaint]) -> None:
    """The same for a caller.toml."""

    def where(keys: Keys) -> str:
        return tree.where(keys[1:])

    tree.data = _sound(tree.data, SECTIONS["caller"], ("caller",), where, out)


def named(data: dict[str, Json]) -> Iterator[str]:
    """The named things rules may refer to, as `Parser.used` calls them."""
    for section in ("request", "answer", "errors"):
        for kind in ("shape", "convert", "chunk", "block_kind"):
            for name in data.get(section, {}).get(kind, {}):
                yield f"{section}.{kind}.{name}"
    for name, table in data.get("values", {}).items():
        if isinstance(table, dict | list):
            yield f"values.{name}"
