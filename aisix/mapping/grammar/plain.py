"""Sections of answer.toml: calls in pieces, what grows from deltas, a plain answer taken apart."""

from __future__ import annotations

from aisix.mapping.grammar.declared import ANY, Key, unit
from aisix.mapping.grammar.kinds import (
    BOOLEAN,
    FIELD,
    PATH,
    PATHS,
    PATHS_BY_FIELD,
    RULE,
    UNIT,
    UNITS_BY_NAME,
    VALUES_BY_PATH,
)

CALLS = unit(
    "calls",
    "where pieces of calls stand in an event, and what of them is what",
    Key("of", FIELD, "the list of an event whose items hold calls; none: the event does", "items"),
    Key("which", FIELD, "what tells those items apart", "number", needs=("of",)),
    Key("list", PATH, "where pieces stand, in a stream", "delta.calls", required=True),
    Key("whole", PATH, "where whole calls stand, in a plain answer", "message.calls"),
    Key("end", PATH, "when something stands here no more of them follows", "reason"),
    Key("names", PATHS, "of the request that was sent: what a call may be called", "tools[].name"),
    Key("index", PATH, "the number of a call; none: there can be but one", "number"),
    Key("id", PATH, "its id", "id"),
    Key("made", RULE, "an id for one that has none", "$new_id", below="rule", needs=("id",)),
    Key("name", PATHS, "its name", "name", required=True),
    Key("text", PATH, "the text of its arguments", "arguments", required=True),
    Key("objects", BOOLEAN, "what is neither text nor object there is none", True, False),
    Key("fixed", VALUES_BY_PATH, "written where there is nothing", {"kind": "call"}),
    example="""
[calls.tool]
list = "delta.calls"
whole = "message.calls"
index = "number"
id = "id"
name = "name"
text = "arguments"
""",
)
PARTS = unit(
    "parts",
    'how a block grows from its deltas: "FIELD", "FIELD json" (a text of JSON) or "FIELD list"',
    free=Key(ANY, PATH, "where a delta has what is added to the field", "piece.text"),
    example="""
[accumulate.is]
more = { text = "piece.text" }
more_json = { "input json" = "piece.json" }
""",
)
ACCUMULATE = unit(
    "accumulate",
    "a plain answer's list, made of the chunks of a stream",
    Key("list", FIELD, "the list of $folded", "parts", required=True),
    Key("begin", PATH, "a chunk with this begins an item", "part", required=True),
    Key("number", PATH, "the number of the item that a chunk belongs to", "n", required=True),
    Key("by", PATH, "the word that chooses a row of `is`", "piece.kind", required=True),
    Key(
        "is",
        UNITS_BY_NAME,
        "how an item grows, by that word",
        {"more": {"text": "piece.text"}},
        below_each="parts",
    ),
    example="""
[accumulate]
list = "parts"
begin = "part"
number = "number"
by = "piece.kind"
[accumulate.is]
more = { text = "piece.text" }
""",
)
PLAIN = unit(
    "plain",
    "how a plain answer is taken apart into events",
    Key(
        "check",
        VALUES_BY_PATH,
        'what has to stand where, else it is no answer (502): a value, or "$present"',
        {"kind": "reply", "usage.total": "$present"},
    ),
    Key("part", PATHS, "what $part is in a plain answer", ["message"]),
    Key("verbatim", BOOLEAN, "it is the upstream's own, [envelope.whole] laid over it", True),
    Key("made", PATH, "what the last chunk holds there is the whole answer", "reply"),
    Key("start", PATHS_BY_FIELD, "the first event", {"kind": "begin"}, below="plain_event"),
    Key("blocks", UNIT, "the events of each block", {"from": "parts"}, below="plain_blocks"),
    Key(
        "delta",
        PATHS_BY_FIELD,
        "the event behind all blocks",
        {"kind": "reason", "why": "why"},
        below="plain_event",
    ),
    Key("stop", PATHS_BY_FIELD, "the last event", {"kind": "end"}, below="plain_event"),
    example="""
[plain]
check = { kind = "reply" }
[plain.start]
kind = "begin"
message = "."
[plain.blocks]
from = "parts"
[plain.blocks.begin]
kind = "part"
part = "."
[plain.blocks.end]
kind = "part_end"
""",
)
PLAIN_BLOCKS = unit(
    "plain_blocks",
    "the blocks of a plain answer, each of which is two events",
    Key("from", PATH, "the list they stand in", "parts", "."),
    Key("begin", PATHS_BY_FIELD, "the first", {"kind": "part", "part": "."}, below="plain_event"),
    Key("end", PATHS_BY_FIELD, "the second", {"kind": "part_end"}, below="plain_event"),
    example="""
[plain.blocks]
from = "parts"
[plain.blocks.begin]
kind = "part"
part = "."
[plain.blocks.end]
kind = "part_end"
""",
)
PLAIN_EVENT = unit(
    "plain_event",
    "one event of a plain answer: at `by` its word, in every other field what stands at a path",
    free=Key(ANY, PATH, 'a path of the answer, or of the block; "." is all of it', "message"),
    example="""
[plain.delta]
kind = "reason"
why = "why"
""",
)
