"""Reading table files: two parsers that must agree, the line of every key.

A file is read with `toml` and with the standard library's `tomllib`; one on which they differ is
refused, because `toml` loses data silently in corners of the language. What `tomllib` read is used.
"""

from __future__ import annotations

import hashlib
import pickle
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from aisix.errors import Complaint, OperatorError
from aisix.mapping.parse import disagreement
from aisix.mapping.parse.text import decoded, long_number
from aisix.mapping.syntax.paths import Json

Keys = tuple[str, ...]
MOST_KEPT = 1024  # files whose content is kept as it was read


@dataclass(slots=True, eq=False)
class Tree:
    """A nest of tables and, for each key path, the "file:line" it came from last.

    One is the same as itself alone: what is found out of a tree is kept by it.
    """

    data: dict[str, Json] = field(default_factory=dict)
    lines: dict[Keys, str] = field(default_factory=dict)
    removed: dict[Keys, str] = field(default_factory=dict)  # table -> "file:line" of who drops it
    missed: dict[Keys, str] = field(default_factory=dict)  # ... and of who drops what is not there
    brought_back: dict[Keys, str] = field(default_factory=dict)  # ... of who undoes that
    ranks: dict[str, int] = field(default_factory=dict)  # file -> how many were laid down before it
    # Each table that is only in headers of those in it -> the first of these.
    _below: dict[Keys, Keys] = field(default_factory=dict, repr=False)

    def with_data(self, data: dict[str, Json]) -> Tree:
        """The same lines for data made of ours; what was found out about them is shared."""
        return Tree(data, self.lines, ranks=self.ranks, _below=self._below)

    def rank(self, keys: Keys) -> int:
        """Which layer a key is of: one of a higher number was laid over those of lower ones."""
        return self.ranks.get(self.where(keys).rpartition(":")[0], 0)

    def where(self, keys: Keys) -> str:
        """file:line of the key, or of the nearest table around it.

        A table that is only in the headers of those in it (`[a.b]`) is where the first of them is.
        """
        lines = self.lines
        if keys not in lines and not self._below:
            self.index()
        while keys:
            if keys in lines:
                return lines[keys]
            if keys in self._below:
                return lines[self._below[keys]]
            keys = keys[:-1]
        return lines.get((), "")

    def index(self) -> None:
        """Find anew what `where` goes by, when lines have come to it."""
        self._below.clear()
        self._add(self.lines)

    def _add(self, keys: Iterable[Keys]) -> None:
        below = self._below
        for known in keys:
            for length in range(len(known) - 1, 0, -1):
                above = known[:length]
                if above in below:  # and so are those around it
                    break
                below[above] = known

    def laid(self, lines: dict[Keys, str]) -> None:
        """Lines of a file laid over this one."""
        self.lines.update(lines)
        self._add(lines)

    def copied(self) -> Tree:
        """One of its own to lay others over."""
        return Tree(
            dict(self.data),
            dict(self.lines),
            dict(self.removed),
            dict(self.missed),
            dict(self.brought_back),
            self.ranks,
            dict(self._below),
        )


def read(path: Path, name: str) -> Tree:
    """One file; OperatorError with file:line when it is not good TOML for both parsers."""
    try:
        return parse(path.read_bytes(), name)
    except OSError as error:
        raise OperatorError([Complaint(name, "", f"cannot be read: {error.strerror}")]) from None


def parse(raw: bytes, name: str) -> Tree:
    """The same for bytes that have been read."""
    return parse_text(decoded(raw, name), name)


def parse_text(text: str, name: str) -> Tree:
    try:
        data, numbers = _agreed(text)
    except tomllib.TOMLDecodeError as error:
        raise OperatorError([_syntax(error, text, name)]) from None
    except RecursionError:
        raise OperatorError([Complaint(f"{name}:1", "", "nested too deeply")]) from None
    except ValueError:
        raise OperatorError([long_number(text, name)]) from None
    except _ReadTwice as error:
        found = disagreement.reason(_statements(text), _agree)
        if found is None:  # of several statements together
            keys, line = _first_difference(error.read, error.other, text)
            found = disagreement.Reason(line, keys, disagreement.PLAIN)
        told = f"the two TOML parsers read this differently: {found.text}"
        raise OperatorError(
            [Complaint(f"{name}:{found.line}", ".".join(found.keys), told)]
        ) from None
    lines = {keys: f"{name}:{line}" for keys, line in numbers}
    lines[()] = f"{name}:1"
    return Tree(data, lines, ranks={name: 0})


