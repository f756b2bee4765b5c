"""caller.toml: the other routes of a dialect: models, counts, what is passed on or not kept."""

from __future__ import annotations

from aisix.mapping.grammar.declared import Key, unit
from aisix.mapping.grammar.kinds import (
    BOOLEAN,
    FAULT,
    FIELD,
    HEADER,
    POSITIVE,
    TEMPLATE_OBJECT,
    UNIT,
    URL_PATH,
    WORDS,
)

MODELS = unit(
    "caller_models",
    "what a list of models looks like",
    Key("route", URL_PATH, "its URL", "/v1/models", required=True),
    Key("header", HEADER, "with this header it is this dialect's, where others share the URL", "x"),
    Key(
        "pages",
        UNIT,
        "how a caller asks for a part of the list; without it, the whole is answered",
        {"limit": "limit", "after": "after", "before": "before", "most": 100},
        below="caller_pages",
    ),
    Key(
        "list",
        TEMPLATE_OBJECT,
        "the list: $models; $first and $last are aliases, $more whether there are others",
        {"data": "$models"},
        required=True,
        fills=("models", "first", "last", "more"),
    ),
    Key(
        "item",
        TEMPLATE_OBJECT,
        "one model",
        {"id": "$alias", "created": "$created"},
        required=True,
        fills=("alias", "created", "created_at", "provider"),
    ),
    example="""
[models]
route = "/v1/models"
[models.list]
data = "$models"
[models.item]
id = "$alias"
""",
)
PAGES = unit(
    "caller_pages",
    "the query of a list of models: how many, and behind or before which",
    Key("limit", FIELD, "the parameter that says how many", "limit", required=True),
    Key("after", FIELD, "... behind which name", "after", required=True),
    Key("before", FIELD, "... before which name, the nearest", "before", required=True),
    Key("most", POSITIVE, "models of one page, and of one that says no limit", 100, required=True),
    example="""
[models.pages]
limit = "limit"
after = "after"
before = "before"
most = 100
""",
)
COUNT = unit(
    "caller_count",
    "where a caller asks how many tokens a request would take",
    Key("route", URL_PATH, "its URL", "/v1/count", required=True),
    Key("header", HEADER, "says of an answer that it is estimated", "x-estimate", required=True),
    Key(
        "answer",
        TEMPLATE_OBJECT,
        "the answer",
        {"tokens": "$count"},
        required=True,
        fills=("count",),
    ),
    Key(
        "checked",
        BOOLEAN,
        "a request that would be refused is refused here too where its tokens are only estimated",
        True,
        False,
    ),
    example="""
[count]
route = "/v1/count"
header = "x-estimate"
[count.answer]
tokens = "$count"
""",
)
REFUSE = unit(
    "caller_refuse",
    "a route that is not served, nor what stands behind it; where the route itself is one that is "
    "served, what stands behind it alone",
    Key("route", URL_PATH, "its URL", "/v1/store", required=True),
    Key("fault", FAULT, "what says why; {value}: the name behind it", "unknown_url", required=True),
    Key("header", BOOLEAN, "only with the header that asks for this dialect's models", True, False),
    Key("no_names", WORDS, "words behind the route that are no names: unknown URLs", ["shrink"]),
    example="""
[refuse.store]
route = "/v1/store"
fault = "unknown_url"
""",
)
PASS = unit(
    "caller_pass",
    "a route whose requests go to the upstream as they are, with its model in the alias's place",
    Key("route", URL_PATH, "its URL", "/v1/vectors", required=True),
    Key("form", BOOLEAN, "it takes forms with files too (multipart/form-data)", True, False),
    Key("streamed", BOOLEAN, "its answer comes bit by bit, whatever the request says", True, False),
    example="""
[pass.vectors]
route = "/v1/vectors"
""",
)
