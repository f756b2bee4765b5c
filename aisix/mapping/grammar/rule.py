"""A rule: how one value is made, step by step, and the conditions it may have."""

from __future__ import annotations

from aisix.mapping.grammar.declared import ANY, Key, unit
from aisix.mapping.grammar.kinds import (
    BOOLEAN,
    CONDITION,
    FAULT,
    LOOKUP,
    NUMBER,
    PATH,
    PATHS,
    PATTERNS_BY_PATH,
    REGISTER,
    RULES,
    SHAPE,
    TEXT,
    UNIT,
    UNITS_BY_NAME,
    VALUE,
    VALUE_TABLES,
    VERB,
    VERB_NAMES,
    WORD_OR_WORDS,
)
from aisix.mapping.grammar.kinds import RULE as RULE_KIND
from aisix.mapping.syntax.paths import TYPE_NAMES

TYPES = tuple(TYPE_NAMES.values())
POLICIES = ("drop", "warn", "reject")

WHEN = Key("when", CONDITION, "only where all of this holds", {"stream": True})
UNLESS = Key("unless", CONDITION, "not where any of this holds", {"mode": "raw"})
MATCH = Key("match", PATTERNS_BY_PATH, "only where these texts match", {"model": "^pro-"})
CONDITIONS = (WHEN, UNLESS, MATCH)
TOLD = Key("told", TEXT, "the change is told to the caller under this word", "rewritten")

# What an item of a list is asked of itself: names of the shape around it are not there.
ITEM_ROOTS = ("my", "index")
# A rule with a policy writes nothing: of its other keys only those that choose and name matter.
_SILENT = ("policy",)