class _ReadTwice(Exception):
    """What each of the two parsers read, when that is not the same."""

    def __init__(self, read: Json, other: Json) -> None:
        super().__init__("the two parsers differ")
        self.read, self.other = read, other


# By digest of a text: what both parsers read and the line of every key, pickled (a copy for each
# who asks: readers change a tree), or as msgpack where another process read it.
_read: dict[bytes, bytes] = {}
_Line = tuple[Keys, int]
_decoder = msgspec.msgpack.Decoder(tuple[dict[str, Any], list[_Line]])


def _agreed(text: str) -> tuple[dict[str, Json], list[_Line]]:
    """What both parsers read, and the line of every key.

    Kept: reading is most of what a reload or a check costs, and few files change between two.
    """
    name = hashlib.sha256(text.encode()).digest()
    packed = _read.get(name)
    if packed is None:
        data = tomllib.loads(text)
        other = _second_opinion(text)
        if not _alike(other, data):
            raise _ReadTwice(data, other)
        packed = pickle.dumps((data, list(index_lines(text).items())), pickle.HIGHEST_PROTOCOL)
        if len(_read) >= MOST_KEPT:
            _read.clear()
        _read[name] = packed
    return _opened(packed)


def _opened(packed: bytes) -> tuple[dict[str, Json], list[_Line]]:
    if packed[:1] == pickle.PROTO:
        found: tuple[dict[str, Json], list[_Line]] = pickle.loads(packed)
        return found
    return _decoder.decode(packed)


def known() -> bytes:
    """What was read so far, for another process; without dates and the like, which are no JSON."""
    out = []
    for name, packed in [*_read.items()]:  # another thread may read a file meanwhile
        if packed[:1] == pickle.PROTO:
            found = pickle.loads(packed)
            try:
                packed = msgspec.msgpack.encode(found)
            except (TypeError, OverflowError):
                continue
            if _decoder.decode(packed) != found:
                continue
        out.append((name, packed))
    return msgspec.msgpack.encode(out)


def learn(data: bytes) -> None:
    """Take over what another process read (`known`); ValueError when it is not that."""
    found = msgspec.msgpack.decode(data, type=list[tuple[bytes, bytes]])
    for name, packed in found[: MOST_KEPT - len(_read)]:
        _read.setdefault(name, packed)


def _alike(other: Json, data: Json) -> bool:
    return bool(other == data) and _same_types(other, data)


def _agree(text: str) -> bool:
    """Whether both parsers read it, and alike."""
    return _alike(_second_opinion(text), tomllib.loads(text))


def _second_opinion(text: str) -> Json:
    """What `toml` reads, or its complaint (any exception: it raises IndexError and others too)."""
    import toml

    try:
        return toml.loads(text)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def _same_types(one: Json, other: Json) -> bool:
    """True and 1, 1 and 1.0 compare equal in Python but are not the same value."""
    if isinstance(one, dict) and isinstance(other, dict):
        return all(_same_types(one[key], other[key]) for key in other)
    if isinstance(one, list) and isinstance(other, list):
        return all(_same_types(a, b) for a, b in zip(one, other, strict=True))
    return type(one) is type(other) or (not isinstance(one, (bool, int, float, str)))


def _syntax(error: tomllib.TOMLDecodeError, text: str, name: str) -> Complaint:
    found = re.search(r"\(at line (\d+), column (\d+)\)|\(at end of document\)", str(error))
    line = int(found.group(1)) if found and found.group(1) else text.count("\n") + 1
    words = re.sub(r"\s*\(at .*\)$", "", str(error))
    if words.startswith(("Cannot overwrite", "Cannot declare")):
        keys = _key_at(text, line)
        first = index_lines(text).get(keys)
        if keys and first and first < line:
            told = f"is there twice (first on line {first})"
            return Complaint(f"{name}:{line}", ".".join(keys), told)
    column = f" in column {found.group(2)}" if found and found.group(2) else ""
    return Complaint(f"{name}:{line}", "", f"not valid TOML: {words}{column}")


