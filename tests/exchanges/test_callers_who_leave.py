"""Callers who leave, read slowly or come in crowds: the upstream is let go, places are given back."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests import rough
from tests.exchanges.test_upstream_wire import MODEL, SSE, STREAM, WHOLE
from tests.rough import CLOSE, HOLD, Rough
from tests.running import CALLER_KEY, Running, until
from tests.strict import openai_wire

BUSY = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'


@pytest.fixture
def upstream() -> Iterator[Rough]:
    with Rough() as peer:
        yield peer


@pytest.fixture
def gateway(upstream: Rough, tmp_path: Path) -> Iterator[Running]:
    """Two places, one may wait."""
    more = {
        "proxy": {"max_in_flight": 2, "max_queue": 1, "queue_timeout_ms": 2000},
        "downstream": {"stalled_timeout_secs": 1},
    }
    with Running(tmp_path / "small", more) as running:
        running.set_up(upstream.url, {"claude-prod": MODEL})
        running.allow("*")
        yield running
        assert not running.bugs


class Caller:
    """Asks, and does not wait for the answer."""

    def __init__(self, gateway: Running, stream: bool, receive_buffer: int = 0) -> None:
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(("127.0.0.1", gateway.proxy_port))
        self.socket.settimeout(20)
        body: dict[str, Any] = {"model": "claude-prod", "stream": stream}
        body["messages"] = [{"role": "user", "content": "Hi"}]
        raw = json.dumps(body).encode()
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {CALLER_KEY}"
            f"\r\ncontent-type: application/json\r\ncontent-length: {len(raw)}\r\n\r\n"
        )
        self.socket.sendall(head.encode() + raw)

    def leave(self) -> None:
        self.socket.close()


def left(gateway: Running, number: int = 1) -> list[dict[str, Any]]:
    """The access lines of those who left."""

    def lines() -> list[dict[str, Any]]:
        return [line for line in gateway.lines if line["status"] == 499]

    until(lambda: len(lines()) >= number, "no 499 in the access lines")
    return lines()


def nothing_held(gateway: Running) -> None:
    def idle() -> bool:
        status = gateway.admin("GET", "status").json
        return bool(status["in_flight"] == 0 and status["queued"] == 0)

    until(idle, "something is still under way")


# what the upstream does before it falls silent
SILENCES: dict[str, tuple[bool, tuple[rough.Step, ...]]] = {
    "a plain request before the head": (False, (HOLD,)),
    "a plain request inside the body": (False, (rough.json(WHOLE)[:-9], HOLD)),
    "a stream before the head": (True, (HOLD,)),
    "a stream before its first event": (True, (STREAM, HOLD)),
    "an idle stream": (True, (STREAM, *SSE[:3], HOLD)),
}


@pytest.mark.parametrize("name", SILENCES)
def test_the_upstream_is_left_when_the_caller_leaves(
    gateway: Running, upstream: Rough, name: str
) -> None:
    stream, steps = SILENCES[name]
    upstream.next(*steps)
    caller = Caller(gateway, stream)
    until(lambda: upstream.holds, "nothing came")
    if name == "an idle stream":
        assert caller.socket.recv(1)
    caller.leave()
    upstream.wait_gone()
    (line,) = left(gateway)
    if name == "an idle stream":
        assert line["tokens"]["input"] == 3, "what was used so far is counted"
    nothing_held(gateway)
    assert len(upstream.calls) == 1, "asked again for nobody"


@pytest.mark.parametrize("stream", [False, True])
def test_who_leaves_between_two_attempts_ends_them(
    gateway: Running, upstream: Rough, stream: bool
) -> None:
    upstream.next(rough.json(BUSY, "529 Busy", "retry-after: 9"))
    caller = Caller(gateway, stream)
    until(lambda: upstream.calls, "nothing came")
    time.sleep(0.1)  # for the 529 to come in, which nothing outside tells: now it waits
    caller.leave()
    left(gateway)
    nothing_held(gateway)
    assert len(upstream.calls) == 1


def test_who_leaves_the_queue_takes_no_place(gateway: Running, upstream: Rough) -> None:
    upstream.next(HOLD)
    busy = [Caller(gateway, False) for _ in range(2)]
    until(lambda: len(upstream.calls) == 2, "nothing came")
    waiting = Caller(gateway, False)
    until(lambda: gateway.admin("GET", "status").json["queued"] == 1, "it does not wait")
    waiting.leave()
    left(gateway)
    until(lambda: gateway.admin("GET", "status").json["queued"] == 0, "it waits still")
    for one in busy:
        one.leave()
    nothing_held(gateway)
    upstream.next(rough.json(WHOLE))
    assert gateway.ask("Hi").status == 200
    assert len(upstream.calls) == 3


def test_a_crowd_waits_and_is_refused_in_time(gateway: Running, upstream: Rough) -> None:
    upstream.next(HOLD)
    busy = [Caller(gateway, True) for _ in range(2)]
    until(lambda: len(upstream.calls) == 2, "nothing came")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(gateway.ask, "Hi")
        until(lambda: gateway.admin("GET", "status").json["queued"] == 1, "it does not wait")
        refused = gateway.ask("Hi")
        assert not waiting.done()
        for path in ("/livez", "/readyz"):
            assert _get(gateway, path) == 200
        for answer in (refused, waiting.result(10)):
            assert (answer.status, answer.error["code"]) == (503, "overloaded")
            assert answer.headers["retry-after"] == "1"
            assert openai_wire.openai_error_errors(503, answer.headers, answer.body) == []
            assert gateway.line(answer)["error"] == "overloaded"
        assert gateway.line(waiting.result())["ms"] >= 2000
    for one in busy:
        one.leave()
    nothing_held(gateway)


def test_who_waits_gets_the_next_place(gateway: Running, upstream: Rough) -> None:
    upstream.next(0.3, rough.json(WHOLE))
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(gateway.ask, ["Hi"] * 3))
    assert [answer.status for answer in answers] == [200, 200, 200]
    nothing_held(gateway)


def _get(gateway: Running, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.proxy_port, timeout=10)
    connection.request("GET", path)
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_caller_who_reads_nothing_pauses_the_upstream_and_is_cut_off(
    gateway: Running, upstream: Rough
) -> None:
    text = json.dumps({"type": "text_delta", "text": "x" * 8000})
    event = b'data: {"type":"content_block_delta","index":0,"delta":%s}\n\n' % text.encode()
    many = 16_000  # 130 MB: more than any socket takes
    before = gateway.memory
    upstream.next(STREAM, *SSE[:2], *([event] * many), HOLD)
    caller = Caller(gateway, True, receive_buffer=4096)
    (line,) = left(gateway)
    assert line["error"] == "stalled"
    assert gateway.memory < before + 30, "the stream was kept in memory"
    caller.leave()
    nothing_held(gateway)


def test_a_slow_caller_gets_everything(gateway: Running, upstream: Rough) -> None:
    text = json.dumps({"type": "text_delta", "text": "x" * 8000})
    event = b'data: {"type":"content_block_delta","index":0,"delta":%s}\n\n' % text.encode()
    many = 2000
    upstream.next(STREAM, *SSE[:2], *([event] * many), *SSE[4:], CLOSE)
    before = gateway.memory
    caller = Caller(gateway, True, receive_buffer=8192)
    got, most = 0, 0
    ending = b""
    while data := caller.socket.recv(1 << 16):
        got += data.count(b"x" * 100)
        ending = (ending + data)[-100:]
        most = max(most, gateway.memory)
        if b"[DONE]" in ending:
            break
    assert b"[DONE]" in ending
    assert most < before + 30
    caller.leave()
    nothing_held(gateway)


def test_open_files_are_no_bound_until_the_hard_limit_is(upstream: Rough, tmp_path: Path) -> None:
    upstream.next(STREAM, *SSE[:3], HOLD)
    with Running(tmp_path / "roomy", program=("tests.few_files", "120:")) as running:
        running.set_up(upstream.url, {"claude-prod": MODEL})
        running.allow("*")
        callers = [Caller(running, True) for _ in range(150)]
        until(lambda: upstream.holds == 150, "not all are served")
        for caller in callers:
            caller.leave()
        upstream.wait_gone(150)
        nothing_held(running)


def test_where_files_are_few_places_are_too() -> None:
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (200, 1000));"
        "from aisix.runtime.open_files import Shares, raise_limit, shares;"
        "print(shares(raise_limit(), Shares(16384, 64, 32, 4096)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    told = "Shares(proxy=393, admin=54, metrics=32, upstream=393, requests=393)"
    assert done.stdout.strip() == told


def test_the_bodies_of_all_requests_together_are_bounded(upstream: Rough, tmp_path: Path) -> None:
    more = {"proxy": {"bodies_limit_bytes": 1 << 20}}
    with Running(tmp_path / "narrow", more) as gateway:
        gateway.set_up(upstream.url, {"claude-prod": MODEL})
        gateway.allow("*")
        upstream.next(HOLD)
        long = [{"role": "user", "content": "x" * 700_000}]
        body = {"model": "claude-prod", "messages": long}
        with ThreadPoolExecutor(1) as pool:
            pool.submit(gateway.call, {**body, "stream": True})
            until(lambda: upstream.calls, "nothing came")
            refused = gateway.call(body)
            assert (refused.status, refused.error["code"]) == (503, "overloaded")
            assert refused.headers["retry-after"] == "1"
            upstream.next(rough.json(WHOLE))
            assert gateway.ask("a short one").status == 200
            upstream.let_go()
        nothing_held(gateway)
        for _ in range(3):
            assert gateway.call(body).status == 200, "what it held is given back"
