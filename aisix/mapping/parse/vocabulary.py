"""What a path can find at all, as far as the tables say: the caller's fields, options, facts.

Only what is certain is told: a field without a row of [accept] may hold anything.

Must never know: where a question stands, how it is answered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from aisix.mapping.grammar.roots import is_lookup
from aisix.mapping.parse.given import unfilled, unreached
from aisix.mapping.parse.meant import meant
from aisix.mapping.parse.options import fits, option_faults
from aisix.mapping.syntax.paths import TYPE_NAMES, Json, Path
from aisix.mapping.syntax.rules import Check, Rule, TableEntry

COMPARE = re.compile(r"([<>])\s*(-?[0-9.]+)")
NUMBERS = ("integer", "number")
TEXTS = ("alias", "upstream_model", "version")


class Vocabulary:
    """Of one mapping's merged tables; `words`: what callers of its dialect may send, when known."""

    def __init__(self, tables: dict[str, Json], words: frozenset[str] | None = None) -> None:
        self.words = words
        self.types = dict(_accepted(tables.get("request", {}).get("accept", {})))
        mapping = tables.get("mapping") or {}
        self.options: dict[str, Json] = mapping.get("option", {})
        self.versions: dict[str, Json] = mapping.get("versions", {}).get("known", {})
        models = tables.get("models") or {}
        self.rows = [models.get("defaults") or {}, *(models.get("model") or {}).values()]
        self.seen: dict[str, str] = {}  # first word = type of what an item has for certain

    def no_field(self, word: str) -> str:
        """What is wrong with a field that no caller may send; "" of one that may be there."""
        if self.words is None or word in self.words:
            return ""
        hint = meant(word, self.words)
        if not hint.startswith("did you"):
            hint = "declare it there"
        return f'no row of [accept] or [rest] names "{word}" ({hint})'

    def nothing_below(self, path: Path) -> str:
        """Why a path into the caller's request finds nothing in what [accept] lets stand there."""
        for length in range(1, len(path.steps)):
            above = path.steps[:length]
            if not all(isinstance(step, str) for step in above):
                return ""
            name, step = ".".join(map(str, above)), path.steps[length]
            types = self.types.get(name, ())
            if types and ("object" if isinstance(step, str) else "array") not in types:
                meant = path.text.replace(name, f"{name}[]", 1)
                hint = f' (did you mean "{meant}"?)' if types == ("array",) else ""
                return f'"{path.text}" finds nothing: {name} is {_or(types)}{hint}'
        return ""

    def no_list(self, path: Path, of_body: bool) -> str:
        """Why nothing can be looked up in what is found there; or ""."""
        types = self.types_of(path, of_body)
        return f"{path.text} is {_or(types)}, and no list" if types and "array" not in types else ""

    def slip(self, word: str) -> str:
        """What is wrong with the name of something told of that is nearly a field; a header may be
        told of too, and a word of the writer's own."""
        if self.words is None or word in self.words:
            return ""
        near = next((known for known in sorted(self.words) if is_slip(word, known)), "")
        return f'no field "{word}" (did you mean "{near}"?)' if near else ""

    def types_of(self, path: Path, of_body: bool) -> tuple[str, ...]:
        """The types of what may be found; () when that is not known."""
        if None in path.steps:
            return ()
        if path.root in TEXTS:
            return ("string",)
        if path.root == "index":
            return ("integer",)
        if path.root == "option" and len(path.steps) == 1:
            row = self.options.get(str(path.steps[0]))
            return (row["type"],) if isinstance(row, dict) and "type" in row else ()
        if path.root == "model" and len(path.steps) == 1:
            return tuple(sorted({TYPE_NAMES[type(v)] for v in self._facts(str(path.steps[0]))}))
        if path.root == "body" or (of_body and path.root == ""):
            return self.types.get(path.text.removeprefix("$body."), ())
        seen = self.seen.get(str(path.steps[0])) if path.root == "" and path.steps else None
        return (seen,) if seen else ()

    def never(self, path: Path, value: Json, of_body: bool) -> str:
        """Why what is found there can never be this constant, or one of a list; or ""."""
        if isinstance(value, dict):
            return ""
        for one in value if isinstance(value, list) else (value,):
            if isinstance(one, str) and one.startswith("$"):
                continue
            why = self._never(path, one, of_body)
            if why:
                return f"never true: {why}"
        return ""

    def _never(self, path: Path, value: Json, of_body: bool) -> str:
        compared = isinstance(value, str) and COMPARE.fullmatch(value) is not None
        types = self.types_of(path, of_body)
        if compared and types and not set(types) & set(NUMBERS):
            return f"{path.text} is {_or(types)}, which is neither above nor below"
        if compared:
            return ""
        if types and not fits(value, types):
            return f"{path.text} is {_or(types)}, {value!r} is {_type(value)}"
        word = str(path.steps[0]) if len(path.steps) == 1 else ""
        if path.root == "option" and word in self.options:
            faults = option_faults(word, self.options[word], value)
            return faults[0].partition(": ")[2] if faults else ""
        if path.root == "model" and isinstance(value, str):
            known = [fact for fact in self._facts(word) if isinstance(fact, str)]
            if known and value not in known:
                return f'no row of models.toml has "{value}" there ({meant(value, known)})'
        if path.root == "version" and self.versions and value not in self.versions:
            return f'there is no version "{value}" ({meant(str(value), self.versions)})'
        return ""

    def no_text(self, path: Path, of_body: bool) -> str:
        """Why what is found there is no text that could match; or ""."""
        types = self.types_of(path, of_body)
        if not types or "string" in types:
            return ""
        return f"never true: {path.text} is {_or(types)}, and only text matches"

    def odd(
        self, rule: Rule, of_body: bool, data: dict[str, Json]
    ) -> Iterator[tuple[str, str, bool]]:
        """(key, why, whether it does nothing) of each key that does not fit what a rule finds.

        data: as it is written; a policy takes the default away from the rule, an option parts.
        """
        default = data.get("default")
        low, high = rule.low, rule.high
        if type(low) in (int, float) and type(high) in (int, float) and low > high:  # type: ignore[operator]
            yield "min", f"is above max ({high})", False
        each = [self.types_of(path, of_body) for path in rule.paths]
        types = tuple(dict.fromkeys(word for one in each for word in one)) if all(each) else ()
        for why in unfilled(rule, data, types):
            yield "as", why, False
        if rule.kind != "from":
            return
        named = " or ".join(path.text for path in rule.paths)
        same = not (rule.converts or rule.tables)
        if default is not None and not (isinstance(default, str) and default.startswith("$")):
            wanted = rule.types or types
            if wanted and not fits(default, wanted):
                kind = _type(default)
                yield "default", f"{named} is {_or(wanted)}, {default!r} is {kind}", False
            elif (low, high) != (None, None) and same and not fits(default, NUMBERS):
                text = f"expected number: min and max are for those, found {default!r}"
                yield "default", text, False
        if not types:
            return
        if rule.only and not any(fits_word(word, rule.only) for word in types):
            yield "only", f"finds nothing: {named} is {_or(types)}", False
        for key, given, wanted in (
            ("min", low, NUMBERS),
            ("max", high, NUMBERS),
            ("where", rule.where, ("array",)),
            ("join", rule.join, ("array",)),
            ("keep", rule.keep or None, ("array", "string")),
        ):
            if given is not None and same and not any(fits_word(word, wanted) for word in types):
                yield key, f"never acts: {named} is {_or(types)}", True
        if why := unreached(rule, types):
            yield "table", f"{why}: {named} is {_or(types)}", True
        for key, shape, wanted in (
            ("each", rule.each, ("array", "string") if rule.lone else ("array",)),
            ("shape", rule.shape, (rule.shape.of,) if rule.shape else ()),
        ):
            if shape is not None and same and not any(fits_word(word, wanted) for word in types):
                yield key, f"refuses whatever is there: {named} is {_or(types)}", False

    def _facts(self, name: str) -> Iterable[Json]:
        """The values of a fact in all rows; one that refers to another fact is that one's."""
        for row in self.rows:
            value = row.get(name)
            if isinstance(value, str) and value.startswith("$"):
                value = next((r[value[1:]] for r in (row, *self.rows) if value[1:] in r), None)
            if value is not None and type(value) in TYPE_NAMES:
                yield value


