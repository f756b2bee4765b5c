"""An upstream that says nothing for a while: the caller's stream begins, and nothing is settled by that."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest

from tests.exchanges.test_retries import GOOD, refusal
from tests.exchanges.test_upstream_wire import MODEL, SSE, STREAM
from tests.rough import CLOSE, WAIT, Rough
from tests.running import CALLER_KEY, Running, until

PATHS = ["/v1/chat/completions", "/v1/messages"]
BODY = {"max_tokens": 9, "messages": [{"role": "user", "content": "q"}], "stream": True}


@pytest.fixture(scope="module")
def gateway(upstream: Rough, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    more = {
        "upstream": {"retries": 1, "retry_budget_percent": 100, "cooldown_secs": 0},
        "downstream": {"sse_keepalive_interval_secs": 1},
    }
    with Running(tmp_path_factory.mktemp("silent"), more) as running:
        first = {**MODEL, "options": {"status_first": True}}
        key_id = running.set_up(upstream.url, {"one": MODEL, "first": first})
        targets = [{"provider_key_id": key_id, "model_name": f"claude-opus-{n}"} for n in (5, 4)]
        two = {"display_name": "two", "provider": "anthropic", "targets": targets, "retries": 0}
        running.create("models", {**two, "routing": "failover"})
        running.allow("*")
        yield running
        assert not running.bugs


class Asked:
    """A stream that was asked for, and what has come of it, chunks and all."""

    def __init__(
        self, gateway: Running, path: str, alias: str = "one", body: dict[str, Any] = BODY
    ) -> None:
        raw = json.dumps({**body, "model": alias}).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(raw)}\r\n"
        self.caller = socket.create_connection(("127.0.0.1", gateway.proxy_port), timeout=30)
        self.caller.sendall(f"{head}Authorization: Bearer {CALLER_KEY}\r\n\r\n".encode() + raw)
        self.got = b""

    def read_to(self, end: bytes, times: int = 1) -> bytes:
        while self.got.count(end) < times:
            piece = self.caller.recv(1 << 16)
            assert piece, self.got
            self.got += piece
        return self.got

    @property
    def body(self) -> bytes:
        """What has come, without the lengths of its chunks."""
        rest, whole = self.got.partition(b"\r\n\r\n")[2], b""
        while rest:
            length, _, rest = rest.partition(b"\r\n")
            whole, rest = whole + rest[: int(length, 16)], rest[int(length, 16) + 2 :]
        return whole

    @property
    def headers(self) -> dict[str, str]:
        lines = self.got.partition(b"\r\n\r\n")[0].decode().lower().split("\r\n")[1:]
        return dict(line.split(": ", 1) for line in lines)


def line(gateway: Running, asked: Asked) -> dict[str, Any]:
    wanted = asked.headers["x-request-id"]
    until(lambda: any(one["request_id"] == wanted for one in gateway.lines))
    return next(one for one in gateway.lines if one["request_id"] == wanted)


@pytest.mark.parametrize("path", PATHS)
def test_the_head_and_comments_come_before_anything_of_the_answer(
    gateway: Running, upstream: Rough, path: str
) -> None:
    upstream.next(WAIT, STREAM, SSE[0], SSE[1], WAIT, *SSE[2:], CLOSE)
    asked = Asked(gateway, path)
    asked.read_to(b":\n\n")
    assert asked.got.startswith(b"HTTP/1.1 200 OK\r\n")
    assert asked.headers["content-type"].startswith("text/event-stream")
    assert asked.headers["x-upstream-model"] == MODEL["model_name"]
    assert "x-aisix-attempts" not in asked.headers
    asked.read_to(b":\n\n", times=2)
    upstream.let_go()
    asked.read_to(b"role")
    begun = asked.got.count(b":\n\n")
    times = 1 if path == PATHS[1] else begun + 1
    asked.read_to(b"event: ping" if path == PATHS[1] else b":\n\n", times)
    until(lambda: upstream.holds == 1)
    upstream.let_go()
    asked.read_to(b"\r\n0\r\n\r\n")
    assert b"Hel" in asked.got
    assert asked.got.count(b"HTTP/1.1") == 1
    assert line(gateway, asked)["attempts"] == 1


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("broken", ["overloaded", "busy", "error event"])
def test_another_attempt_may_follow_the_head(
    gateway: Running, upstream: Rough, path: str, broken: str
) -> None:
    error = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"No"}}\n\n'
    how = {
        "overloaded": (refusal(529),),
        "busy": (refusal(429, "rate_limit_error"),),
        "error event": (STREAM, error, CLOSE),
    }[broken]
    upstream.next(WAIT, *how)
    upstream.next(*GOOD[True])
    asked = Asked(gateway, path)
    asked.read_to(b":\n\n")
    upstream.let_go()
    asked.read_to(b"\r\n0\r\n\r\n")
    assert b"Hel" in asked.got
    assert b"rror" not in asked.got
    told = line(gateway, asked)
    assert (told["status"], told["attempts"], told.get("error")) == (200, 2, None)
    assert "first_byte_ms" in told


@pytest.mark.parametrize("path", PATHS)
def test_another_target_may_follow_the_head_which_names_none(
    gateway: Running, upstream: Rough, path: str
) -> None:
    upstream.next(WAIT, refusal(529))
    upstream.next(*GOOD[True])
    asked = Asked(gateway, path, "two")
    asked.read_to(b":\n\n")
    upstream.let_go()
    asked.read_to(b"\r\n0\r\n\r\n")
    assert b"Hel" in asked.got
    assert not {"x-upstream-model", "x-aisix-served-by", "x-aisix-attempts"} & asked.headers.keys()
    told = line(gateway, asked)
    assert (told["upstream_model"], told["attempts"]) == ("claude-opus-4", 2)


@pytest.mark.parametrize("path", PATHS)
def test_who_leaves_while_nothing_has_come_ends_the_upstream(
    gateway: Running, upstream: Rough, path: str
) -> None:
    gone = upstream.gone
    upstream.next(WAIT)
    asked = Asked(gateway, path)
    asked.read_to(b":\n\n")
    asked.caller.close()
    upstream.wait_gone(gone + 1)
    assert line(gateway, asked)["status"] == 499


def test_sdks_wait_and_read_an_answer_or_an_error(gateway: Running, upstream: Rough) -> None:
    base = f"http://127.0.0.1:{gateway.proxy_port}"
    said: list[Any] = BODY["messages"]  # type: ignore[assignment]
    with openai.OpenAI(base_url=f"{base}/v1", api_key=CALLER_KEY, max_retries=0) as gpt:
        upstream.next(WAIT, *GOOD[True])
        stream = gpt.chat.completions.create(model="one", messages=said, stream=True)
        upstream.let_go()
        assert "".join(c.choices[0].delta.content or "" for c in stream if c.choices) == "Hello"
        upstream.next(WAIT, refusal(400, "invalid_request_error"))
        stream = gpt.chat.completions.create(model="one", messages=said, stream=True)
        upstream.let_go()
        with pytest.raises(openai.APIError, match="No"):
            list(stream)
    with anthropic.Anthropic(base_url=base, api_key=CALLER_KEY, max_retries=0) as claude:
        upstream.next(WAIT, *GOOD[True])
        events = claude.messages.create(model="one", max_tokens=9, messages=said, stream=True)
        upstream.let_go()
        kinds = [event.type for event in events]
        assert kinds[0] == "message_start"
        upstream.next(WAIT, refusal(400, "invalid_request_error"))
        events = claude.messages.create(model="one", max_tokens=9, messages=said, stream=True)
        upstream.let_go()
        with pytest.raises(anthropic.APIStatusError, match="No"):
            list(events)


@pytest.mark.parametrize("path", PATHS)
def test_an_alias_may_wait_for_the_upstreams_status(
    gateway: Running, upstream: Rough, path: str
) -> None:
    upstream.next(WAIT, refusal(400, "invalid_request_error"))
    late = Asked(gateway, path, "first")
    until(lambda: upstream.holds == 1)
    upstream.next(WAIT, *GOOD[True])
    usual = Asked(
        gateway, path
    )  # asked later; once it has its comment, the other has waited longer
    usual.read_to(b":\n\n")
    upstream.let_go()
    late.read_to(b"No")
    assert late.got.startswith(b"HTTP/1.1 400 ")
    usual.read_to(b"\r\n0\r\n\r\n")
