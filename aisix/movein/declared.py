"""What the original AISIX has, once: every setting and every field of a document, as rows.

    settings()["proxy.tls.cert_file"]      TheirRow(name, RENAMED, ours="proxy.tls_cert", ...)
    kinds()["provider_keys"].fields        {"request.default_headers": TheirRow(...)}

The rows stand in original/settings.toml and original/documents.toml. Must never know: a value.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from aisix.errors import Complaint

SAME = "same"
RENAMED = "renamed"
DIFFERENT = "different"
NOT_SERVED = "not_served"
REFUSED = "refused"
OUTCOMES = {  # in the order a table lists them
    SAME: "unchanged",
    RENAMED: "renamed",
    DIFFERENT: "different",
    NOT_SERVED: "not served",
    REFUSED: "refused",
}
NO_DEFAULT = object()
OTHER_NAME = "name"  # of a display_name, in documents that are not served
FOLDER = Path(__file__).parent / "original"


@dataclass(frozen=True, slots=True)
class TheirRow:
    """One setting or field. `nothing`: values that say nothing; `only_for`: the adapter it is for;
    `add`: lines that an operator may want to add."""

    name: str
    outcome: str
    ours: str = ""
    default: Any = NO_DEFAULT
    nothing: tuple[Any, ...] = ()
    turn: str = ""
    why: str = ""
    add: str = ""
    only_for: str = ""


@dataclass(frozen=True, slots=True)
class KindRows:
    """A kind of documents. Without fields it is not served; `named`: the field with its name, "":
    it has none; `values`: what a field may be, and else the document is refused; `words`: names of
    theirs that our code goes by; `in_file`: a resources file may have a section of it."""

    name: str
    fields: Mapping[str, TheirRow] = field(default_factory=dict)
    words: Mapping[str, Any] = field(default_factory=dict)
    named: str = "display_name"
    restricts: bool = False
    values: Mapping[str, list[str]] = field(default_factory=dict)
    in_file: bool = True

    @property
    def served(self) -> bool:
        return bool(self.fields)

    def name_in(self, document: Mapping[str, Any]) -> Any:
        """Of a document of it: where it is called by a display_name, `name` is another name of
        that."""
        given = None if self.served else document.get(OTHER_NAME)
        return document.get(self.named) if given is None else given


@dataclass(frozen=True, slots=True)
class TheirSaid:
    """What became of one setting or field that was given. where: a file's line, a variable or a
    document ("models/a"); outcome: one of OUTCOMES."""

    where: str
    name: str
    outcome: str
    ours: str = ""
    why: str = ""
    add: str = ""

    @property
    def complaint(self) -> Complaint:
        return Complaint(self.where, self.name, self.why)

    @property
    def lost(self) -> bool:
        """Whether an operator must know of it: it is not what it was."""
        return self.outcome in (DIFFERENT, NOT_SERVED)


def _row(name: str, given: Mapping[str, Any]) -> TheirRow:
    return TheirRow(
        name=name,
        outcome=given["as"],
        ours=given.get("ours", name if given["as"] in (SAME, RENAMED) else ""),
        default=given.get("default", NO_DEFAULT),
        nothing=tuple(given.get("unless", given.get("empty", ()))),
        turn=given.get("turn", ""),
        why=given.get("why", ""),
        add=given.get("add", ""),
        only_for=given.get("only_for", ""),
    )


@cache
def settings() -> dict[str, TheirRow]:
    """Every setting by its dotted name; one that ends in `.*` is every name below."""
    found = tomllib.loads((FOLDER / "settings.toml").read_text("utf-8"))
    return {name: _row(name, given) for name, given in found.items()}


@cache
def kinds() -> dict[str, KindRows]:
    """Every kind of documents by its name there, those that are served first."""
    found = tomllib.loads((FOLDER / "documents.toml").read_text("utf-8"))
    return {name: _kind(name, given) for name, given in found.items()}


def _kind(name: str, given: Mapping[str, Any]) -> KindRows:
    return KindRows(
        name=name,
        fields={field: _row(field, row) for field, row in given.get("fields", {}).items()},
        words=given.get("words", {}),
        named=given.get("named", "display_name"),
        restricts=given.get("restricts", False),
        values=given.get("values", {}),
        in_file=given.get("in_file", True),
    )


def kinds_in_files() -> dict[str, KindRows]:
    """Those of `kinds` that a resources file may have."""
    return {name: kind for name, kind in kinds().items() if kind.in_file}


def row_of(rows: Mapping[str, TheirRow], name: str) -> TheirRow | None:
    """The row of a name, or of what is above it; None: it is in no row."""
    if name in rows:
        return rows[name]
    above = name
    while above:
        above = above.rpartition(".")[0]
        if f"{above}.*" in rows:
            return rows[f"{above}.*"]
    return None


@lru_cache(maxsize=64)
def _above(names: tuple[str, ...]) -> frozenset[str]:
    """The objects that fields of these names stand in."""
    return frozenset(
        name[:place] for name in names for place, sign in enumerate(name) if sign == "."
    )


def leaves(
    given: Mapping[str, Any], rows: Mapping[str, TheirRow], at: str = ""
) -> Iterator[tuple[str, Any]]:
    """(dotted name, value) of what was given, as deep as the rows go; a section that is null is one
    with nothing in it."""
    above = _above(tuple(rows))
    for key, value in given.items():
        name = f"{at}{key}"
        if name in above and name not in rows and isinstance(value, Mapping | None):
            yield from leaves(value or {}, rows, f"{name}.")
        else:
            yield name, value


def put(document: dict[str, Any], name: str, value: Any) -> bool:
    """Set a dotted name; False when it is there already."""
    *above, last = name.split(".")
    for one in above:
        below = document.setdefault(one, {})
        if not isinstance(below, dict):
            return False
        document = below
    if last in document:
        return False
    document[last] = value
    return True
