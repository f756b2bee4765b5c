"""Passes over a list of messages: lift, drop, sink, recast, fill, merge, pair, begin, end, trim.

A pass sees a list of objects that shapes have just built and may change them in place (they are
ours, never the caller's). It keeps every item it can, so that an item's origin stays known by
identity. Names of roles, lists and keys are options of the table's `[... .arrange.NAME]`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from aisix.mapping.syntax.paths import Json
from aisix.mapping.verbs.refused import Refused
from aisix.mapping.verbs.registry import options_of

Item = dict[str, Json]
Items = list[Item]
Options = dict[str, Json]
Chosen = Callable[[Item], bool]


class PassContext(Protocol):
    @property
    def state(self) -> dict[str, Json]: ...

    def tell(self, how: str) -> None: ...
    def tell_quietly(self, how: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Pass:
    run: Callable[[Items, Options, Chosen, PassContext], Items]
    summary: str
    options: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()  # those of them that have to be given
    chooses: bool = True  # it asks which items are chosen
    tells: bool = False  # it may tell the caller something
    needs: str = ""  # it does nothing unless: see NEEDS


PASSES: dict[str, Pass] = {}
NEEDS = {
    "first": "the first item is a chosen one",
    "not first": "there is no first item or it is no chosen one",
    "last": "the last item is a chosen one",
    "any": "an item is a chosen one",
    "empty": "an item's `list` is empty",
    "several": "there are two items or more",
    "paired": "a part of an item's `list` is a `call` or an `answer` by its `kind`",
}


def _pass(
    summary: str, *options: str, chooses: bool = True, tells: bool = False, needs: str = ""
) -> Callable[..., Callable[..., list[Item]]]:
    def register(run: Callable[..., list[Item]]) -> Callable[..., list[Item]]:
        PASSES[run.__name__] = Pass(run, summary, *options_of(options), chooses, tells, needs)
        return run

    return register


def _parts(item: Item, name: str) -> list[Json]:
    """The item's list; an item may have none."""
    found = item.get(name)
    return found if type(found) is list else []


def _both_have(one: Item, other: Item, name: str) -> bool:
    return type(one.get(name)) is list and type(other.get(name)) is list


def _of_kind(part: Json, kind: str) -> Json:
    return part.get(kind) if type(part) is dict else None


def is_like(item: Item, fields: dict[str, Json]) -> bool:
    return all(item.get(key) == value for key, value in fields.items())


def _made(options: dict[str, Json]) -> Item:
    """A new message: {**fields, list: [item]}."""
    return {**options["fields"], options["list"]: [dict(options["item"])]}


@_pass(
    "takes the leading run of chosen items out; their lists, end to end, become $state.INTO",
    "list",
    "into",
    needs="first",
)
def lift(items: Items, options: Options, chosen: Chosen, call: PassContext) -> Items:
    count = 0
    for item in items:
        if not chosen(item):
            break
        count += 1
    if not count:
        return items
    name = options["list"]
    call.state[options["into"]] = [part for item in items[:count] for part in _parts(item, name)]
    return items[count:]


@_pass(
    "takes every chosen item out; their lists, end to end, are added to $state.INTO",
    "list",
    "into",
    needs="any",
)
def lift_all(items: Items, options: Options, chosen: Chosen, call: PassContext) -> Items:
    name = options["list"]
    lifted = [part for item in items if chosen(item) for part in _parts(item, name)]
    if not lifted:
        return items
    call.state[options["into"]] = [*call.state.get(options["into"], ()), *lifted]
    return [item for item in items if not chosen(item)]


@_pass("drops chosen items whose list is empty", "list", needs="empty")
def drop_empty(items: Items, options: Options, chosen: Chosen, call: PassContext) -> Items:
    name = options["list"]
    for item in items:
        if not item.get(name):
            break
    else:
        return items
    kept = [item for item in items if item.get(name) or not chosen(item)]
    if len(kept) != len(items):
        call.tell_quietly("dropped")
    return kept


