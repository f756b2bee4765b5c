"""A gateway in the original AISIX's form, as its callers, scripts and log readers know it: headers,
words of errors, ids, lines of text."""

from __future__ import annotations

import http.server
import json
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from aisix import __version__
from tests.running import Answer, free_port, send, until
from tests.runtime.test_moved_in import CALLER, Bare

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
LIMIT = 64 << 10  # bytes of a body
CHUNK = {"id": "chatcmpl-s", "object": "chat.completion.chunk", "created": 1, "model": "m-1"}
FAILURES: dict[str, tuple[int, Any]] = {
    "refuses": (
        401,
        {"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}},
    ),
    "fails": (503, {"error": {"message": "shard 7 is down"}}),
}


class Upstream(http.server.BaseHTTPRequestHandler):
    """Answers by the name of the model it is asked for."""

    protocol_version = "HTTP/1.1"
    seen: list[tuple[str, dict[str, str]]]  # model, headers

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        name = asked["model"]
        self.seen.append((name, {k.lower(): v for k, v in self.headers.items()}))
        if name in FAILURES:
            status, body = FAILURES[name]
            return self._answer(status, "text/plain", json.dumps(body))
        if asked.get("stream"):
            return self._answer(200, "text/event-stream", _events(name))
        message = {"role": "assistant", "content": "hi"}
        answer = {
            **CHUNK,
            "id": f"chatcmpl-{name}",
            "object": "chat.completion",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6},
        }
        return self._answer(200, "application/json", json.dumps(answer))

    def _answer(self, status: int, kind: str, body: str) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("server", "somebody/1")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


def _events(name: str) -> str:
    delta = {"role": "assistant", "content": "hi"}
    first = {**CHUNK, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    last: dict[str, Any] = {
        **CHUNK,
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
    }
    if name == "breaks":
        last = {"error": {"message": "overloaded", "type": "server_error"}}
    ends = "" if name == "breaks" else "data: [DONE]\n\n"
    return f"data: {json.dumps(first)}\n\ndata: {json.dumps(last)}\n\n{ends}"


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    Upstream.seen = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def gateway(upstream: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bare]:
    made = Bare(
        tmp_path_factory.mktemp("words") / "g",
        resources_file="r.yaml",
        upstream={"retries": 0},
        observability={
            "log_level": "warn",
            "access_log": False,
            "metrics": {"prometheus": {"enabled": False}},
        },
    )
    config = yaml.safe_load(made.config.read_text())
    config["proxy"] |= {
        "request_body_limit_bytes": LIMIT,
        "request_id": {"accept_headers": ["X-Aisix-Request-Id", "x-ticket"]},
    }
    made.config.write_text(yaml.safe_dump(config))
    names = ("ok", "refuses", "fails", "breaks", "other")
    alias = {"provider": "openai", "provider_key": "p"}
    file = {
        "_format_version": "1",
        "provider_keys": [
            {"display_name": "p", "provider": "openai", "api_key": "sk-up", "api_base": upstream},
            {
                "display_name": "gone",
                "provider": "openai",
                "api_key": "sk-up",
                "api_base": f"http://127.0.0.1:{free_port()}/v1",
            },
        ],
        "models": [
            *({**alias, "display_name": name, "model_name": name} for name in names),
            {**alias, "display_name": "flaky", "model_name": "fails"},
            {**alias, "display_name": "gone", "model_name": "ok", "provider_key": "gone"},
            {
                "display_name": "group",
                "routing": {"targets": [{"model": "flaky"}, {"model": "other"}]},
            },
        ],
        "api_keys": [
            {"display_name": "ci", "key_env": "CALLER", "allowed_models": ["*"]},
            {"display_name": "few", "key_env": "FEW", "allowed_models": ["ok"]},
            {
                "display_name": "slow",
                "key_env": "SLOW",
                "allowed_models": ["*"],
                "rate_limit": {"rpm": 1, "concurrency": 3},
            },
            {
                "display_name": "off",
                "key_env": "OFF",
                "allowed_models": ["*"],
                "disabled": True,
            },
        ],
    }
    (made.folder / "r.yaml").write_text(yaml.safe_dump(file))
    keys = {"FEW": "few-key", "SLOW": "slow-key", "OFF": "off-key"}
    with made.running(CALLER=CALLER, RUST_LOG="info,aisix_proxy=debug", **keys):
        until(lambda: ask(made, "ok").status == 200)
        yield made
    assert "bug in" not in made.log


def ask(gateway: Bare, model: str, key: str = CALLER, **more: Any) -> Answer:
    headers = {"authorization": f"Bearer {key}", **more.pop("headers", {})}
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}], **more}
    return send(gateway.port, "POST", "/v1/chat/completions", body, headers)


