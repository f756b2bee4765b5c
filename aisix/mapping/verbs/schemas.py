"""The verbs for JSON Schema; see conversions.py. What they do stands in `schema/`."""

from __future__ import annotations

from functools import cache, lru_cache
from re import Pattern

import msgspec

from aisix.mapping.grammar.kinds import BOOLEAN, CHARACTERS, FAULT, INTEGER, PATH, PATHS, WORDS
from aisix.mapping.syntax.budget import Budget
from aisix.mapping.syntax.paths import Json, get, parse
from aisix.mapping.verbs.refused import Refused
from aisix.mapping.verbs.registry import Option, Options, RuleContext, verb
from aisix.mapping.verbs.schema import closed
from aisix.mapping.verbs.schema.budget import most_within
from aisix.mapping.verbs.schema.drafts import normal
from aisix.mapping.verbs.schema.fill import filled
from aisix.mapping.verbs.schema.keys import renamed, restored, with_keys, with_names
from aisix.mapping.verbs.schema.keywords import Schema, TooLarge, described
from aisix.mapping.verbs.schema.root import MERGED, object_root
from aisix.mapping.verbs.schema.subset import CutSchema, cut

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_LONG = 8192  # bytes of a schema that is remembered
_SHIFT = 5  # 32 bytes of a schema are a step
_steps = cache(lambda text: parse(text).steps)

_BAD = Option("bad", FAULT, "what a schema is refused with", "bad_parameters", "bad_value")
_NAME = Option("name", PATHS, "where the item says what it is called", "function.name", None)
_KEYS = Option("keys", CHARACTERS, "characters of a property's name; others: renamed", "a-z", None)
_LONGEST = Option("longest", INTEGER, "characters of a property's name", 64, 1_000_000)
_FILL = Option(
    "fill", BOOLEAN, "objects get properties, arrays get items, where there are none", True, False
)
_WITHOUT = Option("without", WORDS, "keywords at the root said in its description", ["not"], ())
_KEEP = Option("keep", WORDS, "keywords that stay; others go into the description", ["type"])
_FORMATS = Option("formats", WORDS, "values of `format` that stay", ["date-time"], ())
_MAX_OPTIONAL = Option("max_optional", INTEGER, "properties that need not be there", 24, 1_000_000)
_MAX_UNIONS = Option("max_unions", INTEGER, "places with a choice of types", 16, 1_000_000)


def _first(item: Json, paths: str | list[str]) -> Json:
    """What stands at the first of these paths that is there."""
    for path in [paths] if type(paths) is str else paths:
        found = get(item, _steps(path))
        if found is not None:
            return found
    return None


def _named(item: Json, options: Options) -> str:
    found = _first(item, options.get("name", ()))
    return found if type(found) is str else ""


def _rooted(value: Json, options: Options, name: str, budget: Budget) -> tuple[Schema, bool]:
    """(the schema of an object, whether it says something otherwise)."""
    if value == {}:
        return {"type": "object", "properties": {}}, False
    bad = options["bad"]
    if type(value) is not dict:
        raise Refused(bad, value=value, reason="the schema must be an object", tool=name)
    reason = "the schema of a function must be an object at its root"
    try:
        schema, changed = normal(value, bad)
        if schema.keys().isdisjoint(MERGED):
            if "type" not in schema:
                return {"type": "object", **schema}, changed
            if schema["type"] == "object":
                return schema, changed
        made = object_root(schema, budget)
    except TooLarge:
        made, reason = None, "its choices are too large to be merged"
    except Refused as refused:
        refused.values["tool"] = name
        raise
    if made is None:
        raise Refused(bad, value=value.get("type"), reason=reason, tool=name)
    return made, True


@verb(
    "a JSON Schema fit for arguments: of draft 2020-12, an object at the root, choices there "
    "merged",
    *(_BAD, _NAME, _KEYS, _LONGEST, _FILL, _WITHOUT),
    example=({}, {}, {"type": "object", "properties": {}}),
    gives=dict,
    asks=True,
    asks_item=True,
)
def object_schema(value: Json, options: Options, call: RuleContext) -> Json:
    text = _encode(value)
    call.budget.spend(len(text) >> _SHIFT)
    if len(text) <= _LONG and _stays(
        text, options.get("keys"), options["longest"], options["fill"], tuple(options["without"])
    ):
        return value
    name = _named(call.item, options)
    schema, changed = _rooted(value, options, name, call.budget)
    if "keys" in options:
        names = _names_of(schema, options)
        if names:
            schema, changed = with_names(schema, names), True
    lost = {word: schema[word] for word in options["without"] if word in schema}
    if lost:
        schema = {word: value for word, value in schema.items() if word not in lost}
        described(schema, _encode(lost).decode().replace('"', ""))
        changed = True
    if options["fill"]:
        schema = filled(schema)
    if changed:
        call.tell("rewritten", name)
    return schema


