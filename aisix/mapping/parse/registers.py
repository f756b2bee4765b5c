"""Registers that rules set and read, and what is told of one that nothing reads."""

from __future__ import annotations

from typing import NamedTuple

from aisix.errors import Complaint
from aisix.mapping.parse.toml_tree import Tree


class Registers(NamedTuple):
    """What rules set and read: "answer.state.NAME" and the like."""

    at: dict[str, tuple[str, ...]]  # where the tables first set each one
    read: frozenset[str]


def told_of(registers: Registers, tree: Tree) -> dict[str, Complaint]:
    """What is to be said of each register if nothing reads it.

    Of one that the shipped tables set, nothing: a site that reads it no more may leave it. Those
    are of the lowest layer that sets any: below it may be bases that set none.
    """
    own = max(tree.ranks.values(), default=0) == 0
    lowest = min((tree.rank(at) for at in registers.at.values()), default=0)
    told = {}
    for name, at in registers.at.items():
        if own or tree.rank(at) > lowest:
            text = f'nothing reads "{name.partition(".")[2]}"'
            told[name] = Complaint(tree.where(at), ".".join(at[1:]), text, idle=True)
    return told
