"""Corrections of a finished request: remove, set, cap, merge, keep_last, mark_ends.

Each sees the object the rules have built (`out`) and changes it in place; it answers whether it
changed anything, so that the change can be told. Objects below may still be the caller's own, which
another target will ask for: they are copied before they change. Names are options of the table's
`[adjust.NAME]`.
"""

from __future__ import annotations

from functools import cache

from aisix.mapping.grammar.kinds import (
    BOOLEAN,
    CALLER_FIELD,
    FAULT,
    FIELD,
    INTEGER,
    MEMBER,
    MEMBERS,
    NUMBER,
    OBJECT,
    PATH_OR_LOOKUP,
    TEXT_OR_NUMBER,
    VALUES_BY_PATH,
    WORDS,
)
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.paths import Json
from aisix.mapping.verbs.refused import Refused
from aisix.mapping.verbs.registry import ADJUSTMENTS, Option, Options, Value, adjusts

__all__ = ["ADJUSTMENTS"]


@cache
def _steps(text: str) -> tuple[paths.Step, ...]:
    """Of an option's path: tables have few."""
    return paths.parse(text).steps


def _own(out: dict[str, Json], steps: tuple[paths.Step, ...]) -> tuple[paths.Step, ...]:
    """The steps, once the objects on the way are nobody else's."""
    node = out
    for step in steps[:-1]:
        below = node.get(step)  # type: ignore[arg-type]
        if type(below) is not dict:
            break
        node[step] = node = dict(below)  # type: ignore[index]
    return steps


@adjusts("takes fields away", Option("paths", MEMBERS, "the fields", ["sampling.top"]))
def remove(out: dict[str, Json], body: dict[str, Json], options: Options, value: Value) -> bool:
    names = options["paths"] if type(options["paths"]) is list else [options["paths"]]
    return bool([name for name in names if paths.remove(out, _own(out, _steps(name)))])


@adjusts("changes nothing; for what `told` has to say")
def note(out: dict[str, Json], body: dict[str, Json], options: Options, value: Value) -> bool:
    return True


@adjusts(
    "puts a field behind all others, when it is there",
    Option("path", FIELD, "the field", "messages"),
)
def last(out: dict[str, Json], body: dict[str, Json], options: Options, value: Value) -> bool:
    if options["path"] in out:
        out[options["path"]] = out.pop(options["path"])
    return False


@adjusts(
    "writes fields; a $lookup that finds nothing writes nothing",
    Option("fields", VALUES_BY_PATH, "what is written where", {"sampling.top": 1}),
    adds=True,
)
def set(out: dict[str, Json], body: dict[str, Json], options: Options, value: Value) -> bool:
    for name, given in options["fields"].items():
        found = value(given)
        if found is not None:
            paths.put(out, _own(out, _steps(name)), found)
    return True


@adjusts(
    "keeps a number `less` below another (`from_over`: only one that is not below it at all); "
    "where that is under `least`, `or_remove` is taken away",
    Option("path", MEMBER, "the number", "thinking.budget"),
    Option("below", PATH_OR_LOOKUP, "the other number", "$model.limit"),
    Option("less", NUMBER, "how far below", 1024, 0),
    Option("from_over", BOOLEAN, "only one that is not below", True, False),
    Option("least", NUMBER, "the least that makes sense", 1024, 0, needs="or_remove"),
    Option("or_remove", MEMBER, "what goes where that cannot be had", "thinking", None),
)
def cap(out: dict[str, Json], body: dict[str, Json], options: Options, value: Value) -> bool:
    steps = _steps(options["path"])
    found = paths.get(out, steps)
    below = options["below"]
    limit = value(below) if below.startswith("$") else paths.get(out, _steps(below))
    if type(found) not in (int, float) or type(limit) not in (int, float):
        return False
    if options["from_over"] and found < limit:
        return False
    limit -= options["less"]
    if found <= limit:
        return False
    if "or_remove" in options and limit < options["least"]:
        paths.remove(out, _own(out, _steps(options["or_remove"])))
    else:
        paths.put(out, _own(out, steps), limit)
    return True


@adjusts(
    "lays the caller's object `from` over the request, save the fields in `deny`",
    Option("from", CALLER_FIELD, "the field with that object", "extra"),
    Option("deny", WORDS, "fields it must not have", ["model"], ()),
    Option("bad", FAULT, "what those are refused with", "unsupported_field", "unsupported_field"),
    adds=True,
)
def lay_over(out: dict[str, Json], body: dict[str, Json], options: Options, value: Value) -> bool:
    given = body.get(options["from"])
    if type(given) is not dict:
        return False
    for name in options["deny"]:
        if name in given:
            raise Refused(options["bad"], f"{options['from']}.{name}")
    put_over(out, given)
    return True


