"""A report as the one JSON document that `aisix mappings explain --json` prints.

    links    id, out, in [{at, part: value | choice}], rule, how, was, told, via, steps
    rules    by the names in `links` and `events`: file, line, layer, variant, lines
    events   of a stream, from 1: data, type, rules, chunks; `chunks`: event, data
    state    registers that changed, {name: [before, after]}: before any event, then by each

`lines` are what a terminal shows. A name that two rules have is told apart by its place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from aisix.mapping.interpret.scope import NULL
from aisix.mapping.mappings import Mappings
from aisix.mapping.parse.inline import Inline
from aisix.mapping.syntax.paths import Json
from aisix.mapping.syntax.rules import Place
from aisix.mapping.verify.explain import Report
from aisix.mapping.verify.layers import Layers, file_line
from aisix.mapping.verify.links import Link

VARIANT = re.compile(r"(?:^|\.)((?:is|first|when|each|of)\..+)$")
Rules = dict[str, Json]


def document(report: Report, mappings: Mappings, dialect: str) -> dict[str, Json]:
    """`dialect`: the caller's, whose faults the report may name."""
    names = _Names(mappings, dialect, report.overlays)
    links = [_link(number, link, names) for number, link in enumerate(report.links, 1)]
    made_by = {n: number for number, e in enumerate(report.events, 1) for n in e.chunks}
    events = [
        {
            "number": number,
            "data": event.data,
            "type": event.word,
            "rules": [names.of(place) for place in event.rows],
            "chunks": event.chunks,
        }
        for number, event in enumerate(report.events, 1)
    ]
    out: dict[str, Json] = {
        "status": report.status,
        "result": report.result,
        "error": report.error,
        "warnings": report.warnings,
        "headers": report.headers,
        "links": links,
        "rules": names.rules,
    }
    if report.events:
        out["events"] = events
        out["chunks"] = [
            {"number": number, "event": made_by.get(number), "data": data}
            for number, data in enumerate(report.chunks, 1)
        ]
        out["state"] = report.state
    out["lines"] = [
        {"target": e.target, "value": e.value, "why": e.why, "where": e.where, "from": e.source}
        for e in report.entries
    ]
    return out


def _link(number: int, link: Link, names: _Names) -> dict[str, Json]:
    said = [{"at": at, "part": "value"} for at in link.at]
    said += [{"at": at, "part": "choice"} for at in link.choice]
    return {
        "id": number,
        "out": link.out,
        "in": said,
        "rule": names.of(link.place),
        "how": link.how,
        "was": None if link.was is NULL else link.was,
        "told": link.told,
        "via": link.via or None,
        "steps": [list(step) for step in link.steps],
    }


class _Names:
    """The rules a report names, each with its place."""

    def __init__(self, mappings: Mappings, dialect: str, overlays: Sequence[Inline]) -> None:
        self.rules: Rules = {}
        self._layers = Layers(mappings, overlays)
        self._spoken = mappings.spoken.get(dialect)

    def of(self, place: Place) -> str | None:
        """The name of a rule in `rules`; None for what no rule did."""
        if not place.name:
            return None
        where = place.file_line
        if not where and self._spoken is not None:  # of the caller's dialect
            where = self._spoken.where(tuple(place.name.split(".")))
        file, line = file_line(where)
        name, known = place.name, self.rules.get(place.name)
        if known is not None and (known["file"], known["line"]) != (file, line):
            name = f"{name}@{where}"
        if name not in self.rules:
            variant = VARIANT.search(place.name)
            self.rules[name] = {
                "file": file,
                "line": line,
                "layer": self._layers.layer(where),
                "variant": variant.group(1) if variant else None,
                "lines": self._layers.lines(where),
            }
        return name
