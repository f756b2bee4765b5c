"""What a keyword may hold in draft 2020-12, and what is made of what else stands there."""

from __future__ import annotations

import math
import re

import msgspec

from aisix.mapping.syntax.paths import Json
from aisix.mapping.verbs.schema.keywords import TYPES
from aisix.mapping.verbs.schema.pointers import is_plain

GONE = object()  # a keyword that is left out
_encode = msgspec.json.Encoder().encode
_SYNONYMS = {
    **dict.fromkeys(("int", "int32", "int64", "long", "uint"), "integer"),
    **dict.fromkeys(("float", "double", "decimal", "numeric"), "number"),
    **dict.fromkeys(("str", "text", "date", "datetime", "date-time", "uuid", "uri"), "string"),
    **dict.fromkeys(("bool",), "boolean"),
    **dict.fromkeys(("dict", "map", "struct", "record"), "object"),
    **dict.fromkeys(("list", "tuple", "set"), "array"),
    **dict.fromkeys(("none", "nonetype", "nil"), "null"),
}
FLAGS = {"true": True, "false": False}
_ANCHOR = re.compile(r"[A-Za-z_][-A-Za-z0-9._]*")


class Unfit(Exception):
    """What stands there cannot be said in draft 2020-12; `steps` is its path, last step first."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.steps: list[str | int] = []


class KeywordValues:
    """A method for each kind of value: the value itself, another one, GONE, or Unfit.

    `changed`: something was said otherwise. `pointers`: the references that name no definition.
    """

    def __init__(self) -> None:
        self.changed = False
        self.pointers: dict[str, None] = {}

    def tell(self, value: Json) -> Json:
        """The value, which says otherwise what stood there."""
        self.changed = True
        return value

    def type(self, word: str) -> str | None:
        word = word.lower()
        return word if word in TYPES else _SYNONYMS.get(word)

    def types(self, value: Json, depth: int) -> Json:
        if type(value) is str:
            if value in TYPES:
                return value
            return self.tell(self.type(value) or GONE)  # "any", and what nobody knows
        if type(value) is not list or not all(type(kind) is str for kind in value):
            raise Unfit("it must be the name of a type, or a list of them")
        if TYPES.issuperset(value) and len(set(value)) == len(value) and value:
            return value
        known = [self.type(kind) for kind in value]
        if None in known or not known:
            return self.tell(GONE)
        return self.tell(list(dict.fromkeys(known)))

    def number(self, value: Json, depth: int) -> Json:
        if type(value) in (int, float):
            return value
        if type(value) is str:
            try:
                number = float(value)
            except ValueError:
                number = math.nan
            if math.isfinite(number):
                return self.tell(int(number) if number.is_integer() else number)
        raise Unfit("it must be a number")

    def divisor(self, value: Json, depth: int) -> Json:
        number = self.number(value, depth)
        if number <= 0:
            raise Unfit("it must be greater than 0")
        return number

    def least(self, value: Json, depth: int) -> Json:
        number = self.whole(value)
        return number if number >= 0 else self.tell(GONE)  # true of everything

    def most(self, value: Json, depth: int) -> Json:
        number = self.whole(value)
        if number < 0:
            raise Unfit("it must not be below 0")
        return number

    def whole(self, value: Json) -> int:
        if type(value) is int:
            return value
        number = self.number(value, 0)
        if number != int(number):
            raise Unfit("it must be a whole number")
        self.changed = True
        return int(number)

    def enum(self, value: Json, depth: int) -> Json:
        if type(value) is list:
            return value
        if type(value) is dict:
            raise Unfit("it must be a list of values")
        return self.tell([value])

    def required(self, value: Json, depth: int) -> Json:
        if type(value) is str:
            return self.tell([value])
        if type(value) is not list or not all(type(name) is str for name in value):
            raise Unfit("it must be a list of names")
        return value if len(set(value)) == len(value) else self.tell(list(dict.fromkeys(value)))

    def needed(self, value: Json, depth: int) -> Json:
        if type(value) is not dict:
            raise Unfit("it must be an object of lists of names")
        made = {name: self.required(need, depth) for name, need in value.items()}
        return made if made != value else value

    def words(self, value: Json, depth: int) -> Json:
        return value if type(value) is str else self.tell(_encode(value).decode())

    def text(self, value: Json, depth: int) -> Json:
        if type(value) is not str:
            raise Unfit("it must be a text")
        return value

    def reference(self, value: Json, depth: int) -> Json:
        if type(value) is not str:
            raise Unfit("it must be a text")
        if value.startswith("#/") and not is_plain(value):
            self.pointers[value] = None
        return value

    def id(self, value: Json, depth: int) -> Json:
        return value if type(value) is str and "#" not in value[:-1] else self.tell(GONE)

    def anchor(self, value: Json, depth: int) -> Json:
        return value if type(value) is str and _ANCHOR.fullmatch(value) else self.tell(GONE)

    def flag(self, value: Json, depth: int) -> Json:
        if type(value) is bool:
            return value
        if type(value) is str and value.lower() in FLAGS:
            return self.tell(FLAGS[value.lower()])
        raise Unfit("it must be true or false")

    def examples(self, value: Json, depth: int) -> Json:
        return value if type(value) is list else self.tell([value])
