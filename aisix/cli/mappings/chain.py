"""`show --key`: one key through every layer that writes it, and which of them wins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aisix.mapping.mappings import Effective, Mappings
from aisix.mapping.parse.toml_tree import Keys, Tree
from aisix.mapping.syntax.paths import Json
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
    layer first: folders as they are laid over each other, then the traits of the model."""
    asked = tuple(key.split("."))
    layers = Layers(mappings)
    found: list[Layered] = []
    seen: dict[str, str] = {}
    for number in range(len(mappings.table_folders)):
        mapping = mappings.up_to(number).mappings.get(tables.name)
        for keys, value, where in _below(mapping.tree, asked) if mapping is not None else ():
            name = ".".join(keys)
            if seen.get(name) != where:  # else the layer says nothing of its own
                seen[name] = where
                found.append(Layered(name, layers.layer(where), value, where))
    traits = mappings.mappings[tables.name].traits
    for name in tables.traits:
        for keys, value, where in _below(traits[name], asked):
            found.append(Layered(".".join(keys), layers.layer(where), value, where))
    last = {link.key: link for link in found}
    for link in last.values():
        link.wins = True
    return sorted(found, key=lambda link: [*last].index(link.key))


def _below(tree: Tree, keys: Keys) -> Iterator[tuple[Keys, Json, str]]:
    node: Json = tree.data
    for key in keys:
        node = node.get(key) if isinstance(node, dict) else None
    if isinstance(node, dict) and node:
        for key in node:
            yield from _below(tree, (*keys, key))
    elif node is not None:
        yield keys, node, tree.where(keys)
