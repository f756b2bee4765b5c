"""Passes over a list of messages: lift, drop, sink, recast, fold, fill, merge, begin, end, trim.

A pass sees a list of objects that shapes have just built and may change them in place (they are
ours, never the caller's). It keeps every item it can, so that an item's origin stays known by
identity. Names of roles, lists and keys are options of the table's `[... .arrange.NAME]`. Those
that know of calls and their answers are in `pairing.py`, those for pieces of turns in `turns.py`.
"""

from __future__ import annotations

from aisix.mapping.grammar.kinds import (
    BOOLEAN,
    ITEM_FIELD,
    ITEM_FIELDS,
    ITEM_LIKE,
    OBJECT,
    PART_FIELD,
    REGISTER,
    TEXT,
    WORDS,
)
from aisix.mapping.syntax.paths import Json
from aisix.mapping.verbs import turns
from aisix.mapping.verbs.pairing import of_kind, parts_of
from aisix.mapping.verbs.registry import (
    PASSES,
    Chosen,
    Item,
    Items,
    Option,
    Options,
    RuleContext,
    arranges,
)

__all__ = ["PASSES", "turns"]

_LIST = Option("list", ITEM_FIELD, "the field with an item's list", "parts")
_FIELDS = Option("fields", ITEM_FIELDS, "the new item, but for its list", {"who": "user"})
_ITEM = Option("item", OBJECT, "what the list gets", {"text": "(empty)"})
_TEXT = Option("text", PART_FIELD, "the field of a part with its text", "text")
_TOLD = Option("told", TEXT, "how it is told when it has changed something", "rewritten", "")


def _both_have(one: Item, other: Item, name: str) -> bool:
    return type(one.get(name)) is list and type(other.get(name)) is list


def is_like(item: Item, fields: dict[str, Json]) -> bool:
    return all(item.get(key) == value for key, value in fields.items())


def _made(options: dict[str, Json]) -> Item:
    """A new message: {**fields, list: [item]}."""
    return {**options["fields"], options["list"]: [dict(options["item"])]}


@arranges(
    "takes the leading run of chosen items out; their lists, end to end, become $state.INTO",
    _LIST,
    Option("into", REGISTER, "the register", "system"),
    needs="first",
)
def lift(items: Items, options: Options, chosen: Chosen, call: RuleContext) -> Items:
    count = 0
    for item in items:
        if not chosen(item):
            break
        count += 1
    if not count:
        return items
    name = options["list"]
    call.state[options["into"]] = [part for item in items[:count] for part in parts_of(item, name)]
    return items[count:]


@arranges(
    "takes every chosen item out; their lists, end to end, are added to $state.INTO",
    _LIST,
    Option("into", REGISTER, "the register", "system"),
    needs="any",
)
def lift_all(items: Items, options: Options, chosen: Chosen, call: RuleContext) -> Items:
    name = options["list"]
    lifted = [part for item in items if chosen(item) for part in parts_of(item, name)]
    if not lifted:
        return items
    call.state[options["into"]] = [*call.state.get(options["into"], ()), *lifted]
    return [item for item in items if not chosen(item)]


@arranges("drops chosen items whose list is empty", _LIST, needs="empty")
def drop_empty(items: Items, options: Options, chosen: Chosen, call: RuleContext) -> Items:
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


@arranges("gives chosen items with an empty list this one item", _LIST, _ITEM, needs="empty")
def fill(items: Items, options: Options, chosen: Chosen, call: RuleContext) -> Items:
    name = options["list"]
    for item in items:
        if not item.get(name) and chosen(item):
            item[name] = [dict(options["item"])]
            call.tell_quietly("inserted")
    return items


@arranges(
    "moves chosen items down past the run of items like `past` that follows them",
    Option("past", ITEM_LIKE, "what the items look like that are passed", {"who": "user"}),
    _TOLD,
    tells=True,
    needs="any",
)
def sink(items: Items, options: Options, chosen: Chosen, call: RuleContext) -> Items:
    past = options["past"]
    out: list[Item] = []
    held: list[Item] = []
    moved = False
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
            moved = True
            continue
        out.append(item)
    _tell(call, options, moved)
    return out + held


