"""The verbs for texts: ids, names, prefixes, sentences; see conversions.py."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

from aisix.mapping.syntax.paths import Json
from aisix.mapping.verbs.refused import Refused
from aisix.mapping.verbs.registry import VerbContext, verb


def _with_patterns(*names: str) -> Callable[[dict[str, Json]], dict[str, Json]]:
    """Reads the regular expressions among a verb's options."""

    def prepare(options: dict[str, Json]) -> dict[str, Json]:
        read = {}
        for name in names:
            given = options[name]
            many = type(given) is list
            read[name] = [*map(re.compile, given)] if many else re.compile(given)
        return {**options, **read}

    return prepare


@verb(
    "characters outside `allowed` become _, with 8 hex digits of the sha256 to stay distinct",
    "allowed",
    "blank?",
    example=("a:b", {"allowed": "a-z", "blank": "id"}, "a_b_6783a31e"),
    prepare=lambda options: {**options, "bad": re.compile(f"[^{options['allowed']}]")},
    gives=str,
)
def safe_id(value: Json, options: dict[str, Json], call: VerbContext) -> Json:
    value = value if type(value) is str else str(value)
    if value and not options["bad"].search(value):
        return value
    clean = options["bad"].sub("_", value) or options.get("blank", "id")
    return f"{clean}_{hashlib.sha256(value.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


@verb(
    "the text when it matches `matches` and none of `unlike`, else its sha256 in hex (stable)",
    "matches",
    "unlike",
    example=("u1", {"matches": "^[a-z0-9]+$", "unlike": []}, "u1"),
    prepare=_with_patterns("matches", "unlike"),
    takes=str,
    gives=str,
)
def digest_unless(value: Json, options: dict[str, Json], call: VerbContext) -> Json:
    if options["matches"].fullmatch(value) and not any(
        pattern.search(value) for pattern in options["unlike"]
    ):
        return value
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


@verb(
    "takes the prefix `remove` away and puts `add` in front",
    "remove?",
    "add?",
    example=("msg_1", {"remove": "msg_", "add": "c-"}, "c-1"),
    gives=str,
)
def prefix(value: Json, options: dict[str, Json], call: VerbContext) -> Json:
    return options.get("add", "") + str(value).removeprefix(options.get("remove", ""))


@verb(
    "puts the value (or an object's fields) into a sentence: {value} or {field}",
    "text",
    example=("x", {"text": "<{value}>"}, "<x>"),
    gives=str,
)
def template(value: Json, options: dict[str, Json], call: VerbContext) -> Json:
    fields = value if type(value) is dict else {"value": value}
    return re.sub(r"\{(\w+)\}", lambda m: str(fields.get(m.group(1), "")), options["text"])


@verb(
    "takes a surrounding ``` fence away",
    example=('```json\n{"a":1}\n```', {}, '{"a":1}'),
    takes=str,
    gives=str,
)
def unfence(value: Json, options: dict[str, Json], call: VerbContext) -> Json:
    found = re.fullmatch(r"\s*```[\w-]*[ \t]*\r?\n(.*?)\r?\n?[ \t]*```\s*", value, re.S)
    return found.group(1) if found else value


@verb("the number of characters of a text", example=("héé", {}, 3), gives=int)
def length(value: Json, options: dict[str, Json], call: VerbContext) -> Json:
    return len(value)


@verb(
    "the text itself when all of it matches, else refused",
    *("matches", "bad?"),
    example=("a", {"matches": "[a-z]"}, "a"),
    prepare=_with_patterns("matches"),
    gives=str,
)
def checked(value: Json, options: dict[str, Json], call: VerbContext) -> Json:
    if type(value) is not str or not options["matches"].fullmatch(value):
        allowed = options["matches"].pattern
        raise Refused(options.get("bad", "bad_value"), value=value, allowed=allowed)
    return value


@verb(
    "a text cut at `by` into a list, blanks off; with `only`, just those of that list",
    "by",
    "only?",
    example=("a, b", {"by": ","}, ["a", "b"]),
    gives=list,
)
def split(value: Json, options: dict[str, Json], call: VerbContext) -> Json:
    parts = [part.strip() for part in str(value).split(options["by"])]
    only = options.get("only")
    return [part for part in parts if part and (only is None or part in only)]
