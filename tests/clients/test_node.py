"""The Node clients: openai-node and the Vercel AI SDK, each a script that prints what it got."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.running import CALLER_KEY, Running

HERE = Path(__file__).parent

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not (HERE / "node_modules" / "openai").is_dir(),
    reason="needs Node and `npm install` in tests/clients (make test does that)",
)


def run(script: str, gateway: Running) -> Any:
    env = {**os.environ, "BASE_URL": gateway.base_url, "KEY": CALLER_KEY}
    done = subprocess.run(
        ["node", script], cwd=HERE, env=env, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.rstrip("\n").split("\n")[-1])


def test_openai_node(gateway: Running) -> None:
    out = run("openai.mjs", gateway)
    assert out["plain"] == ["chat.completion", "claude-prod", "You said: Hello", "stop"]
    assert out["usage"] is True
    assert "世界" in out["stream"][0]
    assert out["stream"][1] is True
    assert out["helper"] == "You said: Hello again"
    assert out["runTools"] == "The tool says: sunny in text"
    assert out["error"] == [True, 429, "rate_limit_exceeded"]


def test_openai_node_loops_parses_and_raises(gateway: Running) -> None:
    out = run("openai-more.mjs", gateway)
    assert out["runToolsStreamed"] == "The tool says: sunny in text"
    assert out["toolMessages"] == 2
    assert out["parsed"] == {"name": "text", "age": 1.5}
    assert out["headers"] == ["You said: Hello", "temperature=dropped", True]
    assert out["kinds"] == {
        "auth": ["AuthenticationError", 401, "invalid_api_key", None],
        "forbidden": ["PermissionDeniedError", 403, "model_not_allowed", "model"],
        "missing": ["NotFoundError", 404, "model_not_found", "model"],
    }
    assert out["cut"] == [True, "upstream_stream_interrupted"]


def test_vercel_ai_sdk(gateway: Running) -> None:
    out = run("vercel.mjs", gateway)
    assert out["text"] == ["You said: Hello", "stop", True]
    assert out["stream"] == ["You said: Hello there", True]
    assert out["tools"] == "The tool says: sunny in text"
    assert out["object"]["name"] == "text"
    assert out["streamedTools"] == "The tool says: sunny in text"
    assert out["reasoning"] == "Let me think about this for a moment."
    assert out["failed"] == [429, False]
