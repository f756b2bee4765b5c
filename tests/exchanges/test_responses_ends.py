"""A stream of the Responses API has one last event, whatever the upstream does, and before it began an HTTP status."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.exchanges.test_silence import Asked as Begun
from tests.exchanges.test_upstream_wire import MODEL, SSE, STREAM
from tests.rough import CLOSE, HOLD, RESET, WAIT, Rough, Step
from tests.rough import json as said
from tests.running import CALLER_KEY, Answer, Running, send
from tests.strict.responses_wire import responses_error_errors, responses_stream_errors

ROUTE = "/v1/responses"
BODY: dict[str, Any] = {"input": "q", "stream": True}
TERMINAL = ("response.completed", "response.incomplete", "response.failed")


def chunk(delta: dict[str, Any], reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    made = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return f"data: {json.dumps({**made, 'choices': [choice]})}\n\n".encode()


# Of each upstream: what begins an answer and says something, what then makes it whole, an error.
OVERLOADED = {
    "claude": b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Busy"}}\n\n',
    "chat": b'data: {"error":{"message":"Busy","type":"server_error","code":503}}\n\n',
}
BEGIN = {
    "claude": SSE[:3],
    "chat": [chunk({"role": "assistant", "content": ""}), chunk({"content": "Hel"})],
}
REST = {"claude": SSE[3:], "chat": [chunk({}, "stop"), b"data: [DONE]\n\n"]}
ENDED = {"claude": SSE[3:-1], "chat": [chunk({}, "stop")]}  # all but the word that it is the end
ALIASES = sorted(BEGIN)


@pytest.fixture(scope="module")
def gateway(upstream: Rough, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    more = {
        "upstream": {"retries": 0, "cooldown_secs": 0, "stream_timeout_ms": 700},
        "downstream": {"sse_keepalive_interval_secs": 1},
    }
    with Running(tmp_path_factory.mktemp("ends"), more) as running:
        both(running, upstream)
        yield running
        assert not running.bugs


@pytest.fixture(scope="module")
def patient(upstream: Rough, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    more = {
        "upstream": {"retries": 0, "cooldown_secs": 0},
        "downstream": {"sse_keepalive_interval_secs": 1},
    }
    with Running(tmp_path_factory.mktemp("patient"), more) as running:
        both(running, upstream)
        yield running
        assert not running.bugs


def both(running: Running, upstream: Rough) -> None:
    running.set_up(upstream.url, {"claude": MODEL})
    chat = {"provider": "openai", "adapter": "openai", "display_name": "chat"}
    running.set_up(upstream.url, {"chat": {"model_name": "m", "provider": "openai"}}, **chat)
    running.allow("*")


def ask(gateway: Running, alias: str, **more: Any) -> Answer:
    headers = {"Authorization": f"Bearer {CALLER_KEY}"}
    return send(gateway.proxy_port, "POST", ROUTE, {**BODY, "model": alias, **more}, headers)


def events(body: bytes) -> list[dict[str, Any]]:
    lines = body.decode().split("\n")
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]


def ended(body: bytes) -> dict[str, Any]:
    """The last event; it is the only one of its kind."""
    found = [event for event in events(body) if event["type"] in TERMINAL]
    assert len(found) == 1
    assert events(body)[-1] == found[0]
    return found[0]


@pytest.mark.parametrize("alias", ALIASES)
@pytest.mark.parametrize("how", ["whole", "without its last word"])
def test_what_is_whole_is_completed(
    gateway: Running, upstream: Rough, alias: str, how: str
) -> None:
    rest = REST if how == "whole" else ENDED
    upstream.next(STREAM, *BEGIN[alias], *rest[alias], CLOSE)
    answer = ask(gateway, alias)
    assert responses_stream_errors(answer.body, "completed", {**BODY, "model": alias}) == []
    assert ended(answer.body)["response"]["output"][0]["content"][0]["text"] == "Hel" + (
        "lo" if alias == "claude" else ""
    )


BROKEN: dict[str, tuple[Step, ...]] = {
    "closed": (CLOSE,),
    "reset": (0.05, RESET),
    "silent": (HOLD,),
    "no JSON": (b"data: {nonsense\n\n", CLOSE),
}


@pytest.mark.parametrize("alias", ALIASES)
@pytest.mark.parametrize("how", [*BROKEN, "an error"])
def test_what_breaks_off_has_failed(
    gateway: Running, upstream: Rough, alias: str, how: str
) -> None:
    steps = BROKEN.get(how) or (OVERLOADED[alias], CLOSE)
    upstream.next(STREAM, *BEGIN[alias], *steps)
    answer = ask(gateway, alias)
    assert answer.status == 200
    assert responses_stream_errors(answer.body, "failed") == []
    assert [event["type"] for event in events(answer.body)[-2:]] == ["error", "response.failed"]
    last = ended(answer.body)["response"]
    assert (last["error"]["code"], last["error"]["type"]) == ("server_error", "server_error")
    assert last["output"] == []
    if how == "an error":
        assert last["error"]["message"] == "Busy"
    assert gateway.line(answer)["error"]


EARLY: dict[str, tuple[tuple[Step, ...], int, str]] = {
    "closed": ((STREAM, CLOSE), 502, "upstream_stream_interrupted"),
    "reset": ((0.05, RESET), 502, "upstream_unreachable"),
    "silent": ((STREAM, HOLD), 504, "upstream_timeout"),
    "busy": ((said(b"{}", "429 No", "retry-after: 7"),), 429, "rate_limit_exceeded"),
    "overloaded": ((said(b"{}", "503 No"),), 503, "overloaded"),
    "another key": ((said(b"{}", "401 No"),), 502, "upstream_auth_failed"),
    "no stream": ((said(b"<html>"),), 502, "upstream_bad_response"),
}


@pytest.mark.parametrize("alias", ALIASES)
@pytest.mark.parametrize("how", [*EARLY, "an error"])
def test_before_it_began_there_is_a_status(
    gateway: Running, upstream: Rough, alias: str, how: str
) -> None:
    steps, status, code = EARLY.get(how) or ((STREAM, OVERLOADED[alias], CLOSE), 503, "overloaded")
    upstream.next(*steps)
    answer = ask(gateway, alias)
    assert (answer.status, answer.error["code"]) == (status, code)
    assert responses_error_errors(answer.status, answer.headers, answer.body) == []
    assert answer.headers.get("retry-after") == ("7" if how == "busy" else None)


@pytest.mark.parametrize("alias", ALIASES)
@pytest.mark.parametrize("how", ["busy", "overloaded", "no stream"])
def test_a_plain_answer_is_no_failed_one_but_an_error(
    gateway: Running, upstream: Rough, alias: str, how: str
) -> None:
    steps, status, code = EARLY[how]
    upstream.next(*steps)
    answer = ask(gateway, alias, stream=False)
    assert (answer.status, answer.error["code"]) == (status, code)
    assert responses_error_errors(answer.status, answer.headers, answer.body) == []


@pytest.mark.parametrize("alias", ALIASES)
def test_the_error_says_the_callers_own_path(gateway: Running, upstream: Rough, alias: str) -> None:
    named = {"claude": "messages.2.content.0: bad", "chat": "Invalid 'messages[2].content'"}[alias]
    error = {"type": "invalid_request_error", "message": named}
    upstream.next(said(json.dumps({"type": "error", "error": error}).encode(), "400 No"))
    words = [{"role": role, "content": "x"} for role in ("user", "assistant", "user")]
    answer = ask(gateway, alias, input=words)
    assert (answer.status, answer.error["code"]) == (400, None)
    assert answer.error["param"].startswith("input[2]")
    assert "input[2]" in answer.error["message"] and "messages" not in answer.error["message"]


class Asked(Begun):
    def __init__(self, gateway: Running, alias: str) -> None:
        super().__init__(gateway, ROUTE, alias, BODY)


@pytest.mark.parametrize("alias", ALIASES)
def test_silence_is_filled_with_comments_and_then_with_events(
    patient: Running, upstream: Rough, alias: str
) -> None:
    upstream.next(WAIT, STREAM, *BEGIN[alias], WAIT, *REST[alias], CLOSE)
    asked = Asked(patient, alias)
    asked.read_to(b":\n\n", times=2)
    assert b"event: " not in asked.got  # nothing may come before response.created
    upstream.let_go()
    asked.read_to(b"event: keepalive\n", times=2)
    upstream.let_go()
    asked.read_to(b"\r\n0\r\n\r\n")
    body = asked.body
    assert responses_stream_errors(body, "completed", {**BODY, "model": alias}) == []
    assert b"\n:\n\n" not in body.partition(b"event: ")[2]
    kinds = [event["type"] for event in events(body)]
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds.count("keepalive") >= 2


@pytest.mark.parametrize("alias", ALIASES)
def test_who_is_refused_after_the_head_gets_a_failed_answer(
    patient: Running, upstream: Rough, alias: str
) -> None:
    body = b'{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}'
    upstream.next(WAIT, said(body, "429 No", "retry-after: 7"))
    asked = Asked(patient, alias)
    asked.read_to(b":\n\n")
    upstream.let_go()
    asked.read_to(b"\r\n0\r\n\r\n")
    assert responses_stream_errors(asked.body, "failed") == []
    error = ended(asked.body)["response"]["error"]
    assert error["code"] == "rate_limit_exceeded"
    assert error["message"].endswith(" Please try again in 7s.")
