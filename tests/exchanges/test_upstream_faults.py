"""Everything an upstream can do wrong, seen by a caller: the right error, and never a [DONE]."""

from __future__ import annotations

from pathlib import Path

import pytest

from aisix.standin.handler import Scripted
from aisix.standin.server import Standin
from tests.running import Running, chunks, free_port, until
from tests.strict import openai_wire

JSON = (("content-type", "application/json"),)

# word -> status and code of the plain call, the same of the streamed call (None: inside the stream)
FAULTS: dict[str, tuple[int, str | None, int, str | None]] = {
    "status-429": (429, "rate_limit_exceeded", 429, "rate_limit_exceeded"),
    "status-401": (502, "upstream_auth_failed", 502, "upstream_auth_failed"),
    "status-403": (502, "upstream_auth_failed", 502, "upstream_auth_failed"),
    "status-500": (500, None, 500, None),
    "overloaded": (503, "overloaded", 503, "overloaded"),
    "html": (502, None, 502, None),
    "cut": (502, "upstream_bad_response", 200, "upstream_stream_interrupted"),
    "garbage": (502, "upstream_bad_response", 200, "upstream_bad_response"),
}


@pytest.fixture
def gateway(either_gateway: Running) -> Running:
    return either_gateway


@pytest.mark.parametrize("word", FAULTS)
def test_a_fault_of_a_plain_answer(gateway: Running, word: str) -> None:
    status, code, _, _ = FAULTS[word]
    answer = gateway.ask(f"standin:{word}")
    assert answer.error["code"] == code
    if word != "html":  # whatever a proxy in between says, it is a 5xx
        assert answer.status == status
    assert openai_wire.openai_error_errors(answer.status, answer.headers, answer.body) == []
    assert b"127.0.0.1" not in answer.body
    assert b"sk-ant" not in answer.body


@pytest.mark.parametrize("word", FAULTS)
def test_a_fault_of_a_stream(gateway: Running, word: str) -> None:
    _, _, status, code = FAULTS[word]
    answer = gateway.ask(f"standin:{word}", stream=True)
    assert b"[DONE]" not in answer.body
    if status == 200:
        assert answer.status == 200
        assert openai_wire.openai_stream_errors(answer.body, False, "error") == []
        assert list(chunks(answer.body))[-1]["error"]["code"] == code
    else:
        assert answer.headers["content-type"] == "application/json"
        assert answer.error["code"] == code


def test_an_error_before_the_first_chunk_is_a_plain_error_with_its_status(
    gateway: Running,
) -> None:
    answer = gateway.ask("standin:error-first", stream=True)
    assert answer.status == 503
    assert answer.headers["content-type"] == "application/json"
    assert answer.error["code"] == "overloaded"


def test_an_error_inside_a_stream_ends_it_without_done(gateway: Running) -> None:
    answer = gateway.ask("standin:stream-error", stream=True)
    assert answer.status == 200
    assert openai_wire.openai_stream_errors(answer.body, False, "error") == []


def test_json_where_a_stream_was_asked_for(gateway: Running) -> None:
    answer = gateway.ask("standin:json-instead-of-sse", stream=True)
    assert (answer.status, answer.error["code"]) == (502, "upstream_bad_response")


def test_a_stream_where_json_was_asked_for(gateway: Running, standin: Standin) -> None:
    standin.script(Scripted((b"event: ping\ndata: {}\n\n",)))
    answer = gateway.ask("Hi")
    assert (answer.status, answer.error["code"]) == (502, "upstream_bad_response")


@pytest.mark.parametrize("word", ["unknown-event", "unknown-block", "unknown-stop", "crlf"])
def test_what_is_not_invented_yet_does_no_harm(gateway: Running, word: str) -> None:
    plain = gateway.ask(f"standin:{word} hello")
    assert plain.status == 200
    assert openai_wire.openai_completion_errors(plain.json) == []
    streamed = gateway.ask(f"standin:{word} hello", stream=True)
    assert openai_wire.openai_stream_errors(streamed.body, False, "done") == []


def test_an_upstream_that_is_not_there(gateway: Running) -> None:
    base = f"http://127.0.0.1:{free_port()}"
    gateway.set_up(base, {"gone": {"model_name": "claude-opus-5-5"}}, display_name="gone")
    gateway.allow("gone", key="sk-for-the-gone-one")
    for stream in (False, True):
        body = {"model": "gone", "messages": [{"role": "user", "content": "q"}], "stream": stream}
        answer = gateway.call(body, key="sk-for-the-gone-one")
        assert (answer.status, answer.error["code"]) == (502, "upstream_unreachable")
        assert base.encode() not in answer.body
        assert b"curl" not in answer.body.lower()


def test_a_redirect_is_never_followed(gateway: Running, standin: Standin) -> None:
    standin.received.clear()  # it keeps only the last ones, so their number says nothing
    there = (("location", standin.url + "/v1/messages"), *JSON)
    standin.script(Scripted((b"{}",), 307, there))
    counted = 'aisix_upstream_errors_total{alias="claude-prod",kind="307"}'
    before = gateway.metrics().get(counted, 0)
    answer = gateway.ask("Hi")
    assert answer.status == 502
    assert len(standin.received) == 1
    assert gateway.metrics()[counted] == before + 1


def test_a_silent_upstream_is_a_504_before_the_answer_and_an_error_inside_it(
    tmp_path: Path, standin: Standin
) -> None:
    more = {"upstream": {"timeout_ms": 300, "stream_timeout_ms": 300, "retries": 0}}
    with Running(tmp_path / "hasty", more) as hasty:
        hasty.set_up(standin.url, {"claude-prod": {"model_name": "claude-opus-5-5"}})
        hasty.allow("claude-prod")
        answer = hasty.ask("standin:first-2000")
        assert (answer.status, answer.error["code"]) == (504, "upstream_timeout")
        answer = hasty.ask("standin:first-2000", stream=True)
        assert (answer.status, answer.error["code"]) == (504, "upstream_timeout")
        answer = hasty.ask("standin:slow-1000", stream=True)
        assert answer.status == 200
        assert list(chunks(answer.body))[-1]["error"]["code"] == "upstream_timeout"
        long = hasty.ask("standin:slow-60 standin:long-30", stream=True)
        assert list(chunks(long.body))[-1] == "[DONE]"


def test_a_failed_connection_is_tried_again_and_an_overloaded_upstream_too(
    tmp_path: Path, standin: Standin
) -> None:
    with Running(tmp_path / "patient", {"upstream": {"retries": 2}}) as patient:
        patient.set_up(standin.url, {"claude-prod": {"model_name": "claude-opus-5-5"}})
        patient.allow("claude-prod")
        busy = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
        for stream in (False, True):
            standin.script(Scripted((busy,), 529, JSON), Scripted((busy,), 529, JSON))
            answer = patient.ask("Hi", stream=stream)
            assert answer.status == 200
            assert patient.line(answer)["attempts"] == 3
        told = (*JSON, ("x-should-retry", "false"))
        standin.script(Scripted((busy,), 529, told))
        assert patient.ask("Hi").status == 503


def test_a_caller_who_leaves_ends_the_upstream_transfer(gateway: Running, standin: Standin) -> None:
    before = standin.closed
    with gateway.streaming("standin:slow-50 standin:long-2000"):
        pass
    until(lambda: standin.closed == before + 1)
    until(lambda: gateway.lines[-1]["status"] == 499)
