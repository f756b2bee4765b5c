"""The verbs that put an object into one opaque text and take it out again; see conversions.py.

A caller keeps such a text and sends it back. It is no secret and it is not signed: whoever opens it
must be content with any object of the forms that the table names.
"""

from __future__ import annotations

import base64
import binascii

import msgspec

from aisix.mapping.grammar.kinds import FIELD, MARK, POSITIVE, TEXTS_BY_NAME, WORDS, WORDS_BY_NAME
from aisix.mapping.syntax.budget import Spent
from aisix.mapping.syntax.paths import Json
from aisix.mapping.verbs.census import too_much
from aisix.mapping.verbs.registry import Item, Option, Options, RuleContext, verb

LONGEST_PACK = 1 << 20  # bytes of a packed text, where the table names no other number

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_PREFIX = Option("prefix", MARK, "what such a text begins with", "x1.")
_LONGEST = Option(
    "longest", POSITIVE, "bytes of the text at most; a longer one is left out", 1000, LONGEST_PACK
)


@verb(
    "an object as one text: `prefix`, and its compact JSON in base64url without padding",
    *(_PREFIX, _LONGEST),
    example=({"t": "a"}, {"prefix": "x1."}, "x1.eyJ0IjoiYSJ9"),
    takes=dict,
)
def pack(value: Json, options: Options, call: RuleContext) -> Json:
    made = _packed(value, options["prefix"])
    return made if len(made) <= options["longest"] else None


@verb(
    "the object of such a text, when it is what `pack` makes of one of these forms; any other value"
    " is left out, and told",
    *(_PREFIX, _LONGEST),
    Option("by", FIELD, "the field that says which form it is of", "t"),
    Option("forms", WORDS_BY_NAME, "its fields, in their order, by that word", {"a": ["p", "t"]}),
    Option("fixed", TEXTS_BY_NAME, "fields that have to say this", {"p": "x"}, {}),
    Option("filled", WORDS, "texts that may not be empty", ["k"], ()),
    Option("lists", WORDS, "fields that hold a list; all others hold texts", ["v"], ()),
    example=("x1.eyJ0IjoiYSJ9", {"prefix": "x1.", "by": "t", "forms": {"a": ["t"]}}, {"t": "a"}),
    asks=True,
)
def unpack(value: Json, options: Options, call: RuleContext) -> Json:
    found = _opened(value, options, call) if type(value) is str else None
    if found is None:
        call.tell("dropped")
    return found


def _packed(value: Json, prefix: str) -> str:
    return prefix + base64.urlsafe_b64encode(_encode(value)).rstrip(b"=").decode()


def _opened(value: str, options: Options, call: RuleContext) -> Item | None:
    prefix = options["prefix"]
    if not value.startswith(prefix) or len(value) > options["longest"]:
        return None
    body = value[len(prefix) :]
    call.budget.spend(len(body) >> 6)
    try:
        data = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
        if too_much(data, call.budget.held):
            raise Spent
        found = _decode(data)
        whole = _is_whole(found, options) and _packed(found, prefix) == value
    except (binascii.Error, msgspec.DecodeError, ValueError, RecursionError):
        return None
    return found if whole else None  # another spelling of the same is not ours


def _is_whole(found: Json, options: Options) -> bool:
    """Whether it has the fields of its form, in their order, each of the right type."""
    word = found.get(options["by"]) if type(found) is dict else None
    form = options["forms"].get(word) if type(word) is str else None
    if form is None or [*found] != form:
        return False
    if any(found.get(name, word) != word for name, word in options["fixed"].items()):
        return False
    for name, below in found.items():
        if type(below) is not (list if name in options["lists"] else str):
            return False
        if not below and name in options["filled"]:
            return False
    return True
