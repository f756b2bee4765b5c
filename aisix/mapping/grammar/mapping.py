"""mapping.toml: where a mapping sends, and the options an alias may set. Files of traits."""

from __future__ import annotations

from aisix.mapping.grammar.declared import TRAIT, Key, file, unit
from aisix.mapping.grammar.kinds import (
    BOOLEAN,
    FILLED_WORDS,
    FORMAT,
    LIST,
    MAPPING_NAME,
    MARK,
    PATH,
    PATHS,
    PATHS_BY_NAME,
    TEMPLATES_BY_NAME,
    TEXT,
    TEXTS_BY_NAME,
    TRAITS,
    TRAITS_BY_WORD,
    UNIT,
    UNITS_BY_NAME,
    URL,
    URL_PATH,
    VALUE,
    WORDS,
)
from aisix.mapping.grammar.rule import TYPES

FORMAT_KEY = Key("format", FORMAT, "the form of these tables", 1, required=True, for_people=True)
TITLE = Key("title", TEXT, "what it is", "Chat to Acme", for_people=True)

MAPPING = file(
    "mapping",
    "what a mapping is, where it sends, and the options an alias may set",
    FORMAT_KEY,
    Key("title", TEXT, "what it is", "Chat to Acme", required=True, for_people=True),
    Key("adapter", MARK, "provider keys with this adapter use it", "acme", required=True),
    Key(
        "like",
        MAPPING_NAME,
        "it begins with the tables of this mapping of the same dialect; then it is a variant",
        "acme-chat",
    ),
    Key(
        "base",
        WORDS,
        "it begins with the tables of these folders, <dialect>/caller or <dialect>/upstream: what"
        " every mapping of that dialect's callers, or to that dialect, shares",
        ["chat/caller"],
    ),
    Key("variant", BOOLEAN, "it is used only where an alias names it", True, False),
    Key(
        "models",
        MAPPING_NAME,
        "its models.toml begins with the rows of this one",
        "chat/acme-chat",
    ),
    Key(
        "upstream",
        UNIT,
        "where it sends",
        {"api_base": "https://api.acme.example", "path": "/v2/chat"},
        required=True,
        below="upstream",
    ),
    Key("versions", UNIT, "versions of the upstream's API", {"default": "v2"}, below="versions"),
    Key(
        "option",
        UNITS_BY_NAME,
        "what an alias may say under `options`: $option.NAME",
        {"loud": {"type": "boolean", "default": False}},
        below_each="option",
    ),
    example="""
format = 1
title = "Chat to Acme"
adapter = "acme"
[upstream]
api_base = "https://api.acme.example"
path = "/v2/chat"
[upstream.auth]
x-acme-token = "{secret}"
[option.loud]
type = "boolean"
default = false
help = "says everything twice"
""",
)
UPSTREAM = unit(
    "upstream",
    "where a mapping sends its requests",
    Key(
        "api_base",
        URL,
        "where keys go that name no base; only those whose provider is named as the adapter",
        "https://api.acme.example",
    ),
    Key(
        "path",
        URL_PATH,
        "what is put behind the base; nothing is filled in here",
        "/v2/chat",
        required=True,
        fills=(),
    ),
    Key(
        "strip",
        WORDS,
        "endings of a base that people paste along: the first that fits is taken away",
        ["/v2/chat", "/v2"],
    ),
    Key("bare", URL_PATH, "put behind a base that is a host without a path", "/v2"),
    Key(
        "auth",
        TEMPLATES_BY_NAME,
        "headers of each request; {secret} is the provider key's, and never logged",
        {"x-acme-token": "{secret}"},
        fills=("secret",),
    ),
    Key(
        "answer_id",
        PATHS,
        "where an answer, or an event at the beginning of a stream, has its own id: for the log",
        ["id", "turn.id"],
    ),
    Key("answer_model", PATHS, "... and the model that has answered", ["model", "turn.model"]),
    Key(
        "count",
        UNIT,
        "where it is asked how many tokens a request would take; without it that is estimated",
        {"path": "/v2/chat/count", "answer": "tokens", "fields": ["model", "turns"]},
        below="upstream_count",
    ),
    Key(
        "pass",
        UNITS_BY_NAME,
        "where requests go that are sent as they are: [pass.NAME] of caller.toml",
        {"vectors": {"path": "/v2/vectors"}},
        below_each="upstream_pass",
    ),
    example="""
[upstream]
api_base = "https://api.acme.example"
path = "/v2/chat"
strip = ["/v2/chat", "/v2"]
[upstream.auth]
x-acme-token = "{secret}"
""",
)
UPSTREAM_COUNT = unit(
    "upstream_count",
    "where the upstream counts the tokens of a request, which is translated as one to be answered",
    Key(
        "path",
        URL_PATH,
        "what is put behind the base; nothing is filled in here",
        "/v2/chat/count",
        required=True,
        fills=(),
    ),
    Key("answer", PATH, "where the count stands in its answer", "tokens", required=True),
    Key(
        "fields",
        FILLED_WORDS,
        "the only fields of the translated request that it takes; without it all are sent",
        ["model", "turns"],
    ),
    example="""
[upstream.count]
path = "/v2/chat/count"
answer = "tokens"
fields = ["model", "turns"]
""",
)
UPSTREAM_PASS = unit(
    "upstream_pass",
    "where requests of one [pass.NAME] of caller.toml go",
    Key(
        "path",
        URL_PATH,
        "what is put behind the base; nothing is filled in here",
        "/v2/vectors",
        required=True,
        fills=(),
    ),
    Key(
        "tokens",
        PATHS_BY_NAME,
        "where the answer, or an event of a stream, says what it has used: counter = path",
        {"input": "usage.read"},
    ),
    Key(
        "estimated",
        BOOLEAN,
        "tokens of which it says nothing are estimated, by the bytes of request and answer",
        True,
        False,
        needs=("tokens",),
    ),
    example="""
[upstream.pass.vectors]
path = "/v2/vectors"
estimated = true
[upstream.pass.vectors.tokens]
input = "usage.read"
""",
)
VERSIONS = unit(
    "versions",
    "versions of the upstream's API: $version is the one a provider key names",
    Key("default", TEXT, "that of a key that names none", "v2"),
    Key(
        "known",
        UNITS_BY_NAME,
        "all there are; without it any word is one",
        {"v2": {"traits": ["no-sampling"]}},
        below_each="version",
    ),
    example="""
[versions]
default = "v2"
[versions.known.v1]
traits = ["no-sampling"]
[versions.known.v2]
traits = []
""",
)
VERSION = unit(
    "version",
    "one version of the upstream's API",
    Key("traits", TRAITS, "overlays it brings", ["no-sampling"], []),
    example="""
[versions.known.v1]
traits = ["no-sampling"]
""",
)
OPTION = unit(
    "option",
    "one thing that an alias may set",
    Key("type", TEXT, "what it holds", "string", words=TYPES, required=True),
    Key("default", VALUE, "without one; a fact of the model's row: $model.NAME", "$model.tone"),
    Key("one_of", LIST, "the only values it may have", ["soft", "loud"]),
    Key("help", TEXT, "one line for whoever sets it", "how it speaks", for_people=True),
    Key("traits", TRAITS_BY_WORD, "overlays that a value brings", {"loud": ["loud"]}),
    Key(
        "was_trait",
        TEXTS_BY_NAME,
        "a value = the trait of earlier tables that meant it",
        {"loud": "loud-voice"},
    ),
    example="""
[option.tone]
type = "string"
default = "soft"
one_of = ["soft", "loud"]
[option.tone.traits]
loud = ["loud"]
""",
)

_OF_TRAIT = ("request", "answer", "values", "errors")
NOT_OF_TRAIT = tuple(
    (name, f"options, versions and rows of models choose traits: {name}.toml has no overlay")
    for name in ("mapping", "models")
)
TRAIT_FILE = file(
    TRAIT,
    "traits/NAME.toml: laid over the tables for a model, an option or an alias that names it; "
    "each key begins with the name of a file",
    *(Key(name, UNIT, f"laid over {name}.toml", {"a": {"b": 1}}, below=name) for name in _OF_TRAIT),
    elsewhere=NOT_OF_TRAIT,
    example="""
[request.field.top_k]
policy = "warn"
[values.effort]
low = "minimal"
""",
)
