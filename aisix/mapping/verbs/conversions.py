"""The closed list of verbs a rule may name in `as`, each with a summary and an example that runs as
a test.

A verb is a pure function `verb(value, options, call)`. It knows shapes, never names of a wire
format: those are options, written in a `[convert.*]` table and declared above the function. It may
`call.tell(how)` (the caller is told of a change) or raise `Refused(kind, at)` (a 400 naming the
field below which `at` lies).
"""

from __future__ import annotations

from functools import cache

import msgspec

from aisix.mapping.grammar.kinds import FAULT, FIELD, INTEGER, LIST, PATH, PATHS, TEXT, WORDS
from aisix.mapping.syntax.budget import Spent
from aisix.mapping.syntax.paths import Json, Step, get, parse
from aisix.mapping.verbs import content, naming, packs, surrogates, times
from aisix.mapping.verbs import schemas as schema_verbs
from aisix.mapping.verbs import text as text_verbs
from aisix.mapping.verbs.census import too_much
from aisix.mapping.verbs.refused import Refused
from aisix.mapping.verbs.registry import VERBS, Option, Options, RuleContext, verb

# Texts, names, times, content, packs, schemas have files of their own; to name them fills VERBS.
__all__ = ["VERBS", "content", "naming", "packs", "schema_verbs", "text_verbs", "times"]

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_LONG = 1024  # characters of JSON text
_steps = cache(lambda text: parse(text).steps)

_BAD = Option("bad", FAULT, "what a wrong value is refused with", "bad_value", "bad_value")


@verb(
    "one value becomes a list of one; a list stays",
    example=("a", {}, ["a"]),
    gives=list,
    leaves=list,
)
def list_(value: Json, options: Options, call: RuleContext) -> Json:
    return value if type(value) is list else [value]


@verb(
    "a plain value becomes an object with it under `key`",
    Option("key", FIELD, "the field of that object", "k"),
    example=("x", {"key": "k"}, {"k": "x"}),
    gives=dict,
    leaves=dict,
)
def wrap(value: Json, options: Options, call: RuleContext) -> Json:
    return value if type(value) is dict else {options["key"]: value}


@verb(
    "whether two neighbours of a list have this value in a field",
    Option("field", FIELD, "the field", "who"),
    Option("value", TEXT, "the value", "me"),
    example=([{"who": "me"}, {"who": "me"}], {"field": "who", "value": "me"}, True),
    gives=bool,
)
def in_a_row(value: Json, options: Options, call: RuleContext) -> Json:
    field, wanted = options["field"], options["value"]
    before = False
    for item in value if type(value) is list else ():
        here = type(item) is dict and item.get(field) == wanted
        if here and before:
            return True
        before = here
    return False


@verb("true becomes false and false true", example=(True, {}, False), gives=bool)
def opposite(value: Json, options: Options, call: RuleContext) -> Json:
    return not value


@verb("the value as compact JSON text", example=({"a": 1}, {}, '{"a":1}'), gives=str)
def json_text(value: Json, options: Options, call: RuleContext) -> Json:
    return _encode(value).decode()


@verb(
    "JSON text becomes an object, blank text the empty one; other text goes under `otherwise`",
    Option("otherwise", FIELD, "where text stands that is no object", "raw", "text"),
    example=('{"a":1}', {"otherwise": "raw"}, {"a": 1}),
    gives=dict,
    leaves=dict,
    asks=True,
)
def json_object(value: Json, options: Options, call: RuleContext) -> Json:
    if type(value) is dict:
        return value
    if type(value) is not str:
        value = _encode(value).decode()
    if not value or value.isspace():
        return {}
    if len(value) > _LONG:  # what it holds was only a text to whoever counted before
        call.budget.spend(len(value) >> 6)
        if too_much(value.encode(), call.budget.held):
            raise Spent
    try:
        found = _decode(value)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        call.tell("rewritten")
        found = _mended(value)
        return found if type(found) is dict else {options["otherwise"]: value}
    if type(found) is dict:
        return found
    call.tell("rewritten")
    return {options["otherwise"]: value}


