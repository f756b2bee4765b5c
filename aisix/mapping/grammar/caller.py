"""caller.toml: what a caller's dialect looks like, whatever the upstream."""

from __future__ import annotations

from dataclasses import replace

from aisix.mapping.grammar.declared import Key, file, unit
from aisix.mapping.grammar.kinds import (
    BOOLEAN,
    FIELD,
    HEADER,
    OBJECT,
    PATH,
    POSITIVE,
    POSITIVES_BY_NAME,
    STATUS,
    TEMPLATE,
    TEMPLATE_OBJECT,
    TEMPLATES_BY_NAME,
    TEXT,
    TEXTS_BY_NAME,
    UNIT,
    UNITS_BY_NAME,
    URL_PATH,
    URL_PATHS,
    WORDS,
)
from aisix.mapping.grammar.mapping import FORMAT_KEY, TITLE

CALLER = file(
    "caller",
    "a caller's dialect: where the gateway itself looks, and what its own errors look like",
    FORMAT_KEY,
    TITLE,
    Key("route", URL_PATH, "the URL that callers post to", "/v1/chat", required=True),
    Key(
        "bases",
        URL_PATHS,
        "what clients may put before its routes instead of their version, or before that; {alias}: "
        "the alias of the request, whatever its body names",
        ["/acme", "/acme/{alias}"],
    ),
    Key("default", BOOLEAN, "this dialect answers for URLs that are nobody's", True, False),
    Key(
        "auth",
        TEXTS_BY_NAME,
        'headers where a caller\'s key may stand, and the word before it; "": none',
        {"authorization": "Bearer", "x-key": ""},
    ),
    Key(
        "request",
        UNIT,
        "what the gateway reads of a request",
        {"alias": "model", "stream": "stream"},
        required=True,
        below="caller_request",
    ),
    Key(
        "stream",
        UNIT,
        "how a stream is framed",
        {"content_type": "text/event-stream", "frame": "data: {data}\n\n"},
        required=True,
        below="caller_stream",
    ),
    Key(
        "error",
        UNIT,
        "what an error looks like",
        {"body": {"text": "$message"}},
        required=True,
        below="caller_error",
    ),
    Key(
        "headers",
        TEMPLATES_BY_NAME,
        "headers of every answer of its route that is no error; {request_id}: the gateway's own id",
        {"x-call": "{request_id}"},
        fills=("request_id",),
    ),
    Key(
        "limits",
        UNIT,
        "headers that tell a caller's tightest limit",
        {"requests": {"x-left": "{left}"}},
        below="caller_limits",
    ),
    Key(
        "estimate",
        UNIT,
        "tokens of a request by estimate",
        {"bytes": 4, "fields": ["turns"], "by": "kind", "flat": {"picture": 1600}},
        below="caller_estimate",
    ),
    Key(
        "models",
        UNIT,
        "the list of models",
        {"route": "/v1/models", "list": {"data": "$models"}, "item": {"id": "$alias"}},
        below="caller_models",
    ),
    Key(
        "count",
        UNIT,
        "where a caller asks how many tokens a request would take",
        {"route": "/v1/count", "header": "x-estimate", "answer": {"tokens": "$count"}},
        below="caller_count",
    ),
    Key(
        "refuse",
        UNITS_BY_NAME,
        "routes that are not served, and what stands behind them: a request is told why",
        {"store": {"route": "/v1/store", "fault": "unknown_url"}},
        below_each="caller_refuse",
    ),
    Key(
        "pass",
        UNITS_BY_NAME,
        "routes whose requests go to the upstream as they are, but for the alias",
        {"vectors": {"route": "/v1/vectors"}},
        below_each="caller_pass",
    ),
    Key(
        "fault",
        UNITS_BY_NAME,
        "the gateway's own faults, as callers see them",
        {"no_key": {"status": 401, "message": "A key is needed."}},
        below_each="fault",
    ),
    example="""
format = 1
route = "/v1/chat"
[auth]
authorization = "Bearer"
[request]
alias = "model"
stream = "stream"
[stream]
content_type = "text/event-stream"
done = ""
ping = ": ping\\n\\n"
frame = "data: {data}\\n\\n"
error_frame = "data: {data}\\n\\n"
[error.body]
text = "$message"
[fault.no_key]
status = 401
message = "A key is needed."
""",
)
REQUEST = unit(
    "caller_request",
    "what the gateway reads of a caller's request",
    Key("alias", PATH, "where the alias stands", "model", required=True),
    Key("stream", PATH, "where it says that the answer is to be streamed", "stream"),
    Key("wants_usage", PATH, "... and that a stream is to end with token counts", "with_counts"),
    Key(
        "counts",
        UNIT,
        "lists and objects that may hold too many: limits.max_NAME of config.yaml",
        {"messages": ["turns"], "parts": ["turns[].parts"]},
        below="caller_counts",
    ),
    Key(
        "sample",
        OBJECT,
        "a request for cases and `explain` that bring none",
        {"model": "some", "turns": [{"who": "user", "words": "q"}]},
    ),
    Key(
        "check",
        OBJECT,
        "a request that asks a model whether it is well; `$prompt` and `$tokens`, the most its "
        "answer may take, are of the model's own background check",
        {"turns": [{"who": "user", "words": "$prompt"}], "most": "$tokens"},
    ),
    example="""
[request]
alias = "model"
stream = "stream"
[request.counts]
messages = ["turns"]
[request.sample]
model = "some"
turns = [{ who = "user", words = "q" }]
[request.check]
turns = [{ who = "user", words = "$prompt" }]
most = "$tokens"
""",
)
COUNTS = unit(
    "caller_counts",
    "where things stand that a request may hold too many of",
    Key("messages", WORDS, "limits.max_messages", ["turns"]),
    Key("parts", WORDS, "limits.max_parts", ["turns[].parts"]),
    Key("calls", WORDS, "limits.max_calls", ["turns[].calls"]),
    Key("tools", WORDS, "limits.max_tools", ["helpers"]),
    Key("properties", WORDS, "limits.max_properties", ["helpers[].takes"]),
    example="""
[request.counts]
messages = ["turns"]
""",
)
COUNTED = tuple(COUNTS.by_name)  # of each there is a limit in config.yaml
_FRAMES = "a chunk; {data} is its JSON, {NAME} a field of it"
_FRAME = Key("frame", TEMPLATE, _FRAMES, "data: {data}\n\n", required=True)
STREAM = unit(
    "caller_stream",
    "how a stream is framed",
    Key("content_type", TEXT, "its content type", "text/event-stream", required=True),
    Key("done", TEXT, 'after a whole answer, never after an error; "": nothing', "", required=True),
    Key("ping", TEXT, "keeps the connection alive", ": ping\n\n", required=True),
    Key(
        "told",
        TEMPLATE,
        "before the end: what the answer lost",
        ": lost {warnings}\n\n",
        fills=("warnings",),
    ),
    _FRAME,
    replace(_FRAME, name="error_frame", about="an error in a stream that has begun"),
    example="""
[stream]
content_type = "text/event-stream"
done = "data: [END]\\n\\n"
ping = ": ping\\n\\n"
frame = "data: {data}\\n\\n"
error_frame = "data: {data}\\n\\n"
""",
)
ERROR = unit(
    "caller_error",
    "what an error looks like",
    Key("request_id", HEADER, "the header with the gateway's own id", "x-id", "x-request-id"),
    Key(
        "leave_out",
        BOOLEAN,
        "a field of the body whose value this error has not is left out, instead of null",
        True,
        False,
    ),
    Key(
        "body",
        TEMPLATE_OBJECT,
        "its JSON; $header.NAME: a header of this error, left out where there is none",
        {"error": {"text": "$message", "kind": "$type"}},
        required=True,
        fills=("message", "type", "param", "code", "status", "request_id", "header.*"),
    ),
    example="""
[error]
request_id = "x-id"
[error.body]
text = "$message"
wait = "$header.retry-after"
""",
)
_LIMIT = ("most", "left", "reset", "reset_secs", "reset_at")
LIMITS = unit(
    "caller_limits",
    "headers that tell the tightest limit of a key or model that has one",
    *(
        Key(
            name,
            TEMPLATES_BY_NAME,
            f"of {name}: {{left}} of {{most}}, full again in {{reset}} (6m0s), or {{reset_secs}} "
            "(360), at {reset_at}",
            {"x-left": "{left}"},
            fills=_LIMIT,
        )
        for name in ("requests", "tokens")
    ),
    Key(
        "concurrency",
        TEMPLATES_BY_NAME,
        "of requests at one time: {left} of {most}",
        {"x-free": "{left}"},
        fills=_LIMIT[:2],
    ),
    example="""
[limits.requests]
x-limit = "{most}"
x-left = "{left}"
""",
)
ESTIMATE = unit(
    "caller_estimate",
    "tokens of a request by estimate",
    Key("bytes", POSITIVE, "of text that are a token", 4, required=True),
    Key("fields", WORDS, "the fields of a request that count", ["turns", "tools"], required=True),
    Key("by", FIELD, "the field of a part that says what it is", "kind", required=True),
    Key(
        "flat",
        POSITIVES_BY_NAME,
        "what such a part takes, whatever is in it",
        {"picture": 1600},
        required=True,
    ),
    example="""
[estimate]
bytes = 4
fields = ["turns"]
by = "kind"
[estimate.flat]
picture = 1600
""",
)
# The faults that the gateway itself raises; tables may name these and others. In the order of a
# request: its head, whose it is, its body, the alias, the tables, then what becomes of it upstream.
RAISED = frozenset(
    (
        *("bad_request", "bad_host", "request_timeout", "url_too_long", "head_too_large"),
        *("bad_expectation", "unsupported_coding", "unsupported_version", "unknown_url"),
        *("wrong_method", "no_key", "bad_key", "expired_key", "disabled_key", "stopping"),
        *(
            "bad_media_type",
            "bad_form",
            "form_too_long",
            "too_large",
            "bad_json",
            "too_deep",
            "too_many_levels",
        ),
        *("too_many_fields", "too_many_values", "too_many_escapes", "too_much_work"),
        *(
            "no_such_model",
            "not_allowed",
            "ip_not_allowed",
            "no_tag",
            "no_candidate",
            "no_adapter",
            "bad_address",
            "bad_credential",
            "unsupported_endpoint",
            "rate_limited",
            "overloaded",
            "misconfigured",
        ),
        *("missing", "wrong_type", "bad_value", "below_min", "above_max", "too_long", "too_many"),
        *("unknown_field", "unsupported_field", "unsupported_setting", "bug"),
        *("unreachable", "timeout", "bad_response", "interrupted"),
    )
)
# What the gateway says of a fault; [check] rows of a mapping may say more.
SAID = (
    *("alias", "allowed", "counts", "detail", "expected", "found", "holder", "ids", "limit"),
    *("method", "ms", "number", "param", "path", "phase", "reason", "retry_after", "routes"),
    *("tool", "unit", "value", "why"),
)
# What two of them may be: the words that a fault's `of` goes by.
TOLD_APART = ("counts", "phase", "why")
_WORDS = (
    Key("type", TEXT, 'its type; "": none', "bad_request"),
    Key("code", TEMPLATE, 'its code; "": none', "bad_value"),
    Key("message", TEMPLATE, "its text", "Not a value of {param}: {value}."),
    Key(
        "headers",
        TEMPLATES_BY_NAME,
        "headers; one that asks for what this fault has not is left out",
        {"retry-after": "{retry_after}"},
    ),
)
FAULT_VARIANT = unit(
    "fault_variant",
    "what is another one of a fault, where the value that `by` names is this one",
    Key("status", STATUS, "its status", 400),
    *_WORDS,
    example="""
[fault.rate_limited.of.tokens]
message = "Too many tokens: {limit} {unit}."
""",
)
FAULT = unit(
    "fault",
    "one fault as callers see it; {NAME} is filled in where the fault has it",
    Key("status", STATUS, "its status", 400, required=True),
    *_WORDS,
    Key("param", TEXT, "the field it is about, instead of the one found", "model"),
    Key("by", TEXT, "what of it `of` goes by", "counts", words=TOLD_APART, needs=("of",)),
    Key(
        "of",
        UNITS_BY_NAME,
        "what is another one, by that value",
        {"tokens": {"message": "Too many tokens."}},
        needs=("by",),
        below_each="fault_variant",
    ),
    example="""
[fault.bad_value]
status = 400
message = "Not a value of {param}: {value}. One of: {allowed}."
""",
)
