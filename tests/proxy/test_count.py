"""Counting the tokens of a request: the upstream is asked, and what is only estimated says so."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aisix.standin.counting import counted
from aisix.standin.server import Standin
from tests.rough import HOLD, Rough
from tests.running import CALLER_KEY, Answer, Running, free_port, send, until

PATH = "/v1/messages/count_tokens"
HEADERS = {"x-api-key": CALLER_KEY, "anthropic-version": "2023-06-01"}
ESTIMATE = "x-aisix-estimate"


def said(*words: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": " ".join(words)}]


def count(gateway: Running, body: dict[str, Any], **headers: str) -> Answer:
    return send(gateway.proxy_port, "POST", PATH, body, {**HEADERS, **headers})


def is_estimate(gateway: Running, answer: Answer, why: str) -> None:
    assert answer.status == 200, answer.body
    assert answer.headers[ESTIMATE] == "true"
    assert 0 < answer.json["input_tokens"] < 100_000
    assert gateway.line(answer)["estimated"] == why


def test_the_upstream_counts_what_it_would_be_sent(gateway: Running, standin: Standin) -> None:
    body = {
        "model": "claude-prod",
        "messages": said("Hi"),
        "system": "Be kind.",
        "tools": [{"name": "t", "input_schema": {"type": "object"}}],
        "max_tokens": 7,
        "stream": True,
        "metadata": {"user_id": "u"},
        "temperature": 0.5,
    }
    answer = count(gateway, body)
    received = standin.counted[-1]
    assert answer.status == 200, answer.body
    assert answer.json == {"input_tokens": counted(received.body)}
    assert ESTIMATE not in answer.headers
    wanted = {name: body[name] for name in ("messages", "system", "tools")}
    assert received.body == {"model": "claude-3-5-haiku-20241022", **wanted}
    assert received.headers["x-api-key"] == "sk-ant-the-secret-of-the-provider"
    assert answer.headers["x-upstream-model"] == "claude-3-5-haiku-20241022"
    assert answer.headers["x-aisix-mapping"].startswith("anthropic-messages/anthropic-messages@")
    line = gateway.line(answer)
    assert (line["alias"], line["upstream_status"]) == ("claude-prod", 200)
    assert "estimated" not in line and "tokens" not in line


def test_what_the_tables_do_to_a_request_is_done_and_told(
    gateway: Running, standin: Standin
) -> None:
    thinking = {"type": "enabled", "budget_tokens": 2000}
    body = {"model": "claude-new", "messages": said("Hi"), "thinking": thinking}
    answer = count(gateway, body, **{"anthropic-beta": "some-beta"})
    assert answer.status == 200, answer.body
    assert "thinking" in answer.headers["x-aisix-warnings"]
    assert "budget_tokens" not in standin.counted[-1].body.get("thinking", {})
    assert standin.counted[-1].headers["anthropic-beta"] == "some-beta"


@pytest.mark.parametrize("body", [{}, {"messages": []}, {"messages": "text"}])
def test_what_is_wrong_with_the_request_is_told_and_not_counted(
    gateway: Running, standin: Standin, body: dict[str, Any]
) -> None:
    before = len(standin.counted)
    answer = count(gateway, {"model": "claude-prod", **body})
    assert (answer.status, answer.error["type"]) == (400, "invalid_request_error")
    assert "messages" in answer.error["message"]
    assert len(standin.counted) == before


def test_what_the_upstream_says_of_the_request_is_the_answer(gateway: Running) -> None:
    answer = count(gateway, {"model": "claude-prod", "messages": said("standin:status-400")})
    assert (answer.status, answer.error["type"]) == (400, "invalid_request_error")
    assert answer.error["message"] == "The stand-in was asked for this error."
    assert ESTIMATE not in answer.headers
    assert gateway.line(answer)["error"] == "upstream.same"


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 529])
def test_a_trouble_of_the_providers_is_an_estimate(gateway: Running, status: int) -> None:
    body = {"model": "claude-prod", "messages": said(f"standin:status-{status}")}
    answer = count(gateway, body)
    is_estimate(gateway, answer, str(status))
    counter = f'aisix_upstream_errors_total{{alias="claude-prod",kind="{status}"}}'
    until(lambda: gateway.metrics().get(counter, 0) >= 1)


def test_an_answer_without_a_count_is_an_estimate(gateway: Running) -> None:
    answer = count(gateway, {"model": "claude-prod", "messages": said("standin:garbage")})
    is_estimate(gateway, answer, "bad_response")


@pytest.fixture(scope="module")
def slow(standin: Standin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A gateway that has no patience; two of its providers are none."""
    more = {"upstream": {"retries": 0, "count_timeout_ms": 300}}
    nobody = f"http://127.0.0.1:{free_port()}"
    with Running(tmp_path_factory.mktemp("slow"), more) as running:
        running.set_up(standin.url, {"claude": {"model_name": "claude-haiku-4-5"}})
        gone = {"gone": {"model_name": "claude-haiku-4-5"}}
        running.set_up(nobody, gone, display_name="gone-prod")
        chat = {"provider": "openai", "adapter": "openai", "display_name": "chat"}
        running.set_up(standin.url, {"chat": {"model_name": "m"}}, **chat)
        running.allow("claude", "gone", "chat")
        yield running
        assert not running.bugs


