"""Text of others in headers: any name of a model, any id of an upstream. The answer comes all the same."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote

import pytest

from tests.rough import CLOSE, Rough, json, stream
from tests.running import CALLER_KEY, Answer, Running, send

NAMES = ["通义千问", "модель-é", "a 100% é", "m" * 255, "名" * 100]
MESSAGE = b'{"index":0,"message":{"role":"assistant","content":"ok"},"finish_reason":"stop"}'
WHOLE = b'{"id":"x","object":"chat.completion","choices":[' + MESSAGE + b"]}"
CHUNK = b'data: {"id":"x","object":"chat.completion.chunk","choices":[{"index":0,"delta":'
SAID = CHUNK + b'{"content":"ok"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
BAD = b'{"error":{"message":"bad"}}'
ODD = ("x-request-id: r\x01q", "retry-after: 5\x01", "retry-after-ms: soon")


@pytest.fixture(scope="module", params=["fast", "tornado"])
def gateway(
    request: pytest.FixtureRequest, upstream: Rough, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    more = {"upstream": {"retries": 0}, "proxy": {"http": request.param}}
    with Running(tmp_path_factory.mktemp("foreign"), more) as running:
        key = {"provider": "openai", "adapter": "openai", "secret": "s", "api_base": upstream.url}
        key_id = running.create("provider_keys", {"display_name": "ключ", **key})
        for number, name in enumerate(NAMES):
            target = {"provider_key_id": key_id, "model_name": name}
            alias = {"display_name": f"别名{number}", "provider": "openai"}
            running.create("models", {**alias, "targets": [target]})
        running.allow("*")
        yield running
        assert not running.bugs


@pytest.mark.parametrize("number", range(len(NAMES)))
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_the_answer_comes_whatever_the_model_is_called(
    gateway: Running, upstream: Rough, path: str, number: int
) -> None:
    def asked(streamed: bool) -> Answer:
        said = [{"role": "user", "content": "q"}]
        body = {"model": f"别名{number}", "max_tokens": 9, "messages": said, "stream": streamed}
        key = {"authorization": f"Bearer {CALLER_KEY}"}
        return send(gateway.proxy_port, "POST", path, body, key, timeout=10)

    answers = []
    for streamed in (False, True):
        upstream.next(json(BAD, "400 Bad Request", *ODD))
        answers.append(asked(streamed))
        assert answers[-1].status == 400
        assert b"bad" in answers[-1].body
    upstream.next(json(WHOLE, "200 OK", *ODD))
    answers.append(asked(False))
    upstream.next(stream(*ODD), SAID, CLOSE)
    answers.append(asked(True))
    for answer in answers[2:]:
        assert answer.status == 200
        assert b'"ok"' in answer.body
    for answer in answers:
        headers = answer.headers
        assert headers["x-upstream-request-id"] == "r%01q"
        assert "retry-after" not in headers
        assert "retry-after-ms" not in headers
        assert NAMES[number].startswith(unquote(headers["x-upstream-model"], errors="strict"))
        assert len(headers["x-upstream-model"]) in range(3, 257)
        assert len(headers["x-aisix-served-by"]) <= 256
        assert unquote(headers["x-aisix-served-by"]).startswith("ключ/")
