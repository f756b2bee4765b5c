"""Rules that are none: what a rule may say, in a table without a source, is sent as it stands.

Must never know: what a rule does.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator

from aisix.mapping.grammar.kinds import CONDITION, PATTERNS_BY_PATH
from aisix.mapping.grammar.rule import RULE, SOURCES
from aisix.mapping.parse.structure import in_toml
from aisix.mapping.parse.toml_tree import Keys
from aisix.mapping.parse.vocabulary import is_slip
from aisix.mapping.syntax.paths import Json, get

LONGEST = 80  # of a table that is shown whole
# Whoever calls a named rule so gets what he meant: a constant.
GOOD_NAMES = frozenset(("value", "default", "min", "max", "object"))


def sourceless(
    data: dict[str, Json], name: str, others: Collection[str]
) -> Iterator[tuple[str, str]]:
    """(key, why) of each key of a table without a source that was meant for a rule.

    It is meant for one when a source is misspelt in it, when all it holds are a rule's own words
    with values that these may have, or when it holds a condition.

    >>> list(sourceless({"max": 4}, "limt", ["limit", "mode"]))
    [('max', 'no source stands beside it, so { max = 4 } itself would be sent \
(did you mean "limit"?): write from = "...", or value = { max = 4 } where that is meant')]
    >>> list(sourceless({"type": "fast"}, "mode", []))
    []
    """
    slips = {key: next((word for word in SOURCES if is_slip(key, word)), "") for key in data}
    for key, word in slips.items():
        if word:
            yield key, f'unknown key (did you mean "{word}"?)'
    own = [key for key, value in data.items() if _is_said(key, value)]
    asked = [key for key in own if _is_condition(key)]
    if any(slips.values()) or not own or (len(own) < len(data) and not asked):
        return
    said = in_toml(data)
    said = said if len(said) <= LONGEST else "{ ... }"
    near = difflib.get_close_matches(name, [one for one in others if one != name], 1, 0.75)
    hint = f' (did you mean "{near[0]}"?)' if near else ""
    whole = len(own) == len(data)
    write = 'from = "..."' if whole else "the other keys below `object`"
    text = f"no source stands beside it, so {said} itself would be sent{hint}: write {write},"
    yield (own if whole else asked)[0], f"{text} or value = {said} where that is meant"


def names_at(tables: Json, at: Keys) -> Collection[str]:
    """The names in the table at a place."""
    table = get(tables, at)
    return table if isinstance(table, dict) else ()


def misnamed(rules: dict[str, Json]) -> Iterator[tuple[str, str]]:
    """(name, why) of named rules that were meant as one: its words are no names.

    >>> dict(misnamed({"from": "mode", "usual": "fast"}))
    {'from': 'here stand named rules, and this would be one of the name `from`: write \
NAME = { from = "mode" }'}
    """
    for name, value in rules.items():
        if name not in GOOD_NAMES and _is_said(name, value):
            said = in_toml({name: value})
            said = said if len(said) <= LONGEST else f"{{ {name} = ... }}"
            text = f"here stand named rules, and this would be one of the name `{name}`"
            yield name, f"{text}: write NAME = {said}"


def _is_said(name: str, value: Json) -> bool:
    """Whether a key of a rule stands here with a value it may have, and with none of its own."""
    key = RULE.by_name.get(name)
    if key is None or (isinstance(value, str) and value.startswith("$") and name in SOURCES):
        return False
    if isinstance(value, dict) and not value.keys().isdisjoint(SOURCES):
        return False  # a rule under this name
    words = value if isinstance(value, list) else [value]
    return not key.wrong(value) and (not key.words or all(one in key.words for one in words))


def _is_condition(name: str) -> bool:
    kinds = RULE.by_name[name].kinds
    return CONDITION in kinds or PATTERNS_BY_PATH in kinds
