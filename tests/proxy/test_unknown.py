"""A URL nobody answers says what this is, to whoever asks; a known one says which methods it has."""

from __future__ import annotations

import pytest

from aisix import __version__
from tests.running import CALLER_KEY, Running, send

ODD = ["/favicon.ico", "/robots.txt", "/v1", "/v1/", "/V1/models", "/v1/messages/x"]
ODD += [
    "/v1/chat%2Fcompletions",
    "/v1/%63hat/completions",
    "/v1/../etc/passwd",
    "/v1/assistants?a=b",
]


@pytest.fixture
def gateway(either_gateway: Running) -> Running:
    return either_gateway


@pytest.mark.parametrize("path", ODD)
def test_an_unknown_url_is_a_404_that_says_what_there_is(gateway: Running, path: str) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        for headers in ({}, {"Authorization": f"Bearer {CALLER_KEY}"}):
            answer = send(gateway.proxy_port, method, path, headers=headers)
            assert answer.status == 404
            message = answer.error["message"]
            assert "aisix gateway" in message and "..." not in message
            for there in ("POST /v1/chat/completions", "POST /v1/messages", "GET /v1/models"):
                assert there in message
            assert gateway.line(answer)["status"] == 404
            if not headers:  # nothing of what is installed or stored
                told = f"{answer.headers}{answer.body!r}"
                assert "claude" not in told and __version__ not in told
            assert ("request_id" in answer.json) == path.startswith("/v1/messages")
    assert send(gateway.proxy_port, "HEAD", path).status == 404


def test_a_header_of_one_dialect_is_answered_in_it(gateway: Running) -> None:
    headers = {"anthropic-version": "2023-06-01"}
    assert send(gateway.proxy_port, "GET", "/v1/files", headers=headers).json["type"] == "error"


@pytest.mark.parametrize("headers", [{}, {"Authorization": f"Bearer {CALLER_KEY}"}])
def test_a_wrong_method_is_told_which_are_right(gateway: Running, headers: dict[str, str]) -> None:
    for path, method, allowed in (
        ("/v1/chat/completions", "GET", "POST"),
        ("/v1/chat/completions", "OPTIONS", "POST"),
        ("/v1/messages", "PUT", "POST"),
        ("/v1/models", "POST", "GET, HEAD"),
        ("/livez", "DELETE", "GET, HEAD"),
    ):
        answer = send(gateway.proxy_port, method, path, headers=headers)
        assert (answer.status, answer.headers["allow"]) == (405, allowed)
        assert allowed in answer.error["message"]
    assert send(gateway.proxy_port, "HEAD", "/v1/messages", headers=headers).status == 405


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "resp_1"), ("DELETE", "resp_1"), ("POST", "resp_1/cancel"), ("GET", "resp_1/input_items")],
)  # fmt: skip
def test_no_answer_is_kept(gateway: Running, method: str, path: str) -> None:
    answer = send(gateway.proxy_port, method, f"/v1/responses/{path}")
    assert (answer.status, answer.error["code"]) == (404, "response_not_found")
    assert "'resp_1' not found" in answer.error["message"] and answer.error["param"] is None


def test_beside_what_is_kept_stand_other_words(gateway: Running) -> None:
    answer = send(gateway.proxy_port, "POST", "/v1/responses/compact")
    assert (answer.status, answer.error["code"]) == (404, "unknown_url")
    answer = send(gateway.proxy_port, "GET", "/v1/responses")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("path", ["/v1/messages/batches", "/v1/messages/batches/b_1/results"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_a_shared_key_would_show_is_refused(gateway: Running, method: str, path: str) -> None:
    answer = send(gateway.proxy_port, method, path)
    assert (answer.status, answer.error["type"]) == (404, "not_found_error")
    assert "a key that all callers share" in answer.error["message"]


def test_files_are_refused_in_the_dialect_that_asks(gateway: Running) -> None:
    headers = {"anthropic-version": "2023-06-01"}
    for path in ("/v1/files", "/v1/files/file_1/content"):
        answer = send(gateway.proxy_port, "GET", path, headers=headers)
        assert "a key that all callers share" in answer.error["message"]
        answer = send(gateway.proxy_port, "GET", path)
        assert answer.error["code"] == "unknown_url"


def test_what_there_is_still_asks_for_a_key(gateway: Running) -> None:
    for path in ("/v1/models", "/v1/models/claude-prod"):
        answer = send(gateway.proxy_port, "GET", path)
        assert answer.status == 401
