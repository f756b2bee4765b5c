"""Words of the tables that have another name now: who writes the old one is told the new one.

Each file is looked at as it was read, before it is laid over others; the rest of it is then read as
if it had said the new word, so that one old word is one complaint.

Must never know: what a word means.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from aisix.errors import Complaint
from aisix.mapping.parse.toml_tree import Keys, Tree
from aisix.mapping.syntax.paths import Json


@dataclass(frozen=True, slots=True)
class Renamed:
    """A key, where its value is of this kind; with `verb`, a value of the key `verb` instead."""

    old: str
    new: str
    at: str  # regular expression for the tables around it, joined by "/": "request/adjust/[^/]+"
    kind: type | tuple[type, ...] = dict
    verb: bool = False

    def meets(self, keys: Keys, given: Json) -> bool:
        """Whether what stands at `keys` is the old word."""
        if keys[-1] != ("verb" if self.verb else self.old) or (self.verb and given != self.old):
            return False
        around = "/".join(key.replace("/", "|") for key in keys[:-1])
        if not isinstance(given, self.kind) or re.fullmatch(self.at, around) is None:
            return False
        # A `when` of plain values is a condition, wherever it stands.
        below = given.values() if isinstance(given, dict) else ()
        return self.new != "is" or any(isinstance(one, dict) for one in below)


_VARIANTS = "(request/shape|answer/shape|answer/event)/[^/]+(/(first|is)/[^/]+)*"
_CONVERT = "(request|answer)/convert/[^/]+"
RENAMED = (
    # `drop`: gone, and nobody is told (a rule, a field); `when` is a condition.
    Renamed("drop", "or_remove", "request/adjust/[^/]+", str),
    Renamed("when", "is", _VARIANTS),
    Renamed("again", "continuation", "answer"),
    Renamed("lane", "block_kind", "answer"),
    Renamed("grow", "accumulate", "answer"),
    Renamed("when", "is", "answer/accumulate"),
    # Verbs: `opening` is a chunk, `merge` joins neighbours, `field` is a section.
    Renamed("opening", "began_with", ".*/arrange/[^/]+", str, verb=True),
    Renamed("merge", "lay_over", "request/adjust/[^/]+", str, verb=True),
    Renamed("field", "field_text", _CONVERT, str, verb=True),
    Renamed("fold", "combine", _CONVERT, str, verb=True),
    Renamed("schemas_fit", "fitting_schemas", _CONVERT, str, verb=True),
)

_BY_KEY: dict[str, list[Renamed]] = {}
_BY_VERB: dict[str, list[Renamed]] = {}
for _one in RENAMED:
    (_BY_VERB if _one.verb else _BY_KEY).setdefault(_one.old, []).append(_one)


def rename(tree: Tree, section: Keys) -> list[Complaint]:
    """Put new words for old ones in a file's tree; what was renamed, with its place.

    section: ("request",) for request.toml, () for a trait, whose tables begin with it.
    """
    told: list[Complaint] = []
    moved: list[tuple[Keys, Keys]] = []

    def walk(node: dict[str, Json], at: Keys) -> dict[str, Json]:
        out: dict[str, Json] = {}
        for key, given in node.items():
            one = _old((*section, *at, key), given)
            if one is not None:
                text = f'"{one.old}" is "{one.new}" now'
                place = ".".join((*at, key))
                told.append(Complaint(tree.where(_before((*at, key), moved)), place, text))
                if one.verb:
                    given = one.new
                else:
                    moved.append(((*at, key), (*at, one.new)))
                    key = one.new
            there = out.get(key)  # the new word stands beside the old one
            out[key] = walk(given, (*at, key)) if isinstance(given, dict) else given
            if isinstance(there, dict) and isinstance(given, dict):
                out[key] = {**there, **out[key]}
        return out

    data = walk(tree.data, ())
    if told:
        tree.data = data
        tree.lines = {_after(keys, moved): line for keys, line in tree.lines.items()}
        tree.index()
    return told


def _old(keys: Keys, given: Json) -> Renamed | None:
    rows = _BY_VERB.get(given, ()) if keys[-1] == "verb" and isinstance(given, str) else ()
    return next(
        (one for one in (*rows, *_BY_KEY.get(keys[-1], ())) if one.meets(keys, given)), None
    )


def _before(keys: Keys, moved: list[tuple[Keys, Keys]]) -> Keys:
    """The keys as the file has them, of keys with new words."""
    for old, new in reversed(moved):
        if keys[: len(new)] == new:
            keys = old + keys[len(new) :]
    return keys


def _after(keys: Keys, moved: list[tuple[Keys, Keys]]) -> Keys:
    for old, new in moved:
        if keys[: len(old)] == old:
            keys = new + keys[len(old) :]
    return keys
