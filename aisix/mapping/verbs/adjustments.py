"""Corrections of a finished request: remove, set, cap, merge, keep_last.

Each sees the object the rules have built (`out`) and changes it in place; it answers whether it
changed anything, so that the change can be told. Names are options of the table's `[adjust.NAME]`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aisix.mapping.syntax import paths
from aisix.mapping.syntax.paths import Json
from aisix.mapping.verbs.refused import Refused
from aisix.mapping.verbs.registry import options_of

Value = Callable[[Json], Json]  # resolves "$model.x" to its value, leaves other values alone


@dataclass(frozen=True, slots=True)
class Adjustment:
    run: Callable[[dict[str, Json], dict[str, Json], dict[str, Json], Value], bool]
    summary: str
    options: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()  # those of them that have to be given


ADJUSTMENTS: dict[str, Adjustment] = {}


def _adjustment(summary: str, *options: str) -> Callable[..., Callable[..., bool]]:
    def register(run: Callable[..., bool]) -> Callable[..., bool]:
        ADJUSTMENTS[run.__name__] = Adjustment(run, summary, *options_of(options))
        return run

    return register


def _steps(text: str) -> tuple[paths.Step, ...]:
    return paths.parse(text).steps


@_adjustment("takes fields away", "paths")
def remove(
    out: dict[str, Json], body: dict[str, Json], options: dict[str, Json], value: Value
) -> bool:
    names = options["paths"] if type(options["paths"]) is list else [options["paths"]]
    return bool([name for name in names if paths.remove(out, _steps(name))])


@_adjustment("changes nothing; for what `told` has to say")
def note(
    out: dict[str, Json], body: dict[str, Json], options: dict[str, Json], value: Value
) -> bool:
    return True


@_adjustment("puts a field behind all others, when it is there", "path")
def last(
    out: dict[str, Json], body: dict[str, Json], options: dict[str, Json], value: Value
) -> bool:
    if options["path"] in out:
        out[options["path"]] = out.pop(options["path"])
    return False


@_adjustment("writes fields", "fields")
def set(
    out: dict[str, Json], body: dict[str, Json], options: dict[str, Json], value: Value
) -> bool:
    for name, given in options["fields"].items():
        paths.put(out, _steps(name), value(given))
    return True


@_adjustment(
    "keeps a number `less` below another (`from_over`: only one that is not below it at all); "
    "where that is under `least`, `drop` is taken away",
    *("path", "below", "less?", "from_over?", "least?", "drop?"),
)
def cap(
    out: dict[str, Json], body: dict[str, Json], options: dict[str, Json], value: Value
) -> bool:
    steps = _steps(options["path"])
    found = paths.get(out, steps)
    below = options["below"]
    limit = value(below) if below.startswith("$") else paths.get(out, _steps(below))
    if type(found) not in (int, float) or type(limit) not in (int, float):
        return False
    if options.get("from_over") and found < limit:
        return False
    limit -= options.get("less", 0)
    if found <= limit:
        return False
    if "drop" in options and limit < options.get("least", 0):
        paths.remove(out, _steps(options["drop"]))
    else:
        paths.put(out, steps, limit)
    return True


@_adjustment(
    "lays the caller's object `from` over the request, save the fields in `deny`",
    "from",
    "deny?",
    "bad?",
)
def merge(
    out: dict[str, Json], body: dict[str, Json], options: dict[str, Json], value: Value
) -> bool:
    given = body.get(options["from"])
    if type(given) is not dict:
        return False
    for name in options.get("deny", ()):
        if name in given:
            raise Refused(options.get("bad", "unsupported_field"), f"{options['from']}.{name}")
    lay_over(out, given)
    return True


def lay_over(base: dict[str, Json], above: dict[str, Json]) -> None:
    """Objects merge key by key, anything else replaces; nulls are absent."""
    for key, value in above.items():
        if value is None:
            continue
        if type(value) is dict and type(base.get(key)) is dict:
            base[key] = dict(base[key])
            lay_over(base[key], value)
        else:
            base[key] = paths.copied(value)


@_adjustment(
    "keeps the last `limit` marks in the order of `walk`; a longer one after a shorter is cut",
    *("mark", "limit", "walk", "skip?", "span?", "long?"),
)
def keep_last(
    out: dict[str, Json], body: dict[str, Json], options: dict[str, Json], value: Value
) -> bool:
    """span/long: the key and value of a mark that must not come after one without it.

    A mark of the whole is the last of all, and the same as one that is there.
    """
    mark, skip = options["mark"], frozenset(options.get("skip", ()))
    holders: list[dict[str, Json]] = []
    for name in options["walk"]:
        _marked(out.get(name), mark, skip, holders)
    limit = options["limit"] - (1 if out.get(mark) else 0)
    changed = bool(len(holders) > limit)
    for holder in holders[: max(0, len(holders) - limit)]:
        del holder[mark]
    span, long = options.get("span", ""), options.get("long")
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
