"""What became of every value: lost, invented, said twice, or told.

A value is followed by what is unique in it: its mark, or the number or base64 text it is. It may change
its place and its shape; it may not vanish unless the gateway names it (`told`) or declares that it changes
nothing (`declared.py`).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from tests.differential.shapes import Json, leaves

MARK = re.compile(r"q\d{3,}z")
BASE64 = re.compile(r"[A-Za-z0-9+/=]{12,}")
Told = Collection[str]  # what a warning is about: a field, a path, the name of a tool


def _unique(node: Json) -> Counter[str]:
    """Every mark, number and base64 text of a value, and how often it stands there."""
    found: Counter[str] = Counter()
    open_ = [node]
    while open_:
        node = open_.pop()
        if isinstance(node, dict):
            found.update(mark for key in node for mark in MARK.findall(key))
            open_ += node.values()
        elif isinstance(node, list):
            open_ += node
        else:
            found.update(_of(node))
    return found


def _of(value: Json) -> Iterable[str]:
    if isinstance(value, bool) or value is None:
        return ()
    if isinstance(value, (int, float)):
        return [_number(value)] if abs(value) >= 1000 or value != int(value) else ()
    marks = MARK.findall(value)
    numbers = re.findall(r"\b\d{7,}\b", value)  # inside JSON text
    return (
        [*marks, *numbers]
        if marks
        else [t for t in BASE64.findall(value) if any(map(str.isdigit, t))]
    )


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _text(path: Sequence[str | int]) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).lstrip(".")


def is_told(given: Json, path: Sequence[str | int], told: Told) -> bool:
    """Whether a warning is about this value or something it stands in: "messages.citations" is about
    every citation of every message, "mood" about a part of the type `mood`."""
    names = [str(key) for key in path if isinstance(key, str)]
    if any(_within(re.sub(r"\[\d+\]", "", about).split("."), names) for about in told):
        return True
    node = given
    for key in path:
        if isinstance(node, dict) and node.get("type") in told:
            return True
        node = node[key]
    return False


def _within(about: list[str], names: list[str]) -> bool:
    """Whether these names stand in the path in this order; of several the first begins it, or the
    last ends it."""
    rest = iter(names)
    ends = len(about) == 1 or about[0] == names[0] or about[-1] == names[-1]
    return ends and all(name in rest for name in about)


def lost(given: Json, made: Json, told: Told, quiet: Told = ()) -> list[str]:
    """Values of `given` that stand nowhere in `made` and are neither told nor declared."""
    there = _unique(made)
    out = []
    for path, value in leaves(given):
        keys = [m for key in path[-1:] if isinstance(key, str) for m in MARK.findall(key)]
        missing = [text for text in (*keys, *_of(value)) if text not in there]
        if missing and not is_told(given, path, told) and not is_told(given, path, quiet):
            out.append(f"lost: {_text(path)} = {json.dumps(value)[:80]}")
    return out


def doubled(given: Json, made: Json) -> list[str]:
    """Marks that stand more often in `made` than in `given`."""
    before, after = _unique(given), _unique(made)
    return [
        f"said {after[text]} times instead of {count}: {text}"
        for text, count in before.items()
        if MARK.fullmatch(text) and after[text] > count
    ]


def invented(given: Json, made: Json, known: Collection[Any]) -> list[str]:
    """Texts and numbers of `made` that come neither from `given` nor are a word of the protocol."""
    said = json.dumps(given, ensure_ascii=False)
    out = []
    for path, value in leaves(made):
        if value is None or isinstance(value, bool) or value in known or value in (0, 1, ""):
            continue
        if _text(path) in known or path[-1] in known:
            continue
        text = value if isinstance(value, str) else _number(value)
        if text not in said and json.dumps(text)[1:-1] not in said and not MARK.search(text):
            out.append(f"invented: {_text(path)} = {json.dumps(value)[:80]}")
    return out
