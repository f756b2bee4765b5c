"""`aisix mappings rollout`, `rollback`: the tables on the disks of all nodes, taken over or undone.

1. Every node checks what lies on its disk. A fault anywhere, or two digests: nothing switches.
2. The canary switches, and its errors are looked at for a while beside those of the others.
   Where they are worse it is rolled back.
3. The others switch, one after the other; the first refusal ends it.

Exit code 0: every node serves it; 1: not so, and it is said which node has what; 2: wrong usage.

Must never know: what a table says.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aisix.cli.mappings.nodes import TableNode, nodes_of, together
from aisix.cli.mappings.output import write_json

PAUSE_SECS, MAX_ERRORS = 30.0, 2.0  # the canary's; in points of percent
LOOK_SECS = 1.0  # between two looks at the canary
ENOUGH = 10  # failures that need no further waiting
Traffic = dict[str, int]


def add_parsers(rollout: argparse.ArgumentParser, rollback: argparse.ArgumentParser) -> None:
    """Their options; `docs/cli.md` shows what they say."""
    for sub in (rollout, rollback):
        sub.add_argument("--nodes", metavar="URL,URL...", help="admin APIs of the nodes; default:"
                         " all that the gateway knows of, else itself")  # fmt: skip
        sub.add_argument("--admin", metavar="URL", help="the gateway that is asked for the others;"
                         " default: of the settings")  # fmt: skip
        sub.add_argument("--admin-key-file", metavar="FILE", help="a file that holds an admin key,"
                         " the same on every node")  # fmt: skip
    rollout.add_argument("--canary", metavar="NODE", help="who switches first: a name or a URL;"
                         " default: the first node")  # fmt: skip
    rollout.add_argument("--pause", type=_seconds, default=PAUSE_SECS, metavar="SECONDS",
                         help="how long the canary's errors are looked at; 0: not at all;"
                         f" default {PAUSE_SECS:g}")  # fmt: skip
    rollout.add_argument("--max-errors", type=_percent, default=MAX_ERRORS, metavar="PERCENT",
                         help="how many more of the canary's requests may fail than of the others'"
                         f" in the same time; default {MAX_ERRORS:g}")  # fmt: skip
    rollout.add_argument("--no-rollback", action="store_true",
                         help="leave a canary that is worse as it is")  # fmt: skip
    rollout.add_argument("--dry-run", action="store_true", help="only the check on every node")
    rollout.add_argument("--yes", action="store_true", help="on a terminal: do not ask first")
    rollback.add_argument("--from", dest="from_", metavar="DIGEST", default="",
                          help="only nodes that serve these tables")  # fmt: skip


class Stop(Exception):
    """It ends here; the text says why."""


@dataclass(frozen=True, slots=True)
class CanaryReport:
    """How the canary did. Ratios are from 0 to 1; reference: what they are compared with."""

    requests: int
    failed: float
    fallbacks: float
    reference: float
    fallback_reference: float
    beside: str  # what the reference is of

    def told(self) -> dict[str, Any]:
        return {name: round(v, 4) if isinstance(v, float) else v
                for name, v in asdict(self).items()}  # fmt: skip

    def worse(self, points: float) -> str:
        """What is worse than it may be; "" for nothing."""
        most = points / 100
        if self.failed > self.reference + most:
            return f"{self.failed:.1%} of its {self.requests} requests failed, of {self.beside}" \
                   f" {self.reference:.1%}; {points:g} points more are allowed"  # fmt: skip
        if self.fallbacks > self.fallback_reference + most:
            return f"{self.fallbacks:.1%} of its {self.requests} requests fell back to the" \
                   f" interpreter, of {self.beside} {self.fallback_reference:.1%};" \
                   f" {points:g} points more are allowed"  # fmt: skip
        return ""


# ---------------------------------------------------------------- rollout
def rollout(args: argparse.Namespace, folders: Sequence[Path]) -> int:
    nodes = nodes_of(args)
    canary = _canary(args.canary, nodes)
    nodes.sort(key=lambda node: node is not canary)  # stable: the rest stay in their order
    told: dict[str, Any] = {}
    say = _silent if args.json else _say
    try:
        digest = _checked(nodes, say)
        told["digest"] = digest
        todo = [node for node in nodes if node.digest != digest]
        if args.dry_run or not todo:
            already = f"; {len(nodes) - len(todo)} of {len(nodes)} serve it already"
            say(f"{digest} can serve on every node{already}")
        elif _wanted(args, todo, digest):
            _switched(args, nodes, digest, told, say)
            say(f"{digest} serves on every node")
        else:
            raise Stop("not confirmed: nothing has changed")
    except (Stop, KeyboardInterrupt) as why:
        return _stopped(args, nodes, told, str(why) or "interrupted")
    if args.json:
        write_json({"ok": True, **told, "nodes": [node.told() for node in nodes]})
    return 0


def _canary(name: str | None, nodes: list[TableNode]) -> TableNode:
    if name is None:
        return nodes[0]
    found = [node for node in nodes if name.rstrip("/") in (node.name, node.url)]
    if not found:
        known = ", ".join(node.name for node in nodes)
        raise ValueError(f"--canary {name}: no node is called so; there are {known}")
    return found[0]


def _checked(nodes: list[TableNode], say: Any) -> str:
    """The one digest that lies on every disk."""
    together(nodes, TableNode.check)
    if any(node.faults for node in nodes):
        raise Stop("nothing has switched: not every node could take its tables over")
    for node in nodes:
        for line in node.warnings:
            say(f"{node.name}: warning: {line}")
        if node.held:
            say(f"{node.name}: warning: it was rolled back from {node.would} before")
    digests = {node.would for node in nodes}
    if len(digests) > 1:
        for node in nodes:
            node.faults = [f"{node.would} lies on its disk"]
        raise Stop("nothing has switched: the nodes have different tables on their disks")
    return digests.pop()


def _wanted(args: argparse.Namespace, todo: list[TableNode], digest: str) -> bool:
    if args.yes or args.json or not sys.stdin.isatty():
        return True
    names = ", ".join(f"{node.name} ({node.digest})" for node in todo)
    return input(f"switch {names} to {digest}? [y/N] ").strip().lower() in ("y", "yes")


def _switched(
    args: argparse.Namespace, nodes: list[TableNode], digest: str, told: dict[str, Any], say: Any
) -> None:
    canary, others = nodes[0], nodes[1:]
    if args.pause:
        together(nodes, TableNode.look)
    before = canary.traffic
    _switch(canary, digest, say)
    if args.pause:
        say(f"{canary.name}: looking at its errors for {args.pause:g} s")
        seen = _watch(args, canary, others, digest, before)
        told["canary"] = {"node": canary.name, **seen.told()}
        why = seen.worse(args.max_errors)
        if why:
            _undo(args, canary, digest, why)
        if not seen.requests:
            say(f"{canary.name}: warning: no request came in this time: nothing was seen")
        else:
            say(f"{canary.name}: {seen.requests} requests, {seen.failed:.1%} failed"
                f" ({seen.reference:.1%} of {seen.beside})")  # fmt: skip
    for node in others:
        _switch(node, digest, say)


def _switch(node: TableNode, digest: str, say: Any) -> None:
    before = node.digest
    node.switch(digest)
    if node.faults:
        raise Stop(f"{node.name} has not taken everything over")
    say(f"{node.name}: {before} -> {digest}" if node.switched else f"{node.name}: {digest} already")


def _watch(
    args: argparse.Namespace,
    canary: TableNode,
    others: list[TableNode],
    digest: str,
    before: Traffic,
) -> CanaryReport:
    """The canary for the pause, or until it is plain that it is worse."""
    every = [canary, *others]
    together(every, TableNode.look)
    first = {node.url: node.traffic for node in every}
    end = time.monotonic() + args.pause
    while True:
        left = end - time.monotonic()
        time.sleep(max(0.0, min(LOOK_SECS, left)))
        together(every, TableNode.look)
        if canary.faults:
            _undo(args, canary, digest, "it does not answer any more")
        if canary.digest != digest:
            raise Stop(f"{canary.name} serves {canary.digest} now: somebody else has changed it")
        since = _since(first[canary.url], canary.traffic)
        if since["requests"] < 0:
            _undo(args, canary, digest, "it was started anew")
        seen = _compared(since, before, [_since(first[n.url], n.traffic) for n in others])
        plain = since["failed"] >= ENOUGH and seen.worse(args.max_errors)
        if plain or time.monotonic() >= end:
            return seen


def _since(first: Traffic, now: Traffic) -> Traffic:
    names = ("requests", "failed", "fallbacks")
    return {name: now.get(name, 0) - first.get(name, 0) for name in names}


def _compared(canary: Traffic, before: Traffic, others: list[Traffic]) -> CanaryReport:
    """With the others in the same time; where nobody asked them, with itself before."""
    sound = [one for one in others if one["requests"] > 0]
    beside = {name: sum(one[name] for one in sound) for name in canary}
    what = "the others'"
    if not beside["requests"]:
        beside, what = {**dict.fromkeys(canary, 0), **before}, "those before"
    count = canary["requests"]
    return CanaryReport(
        count,
        _part(canary["failed"], count),
        _part(canary["fallbacks"], count),
        _part(beside["failed"], beside["requests"]),
        _part(beside["fallbacks"], beside["requests"]),
        what,
    )


def _part(some: int, whole: int) -> float:
    return some / whole if whole > 0 else float(some > 0)


def _undo(args: argparse.Namespace, canary: TableNode, digest: str, why: str) -> None:
    """Always raises Stop."""
    text = f"the canary {canary.name}: {why}"
    if args.no_rollback or not canary.switched:
        raise Stop(f"{text}; it is left as it is")
    canary.roll_back(digest)
    if canary.faults:
        raise Stop(f"{text}; AND IT COULD NOT BE ROLLED BACK")
    raise Stop(f"{text}; it was rolled back to {canary.digest}")


def _stopped(
    args: argparse.Namespace, nodes: list[TableNode], told: dict[str, Any], why: str
) -> int:
    """Which node has what, and how all is undone."""
    faults = {node.url: node.faults for node in nodes}
    left = [node for node in nodes if node.switched and not node.rolled_back]
    undo = ""
    if left:
        together(nodes, TableNode.look)
        for node in nodes:
            node.faults = [
                *faults[node.url],
                *(f for f in node.faults if f not in faults[node.url]),
            ]
        urls = ",".join(node.url for node in left)
        undo = f"aisix mappings rollback --from {told['digest']} --nodes {shlex.quote(urls)}"
    if args.json:
        shown = [node.told() for node in nodes]
        write_json({"ok": False, **told, "message": why, "rollback": undo or None, "nodes": shown})
        return 1
    for node in nodes:
        for fault in node.faults:
            print(f"{node.name}: {fault}", file=sys.stderr)
    print(f"stopped: {why}", file=sys.stderr)
    for node in nodes:
        print(f"  {node.name}: {node.digest or 'not known'}", file=sys.stderr)
    if undo:
        print(f"to undo: {undo}", file=sys.stderr)
    return 1


# ---------------------------------------------------------------- rollback
def rollback(args: argparse.Namespace, folders: Sequence[Path]) -> int:
    nodes = nodes_of(args)
    together(nodes, TableNode.look)
    for node in nodes:
        node.was = node.digest
    together([node for node in nodes if not node.faults], lambda node: node.roll_back(args.from_))
    for node in nodes:
        if node.faults and args.from_ not in ("", node.was) and node.was:
            node.faults = []  # it never served them
    good = not any(node.faults for node in nodes)
    if args.json:
        write_json({"ok": good, "nodes": [node.told() for node in nodes]})
        return 0 if good else 1
    for node in nodes:
        if node.faults:
            print(f"{node.name}: {'; '.join(node.faults)}", file=sys.stderr)
        elif not node.rolled_back:
            print(f"{node.name}: {node.digest}: left as it is")
        elif node.was == node.digest:
            print(f"{node.name}: {node.digest}: rolled back before")
        else:
            print(f"{node.name}: {node.was} -> {node.digest}")
    return 0 if good else 1


# ---------------------------------------------------------------- small things
def _say(text: str) -> None:
    print(text, flush=True)


def _silent(text: str) -> None:
    """What `--json` tells at the end."""


def _seconds(text: str) -> float:
    return _number(text, 86_400, "seconds")


def _percent(text: str) -> float:
    return _number(text, 100, "percent")


def _number(text: str, most: float, unit: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= most:
        raise argparse.ArgumentTypeError(f"{text}: expected 0 to {most:g} {unit}")
    return value
