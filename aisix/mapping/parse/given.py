"""What a rule's verbs and tables are given: {names} of a sentence that nothing fills, rows of a
value table that nothing reaches.

Only what is certain is told, and of an object with unknown fields what is nearly {value}.

Must never know: where a rule stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from aisix.mapping.grammar.kinds import TEMPLATE
from aisix.mapping.parse.meant import meant
from aisix.mapping.syntax.paths import Json
from aisix.mapping.syntax.rules import Convert, Rule
from aisix.mapping.verbs.conversions import VERBS

VALUE = "value"  # what a sentence calls all that is no object
NOT_OBJECTS = ("concat", "weave", "sum", "largest")  # sources that never find one
OTHER = "*"
_NAMED = re.compile(r"\{(\w+)\}")
_WHOLE = re.compile(r"-?\d+")


def unfilled(rule: Rule, data: dict[str, Json], types: Sequence[str]) -> Iterator[str]:
    """Why a {name} of the first verb's sentence is nothing.

    data: the rule as it is written; types: of what it finds, () where nobody knows.
    """
    for name in _asked(rule.converts[0]) if rule.converts else ():
        known = _fields(rule, data, types)
        if known is None:
            slip = _is_slip(name)
        else:
            slip = name not in known
        if slip:
            said = rule.converts[0].name
            hint = meant(name, [VALUE] if known is None else known)
            yield f'"{{{name}}}" of [convert.{said}] is nothing here ({hint})'


def _asked(convert: Convert) -> list[str]:
    verb = VERBS.get(convert.verb)
    options = [one.name for one in verb.options if one.kind is TEMPLATE] if verb else []
    return [name for one in options for name in _NAMED.findall(convert.options.get(one, ""))]


def _fields(rule: Rule, data: dict[str, Json], types: Sequence[str]) -> list[str] | None:
    """The names of what a sentence is given; None: nobody knows."""
    if rule.kind in ("object", "value"):
        return [*data[rule.kind]] if isinstance(data[rule.kind], dict) else [VALUE]
    types = rule.types or rule.only or types
    if rule.kind in NOT_OBJECTS or (types and "object" not in types):
        return [VALUE]
    return None


def _is_slip(name: str) -> bool:
    """Whether it is nearly {value}; not of what may well be a field."""
    near = meant(name, [VALUE]).startswith("did you mean")
    return near and name != VALUE and name.lower() not in ("values", "val")


def unreached(rule: Rule, types: Sequence[str]) -> str:
    """Why what is found, of these types, has no row of the first value table; "" when it may."""
    if rule.converts or not rule.tables or not types:
        return ""
    table = rule.tables[0]
    rows = [word for word in table.entries if word != OTHER]
    if not rows or any(_may_be(word, types) for word in rows):
        return ""
    return f'reaches no row of [{table.name}] but "{OTHER}"'


def _may_be(word: str, types: Sequence[str]) -> bool:
    """Whether a row's word is what a value of one of these types is looked up by."""
    number = _WHOLE.fullmatch(word) is not None
    return (
        "string" in types
        or ("boolean" in types and word in ("true", "false"))
        or (number and ("integer" in types or "number" in types))
    )
