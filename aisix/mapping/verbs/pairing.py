"""Passes that know of calls and their answers; see passes.py."""

from __future__ import annotations

from aisix.mapping.grammar.kinds import (
    FAULT,
    FIELD,
    ITEM_FIELD,
    OBJECT,
    PART_FIELD,
    REGISTER,
    TEXT,
    TEXT_OR_NUMBER,
    WORDS,
)
from aisix.mapping.syntax.paths import Json
from aisix.mapping.verbs.refused import Refused
from aisix.mapping.verbs.registry import Chosen, Item, Items, Option, Options, RuleContext, arranges

_LIST = Option("list", ITEM_FIELD, "the field with an item's list", "parts")
_KIND = Option("kind", PART_FIELD, "the field of a part that says what it is", "kind")
_ANSWER = Option("answer", TEXT, "that word of an answer", "answer")
_INNER = Option("inner", PART_FIELD, "the field of an answer with a list of its own", "said")


def parts_of(item: Item, name: str) -> list[Json]:
    """The item's list; an item may have none."""
    found = item.get(name)
    return found if type(found) is list else []


def of_kind(part: Json, kind: str) -> Json:
    """What stands in that field of a part; a part may be no object."""
    return part.get(kind) if type(part) is dict else None


@arranges(
    "gives every call its answer in the next turn: first, once, in the order of the calls",
    *(_LIST, _KIND),
    Option("call", TEXT, "that word of a call", "call"),
    Option("call_id", PART_FIELD, "the field of a call with its id", "id"),
    _ANSWER,
    Option("answer_id", PART_FIELD, "the field of an answer with the id of its call", "of"),
    Option("unanswered", FAULT, "what calls without an answer are refused with", "unanswered"),
    Option("orphan", FAULT, "what an answer without a call is refused with", "orphan"),
    chooses=False,
    tells=True,
    needs="paired",
)
def pair(items: Items, options: Options, chosen: Chosen, call: RuleContext) -> Items:
    name, kind = options["list"], options["kind"]
    call_kind, call_id = options["call"], options["call_id"]
    answer_kind, answer_id = options["answer"], options["answer_id"]
    seen: set[str] = set()
    tried: dict[str, int] = {}  # the last number an id that came again has got
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
                if answers is None:
                    answers = [part]
                else:
                    answers.append(part)
            elif word == call_kind:
                if calls is None:
                    calls = [part]
                else:
                    calls.append(part)
        if answers is not None:
            in_front = parts[: len(answers)] == answers
            if not in_front or [a.get(answer_id) for a in answers] != waiting:
                found = _answered(answers, answer_id, given, waiting, options, call)
                item[name] = [*found, *(x for x in parts if of_kind(x, kind) != answer_kind)]
        elif waiting:
            raise Refused(options["unanswered"], ids=given)
        if calls is None:
            if waiting:
                given = waiting = []
        else:
            given = [str(part.get(call_id)) for part in calls]
            waiting = given
            if len(set(given)) != len(given) or not seen.isdisjoint(given):
                waiting = _distinct_ids(calls, call_id, seen, tried)
            seen.update(waiting)
    if waiting:
        raise Refused(options["unanswered"], ids=given)
    return items


def _distinct_ids(
    calls: list[Item], call_id: str, seen: set[str], tried: dict[str, int]
) -> list[str]:
    """The ids of one turn's calls; one that came before gets a number, so that each is unique."""
    ids: dict[str, None] = {}
    for part in calls:
        one = given = str(part.get(call_id))
        number = tried.get(given, 1)  # those below are taken, and stay so
        while one in ids or one in seen:
            number += 1
            one = f"{given}_{number}"
        tried[given] = number
        part[call_id] = one
        ids[one] = None
    return [*ids]


def _answered(
    answers: list[Item],
    answer_id: str,
    given: list[str],
    waiting: list[str],
    options: dict[str, Json],
    call: RuleContext,
) -> Items:
    """One turn's answers in the order of the calls they belong to."""
    found: dict[str, Item] = {}
    ids: dict[str, list[str]] = {}  # what the calls of each id the caller gave are called now
    for old, new in zip(given, waiting, strict=True):
        ids.setdefault(old, []).append(new)
    used: dict[str, int] = {}  # of those, how many have their answer
    for answer in answers:
        said: Json = answer.get(answer_id)
        if type(said) is not str or said not in ids:
            raise Refused(options["orphan"], ids=[said])
        mine = ids[said]
        number = used.get(said, 0)
        used[said] = number + 1
        ident = mine[min(number, len(mine) - 1)]
        if ident in found:
            call.tell("rewritten")  # answered twice: the last answer counts
        answer[answer_id] = ident
        found[ident] = answer
    missing = [old for old, new in zip(given, waiting, strict=True) if new not in found]
    if missing:
        raise Refused(options["unanswered"], ids=missing)
    return [found[ident] for ident in waiting]