def put_over(base: dict[str, Json], above: dict[str, Json]) -> None:
    """Objects merge key by key, anything else replaces; nulls are absent."""
    for key, value in above.items():
        if value is None:
            continue
        if type(value) is dict and type(base.get(key)) is dict:
            base[key] = dict(base[key])
            put_over(base[key], value)
        else:
            base[key] = paths.copied(value)


@adjusts(
    "keeps the last `limit` marks in the order of `walk`; a longer one after a shorter is cut",
    Option("mark", FIELD, "the field that is a mark", "mark"),
    Option("limit", INTEGER, "marks at most", 4),
    Option("walk", WORDS, "fields of the request, in their order", ["tools", "messages"]),
    Option("skip", WORDS, "fields that are not looked into", ["source"], ()),
    Option("span", FIELD, "where a mark says how long it lasts", "span", "", needs="long"),
    Option("long", TEXT_OR_NUMBER, "what a longer one says there", "1h", None, needs="span"),
)
def keep_last(out: dict[str, Json], body: dict[str, Json], options: Options, value: Value) -> bool:
    """span/long: the key and value of a mark that must not come after one without it.

    A mark of the whole is the last of all, and the same as one that is there.
    """
    mark, skip = options["mark"], frozenset(options["skip"])
    holders: list[dict[str, Json]] = []
    for name in options["walk"]:
        _marked(out.get(name), mark, skip, holders)
    limit = options["limit"] - (1 if out.get(mark) else 0)
    changed = bool(len(holders) > limit)
    for holder in holders[: max(0, len(holders) - limit)]:
        del holder[mark]
    span, long = options["span"], options.get("long")
    short_seen = False
    for holder in holders[max(0, len(holders) - limit) :]:
        if holder[mark].get(span) != long:
            short_seen = True
        elif short_seen and span:
            holder[mark] = {key: v for key, v in holder[mark].items() if key != span}
            changed = True
    whole = out.get(mark)
    if span and type(whole) is dict:  # stands for a mark at the very end
        end = _end(out.get(options["walk"][-1]), mark)
        wanted = end[mark].get(span) if end else None if short_seen else whole.get(span)
        if wanted != whole.get(span):
            rest = {key: v for key, v in whole.items() if key != span}
            out[mark] = {**rest, span: wanted} if wanted is not None else rest
            changed = changed or mark in body  # else nobody asked for it
    return changed


@adjusts(
    "gives the last part of each of these lists a mark, if nothing is marked yet; none to a text "
    "that says nothing",
    Option("mark", FIELD, "the field that is a mark", "mark"),
    Option("value", OBJECT, "what the mark says", {"type": "short"}),
    Option("ends", WORDS, "paths of the lists, which may end in [-1]", ["messages[-1].parts"]),
    Option("walk", WORDS, "fields of the request where a mark may be", ["tools", "messages"]),
    Option("skip", WORDS, "fields that are not looked into", ["source"], ()),
    Option("text", FIELD, "the field of a part with its text", "text"),
    Option("kind", FIELD, "the field of a part that says what it is", "type"),
    Option("unlike", WORDS, "kinds of parts that get no mark", ["thought"], ()),
    adds=True,
)
def mark_ends(out: dict[str, Json], body: dict[str, Json], options: Options, value: Value) -> bool:
    mark, holders = options["mark"], list[dict[str, Json]]()
    for name in options["walk"]:
        _marked(out.get(name), mark, frozenset(options["skip"]), holders)
    if holders or out.get(mark):
        return False
    marked = [_mark_end(out, (*_steps(end), -1), options) for end in options["ends"]]
    return True in marked


def _mark_end(out: dict[str, Json], steps: tuple[paths.Step, ...], options: Options) -> bool:
    part = paths.get(out, steps)
    if type(part) is not dict or part.get(options["kind"]) in options["unlike"]:
        return False
    text = part.get(options["text"])
    if type(text) is str and not text.strip():
        return False
    node: Json = out
    for step in steps:  # each is nobody else's from here on
        below = node[step]
        node[step] = node = dict(below) if type(below) is dict else list(below)
    node[options["mark"]] = dict(options["value"])
    return True


def _end(node: Json, mark: str) -> dict[str, Json] | None:
    """What carries a mark at the end of all: the last item of the last list, and so on down."""
    while node:
        if type(node) is list:
            node = node[-1]
        elif type(node) is not dict or type(node.get(mark)) is dict:
            break
        else:
            node = next((v for v in reversed(node.values()) if type(v) is list), None)
    return node if type(node) is dict else None


def _marked(node: Json, mark: str, skip: frozenset[str], holders: list[dict[str, Json]]) -> None:
    if type(node) is dict:
        for key, below in node.items():
            if key not in skip and key != mark:
                _marked(below, mark, skip, holders)
        if type(node.get(mark)) is dict:
            holders.append(node)
    elif type(node) is list:
        for below in node:
            _marked(below, mark, skip, holders)
