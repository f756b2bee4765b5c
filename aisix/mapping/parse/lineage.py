"""Which folders of tables a mapping is made of, and their files laid over each other.

A mapping may name bases: folders that hold one side of several mappings, `<dialect>/caller` (what
every mapping of callers of that dialect shares) and `<dialect>/upstream` (what every mapping to it
shares). They are laid below its own tables, in the order it names them; below both stands, bases
first, what it is `like`.

Must never know: what a table says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from aisix.errors import Complaint, OperatorError
from aisix.mapping.parse import overlays, toml_tree
from aisix.mapping.parse.files import HALVES, MAPPING, TRAITS, TableFolder
from aisix.mapping.parse.meant import near
from aisix.mapping.parse.renamed import rename
from aisix.mapping.parse.toml_tree import Tree


def is_base(name: str) -> bool:
    """
    >>> is_base("anthropic-messages/upstream"), is_base("openai-chat/anthropic-messages")
    (True, False)
    """
    return name.rpartition("/")[2] in HALVES


def names_below(
    table_folders: Sequence[TableFolder], prefix: str, with_file: str = ""
) -> list[str]:
    """The names right below `prefix` of any folder; with a file, only folders that hold it."""
    names = {name for table_folder in table_folders for name in table_folder.below(prefix)}
    if with_file:
        names = {
            name
            for name in names
            if any(
                f"{prefix}{name}/{with_file}" in table_folder.files
                for table_folder in table_folders
            )
        }
    return sorted(names)


def mappings_of(table_folders: Sequence[TableFolder], dialect: str) -> list[str]:
    """The folders of a dialect's mappings, by their own names."""
    names = names_below(table_folders, f"{dialect}/", MAPPING)
    return [name for name in names if not is_base(name)]


def line_of(
    table_folders: Sequence[TableFolder], name: str, complaints: list[Complaint]
) -> list[str]:
    """The mapping, what it is like, and the bases of each: the furthest first.

    >>> from pathlib import Path
    >>> files = {"a/b/mapping.toml": b'base = ["b/upstream"]', "b/upstream/values.toml": b"x = 1"}
    >>> line_of([TableFolder(Path("/t"), "t", files)], "a/b", [])
    ['b/upstream', 'a/b']
    """
    kin = [name]
    while True:
        tree = read_over(table_folders, f"{kin[-1]}/{MAPPING}", [], [])
        other = _alike(table_folders, tree, kin, complaints)
        if not other:
            break
        kin.append(other)
    line: list[str] = []
    for each in reversed(kin):
        for table_folder in table_folders:  # a later folder's come behind those of the earlier ones
            part = read_parts(table_folder, f"{each}/{MAPPING}", [], [])
            if part is not None:
                line += _bases(table_folders, part, line, complaints)
        line.append(each)
    return line


def _alike(
    table_folders: Sequence[TableFolder], tree: Tree, kin: list[str], complaints: list[Complaint]
) -> str:
    """The mapping that the last of `kin` is like; "" where its mapping.toml names none."""
    given = tree.data.get("like")
    if given is None:
        return ""
    dialect = kin[-1].partition("/")[0]
    other = f"{dialect}/{given}"
    known = mappings_of(table_folders, dialect)
    wrong = ""
    if given not in known:
        wrong = f'no mapping "{given}"{near(str(given), known)}'
    elif other in kin:
        wrong = "goes round in a circle"
    if not wrong:
        return other
    complaints.append(Complaint(tree.where(("like",)), "like", wrong))
    return ""


def _bases(
    table_folders: Sequence[TableFolder], tree: Tree, line: list[str], complaints: list[Complaint]
) -> Iterator[str]:
    """The bases that a mapping.toml names; those that what it is like has too stand there."""
    given = tree.data.get("base")
    known = bases_of(table_folders)
    for number, name in enumerate(given if isinstance(given, list) else ()):
        if name in known:
            if name not in line:
                yield name
            continue
        where = tree.where(("base", str(number)))
        text = f'no base "{name}"{near(str(name), known)}: a base is the folder'
        text += " <dialect>/caller or <dialect>/upstream"
        complaints.append(Complaint(where, "base", text))


def bases_of(table_folders: Sequence[TableFolder]) -> list[str]:
    """Every base there is."""
    dialects = names_below(table_folders, "")
    return [
        f"{dialect}/{half}"
        for dialect in dialects
        for half in names_below(table_folders, f"{dialect}/")
        if half in HALVES
    ]


def read_over(
    table_folders: Sequence[TableFolder],
    paths: str | Sequence[str],
    complaints: list[Complaint],
    raw: list[bytes],
) -> Tree:
    """The files laid over each other: every folder's of the first path, then of the next.

    A file's rank is its place among all there could be: those of other names compare with it.
    """
    tree = Tree()
    paths = [paths] if isinstance(paths, str) else paths
    for rank, (path, table_folder) in enumerate(product(paths, table_folders)):
        part = read_parts(table_folder, path, complaints, raw)
        if part is not None:
            first = tree.lines.get((), part.lines[()])
            tree = overlays.lay_over(tree, part)
            tree.lines[()] = first
            tree.ranks |= dict.fromkeys(part.ranks, rank)
    return tree


def read_parts(
    table_folder: TableFolder, path: str, complaints: list[Complaint], raw: list[bytes]
) -> Tree | None:
    """One file of one folder, or the parts it is made of; None when there is nothing to read."""
    whole: Tree | None = None
    for file in table_folder.parts(path):
        raw.append(table_folder.files[file])
        try:
            part = toml_tree.parse(table_folder.files[file], table_folder.where(file))
        except OperatorError as error:
            complaints += error.complaints
            continue
        section = () if f"/{TRAITS}/" in path else (path.rpartition("/")[2].removesuffix(".toml"),)
        complaints += rename(part, section)
        overlays.mark_removed(part)
        if whole is None:
            whole = part
        else:
            complaints += overlays.join(whole, part)
    return whole


def strays(
    table_folders: Sequence[TableFolder], path: str, needs: str, known: list[str]
) -> Iterator[Complaint]:
    """Tables of a folder that is no mapping (or no dialect): a slip, or a file is missing."""
    name = path.rpartition("/")[2]
    for table_folder in table_folders:
        if any(file.startswith(f"{path}/") for file in table_folder.files):
            text = f"no {needs} here or in an earlier folder{near(name, known)}"
            yield Complaint(table_folder.where(path), "", text)


def idle_bases(table_folders: Sequence[TableFolder], used: set[str]) -> Iterator[Complaint]:
    """Bases that no mapping begins with."""
    for name in bases_of(table_folders):
        if name in used:
            continue
        for table_folder in table_folders:
            if any(file.startswith(f"{name}/") for file in table_folder.files):
                text = f'does nothing: no mapping.toml names the base "{name}"'
                yield Complaint(table_folder.where(name), "", text, idle=True)
