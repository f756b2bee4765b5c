"""Requests of the Responses API through the running gateway: free text to OpenAI's own models, and anything.

The official SDK asks for the first; the rest goes as bytes, and no answer is a failure of the gateway's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any

import openai
import pytest

from aisix.standin.server import Standin
from tests.fuzzed.item_lists import request
from tests.running import CALLER_KEY, Running, send

MODELS = {
    "gpt": {"model_name": "gpt-5.5", "provider": "openai"},
    "older": {"model_name": "gpt-4.1", "provider": "openai"},
    "local": {"model_name": "qwen3", "provider": "openai"},
}
CLAUDE = {"claude": {"model_name": "claude-opus-4-8"}}
GRAMMAR: dict[str, Any] = {"type": "grammar", "syntax": "lark", "definition": "start: x"}
PATCH: dict[str, Any] = {"type": "custom", "name": "apply_patch", "format": GRAMMAR}
ROUNDS = 60


@pytest.fixture(scope="module")
def gateway(standin: Standin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    more = {"upstream": {"retries": 0}}
    with Running(tmp_path_factory.mktemp("responses-requests"), more) as running:
        key = {"provider": "openai", "adapter": "openai"}
        running.set_up(f"{standin.url}/v1", MODELS, display_name="openai-like", **key)
        running.set_up(standin.url, CLAUDE)
        running.allow(*MODELS, *CLAUDE)
        yield running
        assert "Traceback" not in running.log


@pytest.mark.parametrize("alias", ["gpt", "older", "local", "claude"])
def test_a_round_of_free_text(gateway: Running, alias: str) -> None:
    with openai.OpenAI(base_url=gateway.base_url, api_key=CALLER_KEY, max_retries=0) as client:
        asked: dict[str, Any] = {"model": alias, "tools": [PATCH], "store": False}
        question = {"role": "user", "content": "standin:tool"}
        answer = client.responses.create(input=[question], **asked)
        call = answer.output[-1]
        assert (call.type, call.name) == ("custom_tool_call", "apply_patch")
        with client.responses.stream(input=[question], **asked) as stream:
            assert stream.get_final_response().output[-1].input == call.input
        result = {
            "type": "custom_tool_call_output",
            "call_id": call.call_id,
            "output": "it is done",
        }
        said = [item.model_dump(exclude_none=True) for item in answer.output]
        last = client.responses.create(input=[question, *said, result], **asked)
    assert "it is done" in last.output_text


def test_no_request_is_a_failure_of_the_gateway(gateway: Running) -> None:
    aliases = (*MODELS, *CLAUDE)
    found = {}
    for number in range(ROUNDS):
        random = Random(f"live {number}")
        body = {**request(random), "model": random.choice(aliases), "stream": False}
        raw, key = json.dumps(body).encode(), {"authorization": f"Bearer {CALLER_KEY}"}
        answer = send(gateway.proxy_port, "POST", "/v1/responses", raw, key)
        found[number] = answer.status
        if answer.status == 400:
            assert answer.error["param"] is not None or answer.error["code"]
    assert {*found.values()} == {200, 400}, found
