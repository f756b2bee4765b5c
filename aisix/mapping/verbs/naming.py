"""The verbs for things with names: groups of them made flat, names joined, looked up, told apart.

A name in a group and the name of the group become one name that the other side takes; what it was
is kept in a register, so that the answer can be told in the caller's own names.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any

from aisix.mapping.grammar.kinds import (
    CHARACTERS,
    FAULT,
    FIELD,
    PATH,
    POSITIVE,
    REGISTER,
    TEXT,
    TEXTS_BY_NAME,
    WORDS,
)
from aisix.mapping.syntax.paths import TYPE_NAMES, Json, get, parse
from aisix.mapping.verbs.refused import Refused
from aisix.mapping.verbs.registry import Item, Option, Options, RuleContext, verb

_steps = cache(lambda text: parse(text).steps)
_DIGITS = 8  # hex digits of a digest in a name that does not fit

_KIND = Option("kind", FIELD, "the field of an item that says what it is", "kind")
_NAME = Option("name", FIELD, "the field with a name", "name", "name")
_JOINED = (
    Option("joint", TEXT, "what stands between both names; not twice", "__"),
    Option("allowed", CHARACTERS, "the characters of a name, as in a [...] of a pattern", "a-z_"),
    Option("longest", POSITIVE, "characters of a name at most", 64),
    Option("into", REGISTER, "what gets each name with what it was made of", "names", None),
)


@verb(
    "groups of a list give way to what is in them, the name of the group joined to each one's own",
    _KIND,
    Option("group", TEXT, "that word of a group", "group"),
    Option("list", FIELD, "the field of a group with its items", "tools"),
    *(_NAME, *_JOINED),
    Option("space", FIELD, "the field for the group's name, in the register", "space", "space"),
    Option("given", TEXTS_BY_NAME, "kind = the name of one that has none", {"find": "find"}, {}),
    Option("bad", FAULT, "what a second one of a name is refused with", "duplicate", None),
    Option(
        "knows",
        WORDS,
        "fields of a group that need no word; others, and an empty group, are told as dropped",
        ["kind", "name", "tools"],
        None,
    ),
    example=(
        [{"kind": "group", "name": "g", "tools": [{"name": "f"}]}],
        {
            "kind": "kind",
            "group": "group",
            "list": "tools",
            "joint": "__",
            "allowed": "a-z_",
            "longest": 64,
        },
        [{"name": "g__f"}],
    ),
    takes=list,
    gives=list,
    asks=True,
)
def unfolded(value: Json, options: Options, call: RuleContext) -> Json:
    kind, group, name = options["kind"], options["group"], options["name"]
    given = options["given"]
    names: set[Json] = set()
    flat = True
    for item in value:  # most have no groups
        word = item.get(kind) if type(item) is dict else None
        if type(word) is not str or word == group or word in given:
            flat = False
            break
        one = item.get(name)
        if type(one) is str:
            if one in names:
                flat = False
                break
            names.add(one)
    return value if flat else _unfolded(value, options, call)


def _unfolded(value: list[Json], options: Options, call: RuleContext) -> list[Json]:
    kind, name, inner = options["kind"], options["name"], options["list"]
    out: list[Json] = []
    places: list[str] = []
    for number, item in enumerate(value):
        place = f"[{number}]"
        _objects(item, place)
        word, space = item.get(kind), item.get(name)
        call.moved(item, place)
        if word == options["group"] and type(item.get(inner)) is list and type(space) is str:
            _tell_of_group(item, space, options, call)
            for within, one in enumerate(item[inner]):
                _objects(one, f"{inner}[{within}]", item)
                if type(one.get(name)) is str:
                    one = {**one, name: _joined(space, one[name], options, call)}
                call.moved(one, f"{inner}[{within}]", item)
                out.append(one)
                places.append(f"{place}.{inner}[{within}]")
            continue
        if type(word) is str and word in options["given"] and space is None:
            named = {**item, name: options["given"][word]}
            call.moved(named, "", item)
            item = named
        out.append(item)
        places.append(place)
    seen: set[str] = set()
    for item, place in zip(out, places, strict=True):
        one = item.get(name)
        if type(one) is str and "bad" in options:
            if one in seen:
                raise Refused(options["bad"], f"{place}.{name}", value=one)
            seen.add(one)
    return out


def _tell_of_group(item: Item, space: str, options: Options, call: RuleContext) -> None:
    """What is lost of a group as it gives way."""
    knows = options.get("knows")
    said = (name for name, value in item.items() if value is not None)
    if knows is not None and not (item[options["list"]] and all(name in knows for name in said)):
        call.tell("dropped", space)


def _objects(item: Json, place: str, of: Json = None) -> None:
    """Anything else could not be found again where the list is no longer as it came."""
    if type(item) is not dict:
        found = TYPE_NAMES.get(type(item), "null")
        raise Refused("wrong_type", place, of, expected="object", found=found)


def _joined(space: str, name: str, options: Options, call: RuleContext) -> str:
    """Both names as one; where that does not fit, with a digest of both: no other two make it."""
    joint = options["joint"]
    whole = space + name if space.endswith(joint) else f"{space}{joint}{name}"
    others, longest = options["allowed"], options["longest"]
    if len(whole) > longest or others.search(whole):
        digest = hashlib.sha256(f"{space}\0{name}".encode("utf-8", "surrogatepass")).hexdigest()
        start = others.sub("", whole[: 1 << 16])[: longest - _DIGITS - 1]
        whole = f"{start}_{digest[:_DIGITS]}"
    if "into" in options:
        was = {options["name"]: name, options.get("space", "space"): space}
        call.state.setdefault(options["into"], {})[whole] = was
    return whole


@verb(
    "the name of an object, joined to that of its group where it says one; of a list, each one's",
    _NAME,
    Option("space", FIELD, "the field with the name of the group", "space"),
    *_JOINED,
    example=(
        {"name": "f", "space": "g"},
        {"space": "space", "joint": "__", "allowed": "a-z_", "longest": 64},
        "g__f",
    ),
)
def qualified(value: Json, options: Options, call: RuleContext) -> Json:
    if type(value) is list:
        names = (_qualified(item, options, call) for item in value if type(item) is dict)
        return [name for name in names if name is not None]
    return _qualified(value, options, call) if type(value) is dict else None


def _qualified(item: Item, options: Options, call: RuleContext) -> Json:
    name, space = item.get(options["name"]), item.get(options["space"])
    if type(name) is str and type(space) is str and space:
        return _joined(space, name, options, call)
    return name


@verb(
    "the lists in a field of those items that are of some kinds, end to end",
    _KIND,
    Option("kinds", WORDS, "those words", ["found"]),
    Option("list", FIELD, "the field with the list", "tools"),
    example=(
        [{"kind": "found", "tools": [{"a": 1}, {"a": 2}]}, {"kind": "said"}],
        {"kind": "kind", "kinds": ["found"], "list": "tools"},
        [{"a": 1}, {"a": 2}],
    ),
    takes=list,
    gives=list,
)
def lists_within(value: Json, options: Options, call: RuleContext) -> Json:
    kind, kinds, inner = options["kind"], options["kinds"], options["list"]
    out: list[Json] = []
    for number, item in enumerate(value):
        if type(item) is dict and item.get(kind) in kinds and type(item.get(inner)) is list:
            for within, one in enumerate(item[inner]):
                _objects(one, place := f"[{number}].{inner}[{within}]")
                call.moved(one, place)
                out.append(one)
    return out


@verb(
    "of the items with the same text in a field the first; all others stay",
    Option("field", FIELD, "the field", "name"),
    example=([{"name": "a"}, {"name": "a", "x": 1}], {"field": "name"}, [{"name": "a"}]),
    takes=list,
    gives=list,
)
def first_of_each(value: Json, options: Options, call: RuleContext) -> Json:
    field = options["field"]
    seen: set[str] = set()
    out: list[Json] = []
    for item in value:
        word = item.get(field) if type(item) is dict else None
        if type(word) is str:
            if word in seen:
                continue
            seen.add(word)
        out.append(item)
    return out


@verb(
    "what stands at a path of each item of a list, where something does",
    Option("path", PATH, "the path", "function.name"),
    example=([{"name": "a"}, {}], {"path": "name"}, ["a"]),
    takes=list,
    gives=list,
)
def pick(value: Json, options: Options, call: RuleContext) -> Json:
    found: Any = get(value, (None, *_steps(options["path"])))
    return found


@verb(
    "of an object its words, or its word, when each is one of the object's list; else refused",
    Option("words", FIELD, "the field with a word or a list of them", "words"),
    Option("known", FIELD, "the field with the list", "known"),
    Option("bad", FAULT, "what another word is refused with", "bad_value", "bad_value"),
    example=({"words": ["a"], "known": ["a", "b"]}, {"words": "words", "known": "known"}, ["a"]),
    takes=dict,
)
def among(value: Json, options: Options, call: RuleContext) -> Json:
    words, known = value.get(options["words"]), value.get(options["known"])
    names = {name for name in known if type(name) is str} if type(known) is list else set()
    for word in words if type(words) is list else () if words is None else (words,):
        if type(word) is not str or word not in names:
            raise Refused(options["bad"], value=word)
    return words