_SOURCES = (
    Key("from", PATHS, "a path, or several: the first that is there", ["new_name", "old_name"]),
    Key("value", VALUE, "a constant, also a list or an object", "text"),
    Key(
        "first",
        RULES,
        "named rules: the first that yields something",
        {"a": "$let.a", "b": 1},
        below_each="rule",
        ordered=True,
    ),
    Key(
        "concat",
        RULES,
        "named rules: their lists, end to end",
        {"a": "$let.a", "b": "$let.b"},
        below_each="rule",
        ordered=True,
    ),
    Key(
        "layers",
        RULES,
        "named rules: their objects, laid over each other",
        {"a": "$let.a", "b": {"x": 1}},
        below_each="rule",
        ordered=True,
    ),
    Key(
        "weave",
        RULES,
        "two rules, `placed` and `others`: items put back at their own position",
        {"placed": "$let.a", "others": "$let.b"},
        below_each="rule",
    ),
    Key("sum", PATHS, "numbers, added", ["a.count", "b.count"]),
    Key(
        "largest",
        RULES,
        "named rules: the largest number",
        {"a": "$let.a", "b": 1},
        below_each="rule",
    ),
    Key(
        "find",
        UNIT,
        "of a list the first item with a key",
        {"in": "$let.calls", "by": "id", "equals": "call_id", "take": "name"},
        below="find",
    ),
    Key(
        "object",
        RULES,
        "an object of rules, where a bare one would be read as a rule",
        {"from": "$let.a"},
        below_each="rule",
    ),
)
STEPS = (
    *CONDITIONS,
    Key("minus", PATHS, "taken away from the sum, never below 0", "cached", needs=("sum",)),
    Key("by", PATH, "where an item's own position stands", "index", "index", needs=("weave",)),
    Key("followed", BOOLEAN, "a placed item never comes last", True, False, needs=("weave",)),
    Key("leading", BOOLEAN, "one that is placed comes first", True, False, needs=("weave",)),
    Key(
        "only",
        WORD_OR_WORDS,
        "another type is as if it were absent",
        ["string"],
        words=TYPES,
        needs=("from", "find"),
    ),
    Key(
        "default",
        (VALUE, LOOKUP),
        "used when nothing is found",
        4096,
        needs=("from", "find"),
        loses_to=_SILENT,
    ),
    Key(
        "required",
        FAULT,
        "the fault when nothing is found",
        "missing",
        loses_to=("value", "sum", "largest"),
    ),
    Key(
        "type",
        WORD_OR_WORDS,
        "another type is a 400",
        "string",
        words=TYPES,
        loses_to=_SILENT,
    ),
    Key(
        "where",
        CONDITION,
        "items of a list that stay",
        {"kind": "text"},
        loses_to=_SILENT,
        without=ITEM_ROOTS,
    ),
    Key(
        "where_not",
        CONDITION,
        "items that do not stay",
        {"kind": "x"},
        loses_to=_SILENT,
        without=ITEM_ROOTS,
    ),
    Key(
        "keep",
        TEXT,
        "blank texts of a list are taken out",
        "nonblank",
        words=("nonblank",),
        loses_to=_SILENT,
    ),
    Key("as", VERB_NAMES, "verbs, one after the other", "list", loses_to=_SILENT),
    Key("table", VALUE_TABLES, "word for word, by a value table", "reason", loses_to=_SILENT),
    Key("min", (NUMBER, LOOKUP), "a smaller number becomes this, told", 1, loses_to=_SILENT),
    Key("max", (NUMBER, LOOKUP), "a larger number becomes this, told", 4096, loses_to=_SILENT),
    Key(
        "each",
        SHAPE,
        "each item of the list is rebuilt by this shape",
        "part",
        loses_to=("policy", "shape"),
    ),
    Key(
        "lone",
        SHAPE,
        "a plain text in the list's place, or among its items, by this one",
        "text",
        loses_to=("policy", "shape"),
    ),
    Key("shape", SHAPE, "the whole value is rebuilt by this shape", "tool", loses_to=_SILENT),
    Key(
        "arrange",
        UNITS_BY_NAME,
        "passes over the list",
        {"a": {"verb": "drop_empty", "list": "parts"}},
        below_each="arrange",
        ordered=True,
        loses_to=_SILENT,
    ),
    Key("join", TEXT, "texts of a list become one", "\n", loses_to=_SILENT),
    Key(
        "policy",
        TEXT,
        "nothing is written: unheard, told, or a 400",
        "warn",
        words=POLICIES,
    ),
    TOLD,
    Key("about", WORD_OR_WORDS, "the caller's field that is told of, or refused", "user"),
    Key(
        "named",
        PATH,
        "the name of the one it happened to, told with it",
        "name",
        needs=("told", "policy"),
    ),
    Key("count", REGISTER, "adds one to $state.NAME", "calls", loses_to=_SILENT),
    Key(
        "keep_empty",
        BOOLEAN,
        "an empty list or object is written too",
        True,
        False,
        loses_to=_SILENT,
    ),
    Key(
        "rare",
        BOOLEAN,
        "what few requests say: one that does is translated rule by rule, all others are faster",
        True,
        False,
        loses_to=_SILENT,
    ),
)
SOURCES = tuple(key.name for key in _SOURCES)
RULE = unit(
    "rule",
    "how one value is made: found, filtered, changed, rebuilt, told; in this order",
    *_SOURCES,
    *STEPS,
    example="""
[request.field.most]
from = ["new_name", "old_name"]
default = 4096
max = "$model.most"
""",
    free=Key(ANY, RULE_KIND, "one field of an object of rules", "$let.a", below="rule"),
    marks=SOURCES,
    short=Key(ANY, VALUE, "a constant; a text that begins with $ is looked up", "$upstream_model"),
)

FIND = unit(
    "find",
    "an item of a list by its key; of several with one key the first, of none as an absent path",
    Key("in", PATH, "the list; a long-lived one is indexed once", "$let.calls", required=True),
    Key("by", PATH, "where an item has its key", "id", required=True),
    Key("equals", PATH, "where the key stands that is looked for", "call_id", required=True),
    Key("take", PATH, "what of the item is found; without it, all of it", "function.name", "."),
    example="""
[request.field.name]
find = { in = "$let.calls", by = "id", equals = "call_id", take = "function.name" }
default = "unknown"
""",
)
CONDITION_UNIT = unit(
    "condition",
    "what has to hold",
    *CONDITIONS,
    example="""
guard.when = { "a.b" = "x", c = ["y", "z"], d = "$present", e = "< 5", f = "$let.g" }
guard.unless = { kind = "raw" }
guard.match = { name = "^[a-z]" }
""",
)
ARRANGE = unit(
    "arrange",
    "one pass over the list; beside these keys stand the options of its verb",
    Key("verb", VERB, "which pass", "drop_empty", required=True),
    *CONDITIONS,
    Key("where", CONDITION, "the items it is about", {"kind": "text"}, without=ITEM_ROOTS),
    Key("where_not", CONDITION, "those it is not about", {"kind": "x"}, without=ITEM_ROOTS),
    verbs="passes",
    example="""
[field.turns.arrange.empty]
verb = "drop_empty"
list = "parts"
where = { kind = "said" }
""",
)
