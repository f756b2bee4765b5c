"""The declared clients: each can be set up, run and told of."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from aisix.cli.use.declared import Client, clients, filled, near
from aisix.cli.use.merging import merged, read

VALUES = {"url": "http://127.0.0.1:3000", "alias": "claude-prod", "key": "sk-aisix-1"}
ROUTES = {"/v1/chat/completions", "/v1/messages", "/v1/responses"}
ROUTES |= {"/openai/deployments/{alias}/chat/completions"}
SCRIPTS = Path(__file__).parents[2] / "clients" / "runs" / "scripts"


def texts(node: Any) -> list[str]:
    if isinstance(node, dict):
        return [text for pair in node.items() for part in pair for text in texts(part)]
    if isinstance(node, list | tuple):
        return [text for part in node for text in texts(part)]
    return [node] if isinstance(node, str) else []


@pytest.mark.parametrize("name", clients())
def test_a_client_is_declared_in_full(name: str) -> None:
    client: Client = clients()[name]
    assert set(client.wire) <= ROUTES and client.wire
    assert bool(client.install.pip) != bool(client.install.npm)
    assert client.title and client.about and client.files
    assert bool(client.code) == bool(client.language)
    trees = [file.set for file in client.files]
    said = " ".join([*texts(trees), client.code])
    for word in VALUES:
        assert "{" + word + "}" in said, f"nothing is told of the {word}"
    for file in client.files:
        tree = filled(file.set, VALUES)
        text = merged(file.format, "", tree, file.item_by)
        assert read(file.format, text) == ([tree] if file.item_by else tree)
        assert not re.search(r"\{(url|alias|key)\}", text)
        assert all(path.startswith(("$", "~/")) or path == ".env" for path in file.path)


@pytest.mark.parametrize("name", clients())
def test_there_is_something_to_run_for_all_it_can(name: str) -> None:
    run = clients()[name].run
    commands = {mode for mode in ("plain", "stream", "tool") if getattr(run, mode)}
    scripts = list(SCRIPTS.glob(f"{name}.*"))
    assert run.can
    if scripts:
        assert len(scripts) == 1 and not commands
    else:
        assert commands == set(run.can)
        for mode in commands:
            assert "{prompt}" in " ".join(getattr(run, mode))


def test_every_script_is_of_a_client() -> None:
    assert {file.stem for file in SCRIPTS.iterdir() if file.suffix in (".py", ".mjs")} <= set(
        clients()
    )


def test_near_names_are_told() -> None:
    assert near("codx", list(clients())) == "did you mean codex or opencode?"
    assert "known: agno, ai-sdk" in near("zzz", list(clients()))
    assert "langchain" in near("lang", list(clients()))