def lines_of(gateway: Bare, request_id: str, words: str) -> list[str]:
    """Its lines with these words, once there is one."""
    mark = f"request_id={json.dumps(request_id)}"

    def found() -> list[str]:
        return [one for one in gateway.log.splitlines() if words in one and mark in one]

    until(found, words)
    return found()


ERRORS: list[tuple[str, dict[str, Any], tuple[int, str, str | None], str]] = [
    ("ok", {"key": "nobody"}, (401, "invalid_api_key", None), ""),
    ("ok", {"key": "off-key"}, (401, "invalid_api_key", "api_key_disabled"), "disabled"),
    ("refuses", {"key": "few-key"}, (403, "permission_denied", None), "refuses"),
    ("nothing", {}, (404, "model_not_found", None), "nothing"),
    (
        "ok",
        {"user": "x" * LIMIT},
        (413, "invalid_request_error", None),
        f"request body exceeds {LIMIT}-byte limit",
    ),
    ("refuses", {}, (401, "upstream_error", "invalid_api_key"), "Incorrect API key provided"),
    ("fails", {}, (502, "upstream_error", None), "upstream returned 503"),
    ("gone", {}, (502, "transport_error", None), "could not be reached"),
]


@pytest.mark.parametrize(("model", "more", "wanted", "words"), ERRORS)
def test_errors_have_their_statuses_types_codes_and_ids(
    gateway: Bare, model: str, more: dict[str, Any], wanted: Any, words: str
) -> None:
    mine = f"mine/{model}:{wanted[0]}{wanted[2]}"
    answer = ask(gateway, model, headers={"x-aisix-request-id": mine}, **more)
    error = answer.json["error"]
    assert (answer.status, error["type"], error.get("code")) == wanted
    assert words in error["message"] and None not in error.values()
    assert answer.headers["x-aisix-request-id"] == answer.headers["x-request-id"] == mine
    assert answer.headers["server"] == f"AISIX/{__version__}"
    assert "x-aisix-call-id" not in answer.headers
    (line,) = lines_of(gateway, mine, "proxy request completed")
    assert f"status={wanted[0]} " in line and f"error={json.dumps(error['message'])}" in line


def test_limits_are_told_with_whole_seconds_and_places(gateway: Bare) -> None:
    good, refused = (ask(gateway, "ok", key="slow-key") for _ in range(2))
    assert good.headers["x-ratelimit-remaining-requests"] == "0"
    assert re.fullmatch(r"\d+s", good.headers["x-ratelimit-reset-requests"])
    assert good.headers["x-ratelimit-limit-concurrent"] == "3"
    assert good.headers["x-ratelimit-remaining-concurrent"] == "2"
    error = refused.json["error"]
    assert (refused.status, error["type"]) == (429, "rate_limit_exceeded")
    assert error["message"].startswith("request limit exceeded (requests)")
    assert int(refused.headers["retry-after"]) > 0


IDS = [
    ({"x-aisix-request-id": "req_abc-orders/7"}, "req_abc-orders/7"),
    ({"x-aisix-request-id": "~" * 256}, "~" * 256),
    ({"x-aisix-request-id": "x" * 257}, None),
    ({"x-aisix-request-id": "a b"}, None),
    ({"x-aisix-request-id": "a b", "x-ticket": "T-1"}, "T-1"),
    ({"x-request-id": "stamped"}, None),
    ({}, None),
]


