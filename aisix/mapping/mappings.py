"""Folders of tables -> `Mappings`, immutable, replaced whole on reload.

Reads `<folder>/<caller dialect>/caller.toml` and `<folder>/<caller dialect>/<upstream
dialect>/*.toml` with `traits/*.toml`; `request.toml` may be a folder, `request/*.toml`. Later
folders are a site's own and are laid over the earlier ones. A mapping that is `like` another one
begins with that one's tables; one that names another one's `models` begins with that one's rows of
models, so that what a model can do stands once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from pathlib import Path

from aisix.errors import Complaint, OperatorError, wrong_among
from aisix.mapping.dialect.upstream_errors import CallerDialect
from aisix.mapping.effective import Mapping, Options
from aisix.mapping.model_tables import Effective
from aisix.mapping.parse import overlays, schema, structure
from aisix.mapping.parse.files import (
    CALLER,
    FILES,
    HALVES,
    MAPPING,
    TRAITS,
    TableFolder,
    digest,
    read_folders,
)
from aisix.mapping.parse.lineage import (
    idle_bases,
    line_of,
    mappings_of,
    names_below,
    read_over,
    strays,
)
from aisix.mapping.parse.passes import check_passes
from aisix.mapping.parse.toml_tree import Tree
from aisix.mapping.parse.vocabulary import words_of
from aisix.mapping.syntax.paths import get

NEEDED = ("mapping", "request", "answer", "errors")


class NoMapping(OperatorError):
    """A dialect has no mapping for what was asked for; another dialect may have one."""


@dataclass(frozen=True, slots=True)
class Mappings:
    """Every mapping there is. A request keeps the object it began with."""

    mappings: dict[str, Mapping]
    callers: dict[str, CallerDialect]
    digest: str
    table_folders: tuple[TableFolder, ...] = field(repr=False)  # the files they were made of
    spoken: dict[str, Tree] = field(repr=False)  # caller.toml of each dialect, with its lines
    idle: tuple[Complaint, ...] = field(default=(), repr=False)  # about what does nothing
    _lower: dict[int, Mappings] = field(default_factory=dict, repr=False)  # asked for by a check

    @property
    def differs(self) -> dict[str, list[str]]:
        """By mapping the parts whose compiled form is known to be wrong: they run rule by rule."""
        return {name: [*m.differs] for name, m in self.mappings.items() if m.differs}

    def run_by_rules(self, differs: Map[str, Sequence[str]]) -> None:
        """What a check has found so; before any of these tables is used."""
        for name, parts in differs.items():
            if name in self.mappings:
                self.mappings[name].differs = tuple(parts)

    @property
    def folders(self) -> tuple[Path, ...]:
        return tuple(table_folder.folder for table_folder in self.table_folders)

    def up_to(self, layer: int) -> Mappings:
        """What there would be without the folders after number `layer`."""
        if not any(s.files for s in self.table_folders[layer + 1 :]):
            return self
        if layer not in self._lower:
            self._lower[layer] = load_shelves(self.table_folders[: layer + 1])
        return self._lower[layer]

    def find(self, caller: str, adapter: str, name: str | None = None) -> Mapping:
        """The mapping of a caller dialect for an adapter; `name` picks a variant by its folder."""
        usual = None  # for a variant of another dialect: what this dialect has for the adapter
        elsewhere = False
        for mapping in self.mappings.values():
            dialect, _, upstream = mapping.name.partition("/")
            named = bool(name) and name in (mapping.name, upstream)
            if dialect != caller:
                elsewhere = elsewhere or named
            elif named:
                return mapping
            elif usual is None and not mapping.variant and mapping.adapter == adapter:
                usual = mapping
        if usual is not None and (not name or elsewhere):
            return usual
        wanted = name or f"adapter {adapter}"
        raise NoMapping(f"no mapping from {caller} for {wanted}")

    def caller(self, dialect: str) -> CallerDialect:
        """The dialect; when its folder is gone, the one that answers for everything unknown."""
        return self.callers.get(dialect) or next(
            (c for c in self.callers.values() if c.data.get("default")),
            next(iter(self.callers.values())),
        )

    def tag(self, dialect: str) -> str:
        """What an answer says of its tables when no mapping was chosen."""
        return f"{self.caller(dialect).name}@{self.digest[:8]}"


def load_mappings(folders: Sequence[Path]) -> Mappings:
    """Read every mapping below `folders`, shipped first; OperatorError with all that is wrong."""
    return load_shelves(read_folders(folders))


def load_shelves(table_folders: Sequence[TableFolder]) -> Mappings:
    """The same, of files that have been read."""
    complaints: list[Complaint] = []
    mappings = load_as_told(table_folders, complaints)
    wrong = wrong_among(complaints)
    if wrong:
        raise OperatorError(list(dict.fromkeys(wrong)))
    return mappings


def load_as_told(table_folders: Sequence[TableFolder], complaints: list[Complaint]) -> Mappings:
    """What can be read, and in `complaints` what is wrong with it: only to be complained about."""
    complaints += [
        complaint for table_folder in table_folders for complaint in table_folder.complaints
    ]
    raw: list[bytes] = []
    callers: dict[str, CallerDialect] = {}
    trees: dict[str, Tree] = {}
    mappings: dict[str, Mapping] = {}
    for dialect in names_below(table_folders, ""):
        if not any(f"{dialect}/{CALLER}" in table_folder.files for table_folder in table_folders):
            if not set(names_below(table_folders, f"{dialect}/")) <= {*HALVES}:
                known = names_below(table_folders, "", CALLER)
                complaints += strays(table_folders, dialect, CALLER, known)
            continue
        spoken: list[bytes] = []
        tree = read_over(table_folders, f"{dialect}/{CALLER}", complaints, spoken)
        tree = Tree(overlays.settle(tree.data), tree.lines, ranks=tree.ranks)
        raw += spoken
        structure.sound_caller(tree, complaints)
        schema.check_caller(tree, complaints)
        trees[dialect] = tree
        callers[dialect] = CallerDialect.parse(dialect, tree.data, tree.where, complaints)
        for name in names_below(table_folders, f"{dialect}/"):
            if name == CALLER or name in HALVES:
                continue
            path = f"{dialect}/{name}"
            if not any(f"{path}/{MAPPING}" in table_folder.files for table_folder in table_folders):
                known = mappings_of(table_folders, dialect)
                complaints += strays(table_folders, path, MAPPING, known)
                continue
            own = list(spoken)
            mapping = _read_mapping(table_folders, path, callers[dialect], complaints, own)
            mappings[mapping.name] = mapping
            raw += own[len(spoken) :]
        speaking = [m for m in mappings.values() if m.caller.name == dialect]
        overlaid = [t for m in speaking for t in (m.tree, *m.traits.values())]
        schema.check_faults(tree, overlaid, complaints)
        check_passes(tree, [m.tree for m in speaking], complaints)
        _tell_words(callers[dialect], speaking)
    complaints += _rivals(mappings)
    complaints += idle_bases(table_folders, {name for m in mappings.values() for name in m.line})
    if not mappings and not complaints:
        raise OperatorError(
            "no mappings found in " + ", ".join(str(s.folder) for s in table_folders)
        )
    idle = tuple(dict.fromkeys(one for one in complaints if one.idle))
    return Mappings(mappings, callers, digest(raw), tuple(table_folders), trees, idle)


def _tell_words(caller: CallerDialect, mappings: Sequence[Mapping]) -> None:
    """Each mapping knows what the tables of all of its dialect say that callers may send."""
    words = set(caller.reads)
    for mapping in mappings:
        trees = mapping.tree, *mapping.traits.values()
        words |= words_of(tree.data.get("request") for tree in trees)
        fields = (get(tree.data, ("request", "field")) for tree in trees)
        mapping.written = frozenset(name for one in fields for name in one or ())
    for mapping in mappings:
        mapping.words = frozenset(words)


def _rivals(mappings: dict[str, Mapping]) -> Iterator[Complaint]:
    """Two mappings that would both be taken for the same provider keys."""
    seen: dict[tuple[str, str], str] = {}
    for name, mapping in mappings.items():
        data = mapping.tree.data["mapping"]
        key = name.partition("/")[0], str(data.get("adapter"))
        if not data.get("variant") and seen.setdefault(key, name) != name:
            at = "mapping", "adapter"
            rivals = sorted((seen[key], name), key=lambda one: mappings[one].tree.rank(at))
            text = f'{rivals[0]} speaks "{key[1]}" too; one of them needs variant = true'
            yield Complaint(mappings[rivals[1]].tree.where(at), "adapter", text)


def _read_mapping(
    table_folders: Sequence[TableFolder],
    name: str,
    caller: CallerDialect,
    complaints: list[Complaint],
    own: list[bytes],
) -> Mapping:
    tree = Tree()
    told = len(complaints)
    line = line_of(table_folders, name, complaints)
    broken = len(complaints) > told
    told = len(complaints)
    traits: dict[str, Tree] = {}
    for trait in sorted(
        {t for each in line for t in names_below(table_folders, f"{each}/{TRAITS}/")}
    ):
        paths = [f"{each}/{TRAITS}/{trait}" for each in line]
        traits[trait.removesuffix(".toml")] = read_over(table_folders, paths, complaints, own)
    lent = Tree()
    lender: list[str] = []
    for file in FILES:
        if file == "models":
            other = tree.data["mapping"].get("models")
            lender = line_of(table_folders, other, []) if isinstance(other, str) else []
        paths = [f"{each}/{file}.toml" for each in line if each not in lender]
        part = read_over(table_folders, paths, complaints, own)
        if file == "models":
            lent = _lent(table_folders, lender, tree, traits, complaints, own)
            part = overlays.lay_over(lent, part) if lent.data else part
        if not part.lines and file in NEEDED:
            text = f"{file}.toml is missing; a mapping needs {', '.join(NEEDED)}"
            complaints.append(Complaint(_where(table_folders, name), "", text))
        part.data.pop("base", None)
        if part.data.pop("like", None) and part.data.setdefault("variant", True):
            complaints += _vain_adapter(table_folders, line)
        tree.data[file] = overlays.settle(part.data) if file in ("mapping", "models") else part.data
        tree.lines.update({(file, *keys): line for keys, line in part.lines.items()})
        tree.ranks |= part.ranks
        tree.removed |= {(file, *keys): line for keys, line in part.removed.items()}
        tree.missed |= {(file, *keys): line for keys, line in part.missed.items()}
        tree.brought_back |= {(file, *keys): line for keys, line in part.brought_back.items()}
    tree.index()  # every configuration lays its traits over this one
    structure.sound(tree.data, tree.where, complaints)
    complaints += overlays.dropped_in_vain(tree, traits)
    rows = {**(lent.data.get("model") or {}), "defaults": lent.data.get("defaults") or {}}
    schema.check_mapping(tree, traits, complaints, {fact for row in rows.values() for fact in row})
    if broken:  # all it would have from there is missing: that is no finding of its own
        del complaints[told:]
    folders = tuple(table_folder.folder for table_folder in table_folders)
    own_digest = digest(own)
    return Mapping(name, folders, tree, traits, caller, own_digest, tuple(line), tuple(lender))


def _vain_adapter(table_folders: Sequence[TableFolder], line: list[str]) -> Iterator[Complaint]:
    """Another adapter than that of the mapping this one is like, though it is only ever named."""
    own, other = (
        read_over(table_folders, [f"{name}/mapping.toml" for name in names], [], [])
        for names in (line[-1:], line[:-1])
    )
    if own.data.get("adapter") not in (None, other.data.get("adapter")):
        text = "never chooses this mapping: what is like another is used only where an alias names"
        text += " it; variant = false gives it the provider keys with this adapter"
        yield Complaint(own.where(("adapter",)), "adapter", text, idle=True)


def _lent(
    table_folders: Sequence[TableFolder],
    lender: Sequence[str],
    tree: Tree,
    traits: dict[str, Tree],
    complaints: list[Complaint],
    own: list[bytes],
) -> Tree:
    """The models.toml of the mapping that this one names; of its traits, those both have.

    What is wrong in it is told where it stands.
    """
    if not lender:
        return Tree()
    lent = read_over(table_folders, [f"{each}/models.toml" for each in lender], [], own)
    if not lent.data:
        where = tree.where(("mapping", "models"))
        complaints.append(Complaint(where, "models", f'no models.toml in "{lender[-1]}"'))
    data = {"models": lent.data}
    structure.sound(data, lent.where, [])
    lent.data, rows = data["models"], data["models"].get("model")
    each = [data["models"].get("defaults"), *(rows.values() if isinstance(rows, dict) else ())]
    for row in each:
        for key in ("traits", "more_traits"):
            if isinstance(row, dict) and isinstance(row.get(key), list):
                row[key] = [trait for trait in row[key] if trait in traits]
    return lent


def _where(table_folders: Sequence[TableFolder], path: str) -> str:
    """The first folder that has something there."""
    for table_folder in table_folders:
        if any(file.startswith(f"{path}/") for file in table_folder.files):
            return table_folder.where(path)
    return path


__all__ = [
    "Effective",
    "Mapping",
    "Mappings",
    "NoMapping",
    "Options",
    "load_mappings",
    "load_shelves",
]
