"""The verbs for texts: ids, names, prefixes, sentences; see conversions.py."""

from __future__ import annotations

import hashlib
import re

import msgspec

from aisix.mapping.grammar.kinds import (
    CHARACTERS,
    FAULT,
    FIELD,
    INTEGER,
    MARK,
    PATTERN,
    PATTERNS,
    REGISTER,
    TEMPLATE,
    TEXT,
    WORDS,
)
from aisix.mapping.syntax.paths import Json
from aisix.mapping.verbs.refused import Refused
from aisix.mapping.verbs.registry import Option, Options, RuleContext, verb

_encode = msgspec.json.Encoder().encode
_FENCE = re.compile(r"\s*```[\w-]*[ \t]*\r?\n")


@verb(
    "characters outside `allowed` become _, with 8 hex digits of the sha256 to stay distinct",
    Option("allowed", CHARACTERS, "the characters that stay, as in a [...] of a pattern", "a-z"),
    Option("blank", TEXT, "what an empty text becomes, before the digits", "id", "id"),
    Option("longest", INTEGER, "characters at most; else it is cut as well", 128, None),
    example=("a:b", {"allowed": "a-z", "blank": "id"}, "a_b_6783a31e"),
    gives=str,
)
def safe_id(value: Json, options: Options, call: RuleContext) -> Json:
    value = value if type(value) is str else str(value)
    others = options["allowed"]
    longest = options.get("longest")
    if value and not others.search(value) and (longest is None or len(value) <= longest):
        return value
    clean = others.sub("_", value) or options["blank"]
    return f"{clean if longest is None else clean[: longest - 9]}_{_digest(value)[:8]}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@verb(
    "the text when it matches `matches`; else told, with _ for what is not `allowed`, cut, and its "
    "last 12 characters a digest: always the same, and no other's",
    Option("matches", PATTERN, "what all of the text has to be", "[a-z_]{1,20}"),
    Option("allowed", CHARACTERS, "the characters that stay, as in a [...] of a pattern", "a-z_"),
    Option("longest", INTEGER, "characters at most", 20),
    Option("into", REGISTER, "what gets the text by what became of it", "names", None),
    example=(
        "the:longest.of-names",
        {"matches": "[a-z_]{1,20}", "allowed": "a-z_", "longest": 20},
        "the_lon_51f5e46b0769",
    ),
    takes=str,
    gives=str,
    asks=True,
)
def shortened(value: Json, options: Options, call: RuleContext) -> Json:
    if options["matches"].fullmatch(value):
        return value
    start = options["allowed"].sub("_", value[: max(0, options["longest"] - 13)])
    made = f"{start}_{_digest(value)[:12]}"
    call.tell("rewritten")
    if "into" in options:
        call.state.setdefault(options["into"], {})[made] = value
    return made


@verb(
    "of an object what its `table` has for its `word`, else that word",
    Option("word", FIELD, "the field with the word", "w"),
    Option("table", FIELD, "the field with the object that is looked into", "t"),
    example=({"w": "a", "t": {"a": "b"}}, {"word": "w", "table": "t"}, "b"),
    takes=dict,
)
def looked_up(value: Json, options: Options, call: RuleContext) -> Json:
    word, table = value.get(options["word"]), value.get(options["table"])
    return table.get(word, word) if type(word) is str and type(table) is dict else word


@verb(
    "the text when it matches `matches` and none of `unlike`, else its sha256 in hex (stable)",
    Option("matches", PATTERN, "what all of the text has to be", "^[a-z0-9]+$"),
    Option("unlike", PATTERNS, "what no part of it may be", ["@"]),
    example=("u1", {"matches": "^[a-z0-9]+$", "unlike": []}, "u1"),
    takes=str,
    gives=str,
)
def digest_unless(value: Json, options: Options, call: RuleContext) -> Json:
    if options["matches"].fullmatch(value) and not any(
        pattern.search(value) for pattern in options["unlike"]
    ):
        return value
    return _digest(value)


@verb("the text in small letters", example=("LENGTH", {}, "length"), takes=str, gives=str)
def lower_case(value: Json, options: Options, call: RuleContext) -> Json:
    return value.lower()


