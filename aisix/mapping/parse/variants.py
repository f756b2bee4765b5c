"""Variants of a shape: those that a key of the item chooses, and what a refusal calls right."""

from __future__ import annotations

from aisix.mapping.syntax.paths import Path
from aisix.mapping.syntax.rules import Condition, Shape, Test


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
