"""A JSON Schema for each kind of table file, as Taplo reads one.

What Taplo asks of it: draft-07 (an older one knows no `if`); a failing `anyOf` would mark a whole
table, so what judges is chosen by `if`, and a key that must not be there is one whose value would
have to be the complaint itself; hover and completion do not look into `if`, so what is shown
stands a second time, in an `anyOf` that cannot fail.
"""

from __future__ import annotations

import json

from aisix.mapping.editor import judging, showing
from aisix.mapping.editor.json_types import Schema
from aisix.mapping.editor.known import KnownNames
from aisix.mapping.grammar.tables import FILES

DRAFT = "http://json-schema.org/draft-07/schema#"
DEFINITIONS = "definitions"


def schema(file: str, names: KnownNames | None = None) -> Schema:
    """The schema of one kind of file, by its name in the declarations: "request"; `names`: of the
    tables it is laid over."""
    unit = FILES[file].unit
    judged, shown = judging.refer(unit), [showing.refer(unit)]
    if names is not None:
        shown.append(names.shown)
    if names is not None and names.judged:
        judged = {"allOf": [judged, names.judged]}
    return {
        "$schema": DRAFT,
        "title": f"{file}.toml",
        "description": FILES[file].about,
        "type": "object",
        "anyOf": [*shown, True],
        "if": True,
        "then": judged,
        DEFINITIONS: judging.definitions([unit]) | showing.definitions([unit]),
    }


def in_lines(whole: Schema) -> str:
    """A schema as text: each definition on a line of its own, so that changes can be read.

    >>> print(in_lines({"title": "a", "definitions": {"b": {}, "c": {}}}), end="")
    {
    "title": "a",
    "definitions": {
    "b": {},
    "c": {}
    }
    }
    """
    rows = [_row(name, value) for name, value in whole.items() if name != DEFINITIONS]
    below = ",\n".join(_row(name, value) for name, value in whole[DEFINITIONS].items())
    head = "".join(f"{row},\n" for row in rows)
    return f'{{\n{head}"{DEFINITIONS}": {{\n{below}\n}}\n}}\n'


def _row(name: str, value: object) -> str:
    return f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False, separators=(',', ':'))}"
