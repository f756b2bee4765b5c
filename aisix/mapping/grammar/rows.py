"""Rows of answer.toml: what one event of the upstream does, and the chunks that rows send."""

from __future__ import annotations

from dataclasses import replace

from aisix.mapping.grammar.declared import ANY, Key, unit
from aisix.mapping.grammar.kinds import (
    BLOCK_KIND,
    BOOLEAN,
    CHUNKS,
    KNOWN_FIELDS,
    LISTS_BY_REGISTER,
    PATH,
    PATHS,
    PATHS_BY_REGISTER,
    REGISTERS,
    ROWS,
    RULE,
    RULES,
    RULES_BY_REGISTER,
    STATE_OR_BLOCK,
    TEXT,
    UNIT,
    UNITS_BY_NAME,
    WORDS,
)
from aisix.mapping.grammar.rule import CONDITIONS, UNLESS

# A row that chooses a more exact one does nothing itself.
_CHOOSES = ("by", "first")
_ACTS = (
    Key("open", TEXT, "the event begins a block of this kind: $block.kind", "text"),
    Key(
        "set",
        RULES_BY_REGISTER,
        "registers: $state.NAME, or $block.NAME of this event's block; null changes nothing",
        {"state.id": {"from": "id"}},
        below_each="rule",
    ),
    Key("count", REGISTERS, "adds one to each of them", "state.calls"),
    Key(
        "measure",
        PATHS_BY_REGISTER,
        "adds the length of a text",
        {"state.length": "piece.text"},
    ),
    Key("push", PATHS_BY_REGISTER, "adds one item to a list", {"block.notes": "piece.note"}),
    Key("append", PATHS_BY_REGISTER, "adds to a text", {"block.text": "piece.text"}),
    Key(
        "extend",
        LISTS_BY_REGISTER,
        "adds the items of a [list.NAME] to a list",
        {"state.notes": "noted"},
    ),
    Key("usage", PATHS, "where counters stand in the event; later ones overwrite", "usage"),
    Key("emit", CHUNKS, "the chunks that are sent, in this order", ["opening", "text"]),
    Key("ping", BOOLEAN, "keeps the caller's connection alive", True, False),
    Key("fail", BOOLEAN, "the event is an error", True, False),
    Key("end", BOOLEAN, "the answer is at its end", True, False),
    Key("into", BLOCK_KIND, "the piece is written into a block of this kind", "text"),
    Key(
        "which",
        PATHS,
        "what tells several blocks of this kind apart: the first that is there",
        ["value.index", "number"],
        needs=("into",),
    ),
    Key(
        "give",
        RULES,
        "what $given is in the chunks of this row, and in those of the block it begins",
        {"text": {"from": "piece.text"}},
        below_each="rule",
    ),
    Key("told", TEXT, "that this came is a loss, told under this word", "dropped"),
    Key("about", RULE, "what that loss is about", {"from": "part.kind"}, below="rule"),
    Key(
        "rest",
        KNOWN_FIELDS,
        "objects of the event of which every field has to be known, else it is told",
        "message",
    ),
)
_ACTING = tuple(key.name for key in _ACTS if key.name not in ("about", "which", "give"))
_LOSING = tuple(replace(key, loses_to=_CHOOSES) for key in (*_ACTS, UNLESS))
ACTING = (*(key.name for key in _ACTS), UNLESS.name)  # what a row that chooses never does
_IGNORE = Key(
    "ignore",
    BOOLEAN,
    "says to whoever reads the table that nothing is done",
    True,
    False,
    loses_to=(*_CHOOSES, *_ACTING),
    for_people=True,
)
_UNKNOWN = Key(
    "unknown",
    BOOLEAN,
    'such a word is one nobody knew: it is logged and counted (of a "*" row)',
    True,
    False,
)
_KEYS = (
    Key(
        "by",
        PATH,
        "the path of the event, or the register, that chooses a more exact row",
        "piece.kind",
        needs=("is",),
    ),
    Key(
        "is",
        ROWS,
        'rows by the word found at `by`; "*" is any other',
        {"text": {"emit": "text"}, "*": {"ignore": True}},
        needs=("by",),
        below_each="row",
    ),
    Key(
        "first",
        UNITS_BY_NAME,
        "rows in order: the first whose `guard` holds",
        {"noted": {"guard": {"when": {"note": "$present"}}, "emit": "note"}, "other": {}},
        loses_to=("by",),
        below_each="guarded_row",
        ordered=True,
    ),
    *_LOSING,
    _IGNORE,
)
ROW = unit(
    "row",
    "what one event of the upstream does; what it does, it does in this order",
    *_KEYS,
    _UNKNOWN,
    elsewhere=(("guard", "only a row of `first` has it"),),
    example="""
[event.begin]
usage = "message.usage"
emit = "opening"
[event.begin.set]
"state.id" = { from = "message.id" }
""",
)
GUARDED_ROW = unit(
    "guarded_row",
    "one row of several, chosen by its `guard`",
    Key(
        "guard",
        UNIT,
        "the condition this row is for; none: every event",
        {"when": {"note": "$present"}},
        below="condition",
    ),
    *_KEYS,
    elsewhere=(("unknown", 'only a "*" row has it'),),
    example="""
[event.part.first.noted]
guard.when = { note = "$present" }
emit = "note"
[event.part.first.other]
emit = "text"
""",
)
CHUNK = unit(
    "chunk",
    "what is sent: its own names are paths; a chunk whose every value is absent or empty is not",
    Key(
        "needs",
        RULES,
        "named rules: one that finds nothing keeps the chunk from being sent",
        {"text": {"from": "piece.text"}},
        below_each="rule",
    ),
    Key(
        "after",
        RULES_BY_REGISTER,
        "registers that are set once it has been sent",
        {"block.sent": True},
        below_each="rule",
    ),
    Key(
        "each",
        PATH,
        "one such chunk for every item of this list; its paths are the item's",
        "$block.notes",
    ),
    Key(
        "push",
        PATHS_BY_REGISTER,
        "adds what stands at a path of the chunk to a list",
        {"state.said": "item"},
    ),
    Key("count", REGISTERS, "adds one to each of them once it has been sent", "block.notes"),
    Key("ahead", CHUNKS, "the chunks that are sent before it, wherever it is", "text_begins"),
    Key(
        "append",
        PATHS_BY_REGISTER,
        "adds what stands at a path of the chunk to a text",
        {"block.text": "delta"},
    ),
    *CONDITIONS,
    Key("verbatim", BOOLEAN, "a copy of the event; the chunk's own fields are laid over it", True),
    Key("without", PATHS, "... and these are taken away from it", "usage", needs=("verbatim",)),
    free=Key(ANY, RULE, "what stands at this path", {"from": "piece.text"}, below="rule"),
    example="""
[chunk.text]
content = { from = "piece.text", only = "string" }
"calls[0].index" = "$block.index"
""",
)
BLOCK_KIND_UNIT = unit(
    "block_kind",
    "what opens and closes one of the answer's own blocks; one is open at a time",
    Key("begin", CHUNKS, "the chunks that open it", "text_begins"),
    Key("end", CHUNKS, "the chunks that close it", "block_ends"),
    Key(
        "set",
        RULES_BY_REGISTER,
        "registers of the block as it begins: $block.NAME",
        {"block.name": {"from": "$given.name"}},
        below_each="rule",
    ),
    Key(
        "whole",
        STATE_OR_BLOCK,
        "nothing else begins before the text in this register of the block is whole JSON",
        "block.text",
    ),
    Key("said", BOOLEAN, "it begins only with a piece that has something to send", True, False),
    Key(
        "left_open",
        UNIT,
        "while this holds nothing closes the block that was written last, nor one whose text "
        "(`whole`) is not whole: they may be cut",
        {"when": {"$state.reason": "limit"}},
        below="condition",
    ),
    example="""
[block_kind.text]
begin = "text_begins"
end = "block_ends"
said = true
""",
)
KNOWN = unit(
    "known_fields",
    "an object of the upstream's of which every field has to be known",
    Key(
        "of",
        PATHS,
        "where it stands in the event: the first that is there",
        "message",
        required=True,
    ),
    Key("known", WORDS, "fields that a rule reads, or that are nobody's loss", ["id", "text"]),
    Key("told", TEXT, "the word it is told under", "dropped", "dropped"),
    example="""
[rest.message]
of = "message"
known = ["id", "text"]
""",
)
