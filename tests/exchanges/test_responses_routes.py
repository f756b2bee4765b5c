"""Beside POST /v1/responses: counting before asking, and what needs a store, however the base is spelled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from aisix.standin.counting import counted
from aisix.standin.server import Standin
from tests.proxy.test_doors import spellings
from tests.running import CALLER_KEY, Answer, Running, free_port, send
from tests.strict.responses_wire import responses_error_errors

COUNT = "/v1/responses/input_tokens"
KEY = {"Authorization": f"Bearer {CALLER_KEY}"}
ESTIMATE = "x-aisix-estimate"
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


@pytest.fixture
def gateway(either_gateway: Running) -> Running:
    return either_gateway


@pytest.fixture(scope="module")
def both(standin: Standin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One alias of a provider that counts, one of none that does, one of nobody."""
    with Running(tmp_path_factory.mktemp("counts"), {"upstream": {"retries": 0}}) as running:
        running.set_up(standin.url, {"claude": {"model_name": "claude-haiku-4-5"}})
        gone = {"gone": {"model_name": "claude-haiku-4-5"}}
        running.set_up(f"http://127.0.0.1:{free_port()}", gone, display_name="gone-prod")
        chat = {"provider": "openai", "adapter": "openai", "display_name": "chat"}
        running.set_up(standin.url, {"chat": {"model_name": "m", "provider": "openai"}}, **chat)
        running.allow("claude", "gone", "chat")
        yield running
        assert not running.bugs


def count(gateway: Running, body: Any, path: str = COUNT, **headers: str) -> Answer:
    return send(gateway.proxy_port, "POST", path, body, KEY | headers)


def refused(answer: Answer, status: int, code: str | None) -> str:
    """The message."""
    assert (answer.status, answer.error["code"]) == (status, code), answer.body
    assert responses_error_errors(answer.status, answer.headers, answer.body) == []
    return str(answer.error["message"])


def test_the_upstream_counts_what_it_would_be_sent(both: Running, standin: Standin) -> None:
    tool = {"type": "function", "name": "t", "parameters": {"type": "object", "properties": {}}}
    body = {
        "model": "claude",
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "Hi"}]}],
        "instructions": "Be kind.",
        "tools": [tool],
        "max_output_tokens": 50,
    }
    answer = count(both, body)
    assert answer.status == 200, answer.body
    received = standin.counted[-1]
    assert answer.json == {
        "object": "response.input_tokens",
        "input_tokens": counted(received.body),
    }
    assert ESTIMATE not in answer.headers
    assert {*received.body} == {"model", "messages", "system", "tools"}
    assert received.body["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "Hi"}]}
    ]
    line = both.line(answer)
    assert (line["path"], line["alias"], line["upstream_status"]) == (COUNT, "claude", 200)
    assert "estimated" not in line


@pytest.mark.parametrize(("alias", "why"), [("chat", "no_route"), ("gone", "connect")])
def test_who_does_not_count_is_estimated_and_that_is_said(
    both: Running, standin: Standin, alias: str, why: str
) -> None:
    before = len(standin.counted)
    short, long = (count(both, {"model": alias, "input": "word " * n}) for n in (10, 1000))
    for answer in (short, long):
        assert answer.status == 200, answer.body
        assert {*answer.json} == {"object", "input_tokens"}
        assert answer.headers[ESTIMATE] == "true"
        assert both.line(answer)["estimated"] == why
    assert 0 < short.json["input_tokens"] < long.json["input_tokens"] < 5000
    assert len(standin.counted) == before


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({}, 400, "missing_required_parameter", "input"),
        ({"input": []}, 400, "empty_array", "input"),
        ({"input": 7}, 400, "invalid_type", "input"),
        ({"input": "q", "previous_response_id": "resp_1"}, 400, "unsupported_parameter", "previous_response_id"),
        ({"input": "q", "messages": []}, 400, "unsupported_parameter", "messages"),
        ({"input": "q", "model": "nobody"}, 403, "model_not_allowed", "model"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("alias", ["claude", "chat"])
def test_what_is_wrong_is_told_as_for_the_answer_itself(
    both: Running, alias: str, body: dict[str, Any], status: int, code: str, param: str
) -> None:
    answer = count(both, {"model": alias, **body})
    refused(answer, status, code)
    assert answer.error["param"] == param
    itself = send(both.proxy_port, "POST", "/v1/responses", {"model": alias, **body}, KEY)
    assert itself.json == answer.json


def test_a_body_that_is_none_a_key_that_is_none_and_other_methods(both: Running) -> None:
    refused(count(both, b"{"), 400, None)
    refused(
        send(both.proxy_port, "POST", COUNT, {"model": "claude", "input": "q"}),
        401,
        "invalid_api_key",
    )
    answer = send(both.proxy_port, "GET", COUNT, headers=KEY)
    refused(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"


def test_every_spelling_of_the_base_counts_and_answers(gateway: Running) -> None:
    body = {"model": "claude-prod", "input": "Hi"}
    for path in spellings(COUNT):
        assert count(gateway, body, path).json["input_tokens"] > 0, path
    for path in spellings("/v1/responses"):
        answer = count(gateway, body, path)
        assert (answer.status, answer.json["status"]) == (200, "completed"), path
        assert gateway.line(answer)["path"] == "/v1/responses"


@pytest.mark.parametrize("headers", [{}, UPGRADE], ids=["plain", "websocket"])
def test_there_is_no_socket_and_no_list_of_answers(
    gateway: Running, headers: dict[str, str]
) -> None:
    for path in spellings("/v1/responses"):
        answer = send(gateway.proxy_port, "GET", path, headers=KEY | headers)
        assert "POST" in refused(answer, 405, "method_not_allowed"), path
        assert answer.headers["allow"] == "POST"
        assert "upgrade" not in answer.headers


KEPT = [("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/input_items")]


@pytest.mark.parametrize(("method", "tail"), KEPT)
def test_no_answer_is_kept_in_any_spelling(gateway: Running, method: str, tail: str) -> None:
    for path in spellings(f"/v1/responses/resp_01A{tail}"):
        answer = send(gateway.proxy_port, method, path, headers=KEY)
        assert "'resp_01A' not found" in refused(answer, 404, "response_not_found"), path
        assert answer.error["param"] is None
    asked = send(
        gateway.proxy_port, method, f"/v1/responses/resp_01A{tail}?include[]=x", headers=KEY
    )
    refused(asked, 404, "response_not_found")


def test_compaction_is_no_route_in_any_spelling(gateway: Running) -> None:
    for path in spellings("/v1/responses/compact"):
        body = {"model": "claude-prod", "input": "q"}
        answer = send(gateway.proxy_port, "POST", path, body, KEY)
        assert "/v1/responses" in refused(answer, 404, "unknown_url"), path
