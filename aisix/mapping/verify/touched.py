"""What a site's folders write, and which configurations show what comes of it.

    touched = units(mappings)                            # by mapping, with what stands in `like`s
    for one in concerned(mapping, touched[mapping.name]):
        one.build(mapping)

A *unit* is a section and a name of one file, `field.max_tokens` of request.toml: the least that is
parsed by itself. A configuration is concerned when it is of a row, version, option or trait that is
written, or when one of its traits meets a written unit: writes it too, names it, or writes what it
names. The plain base is always concerned. Others see the same tables as the base where it matters.

Must never know: what a table says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from aisix.mapping.configurations import Configuration, configurations
from aisix.mapping.mappings import Mapping, Mappings
from aisix.mapping.parse.files import CALLER, TRAITS, TableFolder
from aisix.mapping.parse.lineage import read_parts
from aisix.mapping.parse.toml_tree import Keys, Tree
from aisix.mapping.syntax.paths import Json, get

UNNAMED = ("field", "header", "event", "model", "option")  # sections whose names nobody refers to


@dataclass(frozen=True, slots=True, order=True)
class TouchedUnit:
    """`keys`: ("field", "max_tokens"); of values.toml (table, word); `trait`: "" for the base."""

    file: str  # request, answer, values, errors, models, mapping, caller
    keys: Keys
    trait: str = ""
    where: str = field(default="", compare=False)  # file:line of the first key that is written


Written = dict[
    str, dict[str, list[TouchedUnit]]
]  # folder of a mapping, or dialect -> file -> units


def units(mappings: Mappings, above: int = 1) -> dict[str, tuple[TouchedUnit, ...]]:
    """Of each mapping, what the folders from number `above` write that becomes part of it."""
    found: Written = {}
    for table_folder in mappings.table_folders[above:]:
        for path, tree in trees(table_folder):
            folder, _, name = path.partition(f"/{TRAITS}/")
            if not name:
                folder, _, name = path.rpartition("/")
            parts = found.setdefault(folder, {})
            parts.setdefault(path.removeprefix(f"{folder}/"), []).extend(of(tree, path))
    return {
        name: tuple(dict.fromkeys(_of_mapping(mapping, found)))
        for name, mapping in mappings.mappings.items()
    }


def trees(table_folder: TableFolder) -> Iterator[tuple[str, Tree]]:
    """Each file that could be read, with its parts."""
    for path in dict.fromkeys(map(whole_file, table_folder.files)):
        tree = read_parts(table_folder, path, [], [])
        if tree is not None:
            yield path, tree


def whole_file(path: str) -> str:
    """request.toml of its parts."""
    parts = path.split("/")
    if len(parts) == 4 and parts[2] != TRAITS:
        return "/".join((*parts[:2], f"{parts[2]}.toml"))
    return path


def _of_mapping(mapping: Mapping, found: Written) -> Iterator[TouchedUnit]:
    yield from found.get(mapping.name.partition("/")[0], {}).get(CALLER, ())
    for folder in mapping.line:
        for written in found.get(folder, {}).values():
            yield from written
    for folder in mapping.lender:
        yield from found.get(folder, {}).get("models.toml", ())


def of(tree: Tree, path: str) -> Iterator[TouchedUnit]:
    """The units of one file that was read."""
    parts = path.split("/")
    stem = parts[-1].removesuffix(".toml")
    if TRAITS not in parts:
        yield from _below(tree, tree.data, stem, (), "")
        return
    for file, data in tree.data.items():
        if isinstance(data, dict):
            yield from _below(tree, data, file, (file,), stem)


def _below(
    tree: Tree, data: dict[str, Json], file: str, at: Keys, trait: str
) -> Iterator[TouchedUnit]:
    for section, inner in data.items():
        if isinstance(inner, dict) and inner:
            for name in inner:
                where = tree.where((*at, section, name))
                yield TouchedUnit(file, (section, name), trait, where)
        else:
            yield TouchedUnit(file, (section,), trait, tree.where((*at, section)))


# ---------------------------------------------------------------- configurations
def concerned(mapping: Mapping, written: Collection[TouchedUnit]) -> tuple[Configuration, ...]:
    """Of all configurations, those to build for these units; of several alike, the first."""
    if not written:
        return ()
    meeting = _Meeting(mapping, written)
    out: list[Configuration] = []
    seen: set[tuple[object, ...]] = set()
    for one in configurations(mapping):
        brings = one.brings(mapping)
        # Traits that meet nothing change nothing here: what differs is met, asked, or written.
        # Where none is met the site's words stand: the base may have a trait laid over them.
        kind = tuple(name for name in brings if name in meeting.traits), meeting.told(one)
        if kind not in seen:
            seen.add(kind)
            out.append(one)
    return tuple(out)


class _Meeting:
    """What of a mapping's traits, rows, versions and options written units have to do with."""

    def __init__(self, mapping: Mapping, written: Collection[TouchedUnit]) -> None:
        self._mapping = mapping
        self._data = mapping.tree.data
        base = {(unit.file, unit.keys) for unit in written if not unit.trait}
        self._models = {keys for file, keys in base if file == "models"}
        self._mapped = {keys for file, keys in base if file == "mapping"}
        # Nobody refers to a setting of mapping.toml, such as its title, by that name.
        named = (u for u in written if u.file != "mapping" or len(u.keys) > 1)
        names = {_name(unit) for unit in named if unit.keys[0] not in UNNAMED}
        asked: set[str] = set()  # words in what is written, as the whole tables have it
        for unit in written:
            asked |= words_below(_found(mapping, unit))
            base |= {(unit.file, unit.keys)}
        # Who names what is written may name it only where an option or a trait says so.
        units = [
            (unit, _found(mapping, unit))
            for file in ("request", "answer")
            for unit in of(Tree(self._data.get(file) or {}), f"{file}.toml")
        ]
        for unit, node in units:
            if not names.isdisjoint(map(_last, words_below(node))):
                base.add((unit.file, unit.keys))
        # What of a model or an alias the parser itself asks for: a rule whose condition wants
        # another value of an option is not there, and options of verbs are looked up.
        self.options, self.facts = set[str](), set[str]()
        written_facts = {keys[-1] for keys in self._models if keys[0] == "defaults"}
        for unit, node in units:
            if (unit.file, unit.keys) in base or written_facts:
                options, facts = _settled_by(node, unit.keys[0] == "convert")
                if (unit.file, unit.keys) in base:
                    self.options |= options
                    self.facts |= facts
                self.facts |= facts & written_facts
                self.options |= {name for name in options if self._default(name) in written_facts}
        self.traits = {unit.trait for unit in written if unit.trait}
        asked = set(map(_last, asked))
        for name, tree in mapping.traits.items():
            own = list(of(tree, f"{TRAITS}/{name}.toml"))
            if (
                any((unit.file, unit.keys) in base or _name(unit) in asked for unit in own)
                or not names.isdisjoint(map(_last, words_below(tree.data)))
            ):  # fmt: skip
                self.traits.add(name)

    def _default(self, option: str) -> str:
        """The fact an option has its value from, when it is not given."""
        about = self._data["mapping"].get("option", {}).get(option) or {}
        default = about.get("default")
        return default.removeprefix("$model.") if isinstance(default, str) else ""

    def told(self, one: Configuration) -> tuple[object, ...]:
        """What makes this configuration another one than the base; () when nothing does."""
        row = one.row or str((self._data.get("models") or {}).get("unknown", ""))
        version = one.version or self._data["mapping"].get("versions", {}).get("default")
        told: list[object] = []
        every = any(map(_every_row, self._models))
        if one.row is not None and (every or ("model", row) in self._models):
            told.append(("row", row))
        if one.version is not None and ("versions", "known") in self._mapped:
            told.append(("version", version))
        if one.option is not None:
            name = one.option[0]
            if ("option", name) in self._mapped or name in self.options:
                told.append(("option", one.option))
        elif one.row is not None and (self.facts or self.options):
            facts = self._mapping.facts(row)
            values = self._mapping.options({}, facts)[0]
            usual = self._mapping.facts(str((self._data.get("models") or {}).get("unknown", "")))
            defaults = self._mapping.options({}, usual)[0]
            for name in sorted(self.facts):
                if facts.get(name) != usual.get(name):
                    told.append(("fact", name, repr(facts.get(name))))
            for name in sorted(self.options):
                if values.get(name) != defaults.get(name):
                    told.append(("default", name, repr(values.get(name))))
        return tuple(told)