@_pass("gives chosen items with an empty list this one item", "list", "item", needs="empty")
def fill(items: Items, options: Options, chosen: Chosen, call: PassContext) -> Items:
    name = options["list"]
    for item in items:
        if not item.get(name) and chosen(item):
            item[name] = [dict(options["item"])]
            call.tell_quietly("inserted")
    return items


@_pass(
    "moves chosen items down past the run of items like `past` that follows them",
    "past",
    needs="any",
)
def sink(items: Items, options: Options, chosen: Chosen, call: PassContext) -> Items:
    past = options["past"]
    out: list[Item] = []
    held: list[Item] = []
    for item in items:
        if chosen(item):
            held.append(item)
            continue
        if held and not is_like(item, past):
            out += held
            held = []
        elif held:
            # Past the whole run: the held items come out before the next item of another kind.
            out.append(item)
            continue
        out.append(item)
    return out + held


@_pass(
    "makes chosen items `become`, texts wrapped; with `after`, only those not behind such an item",
    *("become", "list", "text", "wrap", "after?"),
    needs="any",
)
def recast(items: Items, options: Options, chosen: Chosen, call: PassContext) -> Items:
    after = options.get("after")
    before: Item | None = None
    for item in items:
        if not chosen(item):
            before = item
            continue
        if after is not None and before is not None and is_like(before, after):
            continue
        item.update(options["become"])
        before = item
        for part in _parts(item, options["list"]):
            text = _of_kind(part, options["text"])
            if type(text) is str:
                part[options["text"]] = options["wrap"].replace("{value}", text)
    return items


@_pass(
    "chosen neighbours with the same `by` become one, their lists end to end",
    "by",
    "list",
    needs="several",
)
def merge(items: Items, options: Options, chosen: Chosen, call: PassContext) -> Items:
    by, name = options["by"], options["list"]
    out: list[Item] = []
    last: Item | None = None
    before: Json = None  # the word of the last one
    for item in items:
        word = item.get(by)
        if word == before and last is not None and _both_have(last, item, name) and chosen(item):
            last[name] += item[name]  # the list is ours: a shape has just built it
        else:
            out.append(item)
            last, before = item, word
    return out


@_pass(
    "gives every call its answer in the next turn: first, once, in the order of the calls",
    *("list", "kind", "call", "call_id", "answer", "answer_id", "unanswered", "orphan"),
    chooses=False,
    tells=True,
    needs="paired",
)
def pair(items: Items, options: Options, chosen: Chosen, call: PassContext) -> Items:
    name, kind = options["list"], options["kind"]
    call_kind, call_id = options["call"], options["call_id"]
    answer_kind, answer_id = options["answer"], options["answer_id"]
    seen: set[str] = set()
    given: list[str] = []  # the ids of the calls that wait for an answer, as they came
    waiting: list[str] = []  # and as they are now
    for item in items:
        parts = item.get(name)  # written out here and below: it runs for every part of a request
        if type(parts) is not list:
            parts = []
        answers: list[Item] | None = None
        calls: list[Item] | None = None
        for part in parts:
            word = part.get(kind) if type(part) is dict else None
            if word == answer_kind:
                answers = [part] if answers is None else [*answers, part]
            elif word == call_kind:
                calls = [part] if calls is None else [*calls, part]
        if answers is not None:
            in_front = parts[: len(answers)] == answers
            if not in_front or [a.get(answer_id) for a in answers] != waiting:
                found = _answered(answers, answer_id, given, waiting, options, call)
                item[name] = [*found, *(x for x in parts if _of_kind(x, kind) != answer_kind)]
        elif waiting:
            raise Refused(options["unanswered"], ids=given)
        if calls is None:
            if waiting:
                given = waiting = []
        else:
            given = [str(part.get(call_id)) for part in calls]
            waiting = given
            if len(set(given)) != len(given) or not seen.isdisjoint(given):
                waiting = _distinct_ids(calls, call_id, seen)
            seen.update(waiting)
    if waiting:
        raise Refused(options["unanswered"], ids=given)
    return items