@verb(
    "a JSON Schema as draft 2020-12 says it",
    *(_BAD, _FILL),
    example=({"minimum": 0, "exclusiveMinimum": True}, {}, {"exclusiveMinimum": 0}),
    asks=True,
)
def plain_schema(value: Json, options: Options, call: RuleContext) -> Json:
    call.budget.spend(len(_encode(value)) >> _SHIFT)
    schema, changed = normal(value, options["bad"])
    if changed:
        call.tell("rewritten")
    return filled(schema) if options["fill"] and type(schema) is dict else schema


@lru_cache(maxsize=1024)
def _stays(
    text: bytes, keys: Pattern[str] | None, longest: int, fill: bool, without: tuple[str, ...]
) -> bool:
    """Whether a schema is as it has to be: tools are the same in every turn of a conversation."""
    value = _decode(text)
    if type(value) is not dict or value.get("type") != "object":
        return False
    try:
        schema = normal(value, "").schema
    except Refused:
        return False
    if schema is not value or not MERGED.isdisjoint(value):
        return False  # what has to be merged does not stay
    if keys is not None and _names_of(schema, {"keys": keys, "longest": longest}):
        return False
    if not schema.keys().isdisjoint(without):
        return False
    return not fill or filled(schema) is schema


def _names_of(schema: Schema, options: Options) -> dict[str, str]:
    held = schema.get("properties")
    return renamed(held, options["keys"], options["longest"]) if type(held) is dict else {}


@verb(
    "{name: {name sent: key}} of the items whose schema (`path`) has properties that "
    "`object_schema` renames; nothing without any",
    Option("path", PATHS, "where an item's schema stands", "function.parameters"),
    Option("name", PATHS, "where the item says what it is called", "function.name"),
    *(_KEYS, _LONGEST),
    example=(
        [{"n": "f", "s": {"properties": {"a b": {}}}}],
        {"path": "s", "name": "n", "keys": "a-z"},
        {"f": {"a_b_c8687a08": "a b"}},
    ),
)
def renamed_keys(value: Json, options: Options, call: RuleContext) -> Json:
    found: dict[str, dict[str, str]] = {}
    for item in value if type(value) is list else [value]:
        schema = _first(item, options["path"])
        if type(schema) is not dict:
            continue
        if not schema.keys().isdisjoint(MERGED):
            try:
                schema = _rooted(schema, {"bad": ""}, "", call.budget)[0]
            except Refused:  # refused where the item itself is looked at
                continue
        names = _names_of(schema, options)
        if names:
            found[_named(item, options)] = {name: key for key, name in names.items()}
    return found or None


@verb(
    "the object at `value` (or each of a list), its keys as `renamed_keys` has them sent: `among` "
    "is what that found",
    Option("among", PATH, "where that stands", "names"),
    Option("name", PATH, "where the name stands whose keys they are", "name"),
    Option("value", PATH, "where the object stands", "value"),
    example=(
        {"names": {"f": {"a_b_1": "a b"}}, "name": "f", "value": {"a b": 1}},
        {"among": "names", "name": "name", "value": "value"},
        {"a_b_1": 1},
    ),
)
def sent_keys(value: Json, options: Options, call: RuleContext) -> Json:
    found = get(value, _steps(options["value"]))
    names = _names_among(value, options)
    if names is None:
        return found
    sent = {key: name for name, key in names.items()}
    if type(found) is list:
        return [with_keys(one, sent) for one in found]
    return with_keys(found, sent)


def _names_among(value: Json, options: Options) -> Json:
    among, name = get(value, _steps(options["among"])), get(value, _steps(options["name"]))
    return among.get(name) if type(among) is dict and type(name) is str else None


@verb(
    "what `caller_keys` reads with: the names of `renamed_keys` (`among`) for one name, if it has "
    "any",
    Option("among", PATH, "where they stand", "names"),
    Option("name", PATH, "where the name stands", "name"),
    example=(
        {"names": {"f": {"a_b_1": "a b"}}, "name": "f"},
        {"among": "names", "name": "name"},
        {"names": {"a_b_1": "a b"}},
    ),
)
def key_reader(value: Json, options: Options, call: RuleContext) -> Json:
    names = _names_among(value, options)
    return None if names is None else {"names": names}  # of its own: what is read is kept in it


