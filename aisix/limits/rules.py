"""What a `rate_limit` says: names, what each counts and for how long."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

WindowCounts = Literal["requests", "tokens"]
Counts = WindowCounts | Literal["concurrency"]

# name -> (what is counted, length of the window in seconds)
LIMIT_KINDS: dict[str, tuple[Counts, int]] = {
    "rps": ("requests", 1),
    "rpm": ("requests", 60),
    "rph": ("requests", 3600),
    "rpd": ("requests", 86400),
    "tpm": ("tokens", 60),
    "tpd": ("tokens", 86400),
    "concurrency": ("concurrency", 0),
}


class LimitRule(NamedTuple):
    """At most `most` of what `name` counts. `slot`: which of a holder's counters it uses."""

    name: str
    counts: Counts
    seconds: int
    most: int
    slot: int


def rules_of(limit: Callable[[str], int | None]) -> tuple[LimitRule, ...]:
    """The rules of a document; `limit` gives the number a name has, None for none.

    >>> [rule.name for rule in rules_of({"rpm": 3, "tpd": 9}.get)]
    ['rpm', 'tpd']
    """
    found = []
    for slot, (name, (counts, length)) in enumerate(LIMIT_KINDS.items()):
        most = limit(name)
        if most is not None:
            found.append(LimitRule(name, counts, length, most, slot))
    return tuple(found)
