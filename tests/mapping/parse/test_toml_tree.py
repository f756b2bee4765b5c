"""Documents at random through the two TOML parsers: agreed on, or refused with a line; never a crash."""

from __future__ import annotations

import random
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import toml

from aisix.errors import OperatorError
from aisix.mapping.parse.toml_tree import Tree, parse_text
from tests.long import times
from tests.running import ROOT

DOCUMENTS = times(600)
SHIPPED = [p.read_text() for p in sorted((ROOT / "mappings").glob("*/*/*.toml"))]

WORDS = ("a", "b-c", "d_e", "1", '"x y"', '"a.b"', "'q'", '"*"', '"é"', '""')
TEXTS = ('"a"', "'b'", '"it\'s"', "'say \"x\"'", '"\\n\\t"', '"\\u00e9"', '"#"', '","', "'[,]'", '""',
         '"""m\nn"""', "'''o\np'''", '"a]b"', '"{c}"', "'d\\e'", '"\\\\"', '"🙂"')  # fmt: skip
SCALARS = ("0", "1", "-7", "+3", "1_000", "0x1f", "0o17", "0b11", "1.5", "-0.0", "6.02e23", "1e3", "inf", "-inf",
           "true", "false", "2026-01-02", "07:32:00", "2026-01-02T03:04:05Z", "2026-01-02 03:04:05")  # fmt: skip
SPOILERS = (
    "=",
    "[",
    "]",
    "{",
    "}",
    '"',
    "'",
    ",",
    ".",
    "\n",
    "#",
    "\\",
    "\x00",
    "\r",
    "\t",
    " ",
    "é",
    "nan",
)


def value(rng: random.Random, depth: int = 0) -> str:
    kind = rng.random()
    if depth > 3 or kind < 0.4:
        return rng.choice(TEXTS)
    if kind < 0.65:
        return rng.choice(SCALARS)
    if kind < 0.85:
        items = [value(rng, depth + 1) for _ in range(rng.randint(0, 3))]
        gap = rng.choice((", ", ",", ",\n  ", " , "))
        return "[" + gap.join(items) + rng.choice(("", "", ",")) * bool(items) + "]"
    pairs = [f"{key(rng)} = {value(rng, depth + 1)}" for _ in range(rng.randint(0, 2))]
    return "{ " + ", ".join(pairs) + " }"


def key(rng: random.Random) -> str:
    return rng.choice((".", " . ")).join(
        rng.choice(WORDS) for _ in range(rng.choice((1, 1, 1, 2, 3)))
    )


def document(rng: random.Random) -> str:
    if rng.random() < 0.15:  # a piece of a real table
        lines = rng.choice(SHIPPED).split("\n")
        start = rng.randrange(len(lines))
        text = "\n".join(lines[start : start + rng.randint(1, 30)])
    else:
        lines = []
        for _ in range(rng.randint(0, 8)):
            kind = rng.random()
            if kind < 0.2:
                lines.append(f"[{key(rng)}]")
            elif kind < 0.25:
                lines.append(f"[[{key(rng)}]]")
            elif kind < 0.3:
                lines.append("# a comment" + rng.choice(("", ' "', " [", " '''")))
            else:
                lines.append(f"{key(rng)} = {value(rng)}" + rng.choice(("", "", "  # so")))
        text = rng.choice(("\n", "\n", "\r\n")).join(lines)
    if text and rng.random() < 0.3:  # a slip of the finger
        at = rng.randrange(len(text))
        text = text[:at] + rng.choice(SPOILERS) + text[at + rng.randint(0, 2) :]
    return text


def same(one: Any, other: Any) -> bool:
    if type(one) is not type(other) and not isinstance(one, dict):
        return isinstance(one, type(other)) or isinstance(other, type(one))
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and one.keys() == other.keys()
            and all(same(one[k], other[k]) for k in one)
        )
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other) or one != one  # nan


def read(text: str) -> Tree | None:
    """The tree, or None when it was refused with a place."""
    try:
        return parse_text(text, "f.toml")
    except OperatorError as error:
        (complaint,) = error.complaints
        line = int(re.fullmatch(r"f\.toml:(\d+)", complaint.where)[1])  # type: ignore[index]
        assert 1 <= line <= text.count("\n") + 1
        assert complaint.text
        return None


@pytest.mark.timeout(3600)
def test_what_is_taken_is_what_both_parsers_read_and_the_rest_is_refused_with_a_line() -> None:
    taken = refused = 0
    for number in range(DOCUMENTS):
        text = document(random.Random(number))
        tree = read(text)
        if tree is None:
            refused += 1
            continue
        taken += 1
        assert same(tree.data, tomllib.loads(text)), text
        assert same(tree.data, toml.loads(text)), text
        for keys, where in tree.lines.items():
            assert re.fullmatch(r"f\.toml:\d+", where), (keys, where)
    print(f"{DOCUMENTS} documents: {taken} taken, {refused} refused")
    assert taken > DOCUMENTS / 10  # else nothing was tried
    assert refused > DOCUMENTS / 10


@pytest.mark.parametrize(
    "text",
    [
        'a = [{k = "it\'s"}]',
        'a = [","]',
        'a = [[1, 2], ["b"]]',
        "a = {b = [1, 'c']}",
        "x = 1e3",
        '"\\q" = 1\na = 1\na = 2',
    ],
)
def test_a_known_difference_is_refused_or_read_right(text: str) -> None:
    tree = read(text)
    if tree is not None:
        assert same(tree.data, tomllib.loads(text))


def test_the_line_of_a_key_is_where_it_stands(tmp_path: Path) -> None:
    text = 'a = 1\n\n[b."c.d"]\ne = """x\n[not]\n"""\nf = [\n  "g",\n]\n[b.h]\ni.j = { k = 2 }\n'
    lines = {
        ".".join(k): int(w.rpartition(":")[2])
        for k, w in parse_text(text, "f.toml").lines.items()
        if k
    }
    assert lines == {
        "a": 1,
        "b.c.d": 3,
        "b.c.d.e": 4,
        "b.c.d.f": 7,
        "b.h": 10,
        "b.h.i": 11,
        "b.h.i.j": 11,
        "b.h.i.j.k": 11,
    }
