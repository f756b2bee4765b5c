"""Requests and answers that are too much for the loop, or for anybody."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from aisix.standin.handler import Scripted
from aisix.standin.server import Standin
from bench import shapes
from tests.running import CALLER_KEY, Running, free_port, send, until
from tests.strict import openai_wire

JSON = (("content-type", "application/json"),)
HEADERS = {"Authorization": f"Bearer {CALLER_KEY}", "Content-Type": "application/json"}
LIMITS = {"max_steps": 50_000, "max_values": 40_000, "max_depth": 50, "max_messages": 8_000}


@pytest.fixture(scope="module", params=["fast", "tornado"])
def tight(
    request: pytest.FixtureRequest, standin: Standin, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    more = {"upstream": {"retries": 0}, "limits": LIMITS, "proxy": {"http": request.param}}
    with Running(tmp_path_factory.mktemp("tight"), more) as running:
        model = {"model_name": "claude-opus-5-5"}
        running.set_up(standin.url, {"plain": model, "strict": {**model, "strict": True}})
        gone = {
            "provider": "anthropic",
            "secret": "s",
            "api_base": f"http://127.0.0.1:{free_port()}",
        }
        running.create("provider_keys", {"display_name": "gone", **gone})
        targets = [{"provider_key": name, **model} for name in ("gone", "anthropic-prod")]
        both = {"display_name": "both", "provider": "anthropic", "routing": "failover"}
        running.create("models", {**both, "targets": targets})
        running.allow("plain", "strict", "both")
        yield running
        assert not running.bugs


def heavy(alias: str = "plain", **more: Any) -> bytes:
    """Too much for the loop, not for the thread."""
    body = json.loads(shapes.turns(7_499))
    return json.dumps({**body, "model": alias, **more}).encode()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("alias", ["plain", "both"])
def test_what_is_too_much_for_the_loop_is_answered_and_fails_over(
    tight: Running, standin: Standin, alias: str, stream: bool
) -> None:
    answer = tight.call(heavy(alias, stream=stream))
    assert answer.status == 200, answer.body[:300]
    assert len(standin.received[-1].body["messages"]) == 7_499
    if stream:
        assert answer.body.endswith(b"data: [DONE]\n\n")
    assert answer.headers["x-aisix-attempts"] == ("2" if alias == "both" else "1")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (heavy("strict"), "more work"),
        (shapes.said(x=shapes.listed(b"1", 60_000)), "more than 40000 values"),
        (shapes.said(x=shapes.keyed(60_000)), "more than 40000 values"),
        (shapes.said(x=shapes.listed(b"1e300", 6_000)), "more than 4000 of its numbers"),
        (shapes.arguments(b'{\\"a\\":' + shapes.listed(b"1e300", 6_000) + b"}"), "more work"),
        (shapes.said(x=b"[" * 60 + b"]" * 60), "more than 50 levels"),
        (shapes.turns(8_001), "at most 8000 items, but got 8001"),
        (shapes.arguments(b'{\\"a\\":' + shapes.listed(b"1", 2_000_000) + b"}"), "more work"),
    ],
)
def test_what_is_too_much_is_refused_with_the_limit(
    tight: Running, body: bytes, words: str
) -> None:
    answer = tight.call(body)
    assert answer.status == 400, answer.body[:300]
    assert words in answer.error["message"]
    assert openai_wire.openai_error_errors(400, answer.headers, answer.body) == []
    assert tight.call(shapes.asked(b'"q"')).status == 200


def test_the_other_dialect_says_so_too(tight: Running) -> None:
    body = shapes.said(x=shapes.keyed(60_000))
    answer = send(tight.proxy_port, "POST", "/v1/messages", body, HEADERS)
    assert answer.status == 400
    assert "more than 40000 values" in answer.error["message"]


def test_a_long_request_is_counted_beside_the_loop(tight: Running) -> None:
    body = shapes.asked(b'"' + b"word " * 100_000 + b'"')
    answer = send(tight.proxy_port, "POST", "/v1/messages/count_tokens", body, HEADERS)
    assert answer.status == 200
    assert answer.json["input_tokens"] > 10_000


@pytest.mark.parametrize(
    ("blocks", "status"),
    [
        (shapes.listed(shapes.TEXT, 3_000), 200),
        (shapes.listed(b"{}", 50_000), 502),
        (shapes.listed(b"1e300", 6_000), 502),
    ],
)
def test_a_heavy_answer_is_translated_or_the_upstreams_fault(
    tight: Running, standin: Standin, blocks: bytes, status: int
) -> None:
    standin.script(Scripted((shapes.answer(blocks),), headers=JSON))
    answer = tight.call(shapes.asked(b'"q"'))
    assert answer.status == status, answer.body[:300]
    if status == 200:
        assert answer.json["choices"][0]["message"]["content"] == "a" * 3_000
    else:
        assert tight.line(answer)["upstream_fault"] == "too_much_work"


@pytest.mark.parametrize(
    ("alias", "status", "told"),
    [("plain", 200, 502), ("plain", 400, 400), ("plain", 500, 500), ("both", 200, 502)],
)
def test_a_heavy_answer_that_is_no_stream_is_told_as_an_error(
    tight: Running, standin: Standin, alias: str, status: int, told: int
) -> None:
    body = shapes.answer(shapes.listed(shapes.TEXT, 3_000))
    standin.script(Scripted((body,), status, headers=JSON))
    asked = json.dumps({**json.loads(shapes.asked(b'"q"')), "model": alias, "stream": True})
    answer = tight.call(asked.encode())
    assert answer.status == told, answer.body[:300]
    assert openai_wire.openai_error_errors(told, answer.headers, answer.body) == []
    until(lambda: tight.metrics()["aisix_in_flight"] == 0)


@pytest.mark.parametrize(("value", "many"), [(b"1", 50_000), (b"1e300", 6_000)])
def test_an_event_of_too_many_values_ends_the_stream(
    tight: Running, standin: Standin, value: bytes, many: int
) -> None:
    event = shapes.event(b'{"type":"x","x":' + shapes.listed(value, many) + b"}")
    standin.script(Scripted((shapes.OPENING, shapes.delta(b"a"), event, shapes.CLOSING)))
    answer = tight.call(shapes.asked(b'"q"')[:-1] + b',"stream":true}')
    assert answer.status == 200
    assert b'"error"' in answer.body and b"[DONE]" not in answer.body


def test_who_leaves_while_it_is_translated_gives_everything_back(tight: Running) -> None:
    body = heavy()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {CALLER_KEY}\r\n"
    )
    head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    before = len(tight.lines)
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", tight.proxy_port)) as caller:
            caller.sendall(head.encode() + body)
    until(lambda: len(tight.lines) >= before + 3)
    until(lambda: tight.metrics()["aisix_in_flight"] == 0)
    assert tight.call(heavy()).status == 200
