"""What `routing` of a model may be: the way to choose among its `targets`, or a group of aliases.

Must never know: which models there are.
"""

from __future__ import annotations

from typing import Any

import voluptuous as vol

from aisix.store.kinds import checks
from aisix.store.kinds.declare import Field, Type
from aisix.store.kinds.types import (
    FLAG,
    NAME,
    TAGS,
    one_of,
    rules_of,
    schema_of,
    statuses,
    tables,
    whole,
)
from aisix.store.resources import (
    HASH_ON,
    HASH_SOURCES,
    MOST_FALLBACKS,
    ROUTINGS,
    STRATEGIES,
    UNAVAILABLE,
    AliasGroup,
    Document,
    GroupTarget,
    HashSource,
)

MOST_MEMBERS = 256
PRIORITIES = 2**31
NAMED_SOURCES = ("header", "cookie")  # those that need a `name`


def _integer(value: Any) -> int:
    if type(value) is not int or not -PRIORITIES <= value < PRIORITIES:
        raise vol.Invalid("must be a whole number")
    return value


def _sources(value: Any) -> list[Document]:
    found: list[Document] = _SOURCES.check(value)
    for place, one in enumerate(found):
        if one["type"] in NAMED_SOURCES and not one.get("name"):
            raise vol.Invalid("required for a header or a cookie", [place, "name"])
    return found


PRIORITY = Type(_integer, {"type": "integer"}, "whole number")
_SOURCES = tables(
    (
        Field("type", one_of(HASH_SOURCES), "where it is", required="required"),
        Field("name", NAME, "of the header or cookie"),
    ),
    MOST_MEMBERS,
    "sources",
    made=lambda one: HashSource(**one),
)
SOURCES = Type(_sources, _SOURCES.schema, _SOURCES.words, _SOURCES.made, _SOURCES.fields)
MEMBERS = tables(
    (
        Field("model", NAME, "an alias with one upstream model", required="required: an alias"),
        Field("weight", whole(10**6), "its share; 0 counts as 1"),
        Field("priority", PRIORITY, "higher ones are asked first; default: 0"),
        Field("tags", TAGS, "for requests that name one of them"),
    ),
    MOST_MEMBERS,
    "aliases",
    made=lambda one: GroupTarget(**{**one, "tags": tuple(one.get("tags", ()))}),
)
GROUP_FIELDS = (
    Field("strategy", one_of(STRATEGIES), f"the order in a tier; default: {STRATEGIES[0]}"),
    Field("targets", MEMBERS, "the aliases", required="required: a list of aliases"),
    Field("retries", whole(10), "further attempts at each target, where that says nothing itself"),
    Field("max_fallbacks", whole(MOST_FALLBACKS), "of the others, how many are asked; null: all"),
    Field("retry_on_429", FLAG, "whether a 429 goes on to another target"),
    Field("fallback_on_statuses", statuses(400), "further statuses that do"),
    Field(
        "when_all_unavailable",
        one_of(UNAVAILABLE),
        "when background checks found no target well: a 503, or the targets all the same",
    ),
    Field("hash_on", SOURCES, "what consistent_hash goes by; the first that is there"),
)
_GROUP = vol.Schema(rules_of(GROUP_FIELDS))


def _routing(value: Any) -> Any:
    if isinstance(value, dict):
        return _GROUP(checks.without_nulls(value))
    return checks.routing(value)


def _made(value: Any) -> Any:
    if isinstance(value, str):
        return value
    by_name = {one.name: one.type for one in GROUP_FIELDS}
    made = {name: by_name[name].made(below) for name, below in value.items()}
    return AliasGroup(**{"hash_on": tuple(HashSource(*one) for one in HASH_ON), **made})


ROUTING = Type(
    _routing,
    {
        "type": ["string", "object"],
        "anyOf": [{"type": "string", "enum": [*ROUTINGS]}, schema_of(GROUP_FIELDS)],
    },
    f"{', '.join(ROUTINGS)}; or an object: a group of other aliases",
    made=_made,
    fields=GROUP_FIELDS,
)
