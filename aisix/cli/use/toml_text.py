"""TOML with settings in it, edited line by line: comments and order stay.

A statement is a header or `key = value`, over as many lines as it takes until it can be read alone.
A key that is there gets its new value where it stands; a new one comes at the end of its table; a
new table comes at the end of the file.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass
from typing import Any

MAX_LINES = 2000  # of one statement: a text that never becomes one is given up
Path = tuple[str, ...]


@dataclass
class TomlStatement:
    first: int  # its lines: [first, end)
    end: int
    table: Path  # the one it stands in, or opens
    path: Path  # of its key, in the whole file; () of a header
    value: Any = None


def read(text: str) -> dict[str, Any]:
    return tomllib.loads(text.removeprefix("\ufeff").replace("\r\n", "\n"))


def edited(text: str, settings: dict[str, Any]) -> str:
    ending = "\r\n" if "\r\n" in text else "\n"
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    for path, value in _leaves(settings, ()):
        text = _with(text, path, value)
    return text.replace("\n", ending)


def _leaves(node: dict[str, Any], above: Path) -> list[tuple[Path, Any]]:
    out: list[tuple[Path, Any]] = []
    for key, value in node.items():
        deeper = isinstance(value, dict) and value
        out += _leaves(value, (*above, key)) if deeper else [((*above, key), value)]
    return out


def _with(text: str, path: Path, value: Any) -> str:
    lines = text.split("\n")
    statements = _statements(lines)
    for one in statements:
        if one.path and path[: len(one.path)] == one.path:
            new = _put(one.value, path[len(one.path) :], value)
            if new == one.value and type(new) is type(one.value):
                return text
            old = "\n".join(lines[one.first : one.end])
            head = old[: _equals(old)].rstrip()
            lines[one.first : one.end] = [f"{head} = {_shown(new)}{_comment(old)}"]
            return "\n".join(lines)
    table, line = path[:-1], f"{_key(path[-1])} = {_shown(value)}"
    inside = [one for one in statements if one.table == table]
    dotted = [
        one for one in statements if one.path[: len(table)] == table and len(one.table) < len(table)
    ]
    if inside:
        lines.insert(inside[-1].end, line)
    elif dotted:  # `b.c = 1` under [a] has made the table a.b
        keys = ".".join(map(_key, path[len(dotted[-1].table) :]))
        lines.insert(dotted[-1].end, f"{keys} = {_shown(value)}")
    elif not table:  # before the first header, and before the comment that stands right over it
        at = statements[0].first if statements else len(lines) - (lines[-1] == "")
        while at and lines[at - 1].lstrip().startswith("#"):
            at -= 1
        lines[at:at] = [line, ""] if at < len(lines) - 1 else [line]
    else:
        while lines and not lines[-1].strip():
            lines.pop()
        lines += [*([""] if lines else []), f"[{'.'.join(map(_key, table))}]", line, ""]
    return "\n".join(lines)


def _statements(lines: list[str]) -> list[TomlStatement]:
    out: list[TomlStatement] = []
    table: Path = ()
    n = 0
    while n < len(lines):
        if not lines[n].strip() or lines[n].lstrip().startswith("#"):
            n += 1
            continue
        end, said = _one(lines, n)
        if lines[n].lstrip().startswith("["):
            table = _path_of(said)
            if lines[n].lstrip().startswith("[["):
                table = (*table, "[]")  # an item of a list is no table that settings stand in
            out.append(TomlStatement(n, end, table, ()))
        else:
            key = lines[n][: _equals(lines[n])]
            inner = _path_of(tomllib.loads(f"{key} = 0"), 0)
            value: Any = said
            for name in inner:
                value = value[name]
            out.append(TomlStatement(n, end, table, (*table, *inner), value))
        n = end
    return out


def _one(lines: list[str], n: int) -> tuple[int, dict[str, Any]]:
    """Where the statement that begins at line n ends, and what it says alone."""
    for end in range(n + 1, min(len(lines), n + MAX_LINES) + 1):
        try:
            return end, tomllib.loads("\n".join(lines[n:end]))
        except tomllib.TOMLDecodeError:
            continue
    raise ValueError(f"line {n + 1}: no TOML")


def _path_of(said: Any, leaf: Any = None) -> Path:
    """The one path of a header's or a key's own tree."""
    path: list[str] = []
    while said != leaf and said not in ({}, [{}]):
        ((name, said),) = (said[0] if isinstance(said, list) else said).items()
        path.append(name)
    return tuple(path)


def _equals(text: str) -> int:
    """Where the `=` of a statement stands; one inside a quoted key is none."""
    found = re.match(r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^=])*?(?==)""", text)
    if found is None:
        raise ValueError("no TOML")
    return found.end()


def _comment(old: str) -> str:
    """The comment behind a value on one line."""
    if "\n" in old:
        return ""
    whole = tomllib.loads(old)
    for n, letter in enumerate(old):
        if letter == "#":
            try:
                if tomllib.loads(old[:n]) == whole:
                    return "  " + old[n:]
            except tomllib.TOMLDecodeError:
                continue
    return ""


def _put(node: Any, path: Path, value: Any) -> Any:
    """The value at a path below a node."""
    if not path:
        return value
    return {**(node if isinstance(node, dict) else {}), path[0]: _put(
        node.get(path[0]) if isinstance(node, dict) else None, path[1:], value
    )}  # fmt: skip


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(k)} = {_shown(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_shown, value)) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, int | float) else str(value)  # a date: as TOML has it