def test_an_upstream_that_is_late_or_not_there_is_an_estimate(slow: Running) -> None:
    late = count(slow, {"model": "claude", "messages": said("standin:first-60000")})
    is_estimate(slow, late, "total")
    gone = count(slow, {"model": "gone", "messages": said("Hi")})
    is_estimate(slow, gone, "connect")


def test_an_upstream_that_does_not_count_is_not_asked(slow: Running, standin: Standin) -> None:
    before = len(standin.counted)
    answer = count(slow, {"model": "chat", "messages": said("Hi")})
    is_estimate(slow, answer, "no_route")
    assert len(standin.counted) == before


RESPONSES = "/v1/responses/input_tokens"


def test_a_request_of_another_dialect_is_counted_as_it_would_be_sent(
    gateway: Running, standin: Standin
) -> None:
    body = {"model": "claude-45", "input": "Hi", "instructions": "Be kind.", "stream": True}
    answer = send(gateway.proxy_port, "POST", RESPONSES, body, HEADERS)
    assert answer.status == 200, answer.body
    received = standin.counted[-1].body
    assert received["messages"] and received["system"] and "max_tokens" not in received
    assert answer.json == {"object": "response.input_tokens", "input_tokens": counted(received)}
    assert ESTIMATE not in answer.headers


@pytest.mark.parametrize(
    ("body", "param"),
    [({}, "input"), ({"input": [5]}, "input[0]"), ({"input": "q", "tools": [{}]}, "tools[0].type")],
)
def test_what_is_wrong_with_one_of_another_dialect_is_told_in_its_words(
    gateway: Running, body: dict[str, Any], param: str
) -> None:
    asked = {"model": "claude-45", **body}
    answer = send(gateway.proxy_port, "POST", RESPONSES, asked, HEADERS)
    assert (answer.status, answer.error["param"]) == (400, param)


def test_a_caller_who_leaves_takes_the_question_along(tmp_path: Path) -> None:
    with Rough() as peer, Running(tmp_path, {"upstream": {"count_timeout_ms": 60_000}}) as running:
        running.set_up(peer.url, {"claude": {"model_name": "claude-haiku-4-5"}})
        running.allow("claude")
        peer.next(HOLD)
        raw = json.dumps({"model": "claude", "messages": said("Hi")}).encode()
        head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nx-api-key: {CALLER_KEY}\r\n"
        with socket.create_connection(("127.0.0.1", running.proxy_port)) as caller:
            caller.sendall(f"{head}Content-Length: {len(raw)}\r\n\r\n".encode() + raw)
            until(lambda: peer.calls, "it was never asked")
        peer.wait_gone()
        until(lambda: any(line["status"] == 499 for line in running.lines))
        until(lambda: running.admin("GET", "status").json["in_flight"] == 0)
        assert not running.bugs
