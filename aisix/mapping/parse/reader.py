"""The small parts every table is made of: paths, words, conditions; and complaints about them.

A complaint names file:line, the key, what was found and what would be right; parsing goes on after
one, so that an operator sees all of them at once.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from aisix.errors import Complaint
from aisix.mapping.grammar import kinds
from aisix.mapping.grammar.tables import UNITS
from aisix.mapping.parse.structure import EXPECTED, found, in_toml
from aisix.mapping.parse.units import meant, sound
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.paths import Json, Path
from aisix.mapping.syntax.rules import Condition, Place, Test
from aisix.mapping.verbs.registry import Declared, Option

# A path of the tables is read again for every model row: texts of tables, never a caller's.
read_path = lru_cache(8192)(paths.parse)

ROOTS = (
    *("body", "let", "my", "index", "state", "out", "model", "option", "alias", "upstream_model"),
    *("version", "header", "null", "request", "block", "usage", "now", "new_id", "delta"),
    *("finish", "message", "folded", "counted", "wants_usage", "values", "part"),
)
REGISTERS = ("state", "block")
WHOLE = ("out", *REGISTERS)  # what rules write into: taken whole, it would hold itself
_FLAGS = re.compile(r"^\(\?:\(\?([a-z]+)\)")  # of one alternative, for it alone
_COMPARE = re.compile(r"([<>])\s*(-?[0-9.]+)")


def is_slip(key: str, word: str) -> bool:
    """Whether `key` is `word` with letters swapped, or one letter missing or doubled."""
    if key == word or abs(len(key) - len(word)) > 1:
        return False
    if len(key) == len(word):
        return sorted(key) == sorted(word)
    long, short = (key, word) if len(key) > len(word) else (word, key)
    return any(long[:i] + long[i + 1 :] == short for i in range(len(long)))


class Grammar:
    """Reads one mapping's merged tables. `where(path)` gives "file:line" of a key."""

    def __init__(
        self,
        tables: dict[str, Json],
        where: Callable[[tuple[str, ...]], str],
        facts: dict[str, Json] | None = None,
    ) -> None:
        self.tables = tables
        self.where = where
        self.facts = facts or {}  # {"model": row, "option": values}: constant for one alias
        self.complaints: list[Complaint] = []
        self.used: set[str] = set()
        self.read: set[str] = set()
        self.item_read: set[str] = set()  # keys of the item whose shape is being parsed
        self.registers_set = {"block.index", "block.kind"}  # these two by the machine itself
        self.registers_read: list[tuple[str, tuple[str, ...]]] = []
        self.section = "request"
        self.named = self._named()

    def _named(self) -> dict[str, tuple[str, set[str]]]:
        """What `$let`, `$model` and `$option` may name, and what to call one that is not there."""
        named: dict[str, tuple[str, set[str]]] = {}
        lets = self.tables.get("request", {}).get("let")
        if isinstance(lets, dict):
            named["let"] = "no [let]", set(lets)
        models = self.tables.get("models") or {}
        rows = [models.get("defaults") or {}, *(models.get("model") or {}).values()]
        if models:
            named["model"] = "no fact of models.toml", {k for row in rows for k in row}
        if "option" in self.facts:
            named["option"] = "no option", set(self.facts["option"])
        return named

    # ------------------------------------------------------------------ complaints
    def unit(self, data: Json, at: tuple[str, ...], name: str) -> dict[str, Json]:
        """A table as it is declared (`grammar/`): what is wrong in it is told and left out."""
        return sound(data, at, UNITS[name], self.complain, self.where, self.rank)

    def rank(self, path: tuple[str, ...]) -> int:
        """Which layer a key is of; the later ones have higher numbers."""
        return int(self.facts.get("ranks", {}).get(self.where(path).rpartition(":")[0], 0))

    def place(self, path: tuple[str, ...]) -> Place:
        return Place(self.where(path), ".".join(path[1:]))

    def complain(self, path: tuple[str, ...], text: str) -> None:
        self.complaints.append(Complaint(self.where(path), ".".join(path[1:]), text))

    def unknown(self, path: tuple[str, ...], what: str, word: str, known: Iterable[str]) -> None:
        hint = meant(word, known)
        self.complain(path, f'{what} "{word}" ({hint})' if what else f"unknown key ({hint})")

    def keys(self, data: dict[str, Json], path: tuple[str, ...], known: Iterable[str]) -> None:
        for key in data:
            if key not in known:
                self.unknown((*path, key), "", key, known)

    def options(
        self, given: dict[str, Json], at: tuple[str, ...], one: Declared
    ) -> dict[str, Json]:
        """The options of a verb, a pass or an adjustment as it takes them, each one checked."""
        self.keys(given, at, [option.name for option in one.options])
        missing = [o.name for o in one.options if o.required and o.name not in given]
        if missing:
            self.complain(at, f'"{one.name}" needs {", ".join(missing)}')
        sound = {}
        for option in one.options:
            if option.name in given:
                before, value = len(self.complaints), given[option.name]
                self.option(option, value, (*at, option.name))
                if option.needs and option.needs not in given:
                    self.complain((*at, option.name), f'means nothing without "{option.needs}"')
                if len(self.complaints) == before:
                    sound[option.name] = value
        return one.read(sound)

    def option(self, option: Option, value: Json, at: tuple[str, ...]) -> None:
        """One option: of its type, and what it names is there."""
        if option.wrong(value):
            kind = option.kind
            inside = isinstance(value, kind.types) and type(value) is not bool
            plain = dict.fromkeys(EXPECTED[type_] for type_ in kind.types)
            wanted = kind.word if inside or len(plain) > 1 else next(iter(plain))
            example = f"{option.name} = {in_toml(option.example)}"
            self.complain(at, f"expected {wanted}, found {found(value)}; for example {example}")
            return
        if option.words and value not in option.words:
            self.unknown(at, "unknown word", value, option.words)
        match option.kind:
            case kinds.PATH | kinds.PATHS:
                self.places(value, at)
            case kinds.PATH_OR_LOOKUP:
                if value.startswith("$"):
                    self.path(value, at)
                else:
                    self.places(value, at)
            case kinds.VALUES_BY_PATH:
                for text, below in value.items():
                    self.places(text, (*at, text))
                    self.scalar_or_path(below, (*at, text))
            case kinds.FAULT:
                self.fault(value, at)
            case kinds.REGISTER:
                self.registers_set.add(f"state.{value}")
            case kinds.CALLER_FIELD:
                self.read.add(value)
            case kinds.PATTERN | kinds.PATTERNS | kinds.CHARACTERS:
                for text in value if isinstance(value, list) else [value]:
                    self.regex(f"[^{text}]" if option.kind == kinds.CHARACTERS else text, at)
            case kinds.DATE_FORMAT | kinds.ZONE:
                try:
                    option.kind.read(value)  # type: ignore[misc]
                except ValueError as error:
                    self.complain(at, str(error))

    def places(self, value: Json, at: tuple[str, ...]) -> None:
        for text in self.words(value, at):
            try:
                if not paths.parse(text).steps:
                    self.complain(at, f'"{text}" is no field')
            except ValueError as error:
                self.complain(at, str(error))

    def typed(self, data: Json, path: tuple[str, ...], kind: type, default: Any) -> Any:
        """data[path[-1]] when it has the type, else a complaint and the default."""
        value = data.get(path[-1], default)
        if (
            value is default
            or (type(value) is kind and kind is not dict)
            or isinstance(value, kind)
        ):
            return value
        self.complain(path, f"expected {EXPECTED[kind]}, found {found(value)}")
        return default

    # ------------------------------------------------------------------ small parts
    def path(self, text: Json, at: tuple[str, ...]) -> Path:
        if not isinstance(text, str):
            self.complain(at, f"expected a path, found {found(text)}")
            return Path(".", "", ())
        try:
            path = read_path(text)
        except ValueError as error:
            self.complain(at, str(error))
            return Path(".", "", ())
        if path.root == "body" and path.steps:
            self.read.add(str(path.steps[0]))
        if path.root:
            self.rooted(path, at)
        elif path.steps:
            self.item_read.add(str(path.steps[0]))
        return path

    def item_path(self, text: Json, at: tuple[str, ...]) -> Path:
        """A path below an item that is no item of the caller's list around it."""
        read, self.item_read = self.item_read, set()
        path = self.path(text, at)
        self.item_read = read
        if path.root:
            self.complain(at, f'"{path.text}" is no path below an item')
        return path

    def rooted(self, path: Path, at: tuple[str, ...]) -> None:
        """Whether there is what a `$name` asks for."""
        if path.root not in ROOTS:
            near = difflib.get_close_matches(path.root, ROOTS, 1, 0.6)
            hint = f' (did you mean "${near[0]}"?)' if near else ""
            self.complain(at, f'no "${path.root}" to look up{hint}')
        elif path.root in WHOLE and not path.steps:
            self.complain(at, f'say what of "${path.root}": "${path.root}.NAME"')
        elif path.steps and path.root in self.named:
            what, names = self.named[path.root]
            word = str(path.steps[0])
            if word not in names:
                self.unknown(at, what, word, names)
        elif path.root in REGISTERS:
            self.registers_read.append((f"{path.root}.{path.steps[0]}", at))

    def check_registers(self) -> None:
        """A register that nothing sets is never there; asked when all has been read."""
        for name, at in self.registers_read:
            if name not in self.registers_set:
                group = name.partition(".")[0] + "."
                known = {word for word in self.registers_set if word.startswith(group)}
                self.unknown(at, "nothing sets", name, known)

    def hiding(self, rows: Iterable[str], at: tuple[str, ...]) -> set[str]:
        """Those of a table's rows that hide others by accident: not put in front on purpose."""
        placed = self.facts.get("placed", ())
        return {name for name in rows if (*at, name) not in placed}

    def fault(self, word: str, at: tuple[str, ...]) -> str:
        """The word, when it is a fault of the caller's dialect."""
        faults = self.facts.get("fault")
        if word and faults is not None and word not in faults:
            self.unknown(at, "no [fault]", word, faults)
        return word

    def path_list(self, value: Json, at: tuple[str, ...]) -> tuple[Path, ...]:
        """A path or a list of paths."""
        return tuple(self.path(text, at) for text in self.words(value, at))

    def top(self, path: Path, base: str) -> None:
        """Remember that a top-level field of the caller is read."""
        if base == "" and path.root == "" and path.steps:
            self.read.add(str(path.steps[0]))

    def condition(
        self, data: dict[str, Json], at: tuple[str, ...], base: str = "item"
    ) -> Condition | None:
        if not isinstance(data, dict):
            self.complain(at, f"expected table, found {found(data)}")
            return None
        when, unless = data.get("when"), data.get("unless")
        match = data.get("match")
        if when is None and unless is None and match is None:
            return None
        tests: list[Test] = []
        if isinstance(when, dict):
            tests += self.tests(when, (*at, "when"), base)
        elif when is not None:
            self.complain((*at, "when"), "expected a table of path = value")
        if isinstance(match, dict):
            for text, pattern in match.items():
                path = self.path(text, (*at, "match", text))
                self.top(path, base)
                regex = self.regex(pattern, (*at, "match", text))
                if regex:
                    tests.append(Test(path, "matches", regex))
        elif match is not None:
            self.complain((*at, "match"), 'expected a table of path = "regular expression"')
        nots: tuple[Test, ...] = ()
        if isinstance(unless, dict):
            nots = tuple(self.tests(unless, (*at, "unless"), base))
        elif unless is not None:
            self.complain((*at, "unless"), "expected a table of path = value")
        return Condition(tuple(tests), nots)

    def off(self, data: Json) -> bool:
        """Whether a condition asks for an option that this alias has otherwise.

        A rule of such a condition is not there: what it reads counts as read by nobody.
        """
        if not isinstance(data, dict):
            return False
        for key, wanted in (("when", True), ("unless", False)):
            tests = data.get(key)
            for text, value in tests.items() if isinstance(tests, dict) else ():
                if self._option_is(text, value) is (not wanted):
                    return True
        return False

    def _option_is(self, text: str, value: Json) -> bool | None:
        """Whether "$option.NAME" is what a test wants; None when that is not known here."""
        options = self.facts.get("option", {})
        name = text.removeprefix("$option.")
        if name == text or name not in options:
            return None
        given = options[name]
        if value in ("$present", "$absent"):
            return (given is not None) is (value == "$present")
        if isinstance(value, dict) or (
            isinstance(value, str) and (value.startswith("$") or _COMPARE.fullmatch(value))
        ):
            return None
        wanted = value if isinstance(value, list) else [value]
        return any(type(given) is type(one) and given == one for one in wanted)

    def tests(self, data: dict[str, Json], at: tuple[str, ...], base: str) -> list[Test]:
        found = []
        for text, value in data.items():
            path = self.path(text, (*at, text))
            self.top(path, base)
            found.append(self.test(path, value, (*at, text)))
        return found

    def test(self, path: Path, value: Json, at: tuple[str, ...]) -> Test:
        if value == "$present":
            return Test(path, "present")
        if value == "$absent":
            return Test(path, "absent")
        if isinstance(value, str) and value.startswith("$"):
            return Test(path, "equals", self.path(value, at))
        if isinstance(value, str) and (found := _COMPARE.fullmatch(value)):
            return Test(path, "below" if found[1] == "<" else "above", float(found[2]))
        if isinstance(value, list):
            return Test(path, "in", frozenset((type(v), v) for v in value), None in path.steps)
        if isinstance(value, dict):
            self.complain(at, "expected a value, a list of values, $present, $absent or a $path")
        return Test(path, "is", value, None in path.steps)

    def regex(self, text: Json, at: tuple[str, ...]) -> re.Pattern[str] | None:
        """A regular expression, or a table of named ones of which one is enough."""
        try:
            if isinstance(text, dict):
                each = text.values()
                text = "|".join(_FLAGS.sub(r"(?\1:", f"(?:{one})", count=1) for one in each)
            return re.compile(text)
        except (re.error, TypeError) as error:
            self.complain(at, f"not a regular expression: {error}")
            return None

    def words(self, value: Json, at: tuple[str, ...], known: Iterable[str] = ()) -> tuple[str, ...]:
        """A word or a list of words, each one of `known` when that is given."""
        items = value if isinstance(value, list) else [value]
        for item in items:
            if not isinstance(item, str):
                self.complain(at, f"expected a word or a list of words, found {item!r}")
                return ()
            if known and item not in known:
                self.unknown(at, "unknown word", item, known)
        return tuple(items)

    def scalar_or_path(self, value: Json, at: tuple[str, ...]) -> Json | Path:
        if isinstance(value, str) and value.startswith("$"):
            return self.path(value, at)
        return value
