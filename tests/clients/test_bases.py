"""The SDKs behind every base URL a person may type, and Azure's clients as they come."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from tests.clients.test_python_sdk import asked
from tests.running import CALLER_KEY, Running

HERE = Path(__file__).parent
VERSION = "2024-10-21"
BASES = ["", "/", "/v1", "/v1/", "/v1//", "/v1/v1"]


@pytest.fixture
def root(gateway: Running) -> str:
    return gateway.base_url.removesuffix("/v1")


@pytest.mark.parametrize("base", [*BASES, "/v1/chat/completions", "/openai/v1"])
def test_openai_python(root: str, base: str) -> None:
    with openai.OpenAI(base_url=root + base, api_key=CALLER_KEY, max_retries=0) as client:
        done = client.chat.completions.create(model="claude-prod", messages=asked("Hi"))
        assert done.choices[0].message.content == "You said: Hi"
        assert "claude-prod" in [model.id for model in client.models.list()]
        assert client.models.retrieve("claude-prod").id == "claude-prod"


@pytest.mark.parametrize("base", [*BASES, "/v1/messages", "/anthropic", "/anthropic/v1"])
def test_anthropic_python(root: str, base: str) -> None:
    words: Any = [{"role": "user", "content": "Hi"}]
    ask: dict[str, Any] = {"model": "claude-prod", "messages": words}
    with anthropic.Anthropic(base_url=root + base, api_key=CALLER_KEY, max_retries=0) as client:
        with client.messages.stream(max_tokens=99, **ask) as stream:
            assert stream.get_final_text() == "You said: Hi"
        assert client.messages.count_tokens(**ask).input_tokens > 0
        assert "claude-prod" in [model.id for model in client.models.list(limit=2)]


@pytest.fixture(params=["key", "token"])
def azure(request: pytest.FixtureRequest, root: str) -> Iterator[openai.AzureOpenAI]:
    given: dict[str, Any] = {"api_key": CALLER_KEY}
    if request.param == "token":
        given = {"azure_ad_token": CALLER_KEY}
    with openai.AzureOpenAI(
        azure_endpoint=root, api_version=VERSION, max_retries=0, **given
    ) as client:
        yield client


def test_azure_python(azure: openai.AzureOpenAI) -> None:
    chat = azure.chat.completions
    done = chat.with_raw_response.create(model="claude-prod", messages=asked("Hi"))
    assert done.parse().choices[0].message.content == "You said: Hi"
    assert "x-aisix-alias" not in done.headers
    with chat.stream(model="claude-prod", messages=asked("Hi")) as stream:
        assert stream.get_final_completion().choices[0].message.content == "You said: Hi"
    assert azure.models.retrieve("claude-prod").id == "claude-prod"
    with pytest.raises(openai.PermissionDeniedError) as caught:
        chat.create(model="nobody", messages=asked("Hi"))
    assert (caught.value.code, caught.value.param) == ("model_not_allowed", "model")


def test_azure_python_with_a_deployment_of_its_own(root: str) -> None:
    with openai.AzureOpenAI(
        azure_endpoint=root, azure_deployment="claude-prod", api_key=CALLER_KEY, api_version=VERSION
    ) as client:
        chat = client.chat.completions
        done = chat.with_raw_response.create(model="gpt-4o", messages=asked("Hi"))
        assert done.parse().choices[0].message.content == "You said: Hi"
        assert done.headers["x-aisix-alias"] == "claude-prod"
        assert "claude-prod" in [model.id for model in client.models.list()]
        assert client.models.retrieve("claude-prod").id == "claude-prod"


@pytest.mark.skipif(
    shutil.which("node") is None or not (HERE / "node_modules" / "openai").is_dir(),
    reason="needs Node and `npm install` in tests/clients (make test does that)",
)
def test_azure_node(gateway: Running, root: str) -> None:
    env = {**os.environ, "ROOT_URL": root, "KEY": CALLER_KEY}
    done = subprocess.run(
        ["node", "azure.mjs"], cwd=HERE, env=env, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "plain": "You said: Hi",
        "stream": "You said: Hi",
        "models": True,
        "deployment": ["You said: Hi", "claude-prod"],
        "error": [403, "model_not_allowed"],
        "bases": ["You said: Hi"] * 5,
    }
