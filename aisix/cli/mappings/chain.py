"""`show --key`: one key through every layer that writes it, and which of them wins."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass

from aisix.mapping.mappings import Effective, Mappings
from aisix.mapping.parse.files import FILES, TRAITS
from aisix.mapping.parse.lineage import read_parts
from aisix.mapping.parse.toml_tree import Keys, Tree
from aisix.mapping.syntax.paths import Json, get
from aisix.mapping.verify.layers import Layers


@dataclass(slots=True)
class Layered:
    """What one layer says below the key."""

    key: str
    layer: str
    value: Json
    where: str
    wins: bool = False


def chain(mappings: Mappings, tables: Effective, key: str) -> list[Layered]:
    """Every layer's word for a key ("request.field.max_tokens") and the keys below it, the first
    layer first: of the mappings it is like and then its own, each folder's; then the traits of the
    model, then an alias's own tables."""
    asked = tuple(key.split("."))
    layers = Layers(mappings, tables.overlays)
    found: list[Layered] = []
    for like, tree, keys in _laid(mappings, tables, asked):
        for below, value, where in _below(tree, keys):
            name = ".".join((*asked[: len(asked) - len(keys)], *below))
            found.append(Layered(name, f"{layers.layer(where)}{like}", value, where))
    last = {link.key: link for link in found}
    for link in last.values():
        link.wins = True
    return sorted(found, key=lambda link: [*last].index(link.key))


def full_keys(mappings: Mappings, tables: Effective, key: str) -> list[str]:
    """The key with the name of its file: each that some layer writes, if it has none itself."""
    if key.partition(".")[0] in FILES:
        return [key]
    return [full for file in FILES if chain(mappings, tables, full := f"{file}.{key}")]


def hint(tables: Effective, key: str) -> str:
    """' (did you mean "request.field.max_tokens"?)', of the keys there are; or ""."""
    known: list[str] = []
    waiting: list[tuple[str, Json]] = [(file, tables.tree.data.get(file)) for file in FILES]
    while waiting:
        name, node = waiting.pop()
        known.append(name)
        if isinstance(node, dict):
            waiting += [(f"{name}.{below}", value) for below, value in node.items()]
    asked = [key] if key.partition(".")[0] in FILES else [f"{file}.{key}" for file in FILES]
    near = [one for word in asked for one in difflib.get_close_matches(word, known, 1, 0.8)]
    return f' (did you mean "{near[0]}"?)' if near else ""


def _laid(mappings: Mappings, tables: Effective, asked: Keys) -> Iterator[tuple[str, Tree, Keys]]:
    """(" of the mapping it is like", what is laid over those before, the key as it stands there)"""
    mapping = mappings.mappings[tables.name]
    file = asked[0]
    lent = mapping.lender if file == "models" else ()
    for each in (*lent, *mapping.line):
        yield from _files(mappings, tables, f"{each}/{file}.toml", each, asked[1:])
    for trait in tables.traits:
        for each in mapping.line:
            yield from _files(mappings, tables, f"{each}/{TRAITS}/{trait}.toml", each, asked)
    for inline in tables.overlays:
        yield "", inline.tree, asked


def _files(
    mappings: Mappings, tables: Effective, path: str, of: str, keys: Keys
) -> Iterator[tuple[str, Tree, Keys]]:
    """The file of this path in every folder that has it."""
    for table_folder in mappings.table_folders:
        part = read_parts(table_folder, path, [], [])
        if part is not None:
            yield "" if of == tables.name else f" ({of})", part, keys


def _below(tree: Tree, keys: Keys) -> Iterator[tuple[Keys, Json, str]]:
    node = get(tree.data, keys)
    if isinstance(node, dict) and node:
        for key in node:
            yield from _below(tree, (*keys, key))
    elif node is not None:
        yield keys, node, tree.where(keys)