def _tell(call: RuleContext, options: Options, changed: bool) -> None:
    if changed and options["told"]:
        call.tell(options["told"])


@arranges(
    "makes chosen items `become`, texts wrapped; with `after`, only those not behind such an item",
    Option("become", ITEM_FIELDS, "fields that are written", {"who": "user"}),
    _LIST,
    _TEXT,
    Option("wrap", TEXT, "around each text, {value} where it stands", "<system>{value}</system>"),
    Option("after", ITEM_LIKE, "what the item before must not look like", {"who": "user"}, None),
    _TOLD,
    tells=True,
    needs="any",
)
def recast(items: Items, options: Options, chosen: Chosen, call: RuleContext) -> Items:
    after = options.get("after")
    before: Item | None = None
    changed = False
    for item in items:
        if not chosen(item):
            before = item
            continue
        if after is not None and before is not None and is_like(before, after):
            continue
        item.update(options["become"])
        before, changed = item, True
        plain = item.get(options["list"])
        if type(plain) is str:
            item[options["list"]] = options["wrap"].replace("{value}", plain)
        for part in parts_of(item, options["list"]):
            text = of_kind(part, options["text"])
            if type(text) is str:
                part[options["text"]] = options["wrap"].replace("{value}", text)
    _tell(call, options, changed)
    return items


@arranges(
    "puts the text of chosen items into the neighbour that looks `like` this, the one before if it "
    "can be, or into a new one, and tells; a list may be plain text too",
    Option("like", ITEM_LIKE, "what the neighbour looks like", {"who": "user"}),
    _LIST,
    _TEXT,
    Option("part", OBJECT, "what else a part has that is added to a list", {"kind": "say"}),
    Option("wrap", TEXT, "around each text, {value} where it stands", "<system>{value}</system>"),
    Option("leading", BOOLEAN, "those that lead stay, as one", True, False),
    needs="any",
    tells=True,
)
def fold(items: Items, options: Options, chosen: Chosen, call: RuleContext) -> Items:
    name, like, wrap = options["list"], options["like"], options["wrap"]
    out: Items = []
    led: list[str] = []  # texts of those that lead
    said: list[str] = []  # texts that come behind the last item so far
    held: list[str] = []  # texts that wait for the item behind them
    leading, changed = options["leading"], False
    for item in items:
        if chosen(item):
            text = _text_of(item, name, options["text"])
            if leading:
                led.append(text)
                out = out or [item]
            elif out and is_like(out[-1], like):
                said.append(wrap.replace("{value}", text))
            else:
                held.append(wrap.replace("{value}", text))
            continue
        leading = False
        if said:
            _say(out[-1], said, options)
        if held and is_like(item, like):
            _say_first(item, "\n\n".join(held), options)
        elif held:
            out.append({**like, name: "\n\n".join(held)})
        changed = changed or bool(said or held)
        said, held = [], []
        out.append(item)
    if said:
        _say(out[-1], said, options)
    if held:
        out.append({**like, name: "\n\n".join(held)})
    if len(led) > 1:
        out[0][name] = "\n\n".join(led)
    if changed or said or held or len(led) > 1:
        call.tell("rewritten")
    return out


def _text_of(item: Item, name: str, text: str) -> str:
    said = item.get(name)
    if type(said) is str:
        return said
    texts = [of_kind(part, text) for part in parts_of(item, name)]
    return "\n\n".join(one for one in texts if type(one) is str)


def _say(item: Item, texts: list[str], options: Options) -> None:
    """Add texts to the end of what an item says."""
    name = options["list"]
    said = item.get(name)
    if type(said) is list:
        item[name] = [*said, *({**options["part"], options["text"]: text} for text in texts)]
    else:
        item[name] = "\n\n".join([said, *texts] if type(said) is str else texts)


