"""Passes over items of which each is a piece of a turn; see passes.py.

A list of single items (a thought, a call, an answer) says its turns only by their order: a turn is
a run of chosen items, and whatever stands between two of them ends it.
"""

from __future__ import annotations

from aisix.mapping.grammar.kinds import BOOLEAN, FAULT, ITEM_FIELD, PART_FIELD, TEXT, WORDS
from aisix.mapping.syntax.paths import Json
from aisix.mapping.verbs.pairing import of_kind, parts_of
from aisix.mapping.verbs.refused import Refused
from aisix.mapping.verbs.registry import Chosen, Item, Items, Option, Options, RuleContext, arranges

_LIST = Option("list", ITEM_FIELD, "the field with an item's list", "parts")
_KIND = Option("kind", PART_FIELD, "the field of a part that says what it is", "kind")


@arranges(
    "moves every answer right behind the run of chosen items with its call, in the order of the"
    " calls; the nearest earlier call of its id is meant",
    *(_LIST, _KIND),
    Option("call", TEXT, "that word of a call", "call"),
    Option("call_id", PART_FIELD, "the field of a call with its id", "id"),
    Option("answer", TEXT, "that word of an answer", "answer"),
    Option("answer_id", PART_FIELD, "the field of an answer with the id of its call", "of"),
    Option("orphan", FAULT, "what an answer without a call is refused with", "orphan"),
    Option("twice", FAULT, "... and a call of an id that still waits for its answer", "twice"),
    tells=True,
    needs="paired",
)
def gather(items: Items, options: Options, chosen: Chosen, call: RuleContext) -> Items:
    if _in_order(items, options, chosen):
        return items
    name, kind = options["list"], options["kind"]
    runs: list[tuple[Items, list[Json]]] = []  # what stands there, and the ids of its calls
    answers: list[list[Item | None]] = []  # of each run, by the number of the call
    latest: dict[Json, tuple[int, int]] = {}  # id -> the last call of it: (run, number)
    in_turn = False
    for item in items:
        parts = parts_of(item, name)
        if chosen(item):
            if not in_turn:
                runs.append(([], []))
                answers.append([])
                in_turn = True
            for part in parts:
                if of_kind(part, kind) != options["call"]:
                    continue
                ident = part.get(options["call_id"])
                known = latest.get(ident)
                if known is not None and answers[known[0]][known[1]] is None:
                    raise Refused(options["twice"], ids=[ident])
                latest[ident] = len(answers) - 1, len(answers[-1])
                answers[-1].append(None)
            runs[-1][0].append(item)
            continue
        found = [part for part in parts if of_kind(part, kind) == options["answer"]]
        if not in_turn and not runs:
            runs.append(([], []))
            answers.append([])
        for part in found:
            ident = part.get(options["answer_id"])
            known = latest.get(ident)
            if known is None:
                raise Refused(options["orphan"], ids=[ident])
            run, number = known
            if answers[run][number] is not None:
                call.tell("rewritten")  # answered twice: the last answer counts
            alone = len(parts) == 1
            answers[run][number] = item if alone else {**item, name: [part]}
        in_turn = False
        if len(found) == len(parts) and found:
            continue
        if found:
            item[name] = [part for part in parts if of_kind(part, kind) != options["answer"]]
        runs.append(([item], []))
        answers.append([])
    out: Items = []
    for (run_items, _), given in zip(runs, answers, strict=True):
        out += run_items
        out += [one for one in given if one is not None]
    return out


def _in_order(items: Items, options: Options, chosen: Chosen) -> bool:
    """Whether every answer stands there already, alone: so it is in most requests."""
    name, kind, answer = options["list"], options["kind"], options["answer"]
    word, call_id, answer_id = options["call"], options["call_id"], options["answer_id"]
    waiting: list[Json] = []  # ids of the calls of the last turn, until all have their answer
    done = 0  # so many of them have it
    in_turn = False  # asked only while any waits
    for item in items:
        parts = parts_of(item, name)
        if len(parts) == 1 and not waiting:  # mostly words, which wait for nothing
            found = parts[0].get(kind) if type(parts[0]) is dict else None
            if found != word and found != answer:
                continue
        calls: list[Json] = []
        answered: Json = None
        answers = 0
        for part in parts:
            found = part.get(kind) if type(part) is dict else None
            if found == word:
                calls.append(part.get(call_id))
            elif found == answer:
                answers += 1
                answered = part.get(answer_id)
        if not (calls or answers or waiting):
            continue
        if chosen(item):
            if not in_turn:
                if waiting:
                    return False
                in_turn = True
            waiting += calls
            continue
        in_turn = False
        if not answers:
            if waiting:
                return False
        elif len(parts) > 1 or not waiting or answered != waiting[done]:
            return False
        else:
            done += 1
            if done == len(waiting):
                if done > 1 and len(set(map(str, waiting))) < done:
                    return False
                waiting, done = [], 0
    return not waiting


@arranges(
    "takes the parts of these `kinds` out of a run of chosen items where one of them is `lost` or"
    " stands where it may not; an item of which nothing is left goes",
    *(_LIST, _KIND),
    Option("kinds", WORDS, "what stays together or goes together", ["thought"]),
    Option("lost", TEXT, "the kind that stands for one that is lost", "lost"),
    Option("followed", BOOLEAN, "none of them may come last", True, False),
    Option("leading", BOOLEAN, "one of them has to come first", True, False),
    needs="any",
)
def whole_or_none(items: Items, options: Options, chosen: Chosen, call: RuleContext) -> Items:
    out: Items = []
    run: Items = []
    for item in items:
        if chosen(item):
            run.append(item)
            continue
        if run:
            out += _whole(run, options, call)
            run = []
        out.append(item)
    return out + _whole(run, options, call) if run else out


def _whole(run: Items, options: Options, call: RuleContext) -> Items:
    """One run, without what may not stay."""
    name, kind = options["list"], options["kind"]
    words = [of_kind(part, kind) for item in run for part in parts_of(item, name)]
    kinds, lost = options["kinds"], options["lost"]
    if not any(word in kinds or word == lost for word in words):
        return run
    broken = lost in words
    broken = broken or (options["followed"] and words[-1] in kinds)
    broken = broken or (options["leading"] and words[0] not in kinds)
    if not broken:
        return run
    if lost in words:
        call.tell_quietly("dropped")  # what made it one has told of it, if anything is to be told
    else:
        call.tell("dropped")
    kept: Items = []
    for item in run:
        parts = parts_of(item, name)
        left = [part for part in parts if of_kind(part, kind) not in (*kinds, lost)]
        if len(left) != len(parts):
            item[name] = left
        if left:
            kept.append(item)
    return kept
