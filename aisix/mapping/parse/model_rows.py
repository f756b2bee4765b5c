"""Rows of models.toml that are like another: one model of a row without copying it.

    [model.opus-5-mini]        # a prefix that the other row lists too is this one's
    like = "opus-5"            # its facts and traits, and those of what that is like
    max_tokens = 8192

Must never know: what a fact means.
"""

from __future__ import annotations

from collections.abc import Mapping

from aisix.mapping.syntax.paths import Json

LIKE = "like"


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
