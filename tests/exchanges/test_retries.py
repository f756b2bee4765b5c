"""What is tried again, when, how often; and what never is."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests import rough
from tests.exchanges.test_upstream_wire import MODEL, SSE, STREAM, WHOLE
from tests.rough import CLOSE, HOLD, RESET, Rough
from tests.running import ROOT, Running
from tests.strict import openai_wire

CASES = ROOT / "mappings" / "openai-chat" / "anthropic-messages" / "cases"
GOOD: dict[bool, tuple[rough.Step, ...]] = {
    False: (rough.json(WHOLE),),
    True: (STREAM, *SSE, CLOSE),
}


def refusal(status: int, kind: str = "overloaded_error", *lines: str) -> bytes:
    body = json.dumps({"type": "error", "error": {"type": kind, "message": "No"}}).encode()
    return rough.json(body, f"{status} No", *lines)


@pytest.fixture(scope="module")
def gateway(upstream: Rough, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    more = {"upstream": {"retries": 1, "retry_budget_percent": 100, "first_byte_timeout_ms": 500}}
    with Running(tmp_path_factory.mktemp("retrying"), more) as running:
        options = {"native_tools": True}
        aliases = {"claude-prod": MODEL, "searching": {**MODEL, "options": options}}
        running.set_up(upstream.url, {**aliases, "stubborn": {**MODEL, "retries": 0}})
        running.allow("*")
        yield running
        assert not running.bugs


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
def test_what_the_upstream_could_not_do_now_is_tried_again(
    gateway: Running, upstream: Rough, status: int, stream: bool
) -> None:
    calls = len(upstream.calls)
    upstream.next(refusal(status))
    upstream.next(*GOOD[stream])
    answer = gateway.ask("Hi", stream=stream)
    assert answer.status == 200, answer.body
    assert answer.headers["x-aisix-attempts"] == "2"
    assert gateway.line(answer)["attempts"] == 2
    sent = upstream.calls[calls:]
    assert len(sent) == 2
    assert sent[0].body == sent[1].body


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 422])
def test_what_would_be_refused_again_is_not_tried_again(
    gateway: Running, upstream: Rough, status: int
) -> None:
    calls = len(upstream.calls)
    upstream.next(refusal(status, "invalid_request_error"))
    answer = gateway.ask("Hi")
    assert answer.status >= 400
    assert answer.headers["x-aisix-attempts"] == "1"
    assert len(upstream.calls) == calls + 1


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("steps", [(RESET,), (CLOSE,), (HOLD,), (STREAM[:20], CLOSE)])
def test_what_may_have_been_billed_is_not_tried_again(
    gateway: Running, upstream: Rough, steps: tuple[rough.Step, ...], stream: bool
) -> None:
    # On a kept connection libcurl would take it for one that was closed while it was idle.
    upstream.next(rough.json(WHOLE, "200 OK", "connection: close"), CLOSE)
    assert gateway.ask("Hi").status == 200
    calls = len(upstream.calls)
    upstream.next(*steps)
    answer = gateway.ask("Hi", stream=stream)
    assert answer.status in (502, 504)
    assert len(upstream.calls) == calls + 1


def test_a_spent_quota_is_not_tried_again(gateway: Running, upstream: Rough) -> None:
    calls = len(upstream.calls)
    body = b'{"type":"error","error":{"type":"rate_limit_error","message":"x","details":%s}}'
    upstream.next(rough.json(body % b'{"error_code":"spend_limit_reached"}', "429 No"))
    answer = gateway.ask("Hi")
    assert (answer.status, answer.error["code"]) == (429, "insufficient_quota")
    assert len(upstream.calls) == calls + 1


def test_a_stream_whose_first_event_is_an_error_is_tried_again(
    gateway: Running, upstream: Rough
) -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    event = f"event: error\ndata: {json.dumps(error)}\n\n".encode()
    upstream.next(STREAM, b'event: ping\ndata: {"type":"ping"}\n\n', event, CLOSE)
    upstream.next(*GOOD[True])
    answer = gateway.ask("Hi", stream=True)
    assert answer.headers["x-aisix-attempts"] == "2"
    assert openai_wire.openai_stream_errors(answer.body, False, "done") == []
    calls = len(upstream.calls)
    refused = event.replace(b"overloaded_error", b"invalid_request_error")
    upstream.next(STREAM, refused, CLOSE)
    assert gateway.ask("Hi", stream=True).status == 400
    upstream.next(STREAM, SSE[0], event, CLOSE)
    answer = gateway.ask("Hi", stream=True)
    assert openai_wire.openai_stream_errors(answer.body, False, "error") == []
    assert len(upstream.calls) == calls + 2


def test_the_upstream_says_when(gateway: Running, upstream: Rough) -> None:
    upstream.next(refusal(429, "rate_limit_error", "retry-after: 1"))
    upstream.next(*GOOD[False])
    began = time.monotonic()
    assert gateway.ask("Hi").status == 200
    assert time.monotonic() - began >= 1
    calls = len(upstream.calls)
    upstream.next(refusal(429, "rate_limit_error", "retry-after: 60"))
    answer = gateway.ask("Hi")
    assert (answer.status, answer.headers["retry-after"]) == (429, "60")
    upstream.next(refusal(529, "overloaded_error", "x-should-retry: false"))
    answer = gateway.ask("Hi")
    assert (answer.status, answer.headers["x-should-retry"]) == (503, "false")
    assert len(upstream.calls) == calls + 2
    upstream.next(refusal(400, "invalid_request_error", "x-should-retry: true"))
    upstream.next(*GOOD[False])
    assert gateway.ask("Hi").headers["x-aisix-attempts"] == "2"


def test_an_alias_may_forbid_retries(gateway: Running, upstream: Rough) -> None:
    upstream.next(refusal(529))
    answer = gateway.ask("Hi", alias="stubborn")
    assert (answer.status, answer.headers["x-aisix-attempts"]) == (503, "1")


def test_an_upstream_that_is_just_starting_is_waited_for(tmp_path: Path) -> None:
    from aisix.standin.server import Standin

    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    with Running(tmp_path / "early", {"upstream": {"retries": 5}}) as early:
        early.set_up(f"http://127.0.0.1:{port}", {"claude-prod": MODEL})
        early.allow("*")
        started: list[Standin] = []

        def start() -> None:
            """Refused once, then nobody listens, then it is there: whenever the request comes."""
            caller = listening.accept()[0]
            listening.close()
            with caller:
                caller.recv(1 << 16)
                caller.sendall(refusal(529, "overloaded_error", "connection: close"))
            started.append(Standin(port).start())

        threading.Thread(target=start, daemon=True).start()
        answer = early.ask("Hi")
        assert answer.status == 200, answer.body
        assert int(answer.headers["x-aisix-attempts"]) > 1
        started[0].stop()


def test_retries_do_not_multiply_an_outage(tmp_path: Path) -> None:
    with (
        Rough() as down,
        Running(
            tmp_path / "thrifty", {"upstream": {"retries": 1, "retry_budget_percent": 10}}
        ) as thrifty,
    ):
        thrifty.set_up(down.url, {"claude-prod": MODEL})
        thrifty.allow("*")
        down.next(refusal(529, "overloaded_error", "retry-after-ms: 1"))
        began = time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            assert {a.status for a in pool.map(thrifty.ask, ["Hi"] * 60)} == {503}
        allowed = 60 + 10 + 6 + (time.monotonic() - began)
        assert 60 + 10 <= len(down.calls) <= allowed


@pytest.mark.parametrize("stream", [False, True])
def test_a_later_round_of_a_paused_turn_is_tried_again_alone(
    gateway: Running, upstream: Rough, stream: bool
) -> None:
    case = CASES / ("pause-continued-stream" if stream else "pause-continued")
    body: dict[str, Any] = json.loads((case / "caller-request.json").read_text())
    if stream:
        first, second = (
            (STREAM, (case / name).read_bytes(), CLOSE)
            for name in ("upstream-stream.sse", "upstream-stream-2.sse")
        )
    else:
        first, second = (
            (rough.json((case / name).read_bytes()),)
            for name in ("upstream-response.json", "upstream-response-2.json")
        )
    calls = len(upstream.calls)
    upstream.next(*first)
    if not stream:  # in a stream the caller has seen the first round already
        upstream.next(refusal(529))
    upstream.next(*second)
    answer = gateway.call({**body, "model": "searching", "stream": stream})
    assert answer.status == 200, answer.body
    sent = [json.loads(call.body) for call in upstream.calls[calls:]]
    assert [len(one["messages"]) for one in sent] == ([1, 2] if stream else [1, 2, 2])
    if stream:
        assert openai_wire.openai_stream_errors(answer.body, True, "done") == []
