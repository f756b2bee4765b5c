"""Single edits of a table file, as fingers make them.

Words for people (texts with a blank in them, comments) are left alone: what they say is no table's.
So is `"x"` for `["x"]`, and the other way round, where the declaration of the key takes either: by
that it is the same, and no mistake. (`check` hints at the list, where texts are usual.)
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from aisix.mapping.grammar import tables

LETTERS = "abcdefghijklmnopqrstuvwxyz"
HEADER = re.compile(r"^\s*\[([^\[\]]+)\]")
PAIR = re.compile(r"^(\s*)((?:\"[^\"]*\"|[\w.-])+)\s*=\s*(.*?)\s*$")
WORD = re.compile(r"[A-Za-z][A-Za-z]{2,}")
TEXT = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'")
PATH = re.compile(r"[\w\[\]$-]+(?:\.[\w\[\]$*-]+)+")
NUMBER = re.compile(r"(?<![\w.\"'-])-?\d[\d_]*(?:\.\d+)?(?![\w.\"'])")


@dataclass(frozen=True, slots=True)
class Edit:
    kind: str
    path: str
    line: int  # of the file as it was
    was: str
    now: str
    text: str = field(repr=False)  # the whole file, edited

    def __str__(self) -> str:
        return f"{self.path}:{self.line} ({self.kind}) {self.was.strip()} -> {self.now.strip()}"


def edits(path: str, text: str, rng: random.Random) -> Iterator[Edit]:
    """Every edit of a file but those that leave its data as they are. The last line ends."""
    lines = text.splitlines()
    seen = {text}
    before = tomllib.loads(text)
    for kind, make in KINDS.items():
        for number, line in enumerate(lines):
            if not _bare(line).strip():
                continue
            for now in make(lines, number, rng):
                whole = now if kind == "move" else [*lines[:number], *now, *lines[number + 1 :]]
                made = "\n".join(whole) + "\n"
                after = _reads(made)
                if made in seen or after == before or _same_by_declaration(path, before, after):
                    continue
                seen.add(made)
                shown = " / ".join(now) if kind != "move" else "(elsewhere)"
                yield Edit(kind, path, number + 1, line, shown, made)


def _reads(text: str) -> object:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _same_by_declaration(path: str, before: object, after: object) -> bool:
    """Whether all that differs is one text that stands alone in a list, where that is the same."""
    differing = list(_differing(before, after, ()))
    if len(differing) != 1:
        return False
    keys, one, other = differing[0]
    if not isinstance(one, list):
        one, other = other, one
    if not (isinstance(one, list) and isinstance(other, str) and one == [other]):
        return False
    stem, data = path.rpartition("/")[2].removesuffix(".toml"), before
    if "/traits/" in path:
        (stem, *rest) = keys
        keys, data = tuple(rest), before[stem]  # type: ignore[index]
    if stem not in tables.FILES:
        return False
    spot = tables.at(stem, keys, data)
    kinds = spot.key.kinds if spot.key is not None and spot.unit is None else ()
    return any({str, list} <= set(kind.types) and kind.holds is str for kind in kinds)


def _differing(
    one: object, other: object, keys: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], object, object]]:
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for key in one:
            yield from _differing(one[key], other[key], (*keys, key))
    elif one != other:
        yield keys, one, other


def _bare(line: str) -> str:
    """Without its comment."""
    return re.sub(r"\s*#[^\"']*$", "", line)


# ---------------------------------------------------------------- one kind each
Lines = list[str]


def _misspell(lines: Lines, number: int, rng: random.Random) -> Iterator[Lines]:
    line = _bare(lines[number])
    for found in WORD.finditer(line):
        if not _of_people(line, found.start()):
            word = found.group()
            slip = rng.choice(SLIPS)(word, rng)
            if slip != word:
                yield [line[: found.start()] + slip + line[found.end() :]]


def _swapped(word: str, rng: random.Random) -> str:
    at = rng.randrange(len(word) - 1)
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def _dropped(word: str, rng: random.Random) -> str:
    at = rng.randrange(len(word))
    return word[:at] + word[at + 1 :]


def _doubled(word: str, rng: random.Random) -> str:
    at = rng.randrange(len(word))
    return word[: at + 1] + word[at:]


def _other(word: str, rng: random.Random) -> str:
    at = rng.randrange(len(word))
    return word[:at] + rng.choice(LETTERS) + word[at + 1 :]


SLIPS = (_swapped, _dropped, _doubled, _other)


def _of_people(line: str, at: int) -> bool:
    """Whether a place is inside a text that people read: one with a blank, or an expression."""
    for text in TEXT.finditer(line):
        if text.start() <= at < text.end():
            return " " in text.group() or bool(re.search(r"[\\^(|{]", text.group()))
    return False


def _retype(lines: Lines, number: int, rng: random.Random) -> Iterator[Lines]:
    line = _bare(lines[number])
    pair = PAIR.match(line)
    if not pair or not _whole(pair.group(3)):
        return
    begin, value = line[: pair.start(3)], pair.group(3)
    for other in _others(value):
        yield [begin + other]
    if value.startswith("{"):  # the constants inside one
        for found in re.finditer(r"= (true|false|\"[^\"]*\"|-?\d+)(?=[,\s}])", value):
            for other in _others(found.group(1)):
                yield [begin + value[: found.start(1)] + other + value[found.end(1) :]]


def _whole(value: str) -> bool:
    """A value that ends on its line."""
    return value.count("[") == value.count("]") and value.count("{") == value.count("}")


def _others(value: str) -> Iterator[str]:
    if value in ("true", "false"):
        yield f'"{value}"'
        yield "1" if value == "true" else "0"
    elif NUMBER.fullmatch(value):
        yield f'"{value}"'
        yield "true"
        yield f"[{value}]"
    elif value.startswith(('"', "'")):
        yield f"[{value}]"
        yield "true"
        yield "3"
    elif value.startswith("["):
        first = TEXT.search(value) or NUMBER.search(value)
        if first:
            yield first.group()
    elif value.startswith("{"):
        yield f"[{value}]"


def _move(lines: Lines, number: int, rng: random.Random) -> Iterator[Lines]:
    """A line under another header, or above them all: the whole file each time."""
    line = _bare(lines[number])
    heads = [n for n, one in enumerate(lines) if HEADER.match(one)]
    if HEADER.match(line):
        return
    pair = PAIR.match(line)
    if not pair or not _whole(pair.group(3)):
        return
    rest = [*lines[:number], *lines[number + 1 :]]
    own = max((n for n in heads if n < number), default=None)
    others = [n for n in heads if n != own]
    for head in rng.sample(others, min(2, len(others))):
        at = head + 1 if head < number else head
        yield [*rest[:at], lines[number], *rest[at:]]
    if heads and own is not None:
        yield [lines[number], *rest]  # above all of them


def _duplicate(lines: Lines, number: int, rng: random.Random) -> Iterator[Lines]:
    """A line or a header twice."""
    line = lines[number]
    pair = PAIR.match(_bare(line))
    if HEADER.match(line) or (pair and _whole(pair.group(3))):
        yield [line, line]


def _swap(lines: Lines, number: int, rng: random.Random) -> Iterator[Lines]:
    """Two neighbours of a dotted path the other way round."""
    line = _bare(lines[number])
    for found in PATH.finditer(line):
        if _of_people(line, found.start()):
            continue
        words = found.group().split(".")
        at = rng.randrange(len(words) - 1)
        words[at], words[at + 1] = words[at + 1], words[at]
        yield [line[: found.start()] + ".".join(words) + line[found.end() :]]


def _unquote(lines: Lines, number: int, rng: random.Random) -> Iterator[Lines]:
    line = _bare(lines[number])
    quotes = [at for at, letter in enumerate(line) if letter in "\"'"]
    for at in rng.sample(quotes, min(2, len(quotes))):
        yield [line[:at] + line[at + 1 :]]


KINDS: dict[str, Callable[[Lines, int, random.Random], Iterator[Lines]]] = {
    "misspell": _misspell,
    "retype": _retype,
    "move": _move,
    "duplicate": _duplicate,
    "swap a path": _swap,
    "drop a quote": _unquote,
}
