"""The walk of the README: three admin calls, then a client; and what survives a restart."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from aisix.standin.server import Standin
from tests.running import ADMIN_KEY, CALLER_KEY, Running, chunks, send
from tests.strict import openai_wire


@pytest.fixture
def fresh(tmp_path: Path) -> Running:
    return Running(tmp_path / "gateway")


def walk(gateway: Running, upstream: str) -> dict[str, str]:
    """The three calls, exactly as the README has them; the ids."""
    provider_key = {
        "display_name": "anthropic-prod",
        "provider": "anthropic",
        "adapter": "anthropic",
        "secret": "sk-ant-secret-of-the-provider",
        "api_base": upstream,
    }
    key_id = gateway.create("provider_keys", provider_key)
    model = {
        "display_name": "claude-prod",
        "provider": "anthropic",
        "model_name": "claude-3-5-haiku-20241022",
        "provider_key_id": key_id,
    }
    digest = hashlib.sha256(CALLER_KEY.encode()).hexdigest()
    return {
        "provider_keys": key_id,
        "models": gateway.create("models", model),
        "apikeys": gateway.create(
            "apikeys", {"key_hash": digest, "allowed_models": ["claude-prod"]}
        ),
    }


def test_three_admin_calls_make_an_alias_callable(fresh: Running, standin: Standin) -> None:
    with fresh as gateway:
        walk(gateway, standin.url)
        answer = gateway.ask("Hello")
        assert answer.status == 200
        body = answer.json
        assert body["object"] == "chat.completion"
        assert body["model"] == "claude-prod"
        assert body["choices"][0]["message"]["content"] == "You said: Hello"
        assert body["choices"][0]["finish_reason"] == "stop"
        assert set(body["usage"]) >= {"prompt_tokens", "completion_tokens", "total_tokens"}
        assert openai_wire.openai_completion_errors(body) == []


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/", "/v1/messages"])
def test_a_pasted_api_base_is_understood(fresh: Running, standin: Standin, ending: str) -> None:
    with fresh as gateway:
        walk(gateway, standin.url + ending)
        assert gateway.ask("Hello").status == 200
    assert standin.received[-1].path == "/v1/messages"


def test_everything_survives_a_restart(fresh: Running, standin: Standin) -> None:
    with fresh as gateway:
        walk(gateway, standin.url)
        gateway.restart()
        assert gateway.ask("Hello").status == 200


@pytest.mark.parametrize(
    ("kind", "status"), [("apikeys", 401), ("models", 404), ("provider_keys", 404)]
)
def test_a_deleted_resource_is_gone_with_the_next_call(
    fresh: Running, standin: Standin, kind: str, status: int
) -> None:
    with fresh as gateway:
        ids = walk(gateway, standin.url)
        if kind == "provider_keys":  # what still refers to it must go first
            assert gateway.admin("DELETE", f"{kind}/{ids[kind]}").status == 409
            assert gateway.admin("DELETE", f"models/{ids['models']}").status == 200
        assert gateway.admin("DELETE", f"{kind}/{ids[kind]}").status == 200
        assert gateway.admin("GET", f"{kind}/{ids[kind]}").status == 404
        assert gateway.ask("Hello").status == status


def test_no_key_travels_where_it_does_not_belong(fresh: Running, standin: Standin) -> None:
    with fresh as gateway:
        ids = walk(gateway, standin.url)
        secret = b"sk-ant-secret-of-the-provider"
        answer = gateway.ask("Hello")
        sent = standin.received[-1]
        assert sent.headers["x-api-key"] == secret.decode()
        assert CALLER_KEY not in str(sent.headers) + str(sent.body)
        reads = [gateway.admin("GET", kind).body for kind in ids]
        reads += [gateway.admin("GET", f"{kind}/{id}").body for kind, id in ids.items()]
        seen = answer.body + repr(answer.headers).encode() + b"".join(reads)
        files = b"".join(p.read_bytes() for p in (fresh.folder / "data").iterdir())
        log = gateway.log.encode() + (fresh.folder / "out.log").read_bytes()
        for text in (seen, files, log):
            assert secret not in text
            assert CALLER_KEY.encode() not in text
        assert ADMIN_KEY.encode() not in log + seen


def test_curl_gets_an_answer_and_a_stream(gateway: Running) -> None:
    url = f"{gateway.base_url}/chat/completions"
    body = '{"model":"claude-prod","messages":[{"role":"user","content":"Hi"}]}'
    head = ["curl", "-sS", "--max-time", "20", url, "-H", f"Authorization: Bearer {CALLER_KEY}"]
    plain = subprocess.run([*head, "-d", body], capture_output=True, check=True)
    assert b'"chat.completion"' in plain.stdout
    body = body[:-1] + ',"stream":true,"stream_options":{"include_usage":true}}'
    streamed = subprocess.run([*head, "-N", "-d", body], capture_output=True, check=True)
    assert openai_wire.openai_stream_errors(streamed.stdout, True, "done") == []
    frames = list(chunks(streamed.stdout))
    assert frames[0]["choices"][0]["delta"]["role"] == "assistant"
    assert frames[-2]["usage"]["total_tokens"] > 0
    assert frames[-1] == "[DONE]"


def test_models_are_listed_for_the_caller_only(gateway: Running) -> None:
    from tests.running import CALLER_KEY as key

    headers = {"Authorization": f"Bearer {key}"}
    listed = send(gateway.proxy_port, "GET", "/v1/models", headers=headers).json
    assert listed["object"] == "list"
    assert "claude-prod" in [model["id"] for model in listed["data"]]
    one = send(gateway.proxy_port, "GET", "/v1/models/claude-prod", headers=headers).json
    assert one["id"] == "claude-prod"
    assert one["object"] == "model"
