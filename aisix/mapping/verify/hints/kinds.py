"""A constant of another kind than its name has wherever else it stands; a list that means nothing.

Must never know: what a table says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from aisix.errors import Complaint
from aisix.mapping.grammar.kinds import LOOKUP, RULE
from aisix.mapping.grammar.rule import SOURCES as WAYS
from aisix.mapping.grammar.tables import FILES, UNITS, Spot, at
from aisix.mapping.parse.files import TRAITS
from aisix.mapping.parse.toml_tree import Keys, Tree
from aisix.mapping.syntax.paths import Json
from aisix.mapping.verify.hints.usual import CONDITIONS, OFTEN, Usual, kind_of, names

DECLARED = ("convert", "arrange", "adjust")  # whose options have kinds of their own
SOURCES = frozenset(WAYS) - {"value"}
FREE = CONDITIONS | {"value"}  # below these stand names that nobody declares
Usually = dict[str, set[str]]


def odd_kinds(
    path: str, tree: Tree, known: Usual, own: dict[str, Counter[str]]
) -> Iterator[Complaint]:
    """Of one file. `known`: of the shipped tables; `own`: how often the site's have which kinds."""
    stem = "" if f"/{TRAITS}/" in path else path.rpartition("/")[2].removesuffix(".toml")
    for keys, value in _constants(tree.data, ()):
        spot = _declared(stem, keys, tree.data)
        key = spot.key
        # What may stand anywhere else, its declaration says.
        rule = spot.unit is UNITS["rule"] or (key is not None and RULE in key.kinds)
        # Part of a rule is laid over the rest of it: its keys may stand alone here.
        meant = UNITS["rule"].by_name.get(keys[-1]) if spot.unit is UNITS["rule"] else key
        either = meant is not None and LOOKUP in meant.kinds and len(meant.kinds) > 1
        no_header = rule and value is False and keys[-2:-1] == ("headers",)  # it is not passed on
        any_value = (rule and not no_header) or (key is None and not FREE.isdisjoint(keys[:-1]))
        usual = _usual(keys, value, known.kinds, own) if any_value else ""
        kind = kind_of(value)
        text = ""
        if usual and not _may_be(keys, value, usual) and not (either and usual == "$lookup"):
            text = f"is {kind} here, and {usual} wherever else it stands"
        elif isinstance(value, list) and any(map(_meant_to_run, value)):
            text = "a list is a constant: nothing in it is looked up"
        elif isinstance(value, list) and _of_one(spot, value) and keys[-1] not in known.listed:
            text = f'a list of one: it says the same as "{value[0]}" alone'
        if text:
            yield Complaint(tree.where(keys), ".".join(keys), text)


def _constants(node: dict[str, Json], above: Keys) -> Iterator[tuple[Keys, Json]]:
    for key, value in node.items():
        if not isinstance(value, dict):
            yield (*above, key), value
        elif key not in DECLARED:
            yield from _constants(value, (*above, key))


def _usual(keys: Keys, value: Json, kinds: Usually, own: dict[str, Counter[str]]) -> str:
    """The one kind that its name has elsewhere, when the constant is of another; else ""."""
    asked = not CONDITIONS.isdisjoint(keys[:-1])
    for name in names(keys[0], keys[-1], asked):
        kind = kind_of(value, exact="/" in name)
        found = kinds.get(name)
        if found is None:
            others = own.get(name, Counter()) - Counter([kind])
            found = set(others) if others.total() >= OFTEN else set()
        if len(found) == 1:
            return next(iter(found - {kind}), "")
    return ""


def _may_be(keys: Keys, value: Json, usual: str) -> bool:
    """A look-up may be of any kind; a condition compares, or names several words."""
    asked = not CONDITIONS.isdisjoint(keys[:-1])
    if isinstance(value, str):
        return value[:1] in ("$", "<", ">") or usual == ("list" if asked else "$lookup")
    return asked and (not isinstance(value, bool) or usual == "list")


def _meant_to_run(item: Json) -> bool:
    """Whether an item of a list looks like a rule, or like a look-up."""
    if isinstance(item, dict):
        return not SOURCES.isdisjoint(item) and all(
            isinstance(item[key], str | list | dict) for key in item if key in SOURCES
        )
    return False


def _declared(stem: str, keys: Keys, data: Json) -> Spot:
    """stem: "" for a trait."""
    if not stem:
        stem, *rest = keys
        keys, data = tuple(rest), data.get(stem) if isinstance(data, dict) else None
    return at(stem, keys, data) if stem in FILES and keys else Spot()


def _of_one(spot: Spot, value: list[Json]) -> bool:
    """Whether it is a list of one text where the text alone would do."""
    if len(value) != 1 or not isinstance(value[0], str) or spot.key is None or spot.unit:
        return False
    return any({str, list} <= set(kind.types) and kind.holds is str for kind in spot.key.kinds)