def is_slip(key: str, word: str) -> bool:
    """Whether `key` is `word` with letters swapped, or one letter missing or doubled."""
    if key == word or abs(len(key) - len(word)) > 1:
        return False
    if len(key) == len(word):
        return sorted(key) == sorted(word)
    long, short = (key, word) if len(key) > len(word) else (word, key)
    return any(long[:i] + long[i + 1 :] == short for i in range(len(long)))


def fits_word(word: str, types: Iterable[str]) -> bool:
    """Whether something of the type `word` may be of one of these types."""
    return word in types or (word in NUMBERS and any(one in NUMBERS for one in types))


def _type(value: Json) -> str:
    return TYPE_NAMES.get(type(value), "none")


def _or(types: tuple[str, ...]) -> str:
    return " or ".join(types)


def _accepted(rows: Json) -> Iterable[tuple[str, tuple[str, ...]]]:
    """(path, types) of each row of [accept] that names types."""
    for name, row in rows.items() if isinstance(rows, dict) else ():
        given = row.get("type") if isinstance(row, dict) else row
        types = given if isinstance(given, list) else [given]
        if all(isinstance(word, str) for word in types):
            yield name, tuple(map(str, types))


def odd_check(check: Check, row: dict[str, Json]) -> Iterator[tuple[str, str, bool]]:
    """The same of each key of a row of [accept] that its types can never meet."""
    types = check.types
    if not types:
        return
    for key, wanted in (
        ("range", NUMBERS),
        ("match", ("string",)),
        ("empty", ("string", "array")),
        ("longest", ("string", "array", "object")),
        ("values", ("object",)),
    ):
        if key in row and not any(word in wanted for word in types):
            yield key, f"never acts: {check.path.text} is {_or(types)}", True
    for value in check.one_of:
        if isinstance(value, str) and is_lookup(value):
            yield "one_of", f"never true: {value!r} is compared as it stands, not looked up", False
        if not fits(value, types):
            yield "one_of", f"never true: {value!r} is {_type(value)}", False


