"""The nodes of a cluster, as each of them tells of itself.

    store.nodes()             every live one, () where a store has no other nodes
    differing(nodes)          {"tables": {"a1b2": ("node-a", "node-b"), "c3d4": ("node-c",)}}
    warnings(nodes, since, now)  what has differed for too long, and clocks that are wrong

Must never know: etcd, HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

ALIKE = ("version", "tables", "settings")  # what all nodes should say the same of
WORDS = {"version": "versions", "tables": "table digests", "settings": "settings digests"}
PATIENCE_SECS = 300.0  # nodes differ while they are rolled out; for longer is a warning
MOST_CLOCK_OFF = 2.0  # s; what ends at a given time ends so much earlier or later elsewhere
MOST_REFUSED = 100  # names of refused documents in one entry


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One live node. Times are Unix seconds by its own clock, `seen` by ours.

    home: which data directory it has, an id; proxy, admin: URLs of its listeners; applied: etcd's
    revision it serves; as_of: when that was last known to be what etcd has; tables, settings:
    digests; refused: how many documents it does not serve, `refused_names` the first of them
    ("models/a"); key_ids: the encryption keys it knows, the one it writes with first; in_flight:
    requests under way; clock_off: seconds that its clock is ahead of etcd's, as far as can be seen.
    """

    name: str
    home: str = ""
    version: str = ""
    proxy: str = ""
    admin: str = ""
    started_at: float = 0.0
    starting: bool = False
    draining: bool = False
    workers: int = 0
    applied: int = 0
    as_of: float = 0.0
    at: float = 0.0
    tables: str = ""
    tables_at: float = 0.0
    settings: str = ""
    refused: int = 0
    refused_names: tuple[str, ...] = ()
    key_ids: tuple[str, ...] = ()
    in_flight: int = 0
    clock_off: float = 0.0
    seen: float = 0.0

    def age(self, now: float) -> float | None:
        """Seconds since what it serves was known to be what etcd has; None: it never was. Too much
        by the time since its entry came, which is seconds."""
        if not self.as_of:
            return None
        return max(0.0, self.at - self.as_of) + max(0.0, now - self.seen if self.seen else 0.0)


def differing(nodes: Sequence[Node]) -> dict[str, dict[str, tuple[str, ...]]]:
    """What nodes say that should be the same and is not: {what: {value: names}}."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for what in ALIKE:
        values: dict[str, tuple[str, ...]] = {}
        for one in nodes:
            value = str(getattr(one, what))
            if not one.starting and value:
                values[value] = (*values.get(value, ()), one.name)
        if len(values) > 1:
            found[what] = values
    return found


def difference(what: str, values: Mapping[str, Sequence[str]]) -> str:
    """ "2 table digests on 3 nodes: a1b2 on node-a, node-b; c3d4 on node-c"."""
    told = "; ".join(f"{value} on {', '.join(names)}" for value, names in sorted(values.items()))
    count = sum(len(names) for names in values.values())
    return f"{len(values)} {WORDS[what]} on {count} nodes: {told}"


def lasting(nodes: Sequence[Node], since: Mapping[str, float], now: float) -> dict[str, float]:
    """{difference: seconds} of those that have lasted for too long; since: Unix seconds, by what
    differs."""
    found = {}
    for what, values in differing(nodes).items():
        secs = now - since.get(what, now)
        if secs > PATIENCE_SECS:
            found[difference(what, values)] = secs
    return found


def warnings(nodes: Sequence[Node], since: Mapping[str, float], now: float) -> list[str]:
    """The same as text, with how long; and whose clock is wrong."""
    found = [_warning(text, secs) for text, secs in lasting(nodes, since, now).items()]
    wrong = (one for one in nodes if abs(one.clock_off) > MOST_CLOCK_OFF)
    return [*found, *(clock_text(one.name, one.clock_off) for one in wrong)]


def clock_text(name: str, off: float) -> str:
    """ "node-b: its clock is 5.0 s ahead of etcd's; is NTP running?" """
    where = "ahead of" if off > 0 else "behind"
    return f"{name}: its clock is {abs(off):.1f} s {where} etcd's; is NTP running?"


def _warning(text: str, secs: float) -> str:
    return f"for {secs / 60:.0f} min: {text}"


class ToldDifferences:
    """For a log: each difference once, as long as it lasts."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def news(self, nodes: Sequence[Node], since: Mapping[str, float], now: float) -> list[str]:
        """Of what has differed for too long, what it has not given yet."""
        found = lasting(nodes, since, now)
        fresh = [_warning(text, secs) for text, secs in found.items() if text not in self._told]
        self._told = set(found)
        return fresh
