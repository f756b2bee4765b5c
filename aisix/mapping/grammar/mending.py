"""`[mend]` and `[estimate]` of answer.toml: how an answer is made whole, and counted."""

from __future__ import annotations

from aisix.mapping.grammar.declared import Key, unit
from aisix.mapping.grammar.kinds import (
    BOOLEAN,
    FIELD,
    OBJECT,
    POSITIVE,
    RULE,
    RULES,
    TEXT,
    TEXTS_BY_NAME,
    UNIT,
    UNITS_BY_NAME,
    WORDS,
)

MEND = unit(
    "mend",
    "what an upstream leaves out or puts elsewhere, made right before a row sees it",
    Key(
        "blocks",
        UNIT,
        "of answers that come in blocks",
        {"by": "kind", "begin": "block", "end": "block_end"},
        below="mend_blocks",
    ),
    Key(
        "choices",
        UNIT,
        "of answers whose events hold a list of choices",
        {"list": "choices", "number": "number", "alone": True},
        below="mend_choices",
    ),
    example="""
[mend.choices]
list = "choices"
number = "number"
alone = true
""",
)
MEND_BLOCKS = unit(
    "mend_blocks",
    "the words and fields of an answer that comes in blocks",
    Key("by", FIELD, "the field of an event that says what it is", "kind"),
    Key("number", FIELD, "... and which block it belongs to", "number"),
    Key("start", TEXT, "the event an answer begins with", "begin"),
    Key("answer", FIELD, "its field with the answer", "message"),
    Key("begin", TEXT, "the event that begins a block", "block"),
    Key("block", FIELD, "its field with the block", "block"),
    Key("delta", TEXT, "the event that a block goes on with", "more"),
    Key("piece", FIELD, "its field with the piece", "piece"),
    Key("end", TEXT, "the event that ends a block", "block_end"),
    Key("last", TEXT, "the event behind all blocks", "reason"),
    Key("list", FIELD, "the blocks of a plain answer", "parts"),
    Key("lone", TEXT, "the kind that a text in their place is of", "text"),
    Key("kind", FIELD, "the field of a block or piece that says what it is", "kind"),
    Key("id", FIELD, "the field of an answer with its id", "id"),
    Key("made", RULE, "an id for an answer that has none", "$new_id", below="rule"),
    Key("call", TEXT, "the kind of block that is a call", "call"),
    Key("call_id", FIELD, "its field with the id", "id"),
    Key("made_call", RULE, "an id for a call that has none", "$new_id", below="rule"),
    Key("call_object", FIELD, "its field with an object", "input"),
    Key("call_delta", TEXT, "the kind of a piece of that", "input_more"),
    Key("call_text", FIELD, "... and its field with the text", "text"),
    Key("about", TEXT, "what the caller is told that a call was mended about", "calls"),
    Key("fill", OBJECT, 'fields of the answer where there is nothing; "$null"', {"role": "robot"}),
    Key("last_fill", OBJECT, "... and of the last event", {"usage": {"out": 0}}),
    Key("kinds", UNITS_BY_NAME, "... and of a block, by its kind", {"text": {"text": ""}}),
    Key(
        "begun",
        TEXTS_BY_NAME,
        "kind of a piece = the kind of block it begins when none has",
        {"text_more": "text"},
    ),
    example="""
[mend.blocks]
by = "kind"
number = "number"
start = "begin"
begin = "block"
lone = "text"
[mend.blocks.kinds.text]
text = ""
""",
)
MEND_CHOICES = unit(
    "mend_choices",
    "the words and fields of an answer whose events hold choices",
    Key("list", FIELD, "the list of choices", "choices"),
    Key("number", FIELD, "the number of a choice", "number"),
    Key("alone", BOOLEAN, "there is room for one: the first that came", True, False),
    Key("part", FIELD, "what a choice says, in a stream", "delta"),
    Key("whole", FIELD, "... and in a plain answer", "message"),
    Key("once", FIELD, "a field of that which only the first one has", "role"),
    Key("finish", FIELD, 'why a choice ended: "" is no reason', "reason"),
    Key("text", FIELD, "the text of what it says", "content"),
    Key("kind", FIELD, "of one in a list in the text's place: what it is", "kind"),
    Key("inner", FIELD, "... and its text", "text"),
    Key("thought", TEXT, "the kind of a thought there, and its field", "thought"),
    Key("thoughts", FIELD, "the field for thoughts", "thoughts"),
    Key("id", FIELD, "the id of an event", "id"),
    Key(
        "fill",
        RULES,
        "fields of an event without an id",
        {"id": {"from": "$new_id"}},
        below_each="rule",
    ),
    Key(
        "whole_fill",
        RULES,
        "... and of a plain answer",
        {"id": {"from": "$new_id"}},
        below_each="rule",
    ),
    example="""
[mend.choices]
list = "choices"
number = "number"
part = "delta"
""",
)
ANSWER_ESTIMATE = unit(
    "answer_estimate",
    "tokens of an answer that nobody counted, by its bytes",
    Key("said", WORDS, "fields of an event or an answer with text; none: all", ["text"], []),
    Key("skip", WORDS, "fields below them that are no text", ["kind", "id"], []),
    Key("bytes", POSITIVE, "of text that are a token", 4, 4),
    example="""
[estimate]
bytes = 4
said = ["text"]
""",
)