def odd_rows(entries: dict[str, TableEntry]) -> Iterator[tuple[str, str]]:
    """(word, why) of each row of a value table that becomes another kind of value than most."""
    kinds = {
        word: _type(entry.to).replace("integer", "number")
        for word, entry in entries.items()
        if entry.to is not None
    }
    usual = max(kinds.values(), key=list(kinds.values()).count, default="")
    for word, entry in entries.items():
        if isinstance(entry.to, str) and is_lookup(entry.to):
            yield word, f'"{entry.to}" would be sent as it stands: nothing is looked up here'
    for word, kind in kinds.items():
        if kind != usual:
            yield word, f"becomes {kind}, the other rows {usual}"


def words_of(requests: Iterable[Json]) -> set[str]:
    """The caller's fields that [accept], [rest] and corrections of some request tables name."""
    words: set[str] = set()
    for request in requests:
        if not isinstance(request, dict):
            continue
        for section in ("accept", "rest"):
            rows = request.get(section)
            words |= (
                {re.split(r"[.\[]", name)[0] for name in rows if name != "*"}
                if isinstance(rows, dict)
                else set()
            )
        adjusts = request.get("adjust")
        for row in adjusts.values() if isinstance(adjusts, dict) else ():
            if isinstance(row, dict) and isinstance(row.get("from"), str):
                words.add(row["from"])
    return words
