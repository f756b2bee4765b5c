"""Registers that rules set and read, and what is told of one that nothing reads."""

from __future__ import annotations

from typing import NamedTuple

from aisix.errors import Complaint
from aisix.mapping.parse.files import PARTS, TRAITS
from aisix.mapping.parse.toml_tree import Tree


class Registers(NamedTuple):
    """What rules set and read: "answer.state.NAME" and the like."""

    at: dict[str, tuple[str, ...]]  # where the tables first set each one
    read: frozenset[str]


def told_of(registers: Registers, tree: Tree) -> dict[str, Complaint]:
    """What is to be said of each register if nothing reads it.

    Of one that the shipped tables set, nothing: a site that reads it no more may leave it. Those
    are the tables of the folder that sets any first.
    """
    own = max(tree.ranks.values(), default=0) == 0
    first = min(registers.at.values(), key=tree.rank, default=())
    told = {}
    for name, at in registers.at.items():
        if own or _folder(tree.where(at)) != _folder(tree.where(first)):
            text = f'nothing reads "{name.partition(".")[2]}"'
            told[name] = Complaint(tree.where(at), ".".join(at[1:]), text, idle=True)
    return told


def _folder(where: str) -> str:
    """The folder of tables that a place is in, of whatever mapping, base or trait.

    >>> _folder("site/a/b/answer.toml:3"), _folder("site/a/caller/request/names.toml:1")
    ('site', 'site')
    """
    parts = where.split("/")
    return "/".join(parts[: -4 if parts[-2] in (*PARTS, TRAITS) else -3])
