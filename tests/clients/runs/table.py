"""docs/clients.md: of the declarations and of results.json, which a run writes.

A result belongs to the settings it was run with: of a client whose declaration changed since, the
page cannot be written before it is run again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from aisix.cli.use.declared import Client, clients, filled
from aisix.cli.use.merging import merged
from tests.clients.runs.trial import Result
from tests.running import ROOT

RESULTS = Path(__file__).parent / "results.json"
PAGE = ROOT / "docs" / "clients.md"
SHOWN = {"url": "http://HOST:3000", "alias": "claude-prod", "key": "sk-aisix-..."}
MODES = ("plain", "stream", "tool")
HEAD = """# Clients

Real clients, each in its newest version that installs by name, against a real gateway whose model is the stand-in.
This page is written by `make clients` (tests/clients/runs), of what came of it and of the declarations in
`aisix/cli/use/clients`; do not edit it.

`aisix use CLIENT [ALIAS]` prints the settings of a client with a caller key made for it; with `--write` it merges them
into the client's own files ([docs/cli.md](cli.md#aisix-use)). The settings below are those that were run: `HOST:3000`
stands for the gateway, `claude-prod` for the alias.

plain: an answer as a whole · stream: the same as a stream · tool: the client runs a tool that the model calls, and the
model goes on with what it said, all three over an Anthropic upstream · OpenAI-compatible: the same over such an
upstream (`--upstream openai`), as far as the client can · —: the client cannot be asked for that · ?: not run.

"""


def digest(client: Client) -> str:
    """Of all that a run depends on: not of what only people read."""
    parts = [client.wire, client.install, client.files, client.run]
    return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()[:16]


def keep(found: Mapping[str, Result], day: str, upstream: str) -> None:
    """Writes the results of a run over those that are there, and the page."""
    known = results()
    for name, result in found.items():
        known.setdefault(name, {})[upstream] = {
            "day": day, "version": result.version, "verdicts": result.verdicts,
            "routes": result.routes, "settings": digest(clients()[name]),
        }  # fmt: skip
    kept = {name: known[name] for name in sorted(known) if name in clients()}
    RESULTS.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n")
    PAGE.write_text(page())


def results() -> dict[str, Any]:
    return dict(json.loads(RESULTS.read_text())) if RESULTS.exists() else {}


def page() -> str:
    found = results()
    rows = [
        "| client | version | plain | stream | tool | OpenAI-compatible | calls | run on |",
        "|---|---|---|---|---|---|---|---|",
    ]
    notes: list[str] = []
    for name, client in clients().items():
        result = found.get(name, {}).get("anthropic", {})
        verdicts = result.get("verdicts", {})
        cells = [_cell(verdicts.get(mode), mode in client.run.can) for mode in MODES]
        other = found.get(name, {}).get("openai", {}).get("verdicts", {})
        cells.append(
            _cell(next((one for one in other.values() if one != "yes"), "yes" if other else None))
        )
        for where, said in (("", verdicts), (" (OpenAI-compatible)", other)):
            reasons: dict[str, list[str]] = {}
            for mode, why in said.items():
                if why != "yes":
                    reasons.setdefault(why.removeprefix("no: "), []).append(mode)
            for why, modes in reasons.items():
                notes.append(f"- **{client.title}**, {', '.join(modes)}{where}: {why}")
        wire = ", ".join(f"`{one}`" for one in client.wire)
        row = [f"[{client.title}](#{name})", result.get("version") or "?", *cells, wire]
        rows.append("| " + " | ".join([*row, result.get("day", "")]) + " |")
    text = HEAD + "\n".join(rows) + "\n"
    if notes:
        text += "\nWhat did not go, and why:\n\n" + "\n".join(_escaped(one) for one in notes) + "\n"
    return text + "".join(_section(name, one) for name, one in clients().items())


def _cell(verdict: str | None, asked: bool = True) -> str:
    if not asked:
        return "—"
    return "?" if verdict is None else verdict.partition(":")[0]


def _escaped(text: str) -> str:
    return text.replace("<", "&lt;").replace("|", "\\|")


def _section(name: str, client: Client) -> str:
    installed = " ".join(client.install.pip or client.install.npm)
    tool = "pip" if client.install.pip else "npm"
    lines = ["", f"## {name}", "", f"{client.title}: {client.about}. `{tool} install {installed}`,"]
    lines += [f"`aisix use {name} {SHOWN['alias']}`:", ""]
    for file in client.files:
        text = merged(file.format, "", filled(file.set, SHOWN), file.item_by)
        # Not as ```toml: tests read those of the documents as tables of ours.
        lines += [f"`{file.path[-1]}`", "", "```", text.rstrip("\n"), "```", ""]
    if client.code:
        code = filled(client.code, SHOWN).strip()
        lines += [f"```{client.language}", code, "```", ""]
    lines += [f"- {note}" for note in client.mind]
    return "\n".join(lines).rstrip("\n") + "\n"
