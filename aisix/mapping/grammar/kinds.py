"""What a key of a table, or an option of a verb, may hold."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from aisix.mapping.syntax.paths import Json


@dataclass(frozen=True, slots=True)
class ValueKind:
    """The types of a value; what more is to be checked of some kinds, the parser knows."""

    word: str  # in the documentation and in complaints
    types: tuple[type, ...]
    holds: type | None = None  # what each item of a list, each value of a table is
    filled: bool = False  # "" is none
    begins: str = ""  # what a text of this kind begins with
    least: int | None = None  # the smallest number
    most: int | None = None  # ... and the largest
    # May raise re.error or ValueError:
    read: Callable[[Any], Any] | None = field(default=None, compare=False)

    def wrong(self, value: Json) -> bool:
        """Whether a value is of another type than this takes."""
        if not isinstance(value, self.types):
            return True
        if type(value) is bool:
            return bool not in self.types
        if type(value) is str:
            return (self.filled and not value) or not value.startswith(self.begins)
        if isinstance(value, int | float):
            return self._out_of_range(value)
        if self.filled and not value:
            return True
        if self.holds is None or not isinstance(value, list | dict):
            return False
        held = value if isinstance(value, list) else value.values()
        return any(
            type(below) is not self.holds or (self.holds is int and self._out_of_range(below))
            for below in held
        )

    def _out_of_range(self, value: Any) -> bool:
        low: bool = self.least is not None and value < self.least
        return low or (self.most is not None and value > self.most)


# ---------------------------------------------------------------- plain values
TEXT = ValueKind("text", (str,))
MARK = ValueKind("text, not empty", (str,), filled=True)
WORDS = ValueKind("list of texts", (list,), str)
WORD_OR_WORDS = ValueKind("word, or list of words", (str, list), str)
INTEGER = ValueKind("whole number", (int,))
POSITIVE = ValueKind("a whole number from 1", (int,), least=1)
STATUS = ValueKind("a number from 400 to 599", (int,), least=400, most=599)
THEIR_STATUS = ValueKind('"$status"', (str,), begins="$status")
FORMAT = ValueKind("1", (int,), least=1, most=1)
NUMBER = ValueKind("number", (int, float))
TEXT_OR_NUMBER = ValueKind("text or number", (str, int, float))
RANGE = ValueKind("list of two numbers", (list,))
BOOLEAN = ValueKind("true or false", (bool,))
LIST = ValueKind("list", (list,))
OBJECTS = ValueKind("list of objects", (list,), dict)
OBJECT = ValueKind("object", (dict,))
VALUE = ValueKind("any value", (str, int, float, bool, list, dict))
TEXTS_BY_NAME = ValueKind("table of texts", (dict,), str)
INTEGERS_BY_NAME = ValueKind("table of whole numbers", (dict,), int)
WORDS_BY_NAME = ValueKind("table of lists of texts", (dict,), list)
TEMPLATES_BY_NAME = ValueKind("table of texts, with {name} where something is put in", (dict,), str)
POSITIVES_BY_NAME = ValueKind("table of whole numbers from 1", (dict,), int, least=1)
FILLED_WORDS = ValueKind("list of texts, not empty", (list,), str, filled=True)
TEMPLATE_OBJECT = ValueKind("object, with $name where something is put in", (dict,))
FACT = ValueKind("text, number, true or false", (str, int, float, bool))
TEMPLATE = ValueKind("text, with {name} where something is put in", (str,))
URL_PATH = ValueKind("path of a URL, which begins with /", (str,), begins="/")
URL_PATHS = ValueKind("list of paths of URLs", (list,), str)
URL = ValueKind("URL, which begins with http:// or https://", (str,), begins="http")


# ---------------------------------------------------------------- patterns
def pattern(text: str) -> re.Pattern[str]:
    """A regular expression; re.error for all that is none, however it fails."""
    try:
        return re.compile(text)
    except OverflowError:
        raise re.error("a number of repetitions is too large") from None
    except RecursionError:
        raise re.error("nested too deeply") from None


PATTERN = ValueKind("regular expression", (str,), read=pattern)
PATTERNS = ValueKind(
    "list of regular expressions", (list,), str, read=lambda texts: [*map(pattern, texts)]
)
CHARACTERS = ValueKind(
    "characters", (str,), filled=True, read=lambda text: pattern(f"[^{text}]")
)  # read: a pattern of one that is none of them


# ---------------------------------------------------------------- times
def _format(text: str) -> str:
    """A format of strftime, of such directives as say the same on every machine."""
    odd = [word for word in re.findall("%(.?)", text, re.S) if word not in {*DIRECTIVES}]
    if odd:
        known = " ".join(f"%{letter}" for letter in DIRECTIVES)
        raise ValueError(f'no "%{odd[0]}" in a format of a date (there are: {known})')
    return text


def _zone(name: str) -> tzinfo:
    """ValueError for a name that this machine's time zones do not have."""
    if name == "UTC":
        return UTC  # there is no need of a database
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        known = available_timezones()
        if not known:
            text = f'no time zone "{name}": this machine has no database of them'
            raise ValueError(f"{text}; {NO_ZONES}") from None
        near = difflib.get_close_matches(name, known, 1)
        hint = f'did you mean "{near[0]}"?' if near else 'names are such as "Europe/Berlin"'
        raise ValueError(f'no time zone "{name}" on this machine ({hint})') from None


