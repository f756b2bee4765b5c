"""An answer that is passed on: what is read of it, and which errors are translated."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aisix.mapping.exchange import ResolvedModel
from aisix.mapping.mappings import load_mappings
from aisix.mapping.passed import PassedExchange

SHIPPED = Path(__file__).resolve().parents[2] / "mappings"
MAPPINGS = load_mappings([SHIPPED])
JSON, SSE = {"content-type": "application/json"}, {"content-type": "text/event-stream"}
SECRET = "hunter-22-of-the-provider"


def exchange(name: str = "completions", size: int = 40, **how: Any) -> PassedExchange:
    mapping = MAPPINGS.mappings["openai-chat/openai-chat"]
    tables = mapping.effective("m")
    made = PassedExchange(
        tables,
        MAPPINGS.callers["openai-chat"],
        ResolvedModel("mine", "m"),
        now=0,
        new_id=str,
        hidden=(SECRET,),
        row=tables.upstream["pass"][name],
        **how,
    )
    made.pass_on(bytes(size), "application/json", False)
    return made


def error(message: str, **more: Any) -> bytes:
    return json.dumps(
        {"error": {"message": message, "type": "t", "param": None, "code": None, **more}}
    ).encode()


def test_a_json_answer_is_the_same_bytes_and_its_usage_is_read() -> None:
    one = exchange()
    raw = b'{"usage" : {"prompt_tokens":3,"completion_tokens":4}, "x":"\\u00e9"}'
    assert not one.begin(201, JSON)
    answer = one.response(201, {**JSON, "set-cookie": "a", "x-request-id": "r"}, raw)
    assert (answer.status, answer.body) == (201, raw)
    assert answer.headers == {**JSON, "x-upstream-request-id": "r"}
    assert one.used() == ({"input": 3, "output": 4}, ())


@pytest.mark.parametrize("cut", [1, 7, 1000])
def test_a_stream_is_the_same_bytes_and_its_usage_is_read(cut: int) -> None:
    one = exchange()
    raw = b': hi\r\n\r\ndata: {"x":1}\r\n\r\ndata: {"usage":{"prompt_tokens":3,"completion_tokens":4}}\n\ndata: [DONE]\n\n'
    assert one.begin(200, SSE)
    got = b"".join(one.receive(raw[at : at + cut]) for at in range(0, len(raw), cut)) + one.end()
    assert got == raw
    assert one.done
    assert one.used() == ({"input": 3, "output": 4}, ())


def test_what_is_not_told_is_estimated_where_text_is_counted() -> None:
    one = exchange()
    one.begin(200, SSE)
    one.receive(b'data: {"x":1}\n\n' * 7)
    assert one.used() == ({"input": 10, "output": 7}, ("input", "output"))
    one = exchange("embeddings")
    one.begin(200, JSON)
    one.response(200, JSON, b"[]")
    assert one.used() == ({"input": 10}, ("input",))
    for name in ("images", "moderations"):
        one = exchange(name)
        one.response(200, JSON, b"{}")
        assert one.used() == ({}, ())


@pytest.mark.parametrize(
    "told",
    [
        b'{"usage":3}',
        b'{"usage":{"prompt_tokens":-1}}',
        b'{"usage":{"prompt_tokens":true}}',
        b"{",
        b"",
        b'{"usage":{"prompt_tokens":"3"}}',
    ],
)
def test_a_usage_that_is_none_is_not_believed(told: bytes) -> None:
    one = exchange("rerank")
    assert one.response(200, JSON, told).body == told
    assert one.used() == ({}, ())


def test_an_event_too_long_to_be_looked_at_is_passed_on() -> None:
    one = exchange(largest_event=100)
    one.begin(200, SSE)
    long = b"data: " + b"x" * 1000 + b"\n\n"
    assert one.receive(long) + one.receive(b"data: y\n\n") == long + b"data: y\n\n"
    assert one.error is None


@pytest.mark.parametrize(
    "kind", ["audio/mpeg", "text/plain; charset=utf-8", "text/vtt", "", "application/x-ndjson+x"]
)
def test_what_is_no_json_is_passed_on_as_it_comes(kind: str) -> None:
    one = exchange("speech")
    assert one.begin(200, {"content-type": kind} if kind else {})
    assert one.answer_headers({"content-type": kind} if kind else {})["content-type"] == (
        kind or "application/octet-stream"
    )
    assert not one.events


@pytest.mark.parametrize(
    ("status", "wanted", "code"),
    [
        *((401, 502, "upstream_auth_failed"), (403, 502, "upstream_auth_failed")),
        *(
            (404, 502, "upstream_error"),
            (429, 429, "rate_limit_exceeded"),
            (503, 503, "overloaded"),
        ),
        *(
            (402, 429, "insufficient_quota"),
            (529, 503, "overloaded"),
            (302, 502, "upstream_bad_response"),
        ),
    ],
)
def test_errors_that_are_not_the_caller_s_are_told_as_chat_tells_them(
    status: int, wanted: int, code: str
) -> None:
    one = exchange()
    assert not one.begin(status, JSON)
    answer = one.response(status, JSON, error("no"))
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (wanted, code)
    assert "content-type" not in answer.headers


@pytest.mark.parametrize("status", [400, 409, 415, 422])
def test_a_refusal_of_the_request_passes_as_it_is(status: int) -> None:
    raw = error("dimensions: at most 5", param="dimensions") + b"  "
    answer = exchange().response(status, JSON, raw)
    if status != 409:  # which may be tried again, and is told as chat tells it
        assert answer.body == raw
    assert answer.status == status
    assert answer.error is not None


@pytest.mark.parametrize(
    "text", [f"no such key: {SECRET}", "see http://10.0.0.5:8000/x", "org-Abc12345678 has none"]
)
def test_but_not_with_what_no_caller_may_see(text: str) -> None:
    answer = exchange().response(400, JSON, error(text))
    assert answer.status in (400, 502)
    assert text.encode() not in answer.body


def test_nor_when_it_is_no_json() -> None:
    answer = exchange().response(400, {"content-type": "text/html"}, b"<html>nginx</html>")
    assert json.loads(answer.body)["error"]["type"] == "invalid_request_error"
    assert exchange().response(400, JSON, error("invalid api key")).status == 502
