"""Small checks that are put together into the shape of a request body.

A check is called with a value, its dotted path and a list; it appends one complaint for each thing
wrong, in the words the real service uses ("messages.0.role: Field required"). Knows nothing of any
field; `body.py` holds those.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any, str, list[str]], None]


def _of(kind: type | tuple[type, ...], noun: str) -> Check:
    def check(value: Any, at: str, out: list[str]) -> None:
        # bool is an int to Python, never to JSON.
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            out.append(f"{at}: Input should be a valid {noun}")

    return check


string = _of(str, "string")
integer = _of(int, "integer")
number = _of((int, float), "number")
boolean = _of(bool, "boolean")
mapping = _of(dict, "dictionary")
array = _of(list, "list")


def anything(value: Any, at: str, out: list[str]) -> None:
    """Accepts every JSON value: parts of the body that are not this service's to judge."""


def maybe(check: Check) -> Check:
    """Null is as good as absent here (it mostly is not)."""
    return lambda value, at, out: None if value is None else check(value, at, out)


def one_of(*words: str) -> Check:
    """A string out of a closed list."""
    quoted = [f"'{word}'" for word in words]
    listed = " or ".join(filter(None, [", ".join(quoted[:-1]), quoted[-1]]))

    def check(value: Any, at: str, out: list[str]) -> None:
        if not isinstance(value, str) or value not in words:
            out.append(f"{at}: Input should be {listed}")

    return check


def matching(pattern: str) -> Check:
    """A string that a pattern matches whole."""
    compiled = re.compile(pattern)

    def check(value: Any, at: str, out: list[str]) -> None:
        if not isinstance(value, str):
            string(value, at, out)
        elif not compiled.fullmatch(value):
            out.append(f"{at}: String should match pattern '{pattern}'")

    return check


def at_most(check: Check, characters: int) -> Check:
    """A string that is not longer."""

    def bounded(value: Any, at: str, out: list[str]) -> None:
        check(value, at, out)
        if isinstance(value, str) and len(value) > characters:
            out.append(f"{at}: String should have at most {characters} characters")

    return bounded


def between(check: Check, low: float | None, high: float | None) -> Check:
    """A number within bounds, both included."""

    def bounded(value: Any, at: str, out: list[str]) -> None:
        before = len(out)
        check(value, at, out)
        if len(out) > before:
            return
        if low is not None and value < low:
            out.append(f"{at}: Input should be greater than or equal to {low}")
        if high is not None and value > high:
            out.append(f"{at}: Input should be less than or equal to {high}")

    return bounded


def list_of(check: Check) -> Check:
    """A list whose every item passes."""

    def each(value: Any, at: str, out: list[str]) -> None:
        array(value, at, out)
        if isinstance(value, list):
            for index, item in enumerate(value):
                check(item, f"{at}.{index}", out)

    return each


def text_or(check: Check) -> Check:
    """A plain string, or what `check` says."""

    def either(value: Any, at: str, out: list[str]) -> None:
        if not isinstance(value, str):
            check(value, at, out)

    return either


def struct(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    """An object with these fields and no others."""
    known = {**required, **(optional or {})}

    def check(value: Any, at: str, out: list[str]) -> None:
        if not isinstance(value, dict):
            mapping(value, at, out)
            return
        prefix = f"{at}." if at else ""
        for name in required:
            if name not in value:
                out.append(f"{prefix}{name}: Field required")
        for name, item in value.items():
            if name in known:
                known[name](item, prefix + name, out)
            else:
                out.append(f"{prefix}{name}: Extra inputs are not permitted")

    return check


def tagged(options: Mapping[str, Check], by: str = "type", default: str | None = None) -> Check:
    """An object whose field `by` says which of the shapes it has; the tag joins the path."""
    listed = ", ".join(f"'{tag}'" for tag in options)

    def check(value: Any, at: str, out: list[str]) -> None:
        if not isinstance(value, dict):
            mapping(value, at, out)
            return
        tag = value.get(by) or default
        if tag is None:
            out.append(f"{at}.{by}: Field required")
        elif not isinstance(tag, str) or tag not in options:
            out.append(
                f"{at}: Input tag '{tag}' found using '{by}' does not match any of the expected "
                f"tags: {listed}"
            )
        else:
            options[tag](value, f"{at}.{tag}", out)

    return check
