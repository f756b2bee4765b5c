"""Documents of kinds that aisix does not serve: looked at as far as their names, counted, told.

    unserved = UnservedKinds(layout, refuse=False)
    unserved.put(key, seen); unserved.gone(key); unserved.judged()    -> UnservedFound

Each is a mapping with a name that no older one of its kind has. What restricts callers where it is
enforced is told loudly, and refused where an operator says so. A kind that the original does not
have either is refused, and so is a key that is none.

Must never know: what such a document says besides.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec

from aisix.movein.declared import KindRows, kinds
from aisix.movein.resources import not_served_words
from aisix.store.config_state import (
    BAD_KEY,
    MISFIT,
    NO_JSON,
    NOT_ENFORCED,
    NOT_JSON,
    UNKNOWN_KIND,
)
from aisix.store.etcd.layout import Layout
from aisix.store.etcd.observed import Seen

Wrong = tuple[str, str]  # the kind of the error, and its text


@dataclass(slots=True)
class UnservedDocument:
    kind: str
    id: str
    created: int
    name: str = ""
    wrong: Wrong | None = None


@dataclass(frozen=True, slots=True)
class UnservedFound:
    """counts: of those that fit, by kind; refused: by key; told: sentences for those that are not
    enforced, and for others."""

    counts: dict[str, int] = field(default_factory=dict)
    refused: dict[bytes, tuple[str, str, str, str]] = field(default_factory=dict)
    unguarded: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


class UnservedKinds:
    """refuse: what restricts is at fault."""

    def __init__(self, layout: Layout, refuse: bool = False) -> None:
        self._layout, self._refuse = layout, refuse
        self._documents: dict[bytes, UnservedDocument] = {}
        self._found: UnservedFound | None = UnservedFound()

    def put(self, key: bytes, seen: Seen) -> None:
        """Under a key that is of no kind of ours."""
        self._documents[key] = self._read(key, seen)
        self._found = None

    def gone(self, key: bytes) -> None:
        if self._documents.pop(key, None) is not None:
            self._found = None

    def judged(self) -> UnservedFound:
        """What there is of them now."""
        if self._found is None:
            self._found = self._judge()
        return self._found

    def _read(self, key: bytes, seen: Seen) -> UnservedDocument:
        name = self._layout.name_of(key)
        if name is None or not name[0]:
            wrong = BAD_KEY, "its key is not <prefix>/<kind>/<id>"
            return UnservedDocument("", "", seen.created, wrong=wrong)
        one = UnservedDocument(*name, seen.created)
        rows = kinds().get(one.kind)
        if rows is None:
            one.wrong = UNKNOWN_KIND, "no such kind of document is known here"
            return one
        try:
            value = msgspec.json.decode(seen.value)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            one.wrong = NOT_JSON, NO_JSON
            return one
        one.name, why = _name_in(rows, value, one.id)
        if not why and self._refuse and rows.restricts:
            why = NOT_ENFORCED
        one.wrong = (MISFIT, why) if why else None
        return one

    def _judge(self) -> UnservedFound:
        holders: dict[tuple[str, str], str] = {}
        counts: Counter[str] = Counter()
        names: dict[str, list[str]] = {}
        refused = {}
        in_order = sorted(self._documents.items(), key=lambda pair: (pair[1].created, pair[0]))
        for key, one in in_order:
            wrong = one.wrong
            if wrong is None and kinds()[one.kind].named:
                holder = holders.setdefault((one.kind, one.name), one.id)
                if holder != one.id:
                    wrong = MISFIT, f"{kinds()[one.kind].named}: is that of {holder} too"
            if wrong is not None:
                refused[key] = (one.kind, one.id, *wrong)
                continue
            counts[one.kind] += 1
            names.setdefault(one.kind, []).append(one.name)
        unguarded: list[str] = []
        others: list[str] = []
        for kind, number in sorted(counts.items()):
            rows = kinds()[kind]
            shown = sorted(names[kind]) if rows.named else []
            words = not_served_words(rows, number, shown)
            (unguarded if rows.restricts else others).append(words)
        return UnservedFound(dict(counts), refused, unguarded, others)


def _name_in(rows: KindRows, value: Any, id: str) -> tuple[str, str]:
    """(its name, why it does not fit); the name is its id where the kind has none."""
    if not isinstance(value, dict):
        return id, "it is no object"
    name = rows.name_in(value) if rows.named else id
    if not isinstance(name, str) or not name:
        return id, f"{rows.named}: required: a name"
    for field_name, allowed in rows.values.items():
        if value.get(field_name) not in allowed:
            return name, f"{field_name}: must be one of {', '.join(allowed)}"
    return name, ""
