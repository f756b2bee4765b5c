"""errors.toml: what an upstream's error becomes for the caller."""

from __future__ import annotations

from dataclasses import replace

from aisix.mapping.grammar.declared import ANY, Key, file, unit
from aisix.mapping.grammar.kinds import (
    BOOLEAN,
    FIELD,
    HEADERS,
    INTEGER,
    PATH,
    PATHS,
    PATTERN,
    PATTERNS_BY_NAME,
    ROWS,
    RULES_BY_HEADER,
    STATUS,
    TEMPLATE,
    TEXT,
    TEXTS_BY_NAME,
    THEIR_STATUS,
    UNIT,
    UNITS_BY_NAME,
    WORD_OR_WORDS,
    WORDS,
)
from aisix.mapping.grammar.rule import CONDITIONS

RETRIES = ("here", "elsewhere")
READS = ("time_left", "wait")
# What a place of [body] may be of: parts of an error, and what tells that it is one.
PARTS = ("type", "code", "param", "message")

ERRORS = file(
    "errors",
    "what an upstream's error becomes, in whatever shape it comes",
    Key(
        "upstream",
        UNITS_BY_NAME,
        "what an error becomes: the first row that holds",
        {"busy": {"when": {"status": 529}, "status": 503, "message": "The model is busy."}},
        below_each="error_row",
        ordered=True,
    ),
    Key(
        "restate",
        UNITS_BY_NAME,
        "how the error that a row has made is told instead: the first that holds; whether it is "
        "tried again, its param and its headers stay those of the row",
        {"theirs": {"when": {"status": "> 499"}, "status": 502, "message": "It said {status}."}},
        below_each="error_restated",
        ordered=True,
    ),
    Key("body", UNIT, "where an error stands", {"message": "oops.text"}, below="error_body"),
    Key(
        "mark",
        UNITS_BY_NAME,
        "an answer is an error where one of these holds",
        {"bad": {"when": {"ok": False}}},
        below_each="condition",
    ),
    Key(
        "harmless",
        ROWS,
        "path = words of events that cannot be an error: they are never looked at",
        {"kind": ["part"]},
        below="harmless",
    ),
    Key("status", ROWS, 'a code or type = its status; "*" is any other', {"*": 500}, below="words"),
    Key(
        "numbers",
        UNITS_BY_NAME,
        "path = a vendor's numbers and their statuses",
        {"oops.number": {"1302": 429}},
        below_each="words",
    ),
    Key(
        "guess",
        UNITS_BY_NAME,
        "what a text says of the status: the first that matches",
        {"busy": {"match": "busy", "status": 503}},
        below_each="guess",
        ordered=True,
    ),
    Key(
        "param",
        UNITS_BY_NAME,
        'the field that an error\'s own `param` or text is about, for param = "$named": the first '
        "that matches",
        {"limit": {"match": "^limit", "param": "max"}},
        below_each="error_param",
        ordered=True,
    ),
    Key(
        "rename",
        TEXTS_BY_NAME,
        "the upstream's word in a text = the caller's",
        {"limit": "max"},
    ),
    Key(
        "headers",
        ROWS,
        "headers of the upstream's answer that the caller gets: its name = the upstream's",
        {"retry-after": {"from": "retry-after", "as": "wait"}},
        below_each="passed_header",
    ),
    Key(
        "ratelimit_headers",
        ROWS,
        "... for aliases with the option ratelimit_headers",
        {"x-left": "left"},
        below_each="passed_header",
    ),
    Key(
        "convert",
        UNITS_BY_NAME,
        "verbs with their options, by name, for rules of headers",
        {"from_ms": {"verb": "seconds", "unit": "ms"}},
        below_each="convert",
    ),
    example="""
[body]
type = "oops.kind"
message = "oops.text"
[upstream.busy]
when = { status = [503, 529] }
status = 503
type = "their_fault"
message = "The model is busy."
""",
)
_TEXTS = ("message", "alias", "status")
_STATUS = Key("status", (STATUS, THEIR_STATUS), "the caller's status", 503, required=True)
_TYPE_AND_CODE = (
    Key("type", TEXT, 'its type; "$type": the upstream\'s; "": none', "their_fault"),
    Key("code", TEXT, 'its code; "$code": the upstream\'s; "": none', "overloaded"),
)
_PARAM = Key("param", TEXT, 'the caller\'s field; "$named": what [param] finds', "$named")
_MESSAGE = (
    Key("message", TEMPLATE, "its text; {status}: the upstream's", "{message}", "", fills=_TEXTS),
    Key("longest", INTEGER, "characters of the upstream's text; of a longer one `otherwise`", 600),
    Key(
        "otherwise",
        TEMPLATE,
        "said where the upstream says nothing, or too much",
        "The request was refused.",
        "The model provider refused the request.",
        fills=("alias",),
    ),
)
_SEEN = (
    "it sees status, headers, the body, error.type, error.message, and in_answer: whether the "
    "error stood in an answer with a good status"
)
UPSTREAM_ERROR = unit(
    "error_row",
    f"what one kind of error becomes; {_SEEN}",
    *CONDITIONS,
    _STATUS,
    *_TYPE_AND_CODE,
    _PARAM,
    *_MESSAGE,
    Key("should_retry", BOOLEAN, "false tells SDKs not to try again", False, True),
    Key(
        "retry",
        TEXT,
        '"here": may be asked again, "elsewhere": by another target; without it the answer stands',
        "here",
        words=RETRIES,
    ),
    Key(
        "headers",
        RULES_BY_HEADER,
        "headers of the caller's answer, laid over those that go on; false: not that one",
        {"retry-after": "5"},
        below_each="rule",
    ),
    example="""
[upstream.slow-down]
when = { status = 429 }
status = 429
type = "slow_down"
message = "{message}"
headers = { retry-after = "5" }
""",
)
ERROR_RESTATED = unit(
    "error_restated",
    f"words over those that the row of an error has; {_SEEN}",
    *CONDITIONS,
    replace(_STATUS, required=False),
    *_TYPE_AND_CODE,
    *_MESSAGE,
    example="""
[restate.theirs]
when = { status = "> 499" }
status = 502
type = "upstream_error"
message = "It said {status}."
""",
)
_BODY = (
    ("mark", "something here: the answer is an error", "oops"),
    ("type", "its type", "oops.kind"),
    ("code", "its code", "oops.code"),
    ("param", "the field it is about", "oops.field"),
    ("message", "its text: a text, an object, a list, JSON in a text", ["oops.text", "text"]),
    ("status", "the HTTP status it stands for, as a number", "oops.status"),
    ("word", "further words that [status] may know", "reason"),
    ("inner", "the error of the upstream's own upstream", "oops.raw"),
    ("text", "of a message that is an object: its text", ["text", "detail"]),
    ("at", "of one that is a list: the place in the request, as a list of steps", "loc"),
)
ERROR_BODY = unit(
    "error_body",
    "where the parts of an error may stand: of several places the first that is there",
    *(Key(name, PATHS, about, example) for name, about, example in _BODY),
    Key("usual", WORDS, "fields that every event has: asked first, for speed", ["id", "kind"]),
    free=Key(ANY, PATHS, 'a part of your own, for "$NAME" in a row of [upstream]', "oops.hint"),
    example="""
[body]
mark = "oops"
type = "oops.kind"
message = ["oops.text", "text"]
""",
)
HARMLESS = unit(
    "harmless",
    "events that cannot be an error, by the word at a path",
    free=Key(ANY, WORD_OR_WORDS, "words at this path", ["part", "part_end"]),
    example="""
[harmless]
kind = ["part", "part_end"]
""",
)
WORDS_UNIT = unit(
    "words",
    "words, or numbers, and the HTTP status each stands for",
    free=Key(ANY, STATUS, "the status this stands for", 429),
    example="""
[status]
rate_limited = 429
"*" = 500
""",
)
_MATCH = Key("match", (PATTERN, PATTERNS_BY_NAME), "what the text has in it", "^limit")
GUESS = unit(
    "guess",
    "what a text says of the status, where nothing else does",
    replace(_MATCH, required=True, example="(?i)too busy"),
    Key("status", STATUS, "the status it speaks for", 503, required=True),
    example="""
[guess.busy]
match = "(?i)too busy"
status = 503
""",
)
ERROR_PARAM = unit(
    "error_param",
    "which of the caller's fields an upstream's text is about",
    replace(_MATCH, required=True),
    Key(
        "param",
        WORD_OR_WORDS,
        'the field; {1} is the first group, "$origin" the caller\'s item it was made of; of '
        "several the first that was sent",
        ["most", "max"],
    ),
    Key("list", FIELD, "the upstream's list that the groups of `match` number", "turns"),
    Key("say", BOOLEAN, "the text names that field too", True, False),
    Key("called", PATH, "... and behind it what the item has here", "name", needs=("say",)),
    example="""
[param.turn]
match = "^turns\\\\.(\\\\d+)"
param = "$origin"
list = "turns"
say = true
""",
)
_FROM = Key("from", HEADERS, "the upstream's header, or several: first found wins", "retry-after")
PASSED_HEADER = unit(
    "passed_header",
    "a header of the upstream's answer that goes on",
    _FROM,
    Key(
        "as",
        TEXT,
        "time_left: of a point in time, the time till then; wait: only seconds or a date",
        "wait",
        words=READS,
    ),
    short=replace(_FROM, example="left"),
    example="""
[headers]
x-left = "left"
retry-after = { from = "retry-after", as = "wait" }
""",
)