def _say_first(item: Item, text: str, options: Options) -> None:
    """... or to its beginning."""
    name = options["list"]
    said = item.get(name)
    if type(said) is list:
        item[name] = [{**options["part"], options["text"]: text}, *said]
    else:
        item[name] = f"{text}\n\n{said}" if type(said) is str else text


@arranges(
    "chosen neighbours with the same `by` become one, their lists end to end",
    Option("by", ITEM_FIELD, "the field that is the same", "who"),
    _LIST,
    Option("part", OBJECT, "what a text in a list's place is put into", {"kind": "text"}, None),
    Option("text", PART_FIELD, "... and where in it", "text", "text", needs="part"),
    _TOLD,
    tells=True,
    needs="several",
)
def merge(items: Items, options: Options, chosen: Chosen, call: RuleContext) -> Items:
    by, name = options["by"], options["list"]
    part: dict[str, Json] = options.get("part") or {}
    out: list[Item] = []
    last: Item | None = None
    before: Json = None  # the word of the last one
    for item in items:
        word = item.get(by)
        if word == before and last is not None and chosen(item):
            for one in (last, item) if part else ():
                if type(one.get(name)) is str:
                    one[name] = [{**part, options["text"]: one[name]}]
            if _both_have(last, item, name):
                last[name] += item[name]  # the list is ours: a shape has just built it
                continue
        out.append(item)
        last, before = item, word
    _tell(call, options, len(out) < len(items))
    return out


@arranges(
    "puts a new item in front when the first is not a chosen one; `alone` is told if there is none",
    *(_FIELDS, _LIST, _ITEM),
    Option("alone", TEXT, "how it is told when there is no item", "inserted", "inserted"),
    Option("alone_item", OBJECT, "`item`, when there is no other", {"text": "(begin)"}, None),
    tells=True,
    needs="not first",
)
def begin(items: Items, options: Options, chosen: Chosen, call: RuleContext) -> Items:
    if items and chosen(items[0]):
        return items
    if not items:
        call.tell(options["alone"])
        return [_made({**options, "item": options.get("alone_item", options["item"])})]
    call.tell_quietly("inserted")
    return [_made(options), *items]


@arranges(
    "adds a new item when the last is a chosen one, and tells",
    *(_FIELDS, _LIST, _ITEM),
    tells=True,
    needs="last",
)
def end(items: Items, options: Options, chosen: Chosen, call: RuleContext) -> Items:
    if not items or not chosen(items[-1]):
        return items
    call.tell("inserted")
    return [*items, _made(options)]


@arranges(
    "takes parts of these `kinds` out of the last item, when it is a chosen one",
    _LIST,
    Option("kind", PART_FIELD, "the field of a part that says what it is", "kind"),
    Option("kinds", WORDS, "what goes", ["thought"]),
    needs="last",
)
def take_out(items: Items, options: Options, chosen: Chosen, call: RuleContext) -> Items:
    if items and chosen(items[-1]):
        name, kind, kinds = options["list"], options["kind"], options["kinds"]
        parts = parts_of(items[-1], name)
        kept = [part for part in parts if of_kind(part, kind) not in kinds]
        if len(kept) != len(parts):
            items[-1][name] = kept
            call.tell_quietly("dropped")
    return items


@arranges(
    "takes white space off the end of the last text, when the last item is a chosen one",
    _LIST,
    _TEXT,
    needs="last",
)
def trim_end(items: Items, options: Options, chosen: Chosen, call: RuleContext) -> Items:
    if items and chosen(items[-1]):
        parts = parts_of(items[-1], options["list"])
        text = of_kind(parts[-1], options["text"]) if parts else None
        if isinstance(text, str) and text != text.rstrip():
            parts[-1][options["text"]] = text.rstrip()
            call.tell_quietly("rewritten")
    return items
