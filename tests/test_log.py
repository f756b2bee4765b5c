"""Access lines: one line per request whatever became of it, and never its content."""

from __future__ import annotations

import asyncio
import http.client
import http.server
import io
import json
import logging
import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from aisix import log
from aisix.standin.server import Standin
from tests.running import CALLER_KEY, ROOT, Answer, Running, send, until

MODELS = {"claude-prod": {"model_name": "claude-opus-5-5"}}


@pytest.fixture(scope="module")
def gateway(standin: Standin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("lines"), {"upstream": {"retries": 1}}) as running:
        running.set_up(standin.url, MODELS)
        running.allow("*")
        yield running


def ask(gateway: Running, text: str, x_request_id: str, **more: Any) -> Answer:
    """One user turn."""
    words = [{"role": "user", "content": text}]
    body = {"model": "claude-prod", "messages": words, **more}
    return gateway.call(body, x_request_id=x_request_id)


def line(gateway: Running, request_id: str) -> dict[str, Any]:
    """The one line of a request."""
    found: list[dict[str, Any]] = []

    def there() -> bool:
        found[:] = [one for one in gateway.lines if one["request_id"] == request_id]
        return bool(found)

    until(there)
    assert len(found) == 1
    return found[0]


def test_a_good_request_is_told_with_ids_times_tokens_and_tables(gateway: Running) -> None:
    answer = ask(gateway, "a secret wish", logit_bias={"1": 2}, x_request_id="mine-1")
    assert answer.headers["x-request-id"] == "mine-1"
    told = line(gateway, "mine-1")
    assert told["status"] == 200
    assert told["alias"] == "claude-prod"
    assert told["upstream_model"] == "claude-opus-5-5"
    assert told["upstream_request_id"] == answer.headers["x-upstream-request-id"]
    assert told["mapping"] == answer.headers["x-aisix-mapping"]
    assert told["warnings"] == answer.headers["x-aisix-warnings"]
    assert told["tokens"]["output"] == answer.json["usage"]["completion_tokens"]
    assert told["attempts"] == 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told["at"])
    ask(gateway, "a secret wish", stream=True, x_request_id="mine-2")
    told = line(gateway, "mine-2")
    assert 0 < told["first_byte_ms"] <= told["first_token_ms"] <= told["ms"]


def test_refused_and_failed_requests_have_their_line_too(gateway: Running) -> None:
    gateway.call({"model": "claude-prod"}, key="sk-nobody-0123456789", x_request_id="r-1")
    assert line(gateway, "r-1")["error"] == "bad_key"
    gateway.call(b"{", x_request_id="r-2")
    assert (line(gateway, "r-2")["status"], line(gateway, "r-2")["error"]) == (400, "bad_json")
    ask(gateway, "standin:status-529", x_request_id="r-3")
    told = line(gateway, "r-3")
    assert (told["status"], told["upstream_status"], told["attempts"]) == (503, 529, 2)
    with socket.create_connection(("127.0.0.1", gateway.proxy_port)) as raw:
        raw.sendall(b"no http at all\r\n\r\n")
        head = raw.recv(1000).decode()
    assert " 400 " in head
    request_id = head.partition("X-Request-Id: ")[2].partition("\r\n")[0]
    assert line(gateway, request_id)["error"] == "bad_request"
    assert gateway.metrics()['aisix_requests_total{route="none",alias="",status="400"}'] == 1


def test_a_refusal_before_the_body_was_read_is_no_leaving(gateway: Running) -> None:
    key = {"Authorization": f"Bearer {CALLER_KEY}", "X-Request-Id": "r-4"}
    assert send(gateway.proxy_port, "POST", "/v1/assistants", {"input": "x"}, key).status == 404
    told = line(gateway, "r-4")
    assert (told["status"], told["error"]) == (404, "unknown_url")
    metric = 'aisix_requests_total{route="other",alias="",status="404"}'
    assert gateway.metrics()[metric] == 1


def test_a_caller_who_leaves_is_a_499_with_the_tokens_so_far(gateway: Running) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.proxy_port, timeout=10)
    words = {"role": "user", "content": "standin:slow-100 standin:long-900"}
    body = {"model": "claude-prod", "stream": True, "messages": [words]}
    key = {"Authorization": f"Bearer {CALLER_KEY}", "X-Request-Id": "gone"}
    connection.request("POST", "/v1/chat/completions", json.dumps(body), key)
    answer = connection.getresponse()
    answer.read(300)
    answer.close()
    connection.close()
    told = line(gateway, "gone")
    assert told["status"] == 499
    assert told["tokens"]["input"] > 0
    assert told["first_byte_ms"] > 0


def test_an_odd_request_id_is_replaced(gateway: Running) -> None:
    for odd in ("a b", "x" * 129, "<script>", 'a"b'):
        assert ask(gateway, "Hi", x_request_id=odd).headers["x-request-id"].startswith("req_")


def test_no_line_holds_content_a_key_or_a_field_that_is_not_described(gateway: Running) -> None:
    ask(gateway, "a secret wish", x_request_id="last")
    line(gateway, "last")
    known = {name for name, _ in log.FIELDS}
    for one in gateway.lines:
        assert set(one) <= known, set(one) - known
    text = (gateway.folder / "out.log").read_text() + gateway.log
    for secret in ("a secret wish", "sk-nobody-0123456789", CALLER_KEY, "sk-ant-the-secret"):
        assert secret not in text


def test_a_flood_of_one_kind_is_a_line_a_second_with_a_count() -> None:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.addFilter(log.Repeats(handler, clock=lambda: 100.0))
    logger = logging.getLogger("aisix")
    kept = logger.handlers
    logger.handlers = [handler]

    async def flood() -> None:
        for number in range(1000):
            log.often("a", "a %d", number)
            log.bug(f"req_{number}", ValueError("secret"))
            logging.getLogger("aisix").warning("an operator's own %d", number)
            log.often(("many", number), "many")
        lines = out.getvalue().split("\n")
        assert lines.count("a 0") == 1
        assert len([line for line in lines if line.startswith("bug in request req_0")]) == 1
        assert len([line for line in lines if line.startswith("an operator's")]) == 1000
        assert lines.count("many") <= log.MOST_KINDS
        while "a 999 (and 998 more like it)" not in out.getvalue():
            await asyncio.sleep(0.01)

    try:
        asyncio.run(flood())
    finally:
        logger.handlers = kept
    assert "secret" not in out.getvalue()


def test_the_documentation_lists_every_field() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    for name, what in log.FIELDS:
        assert f"| `{name}` | {what} |" in text