@arranges(
    "looks back over a last run of turns that only answer calls: the kind of what it began with",
    *(_LIST, _KIND, _ANSWER),
    Option("into", REGISTER, "the register", "loop"),
    chooses=False,
)
def began_with(items: Items, options: Options, chosen: Chosen, call: RuleContext) -> Items:
    """Notes it in $state.INTO; a turn that says anything else is where a new run may begin."""
    name, kind, answer = options["list"], options["kind"], options["answer"]
    number = len(items) - 1
    if number < 1 or _first(items[number], name, kind) != answer:
        return items
    while number > 2 and all(
        of_kind(part, kind) == answer for part in parts_of(items[number - 2], name)
    ):
        number -= 2
    call.state[options["into"]] = _first(items[number - 1], name, kind)
    return items


def _first(item: Item, name: str, kind: str) -> Json:
    """The kind of the first part of an item."""
    return next((of_kind(part, kind) for part in parts_of(item, name)), None)


@arranges(
    "takes marks off the parts inside an answer; the answer itself gets one, the longest",
    *(_LIST, _KIND, _ANSWER, _INNER),
    Option("mark", PART_FIELD, "the field that is a mark", "mark"),
    Option("span", FIELD, "where a mark says how long it lasts", "span"),
    Option("long", TEXT_OR_NUMBER, "what a longer one says there", "1h"),
    Option("counted", REGISTER, "the register that counts marks", "marks"),
    chooses=False,
    tells=True,
)
def hoist(items: Items, options: Options, chosen: Chosen, call: RuleContext) -> Items:
    name, kind, answer = options["list"], options["kind"], options["answer"]
    mark, span, long = options["mark"], options["span"], options["long"]
    for item in items:
        for part in parts_of(item, name):
            if of_kind(part, kind) != answer:
                continue
            inner = parts_of(part, options["inner"])
            marked = [below for below in inner if of_kind(below, mark) is not None]
            if not marked:
                continue
            marks = [part[mark]] if mark in part else []
            marks += [below.pop(mark) for below in marked]
            part[mark] = next((one for one in marks if of_kind(one, span) == long), marks[0])
            call.state[options["counted"]] = call.state.get(options["counted"], 0) + 1
            if len(marked) > 1 or marked[0] is not inner[-1] or marks[0] != marks[-1]:
                call.tell("rewritten")  # it stands elsewhere now, or was one of several
    return items


@arranges(
    "answers that are flagged keep parts of these `kinds`; others follow in the item's own list",
    *(_LIST, _KIND, _ANSWER, _INNER),
    Option("flag", PART_FIELD, "the field of an answer that is true then", "failed"),
    Option("kinds", WORDS, "what stays", ["text"]),
    Option("item", OBJECT, "what an answer gets of which nothing stays", {"text": "(empty)"}),
    chooses=False,
    tells=True,
)
def spill(items: Items, options: Options, chosen: Chosen, call: RuleContext) -> Items:
    name, kind, answer = options["list"], options["kind"], options["answer"]
    inner_name, kinds = options["inner"], options["kinds"]
    for item in items:
        parts = parts_of(item, name)
        out: list[Json] = []
        for part in parts:
            if of_kind(part, kind) != answer or part.get(options["flag"]) is not True:
                continue
            inner = parts_of(part, inner_name)
            kept = [below for below in inner if of_kind(below, kind) in kinds]
            if len(kept) != len(inner):
                out += [below for below in inner if of_kind(below, kind) not in kinds]
                part[inner_name] = kept
            text = part.get(inner_name)
            if not text or (type(text) is str and text.isspace()):
                part[inner_name] = [dict(options["item"])]
                call.tell_quietly("inserted")
        if out:
            item[name] = [*parts, *out]
            call.tell("rewritten")
    return items