@verb(
    "takes the prefix `remove` away and puts `add` in front",
    Option("remove", TEXT, "the prefix that goes, if it is there", "msg_", ""),
    Option("add", TEXT, "the prefix that comes", "c-", ""),
    example=("msg_1", {"remove": "msg_", "add": "c-"}, "c-1"),
    gives=str,
)
def prefix(value: Json, options: Options, call: RuleContext) -> Json:
    added: str = options["add"]
    return added + str(value).removeprefix(options["remove"])


@verb(
    "takes away a beginning that matches `matches`, and tells; what is nothing then is left out",
    Option("matches", PATTERN, "what goes, where the text begins with it", "x: .*\\n"),
    example=("x: 1\na", {"matches": "x: .*\n"}, "a"),
    takes=str,
    asks=True,
)
def without_start(value: Json, options: Options, call: RuleContext) -> Json:
    found = options["matches"].match(value)
    if found is None or not found.end():
        return value
    call.tell("dropped")
    return value[found.end() :] or None


@verb(
    "what `matches` finds in a text: its first group, or all of it; nothing where it finds nothing",
    Option("matches", PATTERN, "what is looked for", "again in ([0-9.]+ ?m?s)"),
    example=("Try again in 20s.", {"matches": "again in ([0-9.]+ ?m?s)"}, "20s"),
)
def extract(value: Json, options: Options, call: RuleContext) -> Json:
    found = options["matches"].search(value) if type(value) is str else None
    return None if found is None else found[1 if found.re.groups else 0] or None


@verb(
    "puts the value (or an object's fields) into a sentence: {value} or {field}; lists as JSON",
    Option("text", TEMPLATE, "the sentence", "<{value}>"),
    example=("x", {"text": "<{value}>"}, "<x>"),
    gives=str,
)
def template(value: Json, options: Options, call: RuleContext) -> Json:
    fields = value if type(value) is dict else {"value": value}
    return re.sub(r"\{(\w+)\}", lambda m: _in_words(fields.get(m.group(1))), options["text"])


def _in_words(value: Json) -> str:
    """A text as it is, nothing as nothing, all else as JSON."""
    if value is None:
        return ""
    return value if type(value) is str else _encode(value).decode()


@verb(
    "takes a surrounding ``` fence away",
    example=('```json\n{"a":1}\n```', {}, '{"a":1}'),
    takes=str,
    gives=str,
)
def unfence(value: Json, options: Options, call: RuleContext) -> Json:
    begin, end = _FENCE.match(value), value.rstrip()
    if begin is None or not end.endswith("```") or len(end) < begin.end() + 3:
        return value
    return end[begin.end() : -3].rstrip(" \t").removesuffix("\n").removesuffix("\r")


@verb("the number of characters of a text", example=("héé", {}, 3), takes=str, gives=int)
def length(value: Json, options: Options, call: RuleContext) -> Json:
    return len(value)


@verb(
    "the text itself when all of it matches, else refused",
    Option("matches", PATTERN, "what all of the text has to be", "[a-z]"),
    Option("bad", FAULT, "what other text is refused with", "bad_value", "bad_value"),
    example=("a", {"matches": "[a-z]"}, "a"),
    gives=str,
)
def checked(value: Json, options: Options, call: RuleContext) -> Json:
    if type(value) is not str or not options["matches"].fullmatch(value):
        allowed = options["matches"].pattern
        raise Refused(options["bad"], value=value, allowed=allowed)
    return value


@verb(
    "a text cut at `by` into a list, blanks off; with `only`, just those of that list",
    Option("by", MARK, "what stands between the parts", ","),
    Option("only", WORDS, "the parts that stay; all of them without it", ["a"], None),
    Option("told", TEXT, "how it is told when others were there", "dropped", "", needs="only"),
    Option("brought", WORDS, "others that come anyway where they count", ["b"], (), needs="told"),
    example=("a, b", {"by": ","}, ["a", "b"]),
    gives=list,
    asks=True,
)
def split(value: Json, options: Options, call: RuleContext) -> Json:
    parts = [part.strip() for part in str(value).split(options["by"])]
    only = options.get("only")
    if only is None:
        return [part for part in parts if part]
    if options["told"]:
        known = {"", *only, *options["brought"]}
        if not known.issuperset(parts):
            call.tell(options["told"])
    return [part for part in parts if part in only]
