"""answer.toml: what the caller receives, streamed and plain."""

from __future__ import annotations

from aisix.mapping.grammar.declared import Key, file, unit
from aisix.mapping.grammar.kinds import (
    CHUNK,
    CHUNKS,
    FIELD,
    INTEGER,
    LOOKUP,
    MARK,
    OBJECT,
    PATH,
    PATHS,
    PATHS_BY_NAME,
    REGISTERS,
    RULE,
    RULES,
    RULES_BY_PATH,
    TEXT,
    UNIT,
    UNITS_BY_NAME,
)
from aisix.mapping.grammar.rule import UNLESS, WHEN
from aisix.mapping.syntax.answer import Metered

ANSWER = file(
    "answer",
    "what the caller receives: a row per event of the upstream, the same for a plain answer",
    Key("by", PATH, "where an event says which [event] row it is of", "kind", "type"),
    Key("block", PATH, "where an event says which block it belongs to", "number", "index"),
    Key("opening", CHUNK, "the chunk that every answer begins with", "opening"),
    Key("done", TEXT, "the upstream's own word for the end of a stream", "[END]"),
    Key("closing", TEXT, "a word that says only that nothing follows", "[END]"),
    Key(
        "ping",
        CHUNK,
        "the chunk that is sent in silence, once the answer has begun; without: a comment",
        "alive",
    ),
    Key("number", FIELD, "every chunk has its number there, from 0", "sequence"),
    Key(
        "part",
        PATHS,
        "what $part is in a path of [piece]: the first that is there",
        ["delta", "message"],
        needs=("piece",),
    ),
    Key(
        "piece",
        PATHS_BY_NAME,
        "an event is taken apart first: what is found at each place, in order, is an event of "
        "that name",
        {"text": "$part.text", "end": "reason"},
    ),
    Key("state", OBJECT, "registers of $state that do not begin at nothing", {"calls": -1}),
    Key(
        "takes",
        REGISTERS,
        "registers that a base leaves to those over it: set or not, read or not",
        ["block.start"],
    ),
    Key(
        "event",
        UNITS_BY_NAME,
        'what each event does; "*" is any other',
        {"part": {"emit": "text"}, "*": {"ignore": True}},
        below_each="row",
    ),
    Key(
        "rest",
        UNITS_BY_NAME,
        "objects of the upstream's of which every field has to be known",
        {"message": {"of": "message", "known": ["id"]}},
        below_each="known_fields",
    ),
    Key(
        "block_kind",
        UNITS_BY_NAME,
        "the answer's own blocks, for rows with `into`",
        {"text": {"begin": "text_begins", "end": "block_ends"}},
        below_each="block_kind",
    ),
    Key(
        "calls",
        UNITS_BY_NAME,
        "calls that come in pieces: made whole and numbered before a row sees them",
        {"tool": {"list": "delta.calls", "name": "name", "text": "arguments"}},
        below_each="calls",
    ),
    Key(
        "mend",
        UNIT,
        "what an upstream leaves out or puts elsewhere, made right before a row sees it",
        {"choices": {"list": "choices", "number": "number", "alone": True}},
        below="mend",
    ),
    Key(
        "chunk",
        UNITS_BY_NAME,
        "what rows send",
        {"text": {"content": {"from": "piece.text"}}},
        below_each="chunk",
    ),
    Key(
        "end",
        UNIT,
        "the end of an answer",
        {"finish": {"from": "$state.why", "default": "stop"}},
        below="end",
    ),
    Key(
        "fail",
        UNIT,
        "a failure inside a stream that has begun",
        {"row": "broken"},
        below="fail",
    ),
    Key(
        "continuation",
        UNIT,
        "a turn that the upstream paused goes on",
        {"when": {"$state.why": "paused"}, "rounds": 5, "list": "turns", "content": "parts"},
        below="continuation",
    ),
    Key(
        "plain",
        UNIT,
        "a plain answer, taken apart into the same events",
        {"check": {"kind": "reply"}},
        below="plain",
    ),
    Key(
        "accumulate",
        UNIT,
        "a plain answer's list, made of the chunks of a stream",
        {"list": "parts", "begin": "part", "number": "number", "by": "piece.kind", "is": {}},
        below="accumulate",
    ),
    Key(
        "message",
        RULES,
        "what $message is: the folded chunks ($folded) as one object",
        {"content": {"from": "$folded.content"}},
        below_each="rule",
    ),
    Key(
        "envelope",
        UNIT,
        "what stands around chunks, and the whole of a plain answer",
        {"chunk": {"id": "$state.id"}},
        below="envelopes",
    ),
    Key(
        "choice",
        RULES,
        "fields of the first choice once the answer is at its end",
        {"reason": {"from": "$state.why"}},
        below_each="rule",
    ),
    Key(
        "list",
        RULES,
        "lists whose items `extend` adds to a register",
        {"noted": {"from": "$block.notes", "each": "note"}},
        below_each="rule",
    ),
    Key(
        "counters",
        RULES,
        "the counters of an event under names of your own, for [usage] and [meter]",
        {"read": {"sum": ["tokens_in"]}},
        below_each="rule",
    ),
    Key(
        "usage",
        RULES,
        "the token counts that the caller gets: $counted",
        {"tokens": {"sum": ["in", "out"]}},
        below_each="rule",
    ),
    Key(
        "meter",
        UNIT,
        "the token counts that the gateway itself goes by",
        {"input": {"sum": ["in"]}, "output": {"sum": ["out"]}},
        below="meter",
    ),
    Key(
        "estimate",
        UNIT,
        "tokens of an answer that nobody counted",
        {"bytes": 4, "said": ["text"]},
        below="answer_estimate",
    ),
    Key(
        "shape",
        UNITS_BY_NAME,
        "how items are rebuilt, by name",
        {"note": {"text": {"from": "words"}}},
        below_each="shape",
    ),
    Key(
        "convert",
        UNITS_BY_NAME,
        "verbs with their options, by name: `as` may name them",
        {"own_id": {"verb": "prefix", "add": "answer_"}},
        below_each="convert",
    ),
    example="""
by = "kind"
block = "number"
opening = "opening"
[event.part]
emit = "text"
[event.end]
end = true
[event."*"]
ignore = true
[chunk.opening]
content = ""
[chunk.text]
content = { from = "piece.text", only = "string" }
""",
)
FAIL = unit(
    "fail",
    "a failure inside a stream that has begun: $error has its type, code, message and param, and "
    "retry_after (seconds) where that is known",
    Key(
        "row",
        MARK,
        "the [event] row whose chunks tell of it; without: `error_frame` of caller.toml",
        "broken",
        required=True,
    ),
    example="""
[fail]
row = "broken"
[event.broken]
emit = "failed"
[chunk.failed]
kind = "failed"
"error.message" = "$error.message"
""",
)
END = unit(
    "end",
    "the end of an answer",
    Key(
        "row",
        MARK,
        "the [event] row that is run once nothing more comes, before the open block is closed",
        "rest",
    ),
    Key("emit", CHUNKS, "the chunks before the last one", ["notes"]),
    Key(
        "finish",
        RULE,
        "why it ended: $finish",
        {"from": "$state.why", "default": "done", "table": "why"},
        below="rule",
    ),
    Key(
        "complete",
        UNIT,
        "with this the answer is whole though the stream breaks off",
        {"when": {"$state.why": "$present"}},
        below="condition",
    ),
    Key(
        "enough",
        UNIT,
        "the least that must be known when the upstream says that it is done",
        {"when": {"$state.id": "$present"}},
        below="condition",
    ),
    example="""
[end]
emit = ["notes"]
finish = { from = "$state.why", default = "done" }
[end.complete]
when = { "$state.why" = "$present" }
""",
)
ENVELOPES = unit(
    "envelopes",
    "what stands around chunks, and the whole of a plain answer",
    Key(
        "chunk",
        RULES_BY_PATH,
        "around each chunk: $delta, $finish; without it a chunk is sent as it is",
        {"id": "$state.id", "delta": {"from": "$delta", "keep_empty": True}},
        below_each="rule",
    ),
    Key(
        "usage",
        RULES_BY_PATH,
        "the last chunk, for callers that want the counts: $counted",
        {"usage": "$counted"},
        below_each="rule",
    ),
    Key(
        "whole",
        RULES_BY_PATH,
        "a plain answer: $message, $finish, $counted",
        {"message": "$message", "reason": "$finish"},
        below_each="rule",
    ),
    example="""
[envelope.chunk]
id = "$state.id"
"items[0].delta" = { from = "$delta", keep_empty = true }
[envelope.whole]
id = "$state.id"
"items[0].message" = "$message"
""",
)
METER = unit(
    "meter",
    "the token counts that the gateway itself goes by: limits, metrics, the access line",
    *(
        Key(name, RULE, about, {"sum": [name]}, below="rule")
        for name, about in zip(Metered.__annotations__, Metered(), strict=True)
    ),
    example="""
[meter]
input = { sum = ["in"] }
output = { sum = ["out"] }
""",
)
CONTINUATION = unit(
    "continuation",
    "how a paused turn is continued: what was said so far goes back to the upstream",
    WHEN,
    UNLESS,
    Key("armed", PATHS, "only requests with something at one of these can be paused", "tools"),
    Key("rounds", (INTEGER, LOOKUP), "how often it is continued", "$option.rounds", 0),
    Key("list", FIELD, "the list of the request that the turn is put at the end of", "turns"),
    Key("turn", OBJECT, "fields of that turn", {"who": "robot"}),
    Key("content", FIELD, "the field of it with what was said", "parts"),
    Key("told", TEXT, "told under this word when there may be no further round", "cut"),
    Key("about", TEXT, "... and what that is about", "turns"),
    Key("forget", REGISTERS, "registers that the next round has of its own", "state.why"),
    Key(
        "rebuild",
        UNITS_BY_NAME,
        "how a block grows, by the word of a delta",
        {"more": {"text": "piece.text"}},
        below_each="parts",
    ),
    example="""
[continuation]
when = { "$state.why" = "paused" }
rounds = 5
list = "turns"
turn = { who = "robot" }
content = "parts"
[continuation.rebuild]
more = { text = "piece.text" }
""",
)
