"""What of earlier folders acts for fewer since a site's folder: a note, for it may well be meant.

    for note in narrowed(mappings): ...     # Complaint: where the site says so, whom it stops for

A condition, a policy or a choice that is laid over a table which had none takes all that stood in
it along: told with the lines that stop acting, and for whom.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from aisix.errors import Complaint, OperatorError
from aisix.mapping.effective import Mapping
from aisix.mapping.grammar.rule import SOURCES
from aisix.mapping.mappings import Mappings
from aisix.mapping.parse.toml_tree import Keys, Tree
from aisix.mapping.syntax.paths import Json, get
from aisix.mapping.syntax.rules import Condition
from aisix.mapping.verify.liveness.domain import NEVER, Domain
from aisix.mapping.verify.liveness.sources import Part, Sources
from aisix.mapping.verify.liveness.units import FILES, UnitReader

CONDITIONS = ("when", "unless", "match", "guard")
CHOICES = ("first", "by")  # rows of a table: what stands beside them is for none of them
NARROWING = (*CONDITIONS, "where", "only", "policy", *CHOICES)
MOST_NAMED = 4  # lines and models that a note names


def narrowed(mappings: Mappings) -> list[Complaint]:
    """The notes about every folder after the first."""
    notes: list[Complaint] = []
    for number in range(1, len(mappings.table_folders)):
        try:
            after = mappings.up_to(number)
            narrowing = {name: [*_narrowing(after, name, number)] for name in after.mappings}
            if not any(narrowing.values()):
                continue
            before = mappings.up_to(number - 1)
        except OperatorError:
            continue  # whole only with a later one
        for name, parts in narrowing.items():
            if name in before.mappings:
                notes += _of(before.mappings[name], after.mappings[name], parts)
    return list(dict.fromkeys(notes))


def _narrowing(after: Mappings, name: str, number: int) -> Iterator[Part]:
    """Of what a folder says of a mapping, the files that may narrow anything."""
    sources = Sources.of(after.table_folders[number : number + 1], after.mappings[name])
    for part in sources.parts:
        if (part.trait or part.file in FILES) and any(_written(part.tree.data, ())):
            yield part


def _of(before: Mapping, mapping: Mapping, parts: Sequence[Part]) -> Iterator[Complaint]:
    for part in parts:
        below = before.traits.get(part.trait, Tree()) if part.trait else before.tree
        root: Keys = () if part.trait else (part.file,)
        for keys, word in _written(part.tree.data, ()):
            table = get(below.data, (*root, *keys))
            if not _had_none(table):
                continue
            stops = [key for key in table if not isinstance(table[key], dict) or key in SOURCES]
            if not stops:
                continue
            lines = [below.where((*root, *keys, key)) for key in stops]
            said = get(part.tree.data, (*keys, word))
            text = f"{_whom(mapping, word, said)}: {_listed(stops)} of {_listed(lines)}"
            yield Complaint(part.tree.where((*keys, word)), ".".join((*keys, word)), text)


def _written(node: Json, at: Keys) -> Iterator[tuple[Keys, str]]:
    """(table, word) of what narrows one; the condition of a rule is no table of rules."""
    if not isinstance(node, dict):
        return
    for key, value in node.items():
        if key in NARROWING and len(at) > 1:
            yield at, key
        if key not in (*CONDITIONS, "where"):
            yield from _written(value, (*at, key))


def _had_none(table: Json) -> bool:
    return isinstance(table, dict) and table.keys().isdisjoint(NARROWING)


def _whom(mapping: Mapping, word: str, said: Json) -> str:
    """For whom what follows stops acting."""
    if word == "policy":
        return "nothing is written here any more, for nobody; no more acts"
    if word in CHOICES:
        return "this chooses among rows, and for none of them acts any more"
    if word in ("where", "only"):
        return "what is not so is left out from now on; for that, no more acts"
    given = said if word == "guard" else {word: said}
    reader = UnitReader(mapping.tree.data, {"option": dict.fromkeys(mapping.known_options)})
    condition = reader.condition(given if isinstance(given, dict) else {})
    rows = _models(mapping, condition)
    if rows:
        return f"for the models {_listed(rows)}, and wherever else this does not hold, no more acts"
    return "wherever this does not hold, no more acts"


def _models(mapping: Mapping, condition: Condition | None) -> list[str]:
    """The rows of models.toml for which it never holds."""
    domain = Domain.of(mapping)
    names = (mapping.tree.data.get("models") or {}).get("model") or {}
    if condition is None:
        return []
    ones = zip(names, domain.rows, strict=False)
    alone = ((name, replace(domain, rows=(row,), decided={})) for name, row in ones)
    return [name for name, one in alone if one.fold(condition) is NEVER]


def _listed(words: list[str]) -> str:
    words = list(dict.fromkeys(words))
    more = f" and {len(words) - MOST_NAMED} more" if len(words) > MOST_NAMED else ""
    return ", ".join(words[:MOST_NAMED]) + more
