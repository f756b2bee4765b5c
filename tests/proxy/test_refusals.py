"""What is no request, or stops being one, is answered in its dialect and told with its status."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from tests.running import CALLER_KEY, Running
from tests.strict import openai_wire

CHAT = b"POST /v1/chat/completions HTTP/1.1\r\n"
MESSAGES = b"POST /v1/messages HTTP/1.1\r\n"
HOST = b"Host: x\r\n"
KEY = b"x-api-key: %b\r\n" % CALLER_KEY.encode()
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
WAITS = b"Expect: 100-continue\r\n"
LONG = b"Content-Length: 40000000\r\n"  # more than is taken
BEYOND = b"Content-Length: 400000000\r\n"  # more than is read and thrown away

# what is sent after the request line; the status, the kind in the access line
CASES: dict[str, tuple[bytes, int, str]] = {
    "no host": (b"\r\n", 400, "bad_host"),
    "two hosts": (HOST + b"Host: y\r\n\r\n", 400, "bad_host"),
    "a host that is none": (b"Host: x/y z\r\n\r\n", 400, "bad_host"),
    "two lengths": (HOST + KEY + b"Content-Length: 1, 2\r\n\r\n{}", 400, "bad_request"),
    "length and chunks": (HOST + KEY + b"Content-Length: 5\r\n" + CHUNKED, 400, "bad_request"),
    "a bad chunk": (HOST + KEY + CHUNKED + b"zz\r\n", 400, "bad_request"),
    "a body beyond all bounds": (HOST + KEY + BEYOND + b"\r\n{", 413, "too_large"),
    "who waits with too much": (HOST + KEY + WAITS + LONG + b"\r\n", 413, "too_large"),
    "who waits without a key": (HOST + WAITS + b"Content-Length: 9\r\n\r\n", 401, "no_key"),
    "who waits with chunks": (HOST + WAITS + CHUNKED, 401, "no_key"),
    "who waits with a bad key": (
        HOST + WAITS + b"x-api-key: sk-no\r\nContent-Length: 9\r\n\r\n",
        401,
        "bad_key",
    ),
}
FAST = {  # Tornado's server takes these, or does not say whose they were
    "a bad header": (HOST + b"A : b\r\n\r\n", 400, "bad_request"),
    "another coding": (
        HOST + KEY + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        501,
        "unsupported_coding",
    ),
    "another expectation": (HOST + KEY + b"Expect: 200-maybe\r\n\r\n", 417, "bad_expectation"),
    "a long head": (HOST + b"A: " + b"b" * 70_000 + b"\r\n\r\n", 431, "head_too_large"),
    "many headers": (HOST + b"A: b\r\n" * 300 + b"\r\n", 431, "head_too_large"),
}


@pytest.fixture
def gateway(either_gateway: Running) -> Running:
    return either_gateway


def talk(port: int, sent: bytes) -> tuple[int, dict[str, str], bytes]:
    """The first answer, whole."""
    with socket.create_connection(("127.0.0.1", port), 20) as caller:
        caller.sendall(sent)
        reader = caller.makefile("rb")
        status = int(reader.readline().split()[1])
        headers: dict[str, str] = {}
        while (line := reader.readline().decode().strip()) != "":
            name, _, value = line.partition(": ")
            assert name.lower() not in headers
            headers[name.lower()] = value
        return status, headers, reader.read(int(headers.get("content-length", "0")))


def same_error(status: int, headers: dict[str, str], body: bytes, anthropic: bool) -> Any:
    """Its message, of an error in the envelope of the dialect."""
    error = json.loads(body)
    assert headers["content-type"] == "application/json"
    if anthropic:
        assert set(error) == {"type", "request_id", "error"} and error["type"] == "error"
        assert set(error["error"]) == {"type", "message"}
        assert error["request_id"] == headers["request-id"] == headers["x-request-id"]
    else:
        assert openai_wire.openai_error_errors(status, headers, body) == []
    return error["error"]["message"]


def check(gateway: Running, line: bytes, case: tuple[bytes, int, str]) -> None:
    sent, status, kind = case
    got, headers, body = talk(gateway.proxy_port, line + sent)
    assert got == status
    assert same_error(got, headers, body, line is MESSAGES)
    assert headers["connection"] == "close"
    told = gateway.lines_of(headers["x-request-id"])
    path = line.split()[1].decode()
    assert [(one["status"], one["error"], one["path"]) for one in told] == [(status, kind, path)]


@pytest.mark.parametrize("line", [CHAT, MESSAGES], ids=["openai", "anthropic"])
@pytest.mark.parametrize("name", CASES)
def test_it_is_answered_and_told_as_what_it_is(gateway: Running, line: bytes, name: str) -> None:
    check(gateway, line, CASES[name])
    assert gateway.bugs == []


@pytest.mark.parametrize("line", [CHAT, MESSAGES], ids=["openai", "anthropic"])
@pytest.mark.parametrize("name", FAST)
def test_what_only_the_fast_listener_tells(fast_gateway: Running, line: bytes, name: str) -> None:
    check(fast_gateway, line, FAST[name])


def test_other_versions_and_endless_urls(fast_gateway: Running) -> None:
    for line, status in (
        (b"GET /v1/messages HTTP/2.0\r\n", 505),
        (b"GET /v1/messages HTTP/1.2\r\n", 505),
        (b"GET /v1/messages?%b HTTP/1.1\r\n" % (b"a" * 90_000), 414),
    ):
        got, headers, body = talk(fast_gateway.proxy_port, line + HOST + b"\r\n")
        assert got == status and same_error(got, headers, body, True)


def test_who_waits_with_a_good_key_is_told_to_go_on(gateway: Running) -> None:
    sent = CHAT + HOST + KEY + WAITS + b"Content-Length: 9\r\n\r\n"
    assert talk(gateway.proxy_port, sent)[0] == 100


def test_the_callers_id_is_kept_if_it_is_sane_and_the_metrics_count_what_was_sent(
    gateway: Running,
) -> None:
    metric = 'aisix_requests_total{route="none",alias="",status="400"}'
    before = gateway.metrics().get(metric, 0)
    for given, kept in ((b"mine-7", True), (b"a b", False)):
        sent = b"GET /v1/models HTTP/1.1\r\nHost: a b\r\nX-Request-Id: %b\r\n\r\n" % given
        _, headers, _ = talk(gateway.proxy_port, sent)
        assert (headers["x-request-id"] == given.decode()) == kept
    assert gateway.metrics()[metric] == before + 2


def test_the_admin_listener_answers_in_its_own_words(gateway: Running) -> None:
    status, headers, body = talk(gateway.admin_port, b"GET /admin/v1/status HTTP/1.1\r\n\r\n")
    assert status == 400
    assert set(json.loads(body)["error"]) == {"message", "code"}
    assert gateway.lines_of(headers["x-request-id"])[0]["error"] == "bad_host"