def _mended(value: str) -> Json:
    """JSON text that a strict reader has refused, halves of characters replaced; None if something
    else is wrong with it."""
    try:
        return surrogates.decode(value.encode())[0]
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


@verb("drops nulls at every depth", example=({"a": None, "b": [1, None]}, {}, {"b": [1]}))
def without_nulls(value: Json, options: Options, call: RuleContext) -> Json:
    if type(value) is dict:
        return {k: without_nulls(v, options, call) for k, v in value.items() if v is not None}
    if type(value) is list:
        return [without_nulls(v, options, call) for v in value if v is not None]
    return value


@verb(
    "items of one `by` become one: `join` fields are put end to end, of others the first stays",
    Option("by", FIELD, "the field whose whole number or text says which are one", "i"),
    Option("join", WORDS, "fields whose texts are put end to end", ["t"], ()),
    example=(
        [{"i": 0, "t": "a"}, {"i": 0, "t": "b", "s": "z"}],
        {"by": "i", "join": ["t"]},
        [{"i": 0, "t": "ab", "s": "z"}],
    ),
)
def combine(value: Json, options: Options, call: RuleContext) -> Json:
    if type(value) is not list:
        return value
    by, joined = options["by"], options["join"]
    combined: dict[Json, dict[str, Json]] = {}
    out: list[Json] = []
    for item in value:
        key = item.get(by) if type(item) is dict else None
        if type(key) not in (int, str) or key not in combined:
            out.append(dict(item) if type(item) is dict else item)
            if type(key) in (int, str):
                combined[key] = out[-1]
            continue
        whole = combined[key]
        for name, part in item.items():
            if name in joined and type(part) is str and type(whole.get(name)) is str:
                text, whole[name] = whole[name], None  # nothing else holds it: it grows in place
                text += part
                whole[name] = text
            elif whole.get(name) is None:
                whole[name] = part
    return out


@verb(
    "the number of the nearest earlier item of the body's `list` whose `path` equals the value",
    Option("list", FIELD, "the field of the body with the list", "messages"),
    Option("path", PATH, "what of an item is compared", "function.name"),
    Option(
        "missing", FAULT, "what is refused with that has no such item", "bad_value", "bad_value"
    ),
    gives=int,
    asks_item=True,
)
def position_before(value: Json, options: Options, call: RuleContext) -> Json:
    items = call.body.get(options["list"]) or []
    steps = _steps(options["path"])
    # Items ask in their order: what stands before one is looked at once for all of them.
    key = f" {options['list']} {options['path']}"
    if call.state.get(key) is None:
        call.state[key] = [0, {}]
    seen: list[Json] = call.state[key]
    for begun in (seen[0], 0):
        if begun == 0:
            seen[:] = [0, {}]
        while seen[0] < len(items) and items[seen[0]] is not call.item:
            name = get(items[seen[0]], steps)
            if type(name) is str:
                seen[1][name] = seen[0]
            seen[0] += 1
        if seen[0] < len(items):
            break
    found = seen[1].get(value) if type(value) is str else None
    if found is None:
        raise Refused(options["missing"])
    return found


@verb(
    "leaves a value out that is one of `values`, and tells",
    Option("values", LIST, "those that mean nothing", [0]),
    example=(0, {"values": [0]}, None),
    asks=True,
)
def unless_in(value: Json, options: Options, call: RuleContext) -> Json:
    if type(value) is bool or value not in options["values"]:
        return value
    call.tell("dropped")
    return None


@verb(
    "refuses two items with the same value at the first `path` present, or one that stands at one "
    "of the body's paths `beside`",
    Option("path", PATHS, "what of an item must differ", ["function.name", "name"]),
    Option("beside", PATHS, "values of the body that count as well", ["tools[].name"], ()),
    Option("bad", FAULT, "what the second one is refused with", "duplicate", "duplicate"),
    keeps=True,
)
def distinct(value: Json, options: Options, call: RuleContext) -> Json:
    texts = _several(options["path"])
    names = _names(value, _steps(texts[0]))
    paths = _several(options["beside"])
    beside = [name for text in paths for name in get(call.body, _steps(text)) or ()]
    if not beside and names is not None and len(names) == len(value) and _all_differ(names):
        return value
    seen = {name for name in beside if type(name) is str}
    for number, item in enumerate(value if type(value) is list else ()):
        for text in texts:
            key = get(item, _steps(text))
            if type(key) is str:
                if key in seen:
                    raise Refused(options["bad"], f"[{number}].{text}", value=key)
                seen.add(key)
                break
    return value


