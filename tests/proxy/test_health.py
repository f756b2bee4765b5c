"""What is answered without a key: whether it lives, whether it is ready, what it is."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from aisix import __version__
from aisix.standin.server import Standin
from tests.running import Running, send

MODEL = {"claude-prod": {"model_name": "claude-opus-5-5"}}


def test_health_says_no_while_draining_and_without_a_model(
    tmp_path: Path, standin: Standin
) -> None:
    with Running(tmp_path / "gateway", {"shutdown": {"min_drain_secs": 2}}) as gateway:
        answer = send(gateway.proxy_port, "GET", "/readyz")
        assert (answer.status, answer.json["status"]) == (503, "unconfigured")
        gateway.set_up(standin.url, MODEL)
        assert send(gateway.proxy_port, "GET", "/readyz").status == 200
        gateway.process.send_signal(signal.SIGTERM)
        end = time.monotonic() + 1.5
        statuses = set()
        while time.monotonic() < end and 503 not in statuses:
            statuses.add(send(gateway.proxy_port, "GET", "/readyz").status)
        assert 503 in statuses
        assert send(gateway.proxy_port, "GET", "/livez").status == 200


def test_without_a_key_there_is_what_it_is_and_whether_it_lives(gateway: Running) -> None:
    for path in ("/", "/?a=b", "/livez", "/health", "/healthz", "/readyz"):
        answer = send(gateway.proxy_port, "GET", path)
        assert (answer.status, answer.json["status"]) == (200, "ok")
        told = f"{answer.headers}{answer.body!r}"
        assert "claude" not in told and __version__ not in told
        head = send(gateway.proxy_port, "HEAD", path)
        assert (head.status, head.body) == (200, b"")
        assert head.headers["content-length"] == answer.headers["content-length"]
        posted = send(gateway.proxy_port, "POST", path)
        assert posted.status == (404 if path[:2] in ("/", "/?") else 405)
        assert "GET" in posted.error["message"]
    about = send(gateway.proxy_port, "GET", "/")
    routes = [route for api in about.json["apis"] for route in api["routes"]]
    assert "POST /v1/chat/completions" in routes and "POST /v1/messages" in routes
    assert gateway.line(about)["path"] == "/"