@pytest.mark.parametrize(("headers", "wanted"), IDS)
def test_one_id_is_told_to_everybody(
    gateway: Bare, headers: dict[str, str], wanted: str | None
) -> None:
    answer = ask(gateway, "ok", headers=headers)
    told = answer.headers["x-aisix-request-id"]
    assert (told == wanted) if wanted else UUID.fullmatch(told)
    assert answer.headers["x-aisix-call-id"] == told
    assert Upstream.seen[-1][1]["x-aisix-request-id"] == told


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/v1/nothing", "/"])
def test_every_answer_names_the_gateway_and_an_id(gateway: Bare, path: str) -> None:
    answer = send(gateway.port, "GET", path, None, {})
    assert answer.headers["server"] == f"AISIX/{__version__}"
    assert UUID.fullmatch(answer.headers["x-aisix-request-id"])


def test_each_attempt_of_a_group_has_the_same_id_and_its_own_line(gateway: Bare) -> None:
    answer = ask(gateway, "group", headers={"x-aisix-request-id": "both"})
    assert (answer.status, answer.headers["x-aisix-served-by"]) == (200, "other")
    sent = [(name, got["x-aisix-request-id"]) for name, got in Upstream.seen[-2:]]
    assert sent == [("fails", "both"), ("other", "both")]
    (line,) = lines_of(gateway, "both", "provider call completed")
    for part in (
        'provider_request_id="chatcmpl-other"',
        "attempt_index=1",
        'attempt_kind="fallback"',
        'handler="chat"',
        "status=200",
        'requested_model="group"',
        'provider_model_version="m-1"',
    ):
        assert part in line
    (line,) = lines_of(gateway, "both", "proxy request completed")
    for part in (
        'method="POST" path="/v1/chat/completions" status=200 latency_ms=',
        'provider="openai" model="group" api_key_id="',
        "prompt_tokens=5 completion_tokens=1 total_tokens=6",
        'provider_request_id="chatcmpl-other" served_by_model="other"',
        "routing_attempt_count=2 routing_fallback_count=1",
    ):
        assert part in line
    assert re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z INFO aisix::access: proxy request completed ", line)


def test_a_stream_has_its_lines_at_its_end(gateway: Bare) -> None:
    answer = ask(gateway, "ok", stream=True, headers={"x-aisix-request-id": "streamed"})
    assert answer.headers["x-aisix-call-id"] == "streamed" and b"[DONE]" in answer.body
    (line,) = lines_of(gateway, "streamed", "provider call completed")
    assert 'provider_request_id="chatcmpl-s" attempt_index=0 attempt_kind="initial"' in line
    assert lines_of(gateway, "streamed", "proxy request completed")


def test_an_error_inside_a_stream_is_an_event_of_its_own(gateway: Bare) -> None:
    answer = ask(gateway, "breaks", stream=True)
    assert answer.body.count(b"event: error\ndata: ") == 1 and b"[DONE]" not in answer.body
    told = json.loads(answer.body.rpartition(b"event: error\ndata: ")[2])
    assert told == {"error": {"message": "overloaded", "type": "upstream_in_band_error"}}


def test_a_body_over_the_limit_has_a_line_of_its_own(gateway: Bare) -> None:
    ask(gateway, "ok", user="x" * LIMIT, headers={"x-aisix-request-id": "long"})
    (line,) = lines_of(gateway, "long", "request body exceeded the configured limit")
    for part in (
        'endpoint="/v1/chat/completions" method="POST" status=413',
        f"configured_limit_bytes={LIMIT}",
        'drain_outcome="completed"',
    ):
        assert part in line
    sizes = {name: int(n) for name, n in re.findall(r"(\w+)=(\d+)", line)}
    assert sizes["declared_content_length"] == sizes["drained_bytes"] > LIMIT


def test_callers_text_breaks_no_line(gateway: Bare) -> None:
    odd = 'a"b\nproxy request completed status=200 \u2028\u009b'
    answer = ask(gateway, odd, headers={"x-aisix-request-id": 'q"\\q', "x-request-id": "in-1"})
    (line,) = lines_of(gateway, 'q"\\q', "proxy request completed")
    assert f"model={json.dumps(odd)}" in line and 'downstream_request_id="in-1"' in line
    assert answer.status == 404
