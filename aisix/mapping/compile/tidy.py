"""Takes out of generated source what turned out not to be needed: values nobody asks for."""

from __future__ import annotations

import re
from collections.abc import Sequence

_NAME = re.compile(r"\bv\d+\b")
_ASSIGNED = re.compile(r"\s*(v\d+) = (.*)$")
_CALLED = re.compile(r"(?:(\.?)\b(\w+))\(")
_BLOCK = re.compile(r"\s*(if|elif|else|for)\b.*:$")
PURE = frozenset(
    {
        "get",
        "type",
        "len",
        "to_count",
        "any_is",
        "any_in",
        "any_word",
        "is_in",
        "equals",
        "same",
        "search",
        "isspace",
    }
)


def tidy(source: Sequence[str]) -> list[str]:
    """The same function without lines that do nothing. Its first line is the `def`."""
    lines = list(source)
    while True:
        kept = _without_blocks(_without_values(lines))
        if len(kept) == len(lines):
            return kept
        lines = kept


def _is_pure(text: str) -> bool:
    return all(name in PURE for _, name in _CALLED.findall(text) if name not in ("if", "and", "or",
               "not", "in", "else", "is", "for"))  # fmt: skip


def _without_values(lines: list[str]) -> list[str]:
    used: dict[str, int] = {}
    for line in lines:
        found = _ASSIGNED.match(line)
        for name in _NAME.findall(found.group(2) if found else line):
            used[name] = used.get(name, 0) + 1
    kept = []
    for line in lines:
        found = _ASSIGNED.match(line)
        if found and not used.get(found.group(1)) and _is_pure(found.group(2)):
            continue
        kept.append(line)
    return kept


def _without_blocks(lines: list[str]) -> list[str]:
    """Empty blocks go, when nothing hangs on them and their question has no effect."""
    kept: list[str] = []
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if line.strip() == "pass" and (
            _depth(following) == _depth(line)
            or (kept and _depth(kept[-1]) == _depth(line) and not _BLOCK.match(kept[-1]))
        ):
            continue
        kept.append(line)
    out: list[str] = []
    for number, line in enumerate(kept):
        following = kept[number + 1] if number + 1 < len(kept) else ""
        if _BLOCK.match(line) and _depth(following) <= _depth(line):
            if line.strip().startswith("if ") and _is_pure(line) and not _goes_on(line, following):
                continue
            if line.strip() == "else:":
                continue
            out += [line, " " * (_depth(line) + 4) + "pass"]
            continue
        out.append(line)
    return _without_passes(out)


def _without_passes(lines: list[str]) -> list[str]:
    """`if x:` with nothing but `pass` under it."""
    out: list[str] = []
    number = 0
    while number < len(lines):
        line = lines[number]
        after = lines[number + 2] if number + 2 < len(lines) else ""
        only_pass = number + 1 < len(lines) and lines[number + 1].strip() == "pass"
        if only_pass and _depth(lines[number + 1]) > _depth(line) and _depth(after) <= _depth(line):
            start = line.strip()
            if start == "else:" or (
                start.startswith("if ") and _is_pure(start) and not _goes_on(line, after)
            ):
                number += 2
                continue
        out.append(line)
        number += 1
    return out


def _goes_on(line: str, following: str) -> bool:
    """Whether an `elif` or `else` belongs to this `if`."""
    word = following.strip()
    return _depth(following) == _depth(line) and word.startswith(("elif ", "else:"))


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip()) if line.strip() else 0
