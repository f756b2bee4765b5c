"""Variants of a shape: those that a key of the item chooses, and what a refusal calls right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from aisix.mapping.syntax.paths import Json, Path
from aisix.mapping.syntax.rules import Condition, Shape, Test

VARIANTS = ("is", "first")


def choose_by_key(shape: Shape, path: Path) -> set[str]:
    """Gives each variant the key it is named after as its guard, in order; the keys of the item
    that are asked for so. `path`: the object whose keys choose."""
    others = shape.variants.pop("*", None)
    if others is None:  # an item that is none of these
        names = ", ".join(f"'{word}'" for word, v in shape.variants.items() if not v.refuses)
        others = Shape("*", shape.place, reject="bad_value", at=".", allowed=names)
    base = "" if path.root == "" and not path.steps else f"{path.text}."
    for word, variant in shape.variants.items():
        there = Path(f"{base}{word}", path.root, (*path.steps, word))
        shape.first += ((Condition((Test(there, "present"),)), variant),)
    shape.first += ((Condition(), others),)
    words, shape.variants = set(shape.variants), {}
    return words if not base else set()


def name_the_allowed(shape: Shape) -> None:
    """A variant that refuses its item can say which words would have been right."""
    refused: dict[int, tuple[Shape, set[str]]] = {}
    for word, variant in shape.variants.items():
        for one in (variant, *(below for _, below in variant.first)):
            if one.reject:
                refused.setdefault(id(one), (one, set()))[1].add(word)
    words = [word for word, v in shape.variants.items() if word != "*" and not v.refuses]
    for one, own in refused.values():
        one.allowed = ", ".join(f"'{word}'" for word in words if word not in own)


def uses(shape: Json) -> Iterator[str]:
    """The shapes that build an item of this one in its place.

    >>> [*uses({"is": {"a": {"use": "x"}}, "first": {"b": {"use": "y"}, "c": {"d": 1}}})]
    ['x', 'y']
    """
    if not isinstance(shape, dict):
        return
    if isinstance(shape.get("use"), str):
        yield shape["use"]
        return
    yield from in_place(shape)
    for key in VARIANTS:
        rows = shape.get(key)
        for row in rows.values() if isinstance(rows, dict) else ():
            yield from uses(row)


def in_place(rule: Json) -> Iterator[str]:
    """The shapes that rules of a shape give its whole item to.

    >>> [*in_place({"a": {"from": ".", "shape": "x"}, "b": {"from": "b", "shape": "y"}})]
    ['x']
    """
    if isinstance(rule, dict):
        if rule.get("from") in (".", ["."]):
            yield from (rule[key] for key in ("shape", "each") if isinstance(rule.get(key), str))
        for value in rule.values():
            yield from in_place(value)


def circle(tables: Mapping[str, Json], variant: Mapping[str, Json], at: tuple[str, ...]) -> str:
    """Why no item can be built by the shape that a variant uses, or its rules give the item to;
    "" when it can."""
    if at[1] != "shape":
        return ""
    shapes = tables.get("shape") or {}
    own = {key: value for key, value in variant.items() if key not in VARIANTS}
    seen, waiting = set[str](), [*uses(own)]
    while waiting:
        one = waiting.pop()
        if one == at[2]:
            return f'goes round in a circle: back to "{one}"'
        if one not in seen:
            seen.add(one)
            waiting += uses(shapes.get(one))
    return ""


def tables_in(variants: Mapping[str, Json]) -> list[str]:
    """Those that are no other one's name for short."""
    return [name for name, row in variants.items() if isinstance(row, dict)]
