"""Paths into JSON: "choices[0].delta", "tools[].function.name", "messages[-1].content[0].type".

A path is a word per step; "[3]" and "[-1]" pick from a list, "[]" collects from every item, "." is
the item itself. A first word that begins with "$" names something outside the item: `$body`,
`$let`, `$model`, `$option`, `$state` and so on. Missing and null are both absent: `get` answers
None for either, and a step into something of the wrong kind is absent too, never an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

Json = Any  # one name for "any JSON value"; the only Any of this package
Step = str | int | None  # key, list index, or None for "[]"
TYPE_NAMES: dict[type, str] = {  # what tables call the type of a value
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    dict: "object",
    list: "array",
}

_WORD = re.compile(r"([^.\[\]]+)|\[(-?\d*)\]")


@dataclass(frozen=True, slots=True)
class Path:
    """`text` as written; `root` is "" for the item or "let", "model", ... for `$let`, `$model`."""

    text: str
    root: str
    steps: tuple[Step, ...]

    def get(self, base: Json) -> Json:
        return get(base, self.steps)


def parse(text: str) -> Path:
    """Read a path; ValueError (with words for an operator) when it is not one."""
    steps: list[Step] = []
    if text == ".":
        return Path(text, "", ())
    position = 0
    while position < len(text):
        if text[position] == "." and position:
            position += 1
        match = _WORD.match(text, position)
        if not match:
            raise ValueError(f'"{text}" is not a path (words, dots, [0], [-1] or [])')
        position = match.end()
        if match.group(1) is not None:
            steps.append(match.group(1))
        else:
            steps.append(int(match.group(2)) if match.group(2) else None)
    root = ""
    if steps and isinstance(steps[0], str) and steps[0].startswith("$"):
        root = steps[0][1:]
        steps = steps[1:]
        if not root:
            raise ValueError(f'"{text}" is not a path: "$" without a name')
    elif not steps:
        raise ValueError("an empty path")
    return Path(text, root, tuple(steps))


def get(value: Json, steps: tuple[Step, ...]) -> Json:
    """The value at `steps`, or None."""
    for number, step in enumerate(steps):
        if type(step) is str:
            if type(value) is not dict:
                return None
            value = value.get(step)
        elif step is None:
            if type(value) is not list:
                return None
            return _collect(value, steps[number + 1 :])
        else:
            if type(value) is not list:
                return None
            try:
                value = value[step]  # type: ignore[index]
            except IndexError:
                return None
        if value is None:
            return None
    return value


def is_true(body: dict[str, Json], path: Path) -> bool:
    """Whether a body says true there; most say nothing."""
    steps = path.steps
    return bool(steps) and steps[0] in body and get(body, steps) is True


def _collect(items: list[Json], rest: tuple[Step, ...]) -> list[Json]:
    """What stands at `rest` of every item; "[]" twice gives one flat list."""
    for number, step in enumerate(rest):
        if step is None:
            items = [below for item in items if type(item) is list for below in item]
        elif type(step) is str:
            items = [item.get(step) for item in items if type(item) is dict]
        else:
            items = [get(item, rest[number : number + 1]) for item in items]
    return [item for item in items if item is not None]


def put(target: dict[str, Json], steps: tuple[Step, ...], value: Json) -> None:
    """Write `value` at `steps`, making the objects on the way; list steps are not made."""
    for step in steps[:-1]:
        below = target.get(step)  # type: ignore[arg-type]
        if type(below) is not dict:
            below = {}
            target[step] = below  # type: ignore[index]
        target = below
    target[steps[-1]] = value  # type: ignore[index]


def remove(target: Json, steps: tuple[Step, ...]) -> bool:
    """Take away what stands at `steps`, and an object left empty. True if it was there."""
    if type(target) is not dict:
        return False
    head = steps[0]
    if head not in target:
        return False
    if len(steps) == 1:
        del target[head]
        return True
    removed = remove(target[head], steps[1:])
    if removed and target[head] == {}:
        del target[head]
    return removed


def copied(value: Json) -> Json:
    """The same value in objects and lists of its own."""
    if type(value) is dict:
        return {key: copied(item) for key, item in value.items()}
    return [copied(item) for item in value] if type(value) is list else value


def join(base: str, path: str) -> str:
    """The path of `path` seen from `base`: ("messages[2]", "role") -> "messages[2].role"."""
    if path in (".", ""):
        return base
    if not base or path.startswith("["):
        return base + path
    return f"{base}.{path}"
