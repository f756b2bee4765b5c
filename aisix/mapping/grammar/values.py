"""values.toml: word for word, by named tables; and lists that options of verbs may ask for."""

from __future__ import annotations

from dataclasses import replace

from aisix.mapping.grammar.declared import ANY, Key, file, unit
from aisix.mapping.grammar.kinds import BOOLEAN, FAULT, LIST, NUMBER, TEXT, UNIT, VALUE
from aisix.mapping.grammar.rule import TOLD

VALUES = file(
    "values",
    'value tables, and lists that an option of a verb asks for as "$values.NAME"',
    free=Key(
        ANY,
        (UNIT, LIST),
        "a value table, or a list",
        {"done": "stop", "*": "stop"},
        below="value_table",
    ),
    example="""
names = ["a", "b"]
[reason]
done = "stop"
"*" = "stop"
""",
)
TABLE = unit(
    "value_table",
    'what each word becomes; "*" is every other word and has to be there',
    free=Key(ANY, VALUE, "what this word becomes: a value, or a table", "stop", below="entry"),
    example="""
[reason]
done = "stop"
odd = { to = "stop", told = "rewritten" }
"*" = { omit = true }
""",
)
_GONE = ("reject", "omit")
_TO = Key("to", VALUE, "the value it becomes", "stop", loses_to=(*_GONE, "same"))
ENTRY = unit(
    "entry",
    "one row of a value table in its long form",
    _TO,
    Key("omit", BOOLEAN, "it is left out", True, False, loses_to=("reject",)),
    Key("same", BOOLEAN, "it stays as it is", True, False, loses_to=_GONE),
    Key("reject", FAULT, "the fault that answers such a word", "bad_value"),
    TOLD,
    short=replace(_TO, kind=(TEXT, NUMBER, BOOLEAN)),
    example="""
[reason]
odd = { to = "stop", told = "rewritten" }
""",
)
