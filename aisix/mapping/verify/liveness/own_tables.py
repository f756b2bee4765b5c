"""What the tables an alias carries itself write and nothing comes of, for that alias.

    dead_keys([Use(mapping, traits, overlays), ...])    # one for each target and caller dialect

A key that acts in one of its uses acts. Each overlay is looked at over those before it, as a folder
of a site is: a later one may say otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from aisix.errors import Complaint
from aisix.mapping.effective import Mapping
from aisix.mapping.parse.inline import Inline
from aisix.mapping.verify.liveness.found import LookedAt, Search
from aisix.mapping.verify.liveness.program import Program
from aisix.mapping.verify.liveness.sources import Part, Sources
from aisix.mapping.verify.liveness.tried import Tried

MOST_READ = 2_000  # units that are read for one alias: some 0.3 s


class Use(NamedTuple):
    """Where an alias's own tables are laid over others."""

    mapping: Mapping
    traits: tuple[str, ...]  # those laid over the base, in their order
    overlays: tuple[Inline, ...]  # over them; those meant for this mapping


def dead_keys(uses: Sequence[Use], most: int | None = MOST_READ) -> list[Complaint]:
    """With the paths inside the resource; `most` None: however long it takes."""
    search = Search((), most)
    files: dict[str, tuple[Inline, list[tuple[Tried, Part]]]] = {}
    for use in uses:
        parts = [Part(0, one.name, "", f"alias: {one.name}", one.tree) for one in use.overlays]
        known = tuple(name for name in use.traits if name in use.mapping.traits)
        for number, inline in enumerate(use.overlays, 1):
            below = parts[:number]
            layers = tuple(part.trait for part in below)
            name = " ".join((use.mapping.name, *layers))
            if name not in search.tried:  # for other models and targets only the traits differ
                program = Program.of(use.mapping, {part.trait: part.tree for part in below})
                tried = Tried(use.mapping, Sources(below), program, pairs=[])
                search.tried[name] = tried
                files.setdefault(inline.name, (inline, []))[1].append((tried, below[-1]))
            search.tried[name].lists.append((*known, *layers))
    out: list[Complaint] = []
    for inline, looked_at in files.values():
        before = len(search.found.complaints)
        LookedAt(search, looked_at).look(inline.tree.data, ())
        out += filter(None, map(inline.own, search.found.complaints[before:]))
    return out
