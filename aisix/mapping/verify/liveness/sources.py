"""The files a mapping is made of, one by one, and its units when one of them says otherwise.

sources = Sources.of(mappings, mapping)
for part in sources.parts: ...
sources.changes(part, ("field", "top_k", "when"))    # -> what units say without that key
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from aisix.mapping.mappings import Mapping
from aisix.mapping.parse import overlays
from aisix.mapping.parse.files import TRAITS, TableFolder
from aisix.mapping.parse.lineage import read_parts
from aisix.mapping.parse.toml_tree import Keys, Tree
from aisix.mapping.syntax.paths import Json, get
from aisix.mapping.verify.liveness.program import Layer
from aisix.mapping.verify.liveness.units import FILES, Data, Unit, is_rows, nested

Changes = dict[tuple[Layer, Unit], Json]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One file of one folder: a layer of the base, or of a trait."""

    folder: int
    path: str  # "openai-chat/anthropic-messages/request.toml"
    file: str  # "request"; "" for a trait, whose first words are files
    trait: str
    tree: Tree

    @property
    def data(self) -> Data:
        """By file, as a trait has it."""
        return self.tree.data if self.trait else {self.file: self.tree.data}


@dataclass(slots=True)
class Sources:
    parts: list[Part] = field(default_factory=list)  # in the order they are laid over each other

    @classmethod
    def of(cls, folders: Sequence[TableFolder], mapping: Mapping) -> Sources:
        made = cls()
        names = dict.fromkeys((*FILES, "mapping", "models"), "")
        names |= {f"{TRAITS}/{name}": name for name in mapping.traits}
        for name, trait in names.items():
            lines = [*(mapping.lender if name == "models" else ()), *mapping.line]
            for path in (f"{each}/{name}.toml" for each in lines):
                for number, folder in enumerate(folders):
                    tree = read_parts(folder, path, [], [])
                    if tree is not None:
                        file = "" if trait else name
                        made.parts.append(Part(number, path, file, trait, tree))
        return made

    def changes(self, part: Part, keys: Keys, value: Json = None) -> Changes:
        """What units say when a key of one file says something else, or nothing."""
        full = keys if part.trait else (part.file, *keys)
        data = replaced(part.data, full, value)
        return {
            (part.trait, unit): self._merged(part, unit, data)
            for unit in _units_at(part.data, full)
        }

    def _merged(self, changed: Part, unit: Unit, data: Data) -> Json:
        """What a unit says in all files of a layer laid over each other."""
        tree: Tree | None = None
        for part in self.parts:
            if part.trait != changed.trait or part.file not in ("", unit[0]):
                continue
            said = get(data if part is changed else part.data, unit)
            if said is None:
                continue
            above = Tree(nested(unit[0 if part.trait else 1 :], said))
            tree = above if tree is None else overlays.lay_over(tree, above)
        if tree is None:
            return None
        return get(tree.data, unit[0 if changed.trait else 1 :])


def _units_at(data: Data, keys: Keys) -> list[Unit]:
    """The units that lie below a key, or that it lies in."""
    if len(keys) >= 2:
        if keys[0] == "values" or not is_rows(keys[0], keys[1]):
            return [keys[:2]]
        if len(keys) >= 3:
            return [keys[:3]]
    below = get(data, keys)
    names = below if isinstance(below, dict) else ()
    return [unit for name in names for unit in _units_at(data, (*keys, name))]


def replaced(data: Data, keys: Keys, value: Json) -> Data:
    """A copy with another value at a key; None: without it."""
    out = dict(data)
    if len(keys) > 1:
        out[keys[0]] = replaced(data[keys[0]], keys[1:], value)
    elif value is None:
        del out[keys[0]]
    else:
        out[keys[0]] = value
    return out
