"""request.toml: what a caller may send, and what the upstream receives."""

from __future__ import annotations

from dataclasses import replace

from aisix.mapping.grammar.declared import ANY, Key, file, unit
from aisix.mapping.grammar.kinds import (
    BOOLEAN,
    FAULT,
    INTEGER,
    LIST,
    OBJECT,
    OBJECTS,
    PATHS,
    PATTERN,
    RANGE,
    REMEMBERED,
    ROWS,
    RULE,
    RULES,
    TEXT,
    UNITS_BY_NAME,
    VERB,
    WORD_OR_WORDS,
)
from aisix.mapping.grammar.rule import CONDITIONS, POLICIES, TOLD, TYPES, UNLESS, WHEN

REST_POLICIES = (*POLICIES, "pass")

REQUEST = file(
    "request",
    "what a caller may send and what the upstream receives; sections in the order they run",
    Key(
        "accept",
        ROWS,
        "what a caller may send in a field, else a 400: a type, or a table",
        {"limit": {"type": "integer", "range": [1, 100]}},
        below_each="accept",
    ),
    Key(
        "let",
        RULES,
        "names for things: $let.NAME; each may ask for those before it",
        {"turns": {"from": "turns"}},
        below_each="rule",
        ordered=True,
    ),
    Key(
        "check",
        UNITS_BY_NAME,
        "what does not fit together is refused",
        {
            "both": {
                "when": {"a": "$present", "b": "$present"},
                "reject": "unsupported_setting",
                "at": "b",
            }
        },
        below_each="check",
        ordered=True,
    ),
    Key(
        "field",
        RULES,
        "the fields of the upstream's request",
        {"limit": {"from": "limit", "default": 1024}},
        below_each="rule",
    ),
    Key(
        "shape",
        UNITS_BY_NAME,
        "how items are rebuilt, by name",
        {"part": {"text": {"from": "words"}}},
        below_each="shape",
    ),
    Key(
        "convert",
        UNITS_BY_NAME,
        "verbs with their options, by name: `as` may name them",
        {"words": {"verb": "split", "by": ","}},
        below_each="convert",
    ),
    Key(
        "adjust",
        UNITS_BY_NAME,
        "corrections of the whole request, in order",
        {"no_top": {"verb": "remove", "paths": ["top"], "when": {"limit": 1}}},
        below_each="adjust",
        ordered=True,
    ),
    Key(
        "rest",
        ROWS,
        'what happens to a field no rule reads: a policy, or a table; "*" is any other field',
        {"*": "warn", "hint": "pass"},
        below_each="rest",
    ),
    Key(
        "header",
        UNITS_BY_NAME,
        "headers of the upstream's request: named rules, joined by commas",
        {"x-mode": {"fast": {"from": "mode"}}},
        below_each="header",
    ),
    Key(
        "remember",
        REMEMBERED,
        "what the answer may ask for as $request.NAME",
        ["turns", "state.parts"],
    ),
    Key(
        "local",
        UNITS_BY_NAME,
        "requests that never go upstream, and their answer",
        {"quota": {"when": {"limit": 1}, "answer": {"text": "no"}}},
        below_each="local",
    ),
    example="""
[accept]
turns = { type = "array", required = true, empty = "missing" }
[field]
model = "$upstream_model"
turns = { from = "turns", each = "turn" }
[shape.turn]
text = { from = "words" }
[rest]
"*" = "warn"
""",
)
_TYPE = Key("type", WORD_OR_WORDS, "one of these types", ["string", "array"], words=TYPES)
ACCEPT = unit(
    "accept",
    "what one field of the caller's may hold; another value is a 400",
    _TYPE,
    Key("range", RANGE, "a number from the first to the second", [0, 2]),
    Key("one_of", LIST, "one of these values", ["low", "high"]),
    Key("match", PATTERN, "a text with this in it", "^[a-z]+$"),
    Key("required", BOOLEAN, "it has to be there", True, False),
    Key("empty", FAULT, "the fault of an empty list or text", "missing"),
    Key(
        "longest",
        INTEGER,
        "items of a list, fields of an object at most; a text is limited by `match`",
        4,
    ),
    Key("values", WORD_OR_WORDS, "types of an object's values", "string", words=TYPES),
    Key("reject", FAULT, "the fault instead of the usual one", "unsupported_setting"),
    short=replace(_TYPE, kind=TEXT, example="string"),
    example="""
[accept]
level = "string"
limit = { type = "integer", range = [1, 100] }
""",
)
CHECK = unit(
    "check",
    "a request that does not fit together",
    *CONDITIONS,
    Key("reject", FAULT, "the fault it is refused with", "unsupported_setting", required=True),
    Key("at", PATHS, "the path the fault is about: the first that is there", "limit"),
    Key("values", OBJECT, "what the fault's text asks for, by name", {"other": "stop"}),
    example="""
[check.both]
when = { limit = "$present", most = "$present" }
reject = "unsupported_setting"
at = "limit"
""",
)
ADJUST = unit(
    "adjust",
    "one correction of the whole request; beside these keys stand the options of its verb",
    Key("verb", VERB, "which correction", "remove", required=True),
    *CONDITIONS,
    TOLD,
    Key("about", PATHS, "the field it is told of: the first that is there", "limit"),
    verbs="adjustments",
    example="""
[adjust.no_top]
verb = "remove"
paths = ["top"]
when = { mode = "raw" }
told = "dropped"
about = "top"
""",
)
_POLICY = Key(
    "policy",
    TEXT,
    "gone unheard, gone and told, a 400, or sent on as it is",
    "drop",
    "warn",
    words=REST_POLICIES,
)
REST = unit(
    "rest",
    "what happens to a field that no rule reads",
    _POLICY,
    Key("drop", LIST, "values that change nothing: gone, and nobody is told", [False, 0]),
    Key("drop_empty", BOOLEAN, "so is an empty object, list or text", True, False),
    Key(
        "items",
        BOOLEAN,
        "each item of a list is looked at by itself",
        True,
        False,
        needs=("drop", "drop_empty"),
    ),
    Key(
        "reject",
        FAULT,
        "the fault instead of the usual one",
        "unsupported_field",
        needs=("policy",),
    ),
    WHEN,
    UNLESS,
    short=_POLICY,
    example="""
[rest]
"*" = "warn"
hint = "pass"
store = { policy = "reject", drop = [false] }
""",
)
HEADER = unit(
    "header",
    "one header: what each of its rules finds, joined by commas",
    free=Key(ANY, RULE, "a text, or a list of them", {"from": "$header.x-mode"}, below="rule"),
    example="""
[header.x-mode]
usual = "fast"
asked = { from = "$header.x-mode" }
""",
)
CONVERT = unit(
    "convert",
    "a verb with options, under a name; beside `verb` stand its options",
    Key("verb", VERB, "which verb", "split", required=True),
    verbs="verbs",
    example="""
[convert.words]
verb = "split"
by = ","
""",
)
LOCAL = unit(
    "local",
    "a request that is answered here; of [let] it may ask for what `remember` names",
    *CONDITIONS,
    Key(
        "answer",
        OBJECT,
        "the answer, in the upstream's shape; {new_id} in a text is a new identifier",
        {"text": "no"},
        required=True,
        fills=("new_id",),
    ),
    Key(
        "events",
        OBJECTS,
        "the upstream's events in a stream's place, where the answer is not taken apart into them",
        [{"kind": "part", "text": "no"}, {"kind": "end"}],
        fills=("new_id",),
    ),
    example="""
[local.quota]
when = { limit = 1 }
[local.quota.answer]
text = "no"
""",
)
