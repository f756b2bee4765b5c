"""Rows of models.toml that are like another: one model of a row without copying it.

    [model.opus-5-mini]        # a prefix that the other row lists too is this one's
    like = "opus-5"            # its facts and traits, and those of what that is like
    max_tokens = 8192

Must never know: what a fact means.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from aisix.mapping.parse.meant import meant
from aisix.mapping.parse.options import option_faults
from aisix.mapping.syntax.paths import Json

IDS, LIKE = "ids", "like"


def line_of(rows: Mapping[str, Json], name: str) -> list[str]:
    """The row and those it is like, the furthest first; what is not there ends it, and a circle.

    >>> line_of({"a": {"like": "b"}, "b": {"like": "c"}, "c": {}}, "a")
    ['c', 'b', 'a']
    """
    line = [name]
    while isinstance(row := rows.get(line[0]), dict):
        other = row.get(LIKE)
        if not isinstance(other, str) or other in line or other not in rows:
            break
        line.insert(0, other)
    return line


def rows_of(models: Mapping[str, Json], name: str) -> list[dict[str, Json]]:
    """What a model is made of: [defaults], the rows its row is like, the row itself."""
    rows = models.get("model") or {}
    return [models.get("defaults") or {}, *(rows.get(one, {}) for one in line_of(rows, name))]


def facts_of(models: Mapping[str, Json], name: str) -> dict[str, Json]:
    """What stands in a row, in those it is like and in [defaults], as it is written.

    >>> facts_of({"defaults": {"a": 1, "b": "$a"}, "model": {"x": {"a": 2}}}, "x")
    {'a': 2, 'b': '$a'}
    """
    return {fact: value for row in rows_of(models, name) for fact, value in row.items()}


def odd_references(models: Mapping[str, Json]) -> Iterator[tuple[tuple[str, ...], str]]:
    """(place, why) of each fact "$OTHER" without another fact that is written out."""
    rows = models.get("model") or {}
    places: list[tuple[tuple[str, ...], dict[str, Json], dict[str, Json]]] = []
    for name, row in rows.items():
        places.append((("model", name), row, facts_of(models, name)))
    usual = models.get("defaults") or {}
    if not rows or any("$" in str(value) for value in usual.values()):
        anywhere = {fact: value for _, _, facts in places for fact, value in facts.items()}
        places.append((("defaults",), usual, {**anywhere, **usual}))
    for at, row, facts in places:
        for fact, value in row.items():
            if not isinstance(value, str) or not value.startswith("$"):
                continue
            other = facts.get(value[1:])
            if other is None:
                yield (*at, fact), f'no fact "{value[1:]}" ({meant(value[1:], {*facts} - {fact})})'
            elif isinstance(other, str) and other.startswith("$"):
                yield (*at, fact), f"{value} is {other}: name that one here"


def odd_words(
    models: Mapping[str, Json], options: Mapping[str, Json]
) -> Iterator[tuple[tuple[str, ...], str]]:
    """(place, why) of each fact that is the default of an option, and none of its values."""
    rows = models.get("model") or {}
    places: list[tuple[tuple[str, ...], dict[str, Json]]] = []
    places.append((("defaults",), models.get("defaults") or {}))
    places += [(("model", name), row) for name, row in rows.items()]
    for name, option in options.items():
        default = option.get("default")
        if not isinstance(default, str) or not default.startswith("$model."):
            continue
        fact = default.removeprefix("$model.")
        for at, row in places:
            value = row.get(fact)
            if value is None or (isinstance(value, str) and value.startswith("$")):
                continue
            for text in option_faults(name, option, value):
                yield (*at, fact), f"is the default of {text}"