DIRECTIVES = "YymdjHIMSpAaBbuVGZz%"
DATE_FORMAT = ValueKind("format of a date", (str,), filled=True, read=_format)
NO_ZONES = "install the package tzdata, the system's or the one of PyPI (pip install tzdata)"
ZONE = ValueKind("time zone", (str,), filled=True, read=_zone)

# ---------------------------------------------------------------- places in JSON
PATH = ValueKind("path", (str,))
PATHS = ValueKind("path, or list of paths", (str, list), str)
MEMBER = ValueKind("path of fields, without [ ]", (str,))
MEMBERS = ValueKind("path of fields without [ ], or list of them", (str, list), str)
PATH_OR_LOOKUP = ValueKind("path, or $lookup", (str,))
LOOKUP = ValueKind("$lookup", (str,), begins="$")
PATHS_BY_REGISTER = ValueKind("table: register = path", (dict,), str)
PATHS_BY_FIELD = ValueKind("table: field = path", (dict,))
PATHS_BY_NAME = ValueKind("table: name = path, or list of paths", (dict,))
VALUES_BY_PATH = ValueKind("table: path = value", (dict,))
PATTERNS_BY_NAME = ValueKind("table of regular expressions, one of which is enough", (dict,), str)
PATTERNS_BY_PATH = ValueKind("table: path = regular expression", (dict,))
CALLER_FIELD = ValueKind("field of the caller's body", (str,))
FIELD = ValueKind("field", (str,))
FIELDS = ValueKind("field, or list of fields", (str, list), str)
ITEM_FIELD = ValueKind("field of the items, or path to one below", (str,))
PART_FIELD = ValueKind("field of a part, or path to one below", (str,))
ITEM_LIKE = ValueKind("fields of the items, and values", (dict,))
ITEM_FIELDS = ValueKind("fields an item gets", (dict,))

# ---------------------------------------------------------------- names of things
FAULT = ValueKind("[fault] of caller.toml", (str,))
REGISTER = ValueKind("register of $state", (str,))
STATE_OR_BLOCK = ValueKind("register: state.NAME or block.NAME", (str,))
REGISTERS = ValueKind("register (state.NAME or block.NAME), or a list of them", (str, list), str)
CHUNK = ValueKind("[chunk.NAME]", (str,))
CHUNKS = ValueKind("[chunk.NAME], or a list of them", (str, list), str)
BLOCK_KIND = ValueKind("[block_kind.NAME]", (str,))
KNOWN_FIELDS = ValueKind("[rest.NAME], or a list of them", (str, list), str)
LISTS_BY_REGISTER = ValueKind("table: register = [list.NAME]", (dict,), str)
TRAITS = ValueKind("list of traits", (list,), str)
TRAITS_BY_WORD = ValueKind("table: word = list of traits", (dict,), list)
HEADER = ValueKind("name of a header", (str,), filled=True)
HEADERS = ValueKind("name of a header, or a list of them", (str, list), str)
MODEL_ROW = ValueKind("[model.NAME]", (str,))
MAPPING_NAME = ValueKind("name of a mapping", (str,), filled=True)
VERB_NAMES = ValueKind("verb or [convert.NAME], or a list of them", (str, list), str)
VALUE_TABLES = ValueKind("value table of values.toml, or a list of them", (str, list), str)
SHAPE = ValueKind("[shape.NAME]", (str,))
SIBLING = ValueKind("name of a variant beside it", (str,), filled=True)
VERB = ValueKind("verb", (str,))
REMEMBERED = ValueKind("list of lets, or of state.NAME", (list,), str)

# ---------------------------------------------------------------- tables of the language
RULE = ValueKind("constant, $lookup or rule", (str, int, float, bool, list, dict))
RULES = ValueKind("table of named rules", (dict,))
RULES_BY_REGISTER = ValueKind("table: register = rule", (dict,))
RULES_BY_PATH = ValueKind("table: path = rule", (dict,))
RULES_BY_HEADER = ValueKind("table: header = text, number, rule, or false", (dict,))
CONDITION = ValueKind("table: path = value it must have", (dict,))
UNIT = ValueKind("table", (dict,))
UNITS_BY_NAME = ValueKind("table of named tables", (dict,), dict)
ROWS = ValueKind("table of named rows", (dict,))
