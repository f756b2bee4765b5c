"""The end of a worker: who is answered, and who is told."""

from __future__ import annotations

import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from aisix.standin.server import Standin
from tests.running import ADMIN_KEY, CALLER_KEY, Running, chunks, send, until

MODEL = {"claude-prod": {"model_name": "claude-opus-5-5"}}


def refused(gateway: Running) -> bool:
    try:
        send(gateway.proxy_port, "GET", "/livez", timeout=2)
    except ConnectionError:
        return True
    return False


def test_sigterm_lets_a_stream_finish_and_takes_nobody_new(
    tmp_path: Path, standin: Standin
) -> None:
    with Running(tmp_path / "gateway") as gateway:
        gateway.set_up(standin.url, MODEL)
        gateway.allow("claude-prod")
        with gateway.streaming("standin:slow-40 standin:long-60") as stream:
            gateway.process.send_signal(signal.SIGTERM)
            until(lambda: refused(gateway))
            assert gateway.process.poll() is None, "refused because it is gone"
            assert list(chunks(stream.read()))[-1] == "[DONE]"
        assert gateway.process.wait(10) == 0


def test_a_stream_that_does_not_end_in_time_gets_an_error_and_no_done(
    tmp_path: Path, standin: Standin
) -> None:
    with Running(tmp_path / "gateway", {"shutdown": {"max_drain_secs": 1}}) as gateway:
        gateway.set_up(standin.url, MODEL)
        gateway.allow("claude-prod")
        with gateway.streaming("standin:slow-100 standin:long-900") as stream:
            gateway.process.send_signal(signal.SIGTERM)
            last = list(chunks(stream.read()))[-1]
        assert last["error"]["code"] == "gateway_stopping"
        assert gateway.process.wait(10) == 0


@pytest.mark.parametrize("http", ["fast", "tornado"])
def test_whoever_is_left_at_the_end_of_a_drain_is_told_that_the_gateway_stopped(
    tmp_path: Path, http: str
) -> None:
    more = {"shutdown": {"min_drain_secs": 0, "max_drain_secs": 0}, "proxy": {"http": http}}
    with Running(tmp_path, more) as gateway, socket.create_server(("127.0.0.1", 0)) as silent:
        gateway.set_up(f"http://127.0.0.1:{silent.getsockname()[1]}", MODEL)
        gateway.allow("claude-prod")
        body: dict[str, Any] = {"model": "claude-prod", "max_tokens": 9}
        body["messages"] = [{"role": "user", "content": "Hi"}]
        with ThreadPoolExecutor(4) as pool:
            asked = {
                (path, stream): pool.submit(
                    send,
                    gateway.proxy_port,
                    "POST",
                    path,
                    {**body, "stream": stream},
                    {"Authorization": f"Bearer {CALLER_KEY}"},
                )
                for path in ("/v1/chat/completions", "/v1/messages")
                for stream in (False, True)
            }
            with socket.create_connection(("127.0.0.1", gateway.proxy_port), 20) as slow:
                head = f"POST /v1/messages HTTP/1.1\r\nHost: x\r\nx-api-key: {CALLER_KEY}\r\n"
                slow.sendall(head.encode() + b"Content-Length: 99\r\n\r\n{")
                until(lambda: gateway.metrics().get("aisix_in_flight") == 5)
                gateway.process.send_signal(signal.SIGTERM)
                answer = slow.makefile("rb").read()
            assert answer.startswith(b"HTTP/1.1 503 ") and b"gateway stopped" in answer
            for done in asked.values():
                assert done.result(20).status == 503
                assert "gateway stopped" in done.result().error["message"]
        assert gateway.process.wait(10) == 0
        told = [(line["status"], line["error"]) for line in gateway.lines]
        assert told == [(503, "stopping")] * 5
        assert not any("upstream_fault" in line for line in gateway.lines)
        assert gateway.bugs == []


def test_sigterm_waits_for_the_answer_of_an_admin(tmp_path: Path) -> None:
    body = b'{"key_hash": "%064x", "allowed_models": ["*"]}' % 1
    with (
        Running(tmp_path / "gateway") as gateway,
        socket.create_connection(("127.0.0.1", gateway.admin_port), 20) as admin,
    ):
        head = f"POST /admin/v1/apikeys HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {ADMIN_KEY}"
        admin.sendall(f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body[:9])
        of_admins = 'aisix_connections{listener="admin"}'
        until(lambda: gateway.metrics()[of_admins] == 1)
        gateway.process.send_signal(signal.SIGTERM)
        until(lambda: refused(gateway))
        admin.sendall(body[9:])
        answer = admin.makefile("rb").read()
        assert answer.startswith(b"HTTP/1.1 201 "), answer
        assert gateway.process.wait(10) == 0


def test_sigterm_waits_no_longer_for_an_admin_than_for_callers(tmp_path: Path) -> None:
    more = {"shutdown": {"min_drain_secs": 0, "max_drain_secs": 1}}
    with (
        Running(tmp_path / "gateway", more) as gateway,
        socket.create_connection(("127.0.0.1", gateway.admin_port), 20) as admin,
    ):
        head = f"POST /admin/v1/apikeys HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {ADMIN_KEY}"
        admin.sendall(f"{head}\r\nContent-Length: 99\r\n\r\n{{".encode())
        of_admins = 'aisix_connections{listener="admin"}'
        until(lambda: gateway.metrics()[of_admins] == 1)
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.process.wait(20) == 0
