"""Whether what an upstream sent is an error, and what it says, whatever its shape.

Servers say it as an object under some name, a text, a list, JSON inside a text, a word where the
answer ends; with a number or a word that stands for an HTTP status, or with neither. Where each
part may stand is `errors.toml`'s: `[body]` (places, first found wins), `[mark.*]` (conditions),
`[status]` and `[numbers.*]` (words and numbers -> status), `[guess.*]` (texts -> status).
`compile/errors.py` is the fast form of `is_error`, and agrees with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import msgspec

from aisix.mapping.interpret.scope import Facts, Scope
from aisix.mapping.interpret.view import View, holds
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.paths import Json, Path
from aisix.mapping.syntax.rules import Condition

# What [body] says beside where a part of an error stands (type, code, param, message, and others).
OF_READING = ("mark", "usual", "status", "word", "inner", "text", "at")
DEEPEST = 4  # objects and texts within texts
LONGEST = 1 << 16  # characters of a text that is looked into
MOST = 5  # texts of a list
_decode = msgspec.json.Decoder().decode
_PAGE = re.compile(r"\s*<(!doctype|html|head|body|\?xml|title|center)\b", re.I)


@dataclass(frozen=True, slots=True)
class Said:
    """What an error says. `status`: the HTTP status it stands for, None when it does not say."""

    parts: dict[str, str]  # type, code, param, message and the like: those that are there
    status: int | None
    error: dict[str, Json]  # the same, laid over what the upstream has in its own object


@dataclass(frozen=True, slots=True)
class Recogniser:
    places: dict[str, tuple[Path, ...]] = field(default_factory=dict)
    marks: tuple[Condition, ...] = ()
    usual: frozenset[str] = frozenset()  # fields that every event has, for the compiled form
    harmless: tuple[tuple[Path, frozenset[str]], ...] = ()  # events that cannot be an error
    statuses: dict[str, int] = field(default_factory=dict)
    numbers: tuple[tuple[Path, dict[str, int]], ...] = ()
    guesses: tuple[tuple[re.Pattern[str], int], ...] = ()

    # ------------------------------------------------------------------ is it one
    def is_error(self, parsed: Json) -> bool:
        """Whether an answer or event with a good status is an error all the same."""
        body = unwrapped(parsed)
        if type(body) is not dict:
            return False
        for path, words in self.harmless:
            word = paths.get(body, path.steps)
            if type(word) is str and word in words:
                return False
        if any(is_mark(paths.get(body, path.steps)) for path in self.places.get("mark", ())):
            return True
        if self.marks:
            view = View(Scope(Facts("", "", "", {}, {}), {}), body)
            return any(holds(mark, view) for mark in self.marks)
        return "mark" not in self.places and self._word(body, "type") is not None

    # ------------------------------------------------------------------ what it says
    def read(self, parsed: Json, depth: int = 0) -> Said:
        """What an error says; `parsed` is JSON, or the text of what was none."""
        body = unwrapped(parsed)
        if type(body) is not dict:
            text = self._text(body, depth)
            return Said({"message": text} if text else {}, None, {"message": text} if text else {})
        parts = {
            name: word
            for name in self.places
            if name != "message" and name not in OF_READING
            if (word := self._word(body, name)) is not None
        }
        inner = [paths.get(body, path.steps) for path in self.places.get("inner", ())]
        for path in self.places.get("message", ()):
            value = paths.get(body, path.steps)
            text = self._text(value, depth)
            if text:
                parts["message"] = text
                inner.append(value if type(value) is str and value != text else None)
                break
        status = self._status(body, parts)
        given = body.get("error")
        error: dict[str, Json] = dict(given) if type(given) is dict else {}
        error |= {name: said for name, said in parts.items() if type(error.get(name)) is not int}
        for value in inner:
            below = self._inner(value, depth)
            if below is not None and "message" in below.parts:
                parts |= below.parts
                error |= below.parts
                status = below.status if status is None else status
                break
        return Said(parts, status, error)

    def status(self, said: Said) -> int:
        """The status of an error that came without one."""
        return self.known(said) or self.statuses.get("*", 500)

    def known(self, said: Said) -> int:
        """The status an error stands for by what it says; 0: it says nothing of one."""
        if said.status is not None:
            return said.status
        text = said.parts.get("message", "")
        found = (status for pattern, status in self.guesses if pattern.search(text))
        return next(found, 0)

    def _status(self, body: dict[str, Json], parts: dict[str, str]) -> int | None:
        for path in self.places.get("status", ()):
            number = _number(paths.get(body, path.steps))
            if _is_status(number):
                return number
        for path, table in self.numbers:
            number = _number(paths.get(body, path.steps))
            if number is not None and str(number) in table:
                return table[str(number)]
        words = [parts.get("code"), parts.get("type"), *self._words(body, "word")]
        for word in words:
            found = self.statuses.get(word or "") or self.statuses.get((word or "").lower())
            if found is not None and word != "*":
                return found
        return None

    def _inner(self, value: Json, depth: int) -> Said | None:
        """The error of the upstream's own upstream: an object, or a text with one in it."""
        if value is None or depth >= DEEPEST:
            return None
        parsed = _json(value) if type(value) is str else None
        return self.read(value if parsed is None else parsed, depth + 1)

    def _words(self, body: Json, name: str) -> list[str]:
        found = (paths.get(body, path.steps) for path in self.places.get(name, ()))
        return [str(v) for v in found if type(v) is int or (type(v) is str and v)]

    def _word(self, body: Json, name: str) -> str | None:
        """The first text at the places of this part; a status in digits is no code."""
        for path in self.places.get(name, ()):
            value = paths.get(body, path.steps)
            if type(value) is str and not (name == "code" and _is_status(_number(value))):
                return value
        return None

    def _text(self, value: Json, depth: int) -> str | None:
        """A text, of whatever holds one; pages of HTML have nothing to say."""
        if depth > DEEPEST:
            return None
        if type(value) is str:
            if _PAGE.match(value):
                return None
            inside = _json(value)
            below = None if inside is None else self.read(inside, depth + 1).parts.get("message")
            return below or value.strip() or None
        if type(value) is list:
            texts = [self._text(item, depth + 1) for item in value[:MOST]]
            return "; ".join(text for text in texts if text) or None
        if type(value) is dict:
            found = (paths.get(value, path.steps) for path in self.places.get("text", ()))
            text = next((t for v in found if (t := self._text(v, depth + 1))), None)
            where = next((w for w in self._places_at(value) if w), "")
            return f"{text} ({where})" if text and where else text
        return None

    def _places_at(self, item: dict[str, Json]) -> list[str]:
        """Where in the request the complaint sees the fault: a list of steps."""
        found = (paths.get(item, path.steps) for path in self.places.get("at", ()))
        return [".".join(map(str, v[:20])) for v in found if type(v) is list]


def unwrapped(parsed: Json) -> Json:
    """The object of a list that holds one; everything else as it is."""
    if type(parsed) is list:
        return next((item for item in parsed if type(item) is dict), parsed)
    return parsed


def is_mark(value: Json) -> bool:
    """Whether something stands at a place where only errors have anything."""
    return bool(value) and value != "0"


def _json(text: str) -> Json:
    """The object or list a text is; None for any other text."""
    start = text.lstrip()[:1]
    if start not in ("{", "[") or len(text) > LONGEST:
        return None
    try:
        return _decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _is_status(number: int | None) -> bool:
    return number is not None and 400 <= number <= 599


def _number(value: Json) -> int | None:
    if type(value) is int:
        return value
    return int(value) if type(value) is str and value.isdecimal() and len(value) < 9 else None
