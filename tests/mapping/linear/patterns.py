"""Every regular expression of the program and of its tables, and texts that may make one backtrack.

found()          # -> (where it stands, the pattern): of modules, and of tables as they are loaded
exponent(p)      # the steepest over texts made of what the pattern itself speaks of
"""

from __future__ import annotations

import importlib
import math
import pkgutil
import re
import re._parser as parser  # type: ignore[import-not-found]
import time
from collections.abc import Iterator
from typing import Any
from unittest import mock

import aisix
from aisix.mapping.mappings import load_mappings
from tests.running import ROOT

SIZES = 1000, 4000
NOISE = 0.0004  # seconds


def found() -> dict[str, re.Pattern[Any]]:
    """By the text of each."""
    out: dict[str, re.Pattern[Any]] = {}
    for module in pkgutil.walk_packages(aisix.__path__, "aisix."):
        if module.name.rsplit(".", 1)[-1] != "__main__":
            for value in vars(importlib.import_module(module.name)).values():
                for one in value if type(value) in (tuple, list) else (value,):
                    if isinstance(one, re.Pattern):
                        out[f"{module.name}: {one.pattern!r}"] = one
    compile_ = re.compile

    def seen(pattern: Any, flags: int = 0) -> re.Pattern[Any]:
        made = compile_(pattern, flags)
        out[f"tables: {made.pattern!r}"] = made
        return made

    with mock.patch("re.compile", seen):
        for mapping in load_mappings([ROOT / "mappings"]).mappings.values():
            mapping.effective(mapping.example())
    return out


def _letters(tree: Any) -> Iterator[str]:
    """A character or two of each place of a pattern."""
    for kind, value in tree:
        name = str(kind)
        if name in ("LITERAL", "NOT_LITERAL"):
            yield chr(value)
        elif name == "RANGE":
            yield chr(value[0])
        elif name == "CATEGORY":
            yield {"CATEGORY_DIGIT": "1", "CATEGORY_SPACE": " ", "CATEGORY_WORD": "a"}.get(
                str(value), "-"
            )
        elif name == "ANY":
            yield "a"
        elif name == "IN":
            yield from _letters(value)
        elif name == "BRANCH":
            for one in value[1]:
                yield from _letters(one)
        elif name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            yield from _letters(value[2])
        elif name == "SUBPATTERN":
            yield from _letters(value[3])
        elif name in ("ASSERT", "ASSERT_NOT"):
            yield from _letters(value[1])
        elif name == "ATOMIC_GROUP":
            yield from _letters(value)


def texts(pattern: re.Pattern[Any]) -> Iterator[tuple[str, str]]:
    """(beginning, what is repeated)."""
    source = (
        pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    )
    letters = list(
        dict.fromkeys(
            [
                *_letters(parser.parse(source, pattern.flags & ~re.DEBUG)),
                "a",
                "1",
                " ",
                "\n",
                "-",
                ".",
            ]
        )
    )[:24]
    words = re.findall(r"[A-Za-z][A-Za-z_ -]{2,}", source)
    starts = list(dict.fromkeys(["", *[word[:12] for word in words][:6]]))
    for start in starts:
        for one in letters:
            yield start, one
    for one in letters[:14]:
        for other in letters[:14]:
            if one != other:
                yield "", one + other
    for word in words[:6]:
        for one in ("", " ", ".", ":", "-"):
            yield "", word + one


def exponent(pattern: re.Pattern[Any]) -> tuple[float, str]:
    """(the steepest, over which text)."""
    worst = 0.0, ""
    for start, unit in texts(pattern):
        took = [_took(pattern, start, unit, size) for size in SIZES[-1:]]
        if took[0] < NOISE:
            continue
        times = [min(_took(pattern, start, unit, size) for _ in range(3)) for size in SIZES]
        if times[1] < NOISE:
            continue
        found = math.log(times[1] / max(times[0], NOISE / 50)) / math.log(SIZES[1] / SIZES[0])
        worst = max(worst, (found, f"{start!r} + {unit!r} * n: {times[1] * 1000:.1f} ms"))
    return worst


def _took(pattern: re.Pattern[Any], start: str, unit: str, size: int) -> float:
    text: Any = start + unit * (size // len(unit)) + "\0"
    if isinstance(pattern.pattern, bytes):
        text = text.encode("utf-8", "replace")
    begun = time.thread_time()
    for _ in pattern.finditer(text):
        pass
    pattern.fullmatch(text)
    return time.thread_time() - begun