def _several(paths: Json) -> Json:
    return [paths] if type(paths) is str else paths


def _names(items: Json, steps: tuple[Step, ...]) -> list[Json] | None:
    """What stands at `steps` of each item, as `get` finds it."""
    if type(items) is list and len(steps) == 2 and type(steps[0]) is str is type(steps[1]):
        first, second = steps
        try:
            return [item[first][second] for item in items]
        except (TypeError, KeyError, IndexError):
            pass  # an odd item
    found: list[Json] | None = get(items, (None, *steps))
    return found


def _all_differ(names: list[Json]) -> bool:
    try:
        return len(set(names)) == len(names)
    except TypeError:
        return False


@verb(
    "the value (or each value of a list) when it is one of the body's `path` values, else refused",
    Option("path", PATHS, "where the body has the values", "tools[].name"),
    _BAD,
    keeps=True,
)
def named_in(value: Json, options: Options, call: RuleContext) -> Json:
    paths = _several(options["path"])
    known = {
        name for text in paths for name in get(call.body, _steps(text)) or () if type(name) is str
    }
    for name in value if type(value) is list else [value]:
        if type(name) is not str or name not in known:
            raise Refused(options["bad"], value=name)
    return value


@verb(
    "each text of a list as a key: a field is compared with many of them in one look",
    example=(["a", "b"], {}, {"a": True, "b": True}),
    takes=list,
    gives=dict,
)
def key_of_each(value: Json, options: Options, call: RuleContext) -> Json:
    return {item: True for item in value if type(item) is str}


@verb("leaves an empty text or list out", example=("", {}, None))
def not_empty(value: Json, options: Options, call: RuleContext) -> Json:
    return value or None


@verb(
    "each value of a list once, in order",
    example=(["a", "b", "a"], {}, ["a", "b"]),
    takes=list,
    gives=list,
)
def once(value: Json, options: Options, call: RuleContext) -> Json:
    try:
        return list(dict.fromkeys(value))
    except TypeError:  # a list or an object in it: for whoever reads the items to refuse
        seen: dict[bytes, Json] = {}
        for item in value:
            seen.setdefault(_encode(item), item)
        return [*seen.values()]


@verb(
    "one field of an object, as text",
    Option("name", FIELD, "the field", "a"),
    example=({"a": "x"}, {"name": "a"}, "x"),
    gives=str,
)
def field_text(value: Json, options: Options, call: RuleContext) -> Json:
    found = value.get(options["name"]) if type(value) is dict else None
    if found is None:
        return _encode(value).decode() if value else ""
    return found if type(found) is str else _encode(found).decode()


@verb(
    "a list of one object becomes its `field`, when only fields of `beside` stand beside that",
    Option("field", FIELD, "the field", "text"),
    Option("beside", WORDS, "what else the object may have", ["k"]),
    example=([{"k": "t", "text": "x"}], {"field": "text", "beside": ["k"]}, "x"),
)
def lone(value: Json, options: Options, call: RuleContext) -> Json:
    if type(value) is not list or len(value) != 1 or type(value[0]) is not dict:
        return value
    item, name = value[0], options["field"]
    return item[name] if name in item and item.keys() <= {name, *options["beside"]} else value


@verb(
    "the first `limit` items of a list, and tells when there were more",
    Option("limit", INTEGER, "items at most", 1),
    example=(["a", "b"], {"limit": 1}, ["a"]),
    takes=list,
    gives=list,
    asks=True,
)
def at_most(value: Json, options: Options, call: RuleContext) -> Json:
    if len(value) <= options["limit"]:
        return value
    call.tell("clamped")
    return value[: options["limit"]]