def _distinct_ids(calls: list[Item], call_id: str, seen: set[str]) -> list[str]:
    """The ids of one turn's calls; one that came before gets a number, so that each is unique."""
    ids: list[str] = []
    for part in calls:
        given, number = part.get(call_id), 1
        part[call_id] = str(given)
        while part[call_id] in ids or part[call_id] in seen:
            number += 1
            part[call_id] = f"{given}_{number}"
        ids.append(part[call_id])
    return ids


def _answered(
    answers: list[Item],
    answer_id: str,
    given: list[str],
    waiting: list[str],
    options: dict[str, Json],
    call: PassContext,
) -> Items:
    """One turn's answers in the order of the calls they belong to."""
    found: dict[str, Item] = {}
    for answer in answers:
        mine = [
            new for old, new in zip(given, waiting, strict=True) if old == answer.get(answer_id)
        ]
        if not mine:
            raise Refused(options["orphan"], ids=[answer.get(answer_id)])
        ident = next((new for new in mine if new not in found), mine[-1])
        if ident in found:
            call.tell("rewritten")  # answered twice: the last answer counts
        answer[answer_id] = ident
        found[ident] = answer
    missing = [old for old, new in zip(given, waiting, strict=True) if new not in found]
    if missing:
        raise Refused(options["unanswered"], ids=missing)
    return [found[ident] for ident in waiting]


@_pass(
    "looks back over a last run of turns that only answer calls: the kind of what it began with",
    *("list", "kind", "answer", "into"),
    chooses=False,
)
def opening(items: Items, options: Options, chosen: Chosen, call: PassContext) -> Items:
    """Notes it in $state.INTO; a turn that says anything else is where a new run may begin."""
    name, kind, answer = options["list"], options["kind"], options["answer"]
    number = len(items) - 1
    if number < 1 or _first(items[number], name, kind) != answer:
        return items
    while number > 2 and all(
        _of_kind(part, kind) == answer for part in _parts(items[number - 2], name)
    ):
        number -= 2
    call.state[options["into"]] = _first(items[number - 1], name, kind)
    return items


def _first(item: Item, name: str, kind: str) -> Json:
    """The kind of the first part of an item."""
    return next((_of_kind(part, kind) for part in _parts(item, name)), None)


@_pass(
    "puts a new item in front when the first is not a chosen one; `alone` is told if there is none",
    *("fields", "list", "item", "alone?", "alone_item?"),
    tells=True,
    needs="not first",
)
def begin(items: Items, options: Options, chosen: Chosen, call: PassContext) -> Items:
    if items and chosen(items[0]):
        return items
    if not items:
        call.tell(options.get("alone", "inserted"))
        return [_made({**options, "item": options.get("alone_item", options["item"])})]
    call.tell_quietly("inserted")
    return [_made(options), *items]


@_pass(
    "adds a new item when the last is a chosen one, and tells",
    "fields",
    "list",
    "item",
    tells=True,
    needs="last",
)
def end(items: Items, options: Options, chosen: Chosen, call: PassContext) -> Items:
    if not items or not chosen(items[-1]):
        return items
    call.tell("inserted")
    return [*items, _made(options)]


@_pass(
    "takes parts of these `kinds` out of the last item, when it is a chosen one",
    *("list", "kind", "kinds"),
    needs="last",
)
def take_out(items: Items, options: Options, chosen: Chosen, call: PassContext) -> Items:
    if items and chosen(items[-1]):
        name, kind, kinds = options["list"], options["kind"], options["kinds"]
        parts = _parts(items[-1], name)
        kept = [part for part in parts if _of_kind(part, kind) not in kinds]
        if len(kept) != len(parts):
            items[-1][name] = kept
            call.tell_quietly("dropped")
    return items


@_pass(
    "takes white space off the end of the last text, when the last item is a chosen one",
    "list",
    "text",
    needs="last",
)
def trim_end(items: Items, options: Options, chosen: Chosen, call: PassContext) -> Items:
    if items and chosen(items[-1]):
        parts = _parts(items[-1], options["list"])
        text = _of_kind(parts[-1], options["text"]) if parts else None
        if isinstance(text, str) and text != text.rstrip():
            parts[-1][options["text"]] = text.rstrip()
            call.tell_quietly("rewritten")
    return items