def _every_row(keys: Keys) -> bool:
    """Whether a unit of models.toml is about all rows, and not only a number in each of them."""
    return keys[0] != "model" and (keys[0] != "defaults" or keys[-1] in ("traits", "more_traits"))


def _settled_by(node: Json, looked_up: bool) -> tuple[set[str], set[str]]:
    """(options, facts) whose values decide how a unit is parsed."""
    options: set[str] = set()
    facts: set[str] = set()
    if isinstance(node, dict):
        for key, below in node.items():
            if key.startswith("$option."):
                options.add(_last(key))
            if looked_up and isinstance(below, str):
                if below.startswith("$option."):
                    options.add(_last(below))
                if below.startswith("$model."):
                    facts.add(_last(below))
            more = _settled_by(below, looked_up)
            options |= more[0]
            facts |= more[1]
    return options, facts


def _name(unit: TouchedUnit) -> str:
    """What others call it: a value table by its name, everything else by its last key."""
    return unit.keys[0] if unit.file == "values" else unit.keys[-1]


def _found(mapping: Mapping, unit: TouchedUnit) -> Json:
    """What the whole tables have at a unit: names and rules below it."""
    data = mapping.traits.get(unit.trait, Tree()).data if unit.trait else mapping.tree.data
    return get(data, (unit.file, *unit.keys))


def words_of(mapping: Mapping, written: Collection[TouchedUnit]) -> set[str]:
    """The names in what the whole tables have at these units, and those of the units."""
    found = {_name(unit) for unit in written}
    for unit in written:
        found |= {_last(word) for word in words_below(_found(mapping, unit))}
    return found


def words_at(tree: Tree, written: Collection[TouchedUnit]) -> set[str]:
    """The same of one file that was read."""
    found: set[str] = set()
    for unit in written:
        found |= {_last(word) for word in words_below(get(tree.data, unit.keys))}
    return found


def words_below(node: Json) -> set[str]:
    """Every text in it, keys included; names without what they are looked up by."""
    if isinstance(node, dict):
        return set(node).union(*map(words_below, node.values()))
    if isinstance(node, list):
        return set().union(*map(words_below, node))
    return {node} if isinstance(node, str) else set()


def _last(word: str) -> str:
    """NAME of "$let.NAME" and the like."""
    return word.partition(".")[2].partition(".")[0] if word[:1] == "$" else word
