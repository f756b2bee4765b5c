"""A shape: how one object, or one item of a list, is rebuilt."""

from __future__ import annotations

from dataclasses import replace

from aisix.mapping.grammar.declared import ANY, Key, unit
from aisix.mapping.grammar.kinds import (
    BOOLEAN,
    FAULT,
    FIELD,
    PATH,
    REGISTER,
    ROWS,
    RULE,
    RULES,
    SHAPE,
    SIBLING,
    TEXT,
    UNIT,
    UNITS_BY_NAME,
    WORDS,
)

FORMS = ("object", "string")

# What is done with an item, the strongest first: beside one of these, those after it never act.
_REFUSED = ("reject",)
_GONE = (*_REFUSED, "skip")
_MANY = (*_GONE, "several")
_COPIED = (*_MANY, "verbatim")

KEYS = (
    Key("of", TEXT, "what an item has to be; another is a 400", "string", "object", words=FORMS),
    Key(
        "my", RULES, "names inside this shape: $my.NAME", {"id": {"from": "id"}}, below_each="rule"
    ),
    Key("by", PATH, "the path that chooses a variant", "kind", needs=("is",), loses_to=_COPIED),
    Key(
        "by_key",
        PATH,
        'the object whose keys choose: the first of `is` that is one of them; "." is the item',
        ".",
        needs=("is",),
        loses_to=(*_COPIED, "by"),
    ),
    Key(
        "is",
        ROWS,
        'variants by the word found at `by`, or the key of `by_key`; "*" is any other',
        {"text": {"words": {"from": "text"}}, "*": {"skip": True}},
        needs=("by", "by_key"),
        loses_to=_COPIED,
        below_each="variant",
    ),
    Key(
        "first",
        UNITS_BY_NAME,
        "variants in order: the first whose `guard` holds",
        {"named": {"guard": {"when": {"name": "$present"}}, "use": "named"}},
        loses_to=(*_COPIED, "by"),
        below_each="guarded",
        ordered=True,
    ),
    Key(
        "all",
        RULES,
        "fields that are written in every variant",
        {"id": {"from": "id"}},
        loses_to=_MANY,
        below_each="rule",
    ),
    Key("blank", FIELD, "left out when this field of the result is blank", "text", loses_to=_MANY),
    Key("count", REGISTER, "adds one to $state.NAME for each item", "parts", loses_to=_MANY),
    Key(
        "verbatim",
        BOOLEAN,
        "the item as it is; fields beside it are laid over a copy",
        True,
        False,
        loses_to=_MANY,
    ),
    Key("skip", BOOLEAN, "the item is left out", True, False, loses_to=_REFUSED),
    Key("reject", FAULT, "the fault that answers such an item", "bad_value"),
    Key(
        "at",
        PATH,
        "the path of the item that the fault is about, or its being told where a loss is refused",
        "type",
        needs=(*_REFUSED, "told"),
    ),
    Key(
        "stamp",
        UNIT,
        "one key, written on the last item of a list of the result",
        {"list": "parts", "key": "mark", "rule": {"from": "mark"}},
        loses_to=_MANY,
        below="stamp",
    ),
    Key("told", TEXT, "each such item is told under this word", "rewritten", loses_to=_REFUSED),
    Key(
        "several",
        RULE,
        "a list whose items take the item's place",
        {"from": "parts", "each": "part"},
        loses_to=_GONE,
        below="rule",
    ),
    Key(
        "knows",
        WORDS,
        "keys of the item that no rule needs to read, or beginnings of keys, such as internal_*;"
        " any other is told as dropped",
        ["type"],
        loses_to=_REFUSED,
    ),
)
FREE = Key(ANY, RULE, "one field of the result", {"from": "text"}, below="rule", loses_to=_MANY)
_USE = Key("use", SHAPE, "built by another shape", "part")
_GUARD = Key(
    "guard",
    UNIT,
    "the condition this variant is for; none: every item",
    {"when": {"name": "$present"}},
    below="condition",
)
_FREE_WITH_USE = replace(FREE, loses_to=("use", *FREE.loses_to))
_WITH_USE = tuple(replace(key, loses_to=("use", *key.loses_to)) for key in KEYS)
_NO_GUARD = ("guard", "only a variant of `first` has it")

SHAPE_UNIT = unit(
    "shape",
    "how one object or item is rebuilt: its own names are fields of the result",
    *KEYS,
    free=FREE,
    elsewhere=(("use", "only a variant under `is` or `first` has it"), _NO_GUARD),
    example="""
[shape.part]
by = "kind"
[shape.part.is.text]
text = { from = "words", as = "not_empty" }
[shape.part.is."*"]
skip = true
""",
)
VARIANT = unit(
    "variant",
    "one variant of a shape, chosen by the word at `by`",
    _USE,
    *_WITH_USE,
    free=_FREE_WITH_USE,
    elsewhere=(_NO_GUARD,),
    short=Key(ANY, SIBLING, "the name of a variant beside it: built as that one", "text"),
    example="""
[shape.part.is.picture]
use = "picture"
""",
)
GUARDED = unit(
    "guarded",
    "one variant of a shape, chosen by its `guard`",
    _GUARD,
    _USE,
    *_WITH_USE,
    free=_FREE_WITH_USE,
    example="""
[shape.tool.first.named]
guard.when = { name = "$present" }
use = "named_tool"
""",
)
STAMP = unit(
    "stamp",
    "one key that is written on the last item of a list of the result",
    Key("list", FIELD, "the field of the result that holds the list", "parts", required=True),
    Key("key", FIELD, "the key its last item gets", "mark", required=True),
    Key("rule", RULE, "what it is", {"from": "mark"}, required=True, below="rule"),
    example="""
[shape.turn.stamp]
list = "parts"
key = "mark"
rule = { from = "mark" }
""",
)
