"""What in a site's tables looks like a slip of the pen, though it may well be meant.

    hints(mappings, kept)    # notes, never a refusal: a word that is nearly another, a constant of
                             # an odd kind, a field that the caller's own takes the place of

A name of the writer's own choosing (an output field, an event, a word of a value table) can be
spelt in any way. One that stands once in all tables and in the site's cases, and is one letter away
from one that stands there often, is likely that one.

Must never know: what a table says.
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Iterator

import msgspec

from aisix.errors import Complaint, OperatorError
from aisix.mapping.grammar.rule import SOURCES as WAYS
from aisix.mapping.mappings import Mappings, read_parts
from aisix.mapping.parse.files import TableFolder
from aisix.mapping.parse.toml_tree import Keys, Tree
from aisix.mapping.syntax.paths import Json
from aisix.mapping.verify.kept import Kept, engine, hashed

SHORTEST = 5  # letters of a word that may be misspelt: shorter ones are too near to others
LONG = 7  # ... or in which one letter may be another
OFTEN = 2  # how often the right word stands somewhere
MOST_WORDS = 20_000  # of a site; behind them nothing is hinted at
DECLARED = ("convert", "arrange", "adjust")  # whose options have kinds of their own
SOURCES = frozenset(WAYS) - {"value"}
WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[_-][A-Za-z0-9]+)*")
PROSE = re.compile(r"[\s\\^({|]")  # in a text that people read, or in an expression
PLAIN = re.compile(r"[a-z]+(?:[_-][a-z]+)*")
CONDITIONS = frozenset(("when", "unless", "match", "where", "where_not", "guard", "check"))


def hints(mappings: Mappings, kept: Kept) -> list[Complaint]:
    """Of every folder but the first."""
    shelves = mappings.table_folders
    known, kinds = of_shipped(shelves[0], kept)
    own = [(path, tree) for shelf in shelves[1:] for path, tree in _trees(shelf)]
    count: Counter[str] = Counter()
    for _, tree in own:
        for _, words in _words(tree.data, ()):
            count.update(words)
        if count.total() > MOST_WORDS:
            return []
    every = known + count
    found: dict[tuple[str, str], Complaint] = {}
    for path, tree in own:
        for keys, words in _words(tree.data, ()):
            for word in words:
                near = _meant(word, every)
                if near:
                    text = f'"{word}" stands nowhere else; did you mean "{near}"?'
                    told = Complaint(tree.where(keys), ".".join(keys), text)
                    found.setdefault((told.where, word), told)
        said = [*_odd_kinds(tree, tree.data, (), kinds), *_unsent(mappings, path, tree)]
        for told in said:
            found.setdefault((told.where, told.path), told)
    for shelf in shelves[1:]:
        for path, tree in _requests(shelf):
            for told in _overruled(mappings, path, tree):
                found.setdefault((told.where, told.path), told)
    return list(found.values())


Usual = tuple[dict[str, int], dict[str, set[str]]]


def of_shipped(shelf: TableFolder, kept: Kept) -> tuple[Counter[str], dict[str, set[str]]]:
    """(how often each word stands there, the kinds of constant that each key has)"""
    texts = (part for path, data in shelf.files.items() for part in (path, data))
    name = "words-" + hashed(engine(), *texts)
    found = _read_before.get(name) or _kept(kept, name)
    if found is None:
        found = _usual(shelf)
        kept.put(name, msgspec.msgpack.encode(found))
    _read_before.clear()  # a gateway's are the same for as long as it runs
    _read_before[name] = found
    return Counter(found[0]), found[1]


_read_before: dict[str, Usual] = {}


def _kept(kept: Kept, name: str) -> Usual | None:
    found: Usual | None = None
    with contextlib.suppress(msgspec.DecodeError):
        found = msgspec.msgpack.decode(kept.get(name) or b"", type=Usual)
    return found


def _usual(shelf: TableFolder) -> Usual:
    count: Counter[str] = Counter()
    kinds: dict[str, set[str]] = {}
    times: Counter[str] = Counter()
    for _, tree in _trees(shelf):
        for _, words in _words(tree.data, ()):
            count.update(words)
        for key, value, asked in _leaves(tree.data):
            of = f"when {key}" if asked else key
            kinds.setdefault(of, set()).add(_kind(value))
            times[of] += 1
    return dict(count), {key: found for key, found in kinds.items() if times[key] >= OFTEN}


def _trees(shelf: TableFolder) -> Iterator[tuple[str, Tree]]:
    for path in shelf.files:
        tree = read_parts(shelf, path, [], [])
        if tree is not None:
            yield path, tree


def _leaves(node: dict[str, Json], asked: bool = False) -> Iterator[tuple[str, Json, bool]]:
    """(name, constant, whether it stands in a condition) of all below."""
    for key, value in node.items():
        if isinstance(value, dict):
            yield from _leaves(value, asked or key in CONDITIONS)
        else:
            yield key, value, asked


def _kind(value: Json) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "number"
    return "list" if isinstance(value, list) else "text"


# ---------------------------------------------------------------- spelling
def _words(node: Json, at: Keys) -> Iterator[tuple[Keys, list[str]]]:
    """(place, words of a key and of the texts at it)"""
    if isinstance(node, dict):
        for key, value in node.items():
            keys = (*at, key)
            yield keys, [*_in_text(key), *_in_value(value)]
            yield from _words(value, keys)
    elif isinstance(node, list):
        for item in node:
            yield from _words(item, at)


def _in_value(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield from _in_text(value)
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, str):
                yield from _in_text(item)


def _in_text(text: str) -> Iterator[str]:
    if not PROSE.search(text):
        yield from WORD.findall(text)


def _meant(word: str, every: Counter[str]) -> str:
    """The word that stands often and is one slip away from one that stands once; "" for none."""
    if len(word) < SHORTEST or every[word] != 1 or not PLAIN.fullmatch(word):
        return ""
    near = [one for one in _slips(word) if every[one] >= OFTEN and not _another_form(word, one)]
    return max(near, key=lambda one: every[one], default="")


def _slips(word: str) -> set[str]:
    """What a word may have been before two letters changed places, one was lost, doubled or hit
    beside."""
    letters = "abcdefghijklmnopqrstuvwxyz_"
    cuts = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    out = {a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1}
    out |= {a + b[1:] for a, b in cuts if b}
    out |= {a + letter + b for a, b in cuts for letter in letters}
    if len(word) >= LONG:
        out |= {a + letter + b[1:] for a, b in cuts if b for letter in letters}
    return out - {word}


def _another_form(word: str, other: str) -> bool:
    """A plural, a third person, a number behind it: a word of its own."""
    longer, shorter = sorted((word, other), key=len, reverse=True)
    return longer in (f"{shorter}s", f"{shorter}d", f"{shorter}_")


# ---------------------------------------------------------------- kinds
def _odd_kinds(
    tree: Tree, node: dict[str, Json], at: Keys, kinds: dict[str, set[str]]
) -> Iterator[Complaint]:
    """A constant of another kind than its name has in all shipped tables; a list of rules."""
    for key, value in node.items():
        keys = (*at, key)
        asked = not CONDITIONS.isdisjoint(at)
        if isinstance(value, dict):
            if key not in DECLARED:
                yield from _odd_kinds(tree, value, keys, kinds)
            continue
        usual, own = kinds.get(f"when {key}" if asked else key, set()), _kind(value)
        text = ""
        if len(usual) == 1 and own not in usual and not _may_be(value, asked, usual):
            text = f"is {own} here, and {next(iter(usual))} wherever else it stands"
        elif isinstance(value, list) and any(map(_meant_to_run, value)):
            text = "a list is a constant: nothing in it is looked up"
        if text:
            yield Complaint(tree.where(keys), ".".join(keys), text)


def _may_be(value: Json, asked: bool, usual: set[str]) -> bool:
    """A look-up may be of any kind; a condition compares, or names several words."""
    if isinstance(value, str):
        return value[:1] in ("$", "<", ">")
    return asked and (not isinstance(value, bool) or "list" in usual)


def _meant_to_run(item: Json) -> bool:
    """Whether an item of a list looks like a rule."""
    if isinstance(item, dict):
        return not SOURCES.isdisjoint(item) and all(
            isinstance(item[key], str | list | dict) for key in item if key in SOURCES
        )
    return False


# ---------------------------------------------------------------- headers
def _unsent(mappings: Mappings, path: str, tree: Tree) -> Iterator[Complaint]:
    """Rules of headers look at what is sent: a field that nothing writes is nothing there."""
    mapping = mappings.mappings.get("/".join(path.split("/")[:2]))
    at = ("request",) if "/traits/" in path else ()
    request = tree.data.get("request", {}) if at else tree.data
    if mapping is None or not (at or path.endswith(("/request.toml", "/rest.toml"))):
        return
    sections = [one.data.get("request") or {} for one in (mapping.tree, *mapping.traits.values())]
    written = {name for one in sections for name in one.get("field") or {}}
    if "pass" in {
        one
        for section in sections
        for one in (section.get("rest") or {}).values()
        if isinstance(one, str)
    }:
        return
    for header, rules in (request.get("header") or {}).items():
        for name, rule in rules.items() if isinstance(rules, dict) else ():
            given = rule.get("from") if isinstance(rule, dict) else None
            for word in _in_value(given):
                if word == given and word not in written:
                    text = f'no [field] "{word}" is sent, which this looks at: the caller\'s is'
                    text += f' "$body.{word}"'
                    keys = (*at, "header", header, name, "from")
                    yield Complaint(tree.where(keys), ".".join(keys), text)


def _requests(shelf: TableFolder) -> Iterator[tuple[str, Tree]]:
    """Files that may write a field: those of requests, each with its parts, and traits."""
    folders = {"/".join(path.split("/")[:2]) for path in shelf.files}
    traits = [path for path in shelf.files if "/traits/" in path]
    for path in (*sorted(f"{folder}/request.toml" for folder in folders), *traits):
        tree = read_parts(shelf, path, [], [])
        if tree is not None:
            yield path, tree


def _overruled(mappings: Mappings, path: str, tree: Tree) -> Iterator[Complaint]:
    """A field whose rule does not read the caller's own, which is passed on in its place."""
    at = ("request",) if "/traits/" in path else ()
    fields = (tree.data.get("request", {}) if at else tree.data).get("field")
    mapping = mappings.mappings.get("/".join(path.split("/")[:2]))
    if mapping is None or not isinstance(fields, dict):
        return
    traits = (path.rpartition("/")[2].removesuffix(".toml"),) if at else ()
    try:
        request = mapping.effective(mapping.example(), None, {}, traits).request
    except OperatorError:
        return  # for a model it does not come with
    written = {name: rule for name, rule in request.fields if not rule.policy}
    for name in fields:
        row = request.rest.get(name)
        passed = row is None and name not in request.known and request.rest["*"].policy == "pass"
        if name in written and (passed or (row is not None and row.policy == "pass")):
            text = f'where the caller sends "{name}", [rest] passes it on in place of this: for'
            text += f' yours alone write [rest] {name} = "drop", for the caller\'s first'
            text += f' {{ from = "{name}", default = ... }}'
            yield Complaint(tree.where((*at, "field", name)), ".".join((*at, "field", name)), text)