@verb(
    "an object, or the next piece of one's JSON text, with the caller's own keys again",
    Option("value", PATH, "where it stands", "value"),
    Option("reader", PATH, "where the reader stands that `key_reader` made", "reader"),
    example=(
        {"value": '{"a_b_1":1}', "reader": {"names": {"a_b_1": "a b"}}},
        {"value": "value", "reader": "reader"},
        '{"a b":1}',
    ),
)
def caller_keys(value: Json, options: Options, call: RuleContext) -> Json:
    found, reader = (get(value, _steps(options[word])) for word in ("value", "reader"))
    if type(reader) is not dict:
        return found
    if type(found) is str:
        return restored(found, reader["names"], reader)
    return with_keys(found, reader["names"])


@verb(
    "a JSON Schema cut to a subset: {schema, whole, root, fits, relaxed, changed, optional, "
    "unions}; `whole` is all of it, of draft 2020-12",
    *(_BAD, _NAME, _KEEP, _FORMATS, _MAX_OPTIONAL, _MAX_UNIONS),
    gives=dict,
    asks=True,
    asks_item=True,
)
def schema_subset(value: Json, options: Options, call: RuleContext) -> Json:
    call.budget.spend(2 * len(_encode(value)) >> _SHIFT)
    whole, changed = normal(value, options["bad"])
    found = cut(whole, options["keep"], options["formats"])
    fits = _is_cheap(found, options)
    if changed:
        call.tell("rewritten", _named(call.item, options))
    return {
        "schema": found.schema,
        "whole": whole,
        "root": _root(whole),
        "fits": fits,
        "relaxed": found.relaxed,
        "changed": found.changed,
        "optional": found.optional,
        "unions": found.unions,
    }


def _is_cheap(found: CutSchema, options: Options) -> bool:
    return (
        found.fits
        and found.optional <= options["max_optional"]
        and found.unions <= options["max_unions"]
    )


def _root(schema: Json) -> Json:
    """The type at the root, when nothing but a type says what may stand there."""
    if type(schema) is not dict or not MERGED.isdisjoint(schema):
        return None
    return schema.get("type", "object")


@verb(
    "the names of the items whose schemas (`path`; `beside` in the body counts too) together stay "
    "within the limits of their sum: as many as can",
    Option("path", PATHS, "where an item's schema stands", "function.parameters"),
    Option("flag", PATHS, "only items in which this is true", "function.strict", None),
    Option("beside", PATH, "where one more stands in the body", "output.schema", None),
    *(_BAD, _NAME, _KEEP, _FORMATS),
    Option("max_items", INTEGER, "items at most", 20, 1_000_000),
    *(_MAX_OPTIONAL, _MAX_UNIONS),
    gives=list,
)
def fitting_schemas(value: Json, options: Options, call: RuleContext) -> Json:
    room = options["max_optional"], options["max_unions"]
    beside = get(call.body, _steps(options["beside"])) if "beside" in options else None
    if beside is not None:
        found = _cut(beside, options, call.budget, rooted=False)
        if found is not None and _is_cheap(found, options):
            room = room[0] - found.optional, room[1] - found.unions
    names, costs = [], []
    for item in value if type(value) is list else ():
        if "flag" in options and _first(item, options["flag"]) is not True:
            continue
        found = _cut(_first(item, options["path"]), options, call.budget, rooted=True)
        if found is not None and found.fits:
            names.append(_named(item, options))
            costs.append((found.optional, found.unions))
    return [names[number] for number in most_within(costs, room, options["max_items"])]


def _cut(schema: Json, options: Options, budget: Budget, rooted: bool) -> CutSchema | None:
    """None: it is refused where it is looked at for itself."""
    budget.spend(2 * len(_encode(schema)) >> _SHIFT)
    try:
        if rooted:
            schema = _rooted({} if schema is None else schema, options, "", budget)[0]
        else:
            schema = normal(schema, options["bad"]).schema
    except Refused:
        return None
    return cut(schema, options["keep"], options["formats"])


@verb(
    "whether every object of a JSON Schema is closed and requires all its properties",
    Option("allowed", WORDS, "with an object at the root, only these keywords in it", ["type"], ()),
    example=({"type": "object", "properties": {"a": {}}}, {}, False),
    gives=bool,
)
def every_property_required(value: Json, options: Options, call: RuleContext) -> Json:
    allowed = options["allowed"]
    if allowed and not closed.is_object(value):
        return False
    return closed.every_property_required(value, allowed)
