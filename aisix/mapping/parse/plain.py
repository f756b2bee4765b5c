"""Sections of answer.toml about plain answers: taken apart into events, grown from deltas."""

from __future__ import annotations

from aisix.mapping.parse.mending import MendParser
from aisix.mapping.parse.structure import found
from aisix.mapping.parse.vocabulary import COMPARE, is_slip
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.answer import Accumulate, Parts, Plain
from aisix.mapping.syntax.paths import Json, Path

At = tuple[str, ...]


class PlainParser(MendParser):
    """Reads `[plain]` and `[accumulate]`."""

    def accumulate(self, data: Json, at: At) -> Accumulate:
        data = self.unit(data, at, "accumulate")
        begin, number, by = (
            self.path(data.get(key, "."), (*at, key)) for key in ("begin", "number", "by")
        )
        rows = data.get("is", {})
        grown = {word: self.parts(parts, (*at, "is", word)) for word, parts in rows.items()}
        return Accumulate(data.get("list", ""), begin, number, by, grown)

    def parts(self, data: Json, at: At) -> Parts:
        """{ "field" or "field json" or "field list" = "path of the delta" }"""
        made: list[tuple[str, str, Path]] = []
        for target, path in self.unit(data, at, "parts").items():
            key, _, how = target.partition(" ")
            if how not in ("", "json", "list"):
                self.complain((*at, target), f'"{how}" is not one of: json, list')
            made.append((key, how, self.path(path, (*at, target))))
        return tuple(made)

    def plain(self, data: Json, at: At) -> Plain:
        data = self.unit(data, at, "plain")
        here = (*at, "blocks")
        blocks = self.unit(data.get("blocks", {}), here, "plain_blocks")
        return Plain(
            tuple(self.checked(row, (*at, "check")) for row in data.get("check", {}).items()),
            self.plain_event(data.get("start", {}), (*at, "start")),
            self.path(blocks.get("from", "."), (*here, "from")),
            self.plain_event(blocks.get("begin", {}), (*here, "begin")),
            self.plain_event(blocks.get("end", {}), (*here, "end")),
            self.plain_event(data.get("delta", {}), (*at, "delta")),
            self.plain_event(data.get("stop", {}), (*at, "stop")),
            data.get("verbatim", False),
            self.path_list(data.get("part", []), (*at, "part")),
            self.path(data["made"], (*at, "made")) if "made" in data else None,
        )

    def checked(self, row: tuple[str, Json], at: At) -> tuple[Path, Json]:
        """One row of `check`: a place of the answer, and what has to stand there."""
        place, value = row
        here, path = (*at, place), self.path(place, (*at, place))
        if path.root or None in path.steps or not path.steps:
            self.complain(here, "never holds: expected a path of the answer to one value")
        elif isinstance(value, list | dict):
            self.complain(here, f'expected a value, or "$present", found {found(value)}')
        elif isinstance(value, str) and value != "$present" and _asks(value):
            text = f'never holds: "{value}" would be compared letter by letter'
            self.complain(here, f'{text}; write a value, or "$present"')
        return path, value

    def plain_event(self, data: Json, at: At) -> tuple[tuple[str, Json | Path], ...]:
        """The discriminator is a constant, every other value a path of the plain answer."""
        by = self.tables["answer"].get("by", "type")
        made: list[tuple[str, Json | Path]] = []
        for key, value in self.unit(data, at, "plain_event").items():
            here = (*at, key)
            if key == by and not isinstance(value, dict | list):
                made.append((key, value))
            elif isinstance(value, dict) or len(paths.parse(key).steps) != 1:
                text = "an event made here has its fields side by side: expected FIELD = a path"
                self.complain(here, f"{text} of the answer")
            else:
                made.append((key, self.path(value, here)))
        if made and by not in dict(made):
            self.complain(at, f"needs {by}: the word of its [event] row")
        elif made and not isinstance(dict(made)[by], Path):
            self.has_row(str(dict(made)[by]), (*at, by))
        return tuple(made)

    def has_row(self, word: str, at: At) -> None:
        """Whether an event made here is one that a row is for."""
        rows = self.tables["answer"].get("event", {})
        if word not in rows and ("*" not in rows or any(is_slip(word, row) for row in rows)):
            self.unknown(at, "no [event] row for", word, rows)


def _asks(text: str) -> bool:
    """Whether it would be a question in a condition."""
    return text.startswith("$") or COMPARE.fullmatch(text) is not None
