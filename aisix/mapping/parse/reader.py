"""The small parts every table is made of: paths, words, conditions; and complaints about them.

A complaint names file:line, the key, what was found and what would be right; parsing goes on after
one, so that an operator sees all of them at once.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import lru_cache
from typing import Any

from aisix.errors import Complaint
from aisix.mapping.grammar.kinds import pattern
from aisix.mapping.grammar.roots import ANSWER, CREDENTIALS, REGISTERS, REQUEST, ROOTS, WHOLE, Root
from aisix.mapping.grammar.rule import SOURCES
from aisix.mapping.grammar.tables import UNITS
from aisix.mapping.parse.meant import meant
from aisix.mapping.parse.overlays import DROP
from aisix.mapping.parse.registers import Registers
from aisix.mapping.parse.sourceless import misnamed, names_at, sourceless
from aisix.mapping.parse.structure import EXPECTED, found
from aisix.mapping.parse.units import NO_DROP, Sounds, sound
from aisix.mapping.parse.unreachable import too_early, too_late
from aisix.mapping.parse.vocabulary import Vocabulary
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.paths import Json, Path
from aisix.mapping.syntax.rules import Place

# A path of the tables is read again for every model row: texts of tables, never a caller's.
read_path = lru_cache(8192)(paths.parse)

_FLAGS = re.compile(r"^\(\?:\(\?([a-z]+)\)")  # of one alternative, for it alone


def _names_of(word: str, node: Json) -> Iterator[str]:
    """The names of every table under this key, however deep."""
    for key, below in node.items() if isinstance(node, dict) else ():
        if key == word and isinstance(below, dict):
            yield from below
        yield from _names_of(word, below)


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
        # (model or option, name) -> what it was, of those that were asked for
        self.depends: dict[tuple[str, str], str] = self.facts.get("asked", {})
        self.sounds: Sounds = self.facts.get("sounds") or Sounds()
        self.complaints: list[Complaint] = []
        self.used: set[str] = set()
        self.read: set[str] = set()
        self.item_read: set[str] = set()  # keys of the item whose shape is being parsed
        self.registers_set = {"block.index", "block.kind"}  # these two by the machine itself
        self.registers_at: dict[str, tuple[str, ...]] = {}  # where the tables first set each one
        self.registers_read: list[tuple[str, tuple[str, ...]]] = []
        self.given_asked: list[tuple[str, tuple[str, ...]]] = []
        self.section = "request"
        self.named = self._named()
        self.vocabulary = Vocabulary(tables, self.facts.get("words"))
        self.told_gone: set[tuple[str, ...]] = set()
        self.without: tuple[str, ...] = ()  # roots that find nothing where we are

    def _named(self) -> dict[str, tuple[str, Collection[str]]]:
        """What `$let`, `$model` and `$option` may name, and what to call one that is not there."""
        named: dict[str, tuple[str, Collection[str]]] = {}
        lets = self.tables.get("request", {}).get("let")
        if isinstance(lets, dict):
            named["let"] = "no [let]", [*lets]
        models = self.tables.get("models") or {}
        rows = [models.get("defaults") or {}, *(models.get("model") or {}).values()]
        if models:
            named["model"] = "no fact of models.toml", {k for row in rows for k in row}
        if "option" in self.facts:
            named["option"] = "no option", set(self.facts["option"])
        return named

    def settled(self, of: str, name: str) -> Json:
        """The value of a fact or option, which decides what is parsed."""
        value = (self.facts.get(of) or {}).get(name)
        self.depends[of, name] = repr(value)
        return value

    def names_below(self, at: tuple[str, ...]) -> None:
        """What `$my` and `$request` may name in this section."""
        section = self.tables.get(at[0], {})
        self.named["my"] = "no shape has a `my`", set(_names_of("my", section.get("shape", {})))
        remember = self.tables.get("request", {}).get("remember", [])
        if at[0] == "answer" and isinstance(remember, list):
            names = {str(word).removeprefix("state.") for word in remember}
            self.named["request"] = "the request's `remember` has no", names

    # ------------------------------------------------------------------ complaints
    def unit(self, data: Json, at: tuple[str, ...], name: str) -> dict[str, Json]:
        """A table as it is declared (`grammar/`): what is wrong in it is told and left out."""
        known = self.sounds.get(data, name)
        if known is None:
            before = len(self.complaints)
            known = sound(data, at, UNITS[name], self.complain, self.where, self.knew)
            if len(self.complaints) == before:
                self.sounds.put(data, name, known)
        return known

    def knew(self, key: tuple[str, ...], other: tuple[str, ...]) -> bool:
        """Whether who wrote a key had the other one before him: it is of the same layer, or below.

        Of two traits nobody knows which of them come together.
        """
        ranks = self.facts.get("ranks", {})
        mine, others = (self.where(at).rpartition(":")[0] for at in (key, other))
        traits = {file.rpartition("/")[2] for file in (mine, others) if "/traits/" in file}
        return len(traits) < 2 and int(ranks.get(mine, 0)) >= int(ranks.get(others, 0))

    def place(self, path: tuple[str, ...]) -> Place:
        return Place(self.where(path), ".".join(path[1:]))

    def complain(self, path: tuple[str, ...], text: str, *, idle: bool = False) -> None:
        """`idle`: what stands there does nothing, which is no reason not to serve."""
        self.complaints.append(Complaint(self.where(path), ".".join(path[1:]), text, idle))

    def unknown(
        self,
        path: tuple[str, ...],
        what: str,
        word: str,
        known: Iterable[str],
        thing: tuple[str, ...] = (),
    ) -> None:
        """A word that is none of those known; `thing`: where it would stand, if it were there.

        Who has taken that away is told himself, once, and not whoever still asks for it.
        """
        taken = self.facts.get("removed", {}).get(thing)
        if taken is not None:
            if thing not in self.told_gone:
                self.told_gone.add(thing)
                text = f"it is still asked for ({self.where(path)})"
                self.complaints.append(Complaint(taken, ".".join((*thing[1:], "drop")), text))
            return
        hint = meant(word, known)
        self.complain(path, f'{what} "{word}" ({hint})' if what else f"unknown key ({hint})")

    def keys(self, data: dict[str, Json], path: tuple[str, ...], known: Iterable[str]) -> None:
        for key in data:
            if key not in known and key == DROP:
                self.complain((*path, key), NO_DROP.format(found(data[key])))
            elif key not in known:
                self.unknown((*path, key), "", key, known)

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
            self.asking(path, at)
        if path.root:
            self.rooted(path, at)
        elif path.steps:
            self.item_read.add(str(path.steps[0]))
        if at[0] == "errors" and path.steps[:1] == ("headers",):
            self.in_small(str(path.steps[-1]), at)
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
        root = ROOTS.get(path.root)
        if root is None:
            near = difflib.get_close_matches(path.root, ROOTS, 1, 0.6)
            hint = f' (did you mean "${near[0]}"?)' if near else ""
            self.complain(at, f'no "${path.root}" to look up{hint}')
        elif self.out_of_place(root, at):
            self.complain(at, f'"${root.name}" finds nothing here: {self.out_of_place(root, at)}')
        elif path.steps and not root.named:
            self.complain(at, f'"${root.name}" is one value: nothing is below it')
        elif path.root in WHOLE and not path.steps:
            self.complain(at, f'say what of "${path.root}": "${path.root}.NAME"')
        elif path.root == "header":
            self.header(path, at)
        elif path.root == "out":
            self.written(path, at)
        elif path.steps and path.root in self.named:
            what, names = self.named[path.root]
            word = str(path.steps[0])
            remember = ("request", "remember")
            if word in names:
                self.tell(too_early([*names], path, at), at)
            elif path.root == "request" and not self.knew(at, remember):  # another list over it
                if (*remember, word) not in self.told_gone:
                    self.told_gone.add((*remember, word))
                    self.complain(remember, f'lacks "{word}", which {self.where(at)} asks for')
            else:
                thing = ("request", "let", word) if path.root == "let" else ()
                self.unknown(at, what, word, names, thing)
        elif path.root in REGISTERS:
            self.registers_read.append((f"{path.root}.{path.steps[0]}", at))
        elif path.root == "given":
            self.given_asked.append((str(path.steps[0]), at))

    def header(self, path: Path, at: tuple[str, ...]) -> None:
        """What of the caller's headers may be asked for: each by its name, no credential."""
        name = str(path.steps[0])
        if name.lower() in CREDENTIALS | self.facts.get("credentials", frozenset()):
            text = f'"{path.text}" is refused: a caller\'s credential goes nowhere'
            self.complain(at, f"{text} (an upstream gets the one of its provider key)")
        elif len(path.steps) > 1 or not isinstance(path.steps[0], str):
            self.complain(at, f'"{path.text}" finds nothing: a header is one text')
        else:
            self.in_small(name, at)

    def in_small(self, name: str, at: tuple[str, ...]) -> None:
        """Tell of a header's name in capitals, which finds none."""
        if name != name.lower():
            text = f'never there: names of headers are in small letters ("{name.lower()}")'
            self.complain(at, text, idle=True)

    def written(self, path: Path, at: tuple[str, ...]) -> None:
        """Whether a field that rules of fields ask for is written before them."""
        if at[:2] not in ((REQUEST, "field"), (REQUEST, "shape")):
            return  # corrections and the caller's own come in between
        fields, word = self.tables.get(REQUEST, {}).get("field", {}), str(path.steps[0])
        known = self.facts.get("written")
        if word in fields:
            self.tell(too_late([*fields], path, at), at)
        elif known is not None and word not in known:
            self.unknown(at, "finds nothing: no [field]", word, fields, (REQUEST, "field", word))

    def out_of_place(self, root: Root, at: tuple[str, ...]) -> str:
        """Why a root finds nothing at a place; "" where it may."""
        if at[0] in (REQUEST, ANSWER) and at[0] not in root.files:
            return f"only {' and '.join(root.files)}.toml may ask for it"
        if root.sections and at[1:2] and at[1] not in root.sections and at[0] != "values":
            places = ", ".join(f"[{name}]" for name in root.sections)
            return f"only {places} may ask for it"
        if root.name in self.without:
            return "an item of a list is asked of itself alone"
        return ""

    def sets(self, register: str, at: tuple[str, ...]) -> None:
        """Remember that something sets a register (state.NAME, block.NAME)."""
        self.registers_set.add(register)
        self.registers_at.setdefault(register, at)

    def registers(self) -> Registers:
        """Those of this section, with the names of both of its kinds."""
        read = frozenset(f"{self.section}.{name}" for name, _ in self.registers_read)
        return Registers({f"{at[0]}.{name}": at for name, at in self.registers_at.items()}, read)

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
        asked = len(self.given_asked)
        found = tuple(self.path(text, at) for text in self.words(value, at))
        if any(path.root != "given" for path in found):
            del self.given_asked[asked:]  # something is found without
        return found

    def top(self, path: Path, base: str, at: tuple[str, ...]) -> None:
        """Remember that a top-level field of the caller is read, and tell of one there is not."""
        if base == "" and path.root == "" and path.steps:
            self.asking(path, at)

    def list_at(self, path: Path, base: str, at: tuple[str, ...]) -> None:
        """The same of a path to a list, and of one to anything else."""
        self.top(path, base, at)
        self.tell(self.vocabulary.no_list(path, base == ""), at)

    def asking(self, path: Path, at: tuple[str, ...]) -> None:
        """Remember the field of the caller's a path begins with; tell of what is never there."""
        self.reading(str(path.steps[0]), at)
        self.tell(self.vocabulary.nothing_below(path), at)

    def reading(self, word: str, at: tuple[str, ...]) -> None:
        self.read.add(word)
        self.tell(self.vocabulary.no_field(word), at)

    def tell(self, why: str, at: tuple[str, ...]) -> None:
        """A complaint, when there is something to say."""
        if why:
            self.complain(at, why)

    def sourceless(self, data: dict[str, Json], at: tuple[str, ...]) -> None:
        """Complain of a table that was meant for a rule, and has no source."""
        for key, why in sourceless(data, at[-1], names_at(self.tables, at[:-1])):
            self.complain((*at, key), why)

    def one_rule(self, data: dict[str, Json], at: tuple[str, ...]) -> dict[str, Json]:
        """A rule without the fields of what was an object of rules before a later folder gave it
        a source, which is told there."""
        source = next(key for key in SOURCES if key in data)
        here = (*at, source)
        fields = [
            key
            for key in data
            if key not in UNITS["rule"].by_name
            and self.knew(here, (*at, key))
            and not self.knew((*at, key), here)
        ]
        for key in fields:
            name, line = ".".join((*at[1:], key)), self.where((*at, key))
            text = f"makes one rule of what has a field of its own ({line}): when that is meant,"
            self.complain(here, f"{text} write [{name}] drop = true in {at[0]}.toml")
        return {key: value for key, value in data.items() if key not in fields} if fields else data

    def misnamed(self, rules: dict[str, Json], at: tuple[str, ...]) -> None:
        """Complain of named rules that were meant as one."""
        for name, why in misnamed(rules):
            self.complain((*at, name), why)

    def regex(self, text: Json, at: tuple[str, ...]) -> re.Pattern[str] | None:
        """A regular expression, or a table of named ones of which one is enough."""
        try:
            if isinstance(text, dict):
                each = text.values()
                text = "|".join(_FLAGS.sub(r"(?\1:", f"(?:{one})", count=1) for one in each)
            return pattern(text)
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
