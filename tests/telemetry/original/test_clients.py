"""Which kind of client a User-Agent is of."""

from __future__ import annotations

import tomllib

import pytest

from aisix.telemetry.original.clients import FILE, KEPT, LOOKED_AT, ClientKinds

AGENTS = {
    "": "unknown",
    " \t": "unknown",
    "claude-cli/2.1.118 (external, cli)": "claude-code",
    "RooCode/3.54.0": "roo-code",
    "Kilo-Code/5.16.2": "kilocode",
    "ZooCode/3.71.100268": "zoo-code",
    "GitHubCopilotChat/0.44.0": "github-copilot",
    "opencode/1.18.3 ai-sdk/provider-utils/4.0.23 runtime/bun/1.3.14": "opencode",
    "OpenAI/Python 1.30.1": "openai-python",
    "OpenAI/JS 4.1": "openai-node",
    "Anthropic/Python 0.40": "anthropic-python",
    "Anthropic/JS 0.40": "anthropic-typescript",
    "codex_cli_rs/0.9": "codex",
    "Zed/0.180": "zed",
    "zedong/1": "other",
    "python-httpx/0.27": "httpx",
    "axios/1.6": "node",
    "PostmanRuntime/7": "postman",
    "Mozilla/5.0 (X11)": "browser",
    "SomeRandomBespokeClient/9.9": "other",
}


@pytest.mark.parametrize("agent", AGENTS)
def test_a_user_agent_is_of_a_kind(agent: str) -> None:
    assert ClientKinds()(agent) == AGENTS[agent]


def test_each_text_of_the_table_is_found_unless_one_before_it_stands_in_it() -> None:
    clients = tomllib.loads(FILE.read_text())["clients"]
    kind = ClientKinds()
    for place, (text, said) in enumerate(clients):
        first = next(one for one in clients[: place + 1] if one[0] in text)
        assert kind(f"x {text.upper()} y") == first[1], text
        assert text == text.lower() and said


def test_rules_of_the_operator_go_before_the_table_in_their_order() -> None:
    rules = (
        ("^Internal-Agent/", "internal"),
        ("batcher", "batcher"),
        ("batch", "late"),
        (".", "any"),
    )
    kind = ClientKinds(rules)
    assert kind("internal-agent/2.1") == "internal"
    assert kind("x internal-agent/2.1 batcher/3.0 axios/1.6.0") == "batcher"
    assert kind("claude-cli/1") == "any"
    assert kind("") == "unknown"


def test_what_is_known_of_user_agents_is_bounded() -> None:
    kind = ClientKinds()
    for number in range(3 * KEPT):
        kind(f"agent/{number}")
    assert len(kind._known) <= KEPT


def test_of_a_user_agent_without_end_nothing_is_kept() -> None:
    kind = ClientKinds()
    assert kind("x" * LOOKED_AT + " codex") == "codex"
    assert not kind._known
