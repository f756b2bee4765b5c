"""The nodes whose tables a command is about, each asked by its admin API.

    nodes = nodes_of(args)            --nodes, else those the gateway knows of, else itself
    together(nodes, TableNode.check)  all at once; each keeps what it said

Must never know: what a table says. Never shows the admin key.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

from aisix.cli.admin_client import AdminClient, AdminRefused
from aisix.errors import OperatorError

RELOAD_SECS = 900  # a check waits for a reload under way, and takes its time on a busy machine
AT_ONCE = 16  # nodes that are asked at a time
Told = dict[str, Any]


class TableNode:
    """One gateway, and what it said last."""

    def __init__(self, url: str, key: str) -> None:
        self.name = self.url = url.rstrip("/")
        self.client = AdminClient(url, key, RELOAD_SECS)
        self.calls_itself = ""
        self.was = ""  # the digest that served first
        self.digest = ""  # that serves now, as far as is known
        self.would = ""  # that of the tables on its disk
        self.held = False  # they were rolled back from
        self.switched = self.rolled_back = False
        self.faults: list[str] = []
        self.warnings: list[str] = []
        self.traffic: dict[str, int] = {}

    def told(self) -> Told:
        """For programs."""
        shown = ("digest", "was", "switched", "rolled_back", "faults", "warnings")
        return {"node": self.name, "url": self.url} | {name: getattr(self, name) for name in shown}

    # ------------------------------------------------------------------ asked
    def check(self) -> None:
        """What lies on its disk: `would`, or `faults`."""
        answer = self._post("mappings/check")
        self.was = self.digest = str(answer.get("serving", ""))
        self.would = str(answer.get("digest", ""))
        self.held = bool(answer.get("held"))
        self.warnings = [str(one) for one in answer.get("warnings", ())]

    def switch(self, digest: str) -> None:
        """Its tables on disk taken over, if they are these; `faults` if not."""
        answer = self._post(f"mappings/reload?digest={quote(digest, safe='')}")
        self.digest = str(answer.get("digest", self.digest))
        self.switched = bool(answer.get("changed"))  # also where the resources file is at fault

    def roll_back(self, digest: str = "") -> None:
        """Its earlier tables; only if these serve."""
        more = f"?from={quote(digest, safe='')}" if digest else ""
        answer = self._post(f"mappings/rollback{more}")
        self.digest = str(answer.get("digest", self.digest))
        self.rolled_back = not self.faults

    def look(self) -> None:
        """`digest` and `traffic` of now."""
        status = self._asked("GET", "status")
        self.digest = str(status.get("mappings", {}).get("digest", self.digest))
        self.traffic = dict(status.get("traffic", {}))

    def call_itself(self) -> None:
        """`calls_itself`: its name as a node of a cluster; "" where it does not say."""
        try:
            self.calls_itself = str(self.client.call("GET", "nodes")["node"])
        except (AdminRefused, OperatorError, KeyError, TypeError):
            return  # what is asked next tells

    def _post(self, path: str) -> Told:
        return self._asked("POST", path)

    def _asked(self, method: str, path: str) -> Told:
        """The answer, {} without one; what is wrong is in `faults`."""
        self.faults = []
        try:
            return dict(self.client.call(method, path))
        except AdminRefused as refused:
            answer = refused.answer
            resources = answer.get("resources") or {}
            told = [*answer.get("faults", ()), *resources.get("faults", ())]
            self.faults = [str(one) for one in told] or [str(refused)]
            if answer.get("error", {}).get("code") == "not_found":
                self.faults = ["its version of aisix cannot do that"]
            return answer
        except OperatorError as error:
            self.faults = [str(error)]
            return {}


def nodes_of(args: argparse.Namespace) -> list[TableNode]:
    """OperatorError when nobody answers, ValueError for a list that cannot be meant."""
    # Here: who checks tables waits for neither.
    from aisix.cli.resources import address_and_key
    from aisix.config.settings import load_settings

    settings = load_settings(getattr(args, "config", None), os.environ)
    url, key = address_and_key(args, settings)
    given = [one.strip().rstrip("/") for one in (args.nodes or "").split(",") if one.strip()]
    if args.nodes is not None and not given:
        raise ValueError("--nodes: expected URLs of admin APIs, with commas between them")
    twice = sorted({one for one in given if given.count(one) > 1})
    if twice:
        raise ValueError(f"--nodes: {twice[0]} is there twice")
    if given:
        nodes = [TableNode(one, key) for one in given]
        together(nodes, TableNode.call_itself)
        names = [node.calls_itself for node in nodes]
        for node in nodes:
            if names.count(node.calls_itself) == 1:  # else no cluster: they share their host's name
                node.name = node.calls_itself or node.url
        return nodes
    client = AdminClient(url, key)
    try:
        rows = client.call("GET", "nodes")["items"]
    except AdminRefused as refused:
        if refused.answer.get("error", {}).get("code") != "not_found":
            raise OperatorError(f"{url}: {refused}") from None
        rows = []
    if len(rows) < 2:
        return [TableNode(url, key)]
    unknown = [row["name"] for row in rows if not row.get("admin")]
    if unknown:
        raise OperatorError(f"node {unknown[0]} tells no admin address: name all by --nodes")
    nodes = []
    for row in sorted(rows, key=lambda row: str(row["name"])):
        nodes.append(TableNode(str(row["admin"]), key))
        nodes[-1].name = str(row["name"])
    together(nodes, TableNode.call_itself)
    for node in nodes:
        if node.calls_itself not in ("", node.name):
            raise OperatorError(
                f"{node.name} says that its admin API is at {node.url}, which is node"
                f" {node.calls_itself}'s from here: set an admin.addr that others reach, or name"
                " all by --nodes"
            )
    return nodes


def together(nodes: Sequence[TableNode], ask: Callable[[TableNode], None]) -> None:
    with ThreadPoolExecutor(min(AT_ONCE, len(nodes)) or 1) as pool:
        list(pool.map(ask, nodes))
