"""What the gateway itself refuses, each in the caller dialect's envelope."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
from typing import Any

import pytest

from tests.running import CALLER_KEY, Answer, Running, send
from tests.strict import openai_wire

PATH = "/v1/chat/completions"
GOOD = {"model": "claude-prod", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture
def gateway(either_gateway: Running) -> Running:
    return either_gateway


def refused(answer: Answer, status: int, code: str | None, param: str | None = None) -> None:
    """It is this error, in the envelope with all four keys, and the SDK can read it."""
    assert answer.status == status, answer.body
    assert set(answer.error) == {"message", "type", "param", "code"}
    assert (answer.error["code"], answer.error["param"]) == (code, param)
    assert openai_wire.openai_error_errors(status, answer.headers, answer.body) == []


def test_without_a_key(gateway: Running) -> None:
    answer = gateway.call(GOOD, key=None)
    refused(answer, 401, "invalid_api_key")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_with_an_unknown_key_which_is_not_echoed(gateway: Running) -> None:
    answer = gateway.call(GOOD, key="sk-nobody-knows-this")
    refused(answer, 401, "invalid_api_key")
    assert b"nobody" not in answer.body


def test_a_disabled_and_an_expired_key(gateway: Running) -> None:
    gateway.allow("claude-prod", key="sk-disabled-key-0001", disabled=True)
    refused(gateway.call(GOOD, key="sk-disabled-key-0001"), 401, "disabled_api_key")
    body = {"key_hash": "0" * 64, "allowed_models": ["x"], "expires_at": "2020-01-01T00:00:00Z"}
    assert gateway.admin("POST", "apikeys", body).status in (201, 400)


def test_an_alias_the_key_may_not_use_whether_it_exists_or_not(gateway: Running) -> None:
    gateway.allow("claude-new", key="sk-only-claude-new")
    for alias in ("claude-prod", "does-not-exist"):
        answer = gateway.call({**GOOD, "model": alias}, key="sk-only-claude-new")
        refused(answer, 403, "model_not_allowed", "model")


ROUTES = {
    "/v1/chat/completions": {},
    "/v1/messages": {},
    "/v1/messages/count_tokens": {},
    "/v1/models": {},
    "/v1/models/claude-prod": {"anthropic-version": "2023-06-01"},
}


@pytest.mark.parametrize("path", ROUTES)
def test_of_two_keys_the_good_one_counts_and_of_two_good_ones_the_dialects_own(
    gateway: Running, path: str
) -> None:
    ours, theirs, old = f"sk-x-api-key-{path}", f"sk-bearer-{path}", f"sk-disabled-{path}"
    ids = {key: gateway.allow("claude-prod", key=key) for key in (ours, theirs)}
    gateway.allow("claude-prod", key=old, disabled=True)
    method = "GET" if "models" in path else "POST"
    body = None if method == "GET" else {**GOOD, "max_tokens": 9}

    def asked(x_api_key: str | None, authorization: str | None) -> tuple[int, str | None]:
        given = {"x-api-key": x_api_key, "authorization": authorization}
        headers = {name: text for name, text in given.items() if text is not None}
        answer = send(gateway.proxy_port, method, path, body, {**headers, **ROUTES[path]})
        line = gateway.line(answer)
        return answer.status, line.get("api_key_id") or line.get("error")

    own = ours if "messages" in path or ROUTES[path] else theirs
    assert asked(ours, f"Bearer {theirs}") == (200, ids[own])
    for one, other in (("sk-ant-foreign", f"bearer  {theirs}"), ("", f"BEARER {theirs}")):
        assert asked(one, other) == (200, ids[theirs])
    for other in ("Bearer sk-foreign", "Bearer", "", "Basic Zm9v", f"Bearer {old}", theirs, "é"):
        assert asked(ours, other) == (200, ids[ours])
    assert asked(old, f"Bearer {theirs}") == (200, ids[theirs])
    assert asked(old, "Bearer sk-foreign") == (401, "disabled_key")
    assert asked("sk-foreign", f"Bearer {old}") == (401, "disabled_key")
    assert asked("sk-foreign", "Bearer sk-foreign") == (401, "bad_key")
    assert asked("", "Basic Zm9v") == (401, "no_key")


# Every route that is told the alias in a body: the chats of two dialects, and counting.
@pytest.mark.parametrize("path", [PATH, "/v1/messages", "/v1/messages/count_tokens"])
def test_the_alias_is_checked_the_same_on_every_route(gateway: Running, path: str) -> None:
    key = f"sk-for-two-aliases-{path}"
    gateway.allow("claude-new", "no-such-alias", key=key)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    told = {}
    for alias in (None, 7, "claude-prod", "does-not-exist", "no-such-alias", "claude-new"):
        body = {"model": alias, "max_tokens": 9, "messages": GOOD["messages"]}
        answer = send(gateway.proxy_port, "POST", path, body, headers)
        told[alias] = gateway.line(answer).get("error"), answer.status
    assert told == {
        None: ("missing", 400),
        7: ("wrong_type", 400),
        "claude-prod": ("not_allowed", 403),
        "does-not-exist": ("not_allowed", 403),
        "no-such-alias": ("no_such_model", 404),
        "claude-new": (None, 200),
    }


def test_an_alias_that_does_not_exist(gateway: Running) -> None:
    refused(gateway.ask("Hi", "no-such-alias"), 404, "model_not_found", "model")


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"",
        b"[]",
        b'"text"',
        b"\xff\xfe{}",
        b'{"model": NaN}',
        b'{"model":"claude-prod","messages":"\\ud800"}',
        b"[" * 100_000,
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
    ],
    ids=["cut", "empty", "array", "text", "bad-utf8", "nan", "surrogate", "deep", "deep-object"],
)
def test_a_body_that_is_no_json_object(gateway: Running, raw: bytes) -> None:
    answer = gateway.call(raw)
    assert answer.status == 400, answer.body
    assert set(answer.error) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("name", ["model", "messages"])
def test_a_required_field_that_is_missing_or_null(gateway: Running, name: str) -> None:
    without = {key: value for key, value in GOOD.items() if key != name}
    refused(gateway.call(without), 400, "missing_required_parameter", name)
    refused(gateway.call({**GOOD, name: None}), 400, "missing_required_parameter", name)


def test_a_field_of_the_wrong_type_is_named(gateway: Running) -> None:
    bad = {**GOOD, "messages": [{"role": "user", "content": [{"type": "text", "text": 3}]}]}
    answer = gateway.call(bad)
    assert answer.status == 400
    assert answer.error["param"] == "messages[0].content[0].text"
    refused(gateway.call({**GOOD, "model": 3}), 400, "invalid_type", "model")


def test_strict_mode_refuses_what_lenient_mode_only_tells(gateway: Running) -> None:
    more: dict[str, Any] = {"logit_bias": {"50256": -100}}
    lenient = gateway.ask("Hi", "claude-new", **more)
    assert lenient.status == 200
    assert lenient.headers["x-aisix-warnings"] == "logit_bias=dropped"
    refused(gateway.ask("Hi", "claude-strict", **more), 400, "unsupported_parameter", "logit_bias")


def test_an_unknown_url_and_a_wrong_method(gateway: Running) -> None:
    headers = {"Authorization": f"Bearer {CALLER_KEY}"}
    for path in ("/v1/assistants", "/", "/v1/chat/completions/x"):
        refused(send(gateway.proxy_port, "POST", path, GOOD, headers), 404, "unknown_url")
    answer = send(gateway.proxy_port, "GET", PATH, headers=headers)
    refused(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"


def test_what_is_no_plain_json_is_refused_and_json_under_any_other_name_is_read(
    gateway: Running,
) -> None:
    form = gateway.call(b"--x\r\n", Content_Type="multipart/form-data; boundary=x")
    refused(form, 415, "unsupported_media_type")
    assert form.json["error"]["message"] == "Send the request as plain JSON, not as a form."
    packed = gateway.call(gzip.compress(json.dumps(GOOD).encode()), Content_Encoding="gzip")
    refused(packed, 415, "unsupported_media_type")
    assert packed.json["error"]["message"] == "Send the request as plain JSON, not compressed."
    assert gateway.call(GOOD, Content_Encoding="identity").status == 200
    assert gateway.call(GOOD, Content_Type="text/plain").status == 200
    for body, status in ((GOOD, 200), (b"\n " + json.dumps(GOOD).encode(), 200), (b"[]", 400)):
        answer = gateway.call(body, Content_Type="application/x-www-form-urlencoded")
        assert answer.status == status


def test_a_body_over_the_limit_gets_its_413(tmp_path: Any, standin: Any) -> None:
    more = {"proxy": {"request_body_limit_bytes": 10_000}}
    with Running(tmp_path / "small", more) as small:
        small.set_up(standin.url, {"claude-prod": {"model_name": "claude-opus-5-5"}})
        small.allow("claude-prod")
        refused(small.ask("x" * 12_000), 413, "request_too_large")
        assert small.ask("x" * 5_000).status == 200


def test_the_request_id_of_the_caller_is_echoed_when_it_is_sane(gateway: Running) -> None:
    assert gateway.call(GOOD, X_Request_Id="trace-42").headers["x-request-id"] == "trace-42"
    assert gateway.call(GOOD, X_Request_Id="a b<c>").headers["x-request-id"].startswith("req_")


def test_health_needs_no_key(gateway: Running) -> None:
    assert send(gateway.proxy_port, "GET", "/livez").status == 200
    assert send(gateway.proxy_port, "GET", "/readyz").json == {"status": "ok"}


def test_two_lengths_are_no_request(gateway: Running) -> None:
    with socket.create_connection(("127.0.0.1", gateway.proxy_port), 10) as client:
        client.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
            + CALLER_KEY.encode()
            + b"\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}"
        )
        answer = client.recv(65536)
    assert answer == b"" or b" 400 " in answer.split(b"\r\n")[0]
    assert gateway.ask("Hi").status == 200


def test_a_connection_is_kept_for_many_requests(gateway: Running) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.proxy_port, timeout=20)
    headers = {"Authorization": f"Bearer {CALLER_KEY}"}
    for number in range(5):
        body = b'{"model":"claude-prod","messages":[{"role":"user","content":"%d"}]}' % number
        connection.request("POST", PATH, body, headers)
        answer = connection.getresponse()
        assert f"You said: {number}".encode() in answer.read()
    connection.close()


def test_a_connection_goes_on_after_a_refusal_or_is_said_to_end(gateway: Running) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.proxy_port, timeout=10)
    body = json.dumps({"model": "claude-prod", "messages": [{"role": "user", "content": "Hi"}]})
    for key, status in (("sk-nobody", 401), (CALLER_KEY, 200), ("sk-nobody", 401)):
        headers = {"Authorization": f"Bearer {key}"}
        connection.request("POST", "/v1/chat/completions", body, headers)
        answer = connection.getresponse()
        answer.read()
        assert (answer.status, answer.getheader("connection")) == (status, None)
    connection.request("POST", "/v1/elsewhere", body, {"Authorization": f"Bearer {CALLER_KEY}"})
    answer = connection.getresponse()
    answer.read()
    assert (answer.status, answer.getheader("connection")) == (404, "close")