def _key_at(text: str, number: int) -> Keys:
    """The whole key that is written on a line."""
    header: Keys = ()
    for line in text.split("\n")[:number]:
        bare = line.strip()
        if bare.startswith("["):
            header = _key_path(bare.lstrip("["))[0]
            own: Keys = ()
        else:
            own = _key_path(line)[0]
    return header + own


def _first_difference(data: Json, other: Json, text: str) -> tuple[Keys, int]:
    lines = index_lines(text)
    keys: list[str] = []
    while isinstance(data, dict) and isinstance(other, dict):
        for key in data:
            if key not in other or not _alike(other[key], data[key]):
                keys.append(key)
                data, other = data[key], other.get(key)
                break
        else:
            break
    path = tuple(keys)
    while path and path not in lines:
        path = path[:-1]
    return tuple(keys), lines.get(path, 1)


def _statements(text: str) -> Iterator[disagreement.Statement]:
    """Every `key = value` of a file, with the table it stands in."""
    header: Keys = ()
    depth, closing, begun = 0, "", 0
    lines = text.split("\n")
    for number, line in enumerate(lines):
        bare = line.strip()
        if closing:
            closing = "" if closing in line else closing
        elif depth == 0 and bare.startswith("["):
            header = _key_path(bare.lstrip("["))[0]
            begun = number + 1
            continue
        else:
            depth, closing = _balance(line, depth)
        if depth == 0 and not closing:
            if bare and not bare.startswith("#"):
                whole = "\n".join(lines[begun : number + 1])
                yield disagreement.Statement(begun + 1, header, whole)
            begun = number + 1


_KEY = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*(\.?)""")


_BRACKETS = re.compile(r"""[][{}]|\"{3}|'{3}""")


def _key_path(text: str) -> tuple[Keys, int]:
    keys: list[str] = []
    position = 0
    while True:
        match = _KEY.match(text, position)
        if not match:
            return tuple(keys), position
        double, single, bare, dot = match.groups()
        if double is not None:
            keys.append(_unescaped(double))
        else:
            keys.append(single if single is not None else bare)
        position = match.end()
        if not dot:
            return tuple(keys), position


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    try:
        return str(tomllib.loads(f'x = "{text}"')["x"])
    except tomllib.TOMLDecodeError:  # a file that is refused for it; its lines are still counted
        return text


def index_lines(text: str) -> dict[Keys, int]:
    """Line (from 1) of every table header and key; keys of an inline table stand on its line."""
    lines: dict[Keys, int] = {}
    header: Keys = ()
    depth = 0
    closing = ""
    for number, line in enumerate(text.split("\n"), 1):
        if closing:  # inside a multi-line string
            if closing in line:
                closing = ""
            continue
        bare = line.strip()
        if depth == 0 and bare.startswith("["):
            keys, _ = _key_path(bare.lstrip("["))
            header = keys
            lines.setdefault(keys, number)
            continue
        if depth == 0 and bare and not bare.startswith("#"):
            keys, end = _key_path(line)
            if keys and "=" in line[end : end + 2]:
                for length in range(1, len(keys) + 1):
                    lines.setdefault(header + keys[:length], number)
                _inline(line[end:], header + keys, number, lines)
        depth, closing = _balance(line, depth)
    return lines


def _inline(text: str, prefix: Keys, number: int, lines: dict[Keys, int]) -> None:
    if "{" not in text:
        return
    try:
        value = tomllib.loads("x " + text.strip())["x"]
    except (tomllib.TOMLDecodeError, KeyError):
        return

    def walk(node: Json, keys: Keys) -> None:
        if isinstance(node, dict):
            for key, below in node.items():
                lines.setdefault((*keys, key), number)
                walk(below, (*keys, key))

    walk(value, prefix)


def _balance(line: str, depth: int) -> tuple[int, str]:
    """How many brackets stay open after the line, and the end of a string that goes on."""
    if not _BRACKETS.search(line):
        return depth, ""
    quote = ""
    position = 0
    while position < len(line):
        char = line[position]
        if quote:
            if char == "\\" and quote == '"':
                position += 1
            elif char == quote:
                quote = ""
        elif line.startswith(('"""', "'''"), position):
            mark = line[position : position + 3]
            end = line.find(mark, position + 3)
            if end < 0:
                return depth, mark
            position = end + 2
        elif char in "\"'":
            quote = char
        elif char == "#":
            break
        elif char in "[{":
            depth += 1
        elif char in "]}":
            depth -= 1
        position += 1
    return max(depth, 0), ""
