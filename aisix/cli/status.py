"""`aisix status`: how the gateway of the settings is, and every node beside it.

    node     state  version  tables  settings  revision  age    in flight  refused
    node-a*  ready  0.19.0   a1b2..  c3d4..    123       0.2 s  3          0

The gateway that was asked has a star. Exit code 0: all is well; 1: something is not, and is told;
2: nobody answers, or wrong usage.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from tabulate import tabulate

from aisix.cli.admin_client import AdminRefused, add_admin_options
from aisix.cli.resources import client_of
from aisix.config.settings import Settings

SHOWN = 12  # characters of a digest


def add_parser(sub: argparse.ArgumentParser) -> None:
    """Its options; `docs/cli.md` shows what they say."""
    add_admin_options(sub)


def run(args: argparse.Namespace, settings: Settings) -> int:
    client = client_of(args, settings)
    try:
        nodes, status = client.call("GET", "nodes"), client.call("GET", "status")
    except AdminRefused as told:
        print(json.dumps(told.answer) if args.json else told, file=sys.stderr)
        return 1
    found = troubles(nodes, status)
    if args.json:
        print(json.dumps({"ok": not found, "troubles": found, "nodes": nodes, "status": status}))
        return 1 if found else 0
    rows = [_row(one, nodes["node"]) for one in nodes["items"]]
    print(tabulate(rows, headers="keys", tablefmt="plain", disable_numparse=True))
    print()
    for one in nodes["differences"]:
        print(one)
    print(f"resources: {status['store']['source']}")
    for one in found:
        print(f"trouble: {one}")
    return 1 if found else 0


def troubles(nodes: dict[str, Any], status: dict[str, Any]) -> list[str]:
    """What is not well, of what `nodes` and `status` tell."""
    store = status["store"]
    found = [*nodes["warnings"]]
    told = [store.get(name) for name in ("trouble", "not_registered", "import_broke_off")]
    found += dict.fromkeys(one for one in told if one)
    since_of = [bad["since"] for bad in store["quarantined"] if bad.get("since")]
    for one in nodes["items"]:
        if one["refused"]:
            names = ", ".join(one["refused_names"][:5])
            since = min(since_of, default="") if one["name"] == nodes["node"] else ""
            when = f", the first since {since}" if since else ""
            text = f"{one['name']} does not serve {one['refused']} documents: {names}{when}"
            found.append(text)
    if status.get("limits", {}).get("up") is False:
        found.append("the counters of rate limits are away: ratelimit.on_outage says what holds")
    return found


def _row(node: dict[str, Any], asked: str) -> dict[str, str]:
    age = node["age_seconds"]
    return {
        "node": node["name"] + ("*" if node["name"] == asked else ""),
        "state": node["state"],
        "version": node["version"],
        "tables": node["tables"][:SHOWN],
        "settings": node["settings"][:SHOWN],
        "revision": str(node["revision"]),
        "age": "never" if age is None else f"{age:.1f} s",
        "in flight": str(node["in_flight"]),
        "refused": str(node["refused"]),
    }
