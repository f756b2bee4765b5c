"""Options of verbs, passes and adjustments as keys of the tables that name them."""

from __future__ import annotations

from collections.abc import Mapping

from aisix.mapping.grammar.kinds import LOOKUP
from aisix.mapping.grammar.tables import Key
from aisix.mapping.verbs import adjustments, conversions, passes
from aisix.mapping.verbs.registry import Declared, Option

KINDS: dict[str, Mapping[str, Declared]] = {
    "verbs": conversions.VERBS,
    "passes": passes.PASSES,
    "adjustments": adjustments.ADJUSTMENTS,
}
VERB = "verb"


def as_key(option: Option) -> Key:
    """An option as a key of its table; any may be a list or fact that is looked up."""
    return Key(
        option.name,
        (option.kind, LOOKUP),
        option.about,
        option.example,
        None if option.required else option.default,
        option.words,
    )


def options(kind: str) -> dict[str, dict[str, Key]]:
    """verb -> its options by name."""
    return {
        name: {option.name: as_key(option) for option in one.options}
        for name, one in sorted(KINDS[kind].items())
    }
