"""What other tables change for one and the same file: two reports compared field by field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aisix.mapping.syntax.paths import Json
from aisix.mapping.syntax.rules import Place
from aisix.mapping.verify.explain import Report
from aisix.mapping.verify.links import leaves

NOTHING = "(none)"


@dataclass(frozen=True, slots=True)
class Change:
    """One field: its pointer, what it was and is, and the rule that makes it so now."""

    out: str
    before: Json
    after: Json
    rule: str
    where: str


def changed(before: Report, after: Report) -> Iterator[Change]:
    """Every field, header and loss that differs."""
    old, new = dict(_fields(before)), dict(_fields(after))
    for out in dict.fromkeys((*old, *new)):
        one, other = old.get(out, NOTHING), new.get(out, NOTHING)
        if one != other or type(one) is not type(other):
            place = _rule(after if out in new else before, out)
            yield Change(out, one, other, place.name, place.file_line)


def _fields(report: Report) -> Iterator[tuple[str, Json]]:
    yield "(status)", report.status
    if report.error is not None:
        yield from leaves(report.error)
    elif report.events:
        for number, chunk in enumerate(report.chunks, 1):
            yield from leaves(chunk, f"#{number}")
    elif report.result is not None:
        yield from leaves(report.result)
    for name, value in report.headers.items():
        yield f"header:{name}", value
    for link in report.links:
        if link.out is None and link.at:
            yield f"({link.how}) {link.at[0]}", link.was
    if report.warnings:
        yield "(warnings)", report.warnings


def _rule(report: Report, out: str) -> Place:
    """The rule of a field: the nearest link at it or above."""
    places = {link.out or f"({link.how}) {(*link.at, '')[0]}": link.place for link in report.links}
    while out not in places and "/" in out:
        out = out.rpartition("/")[0]
    return places.get(out, Place("", ""))
