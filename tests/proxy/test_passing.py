"""Routes whose requests are passed on: byte for byte, with the model in the alias's place."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aisix.mapping.mappings import load_mappings
from aisix.standin.handler import Scripted
from aisix.standin.neighbours import SOUND, answers
from aisix.standin.server import Standin
from tests.mapping.parse.test_passes import SHIPPED
from tests.rough import HOLD, RESET, Rough, stream
from tests.rough import json as said
from tests.running import CALLER_KEY, Answer, Running, send, until

MODEL = "the-upstreams-own"
HEADERS = {"Authorization": f"Bearer {CALLER_KEY}", "Content-Type": "application/json"}
CHAT = {"provider": "openai", "adapter": "openai"}
ROUTES = load_mappings([SHIPPED]).callers["openai-chat"].passes
EMBEDDINGS, COMPLETIONS, SPEECH = "/v1/embeddings", "/v1/completions", "/v1/audio/speech"


@pytest.fixture(scope="module")
def rough() -> Iterator[Rough]:
    with Rough() as peer:
        yield peer


@pytest.fixture(scope="module")
def gateway(
    standin: Standin, rough: Rough, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    more = {"upstream": {"retries": 0}, "downstream": {"sse_keepalive_interval_secs": 1}}
    with Running(tmp_path_factory.mktemp("passing"), more) as running:
        theirs = running.set_up(standin.url, {"claude": {"model_name": "claude-haiku-4-5"}})
        good = running.set_up(standin.url, {"emb": {"model_name": MODEL}}, display_name="c", **CHAT)
        limited = {"model_name": MODEL, "rate_limit": {"tpd": 100}}
        odd = {"model_name": MODEL, "timeout": 60_000}
        bad = running.set_up(rough.url, {"rough": odd}, display_name="r", **CHAT)
        more_of = {"provider": "openai", "provider_key_id": good}
        running.create("models", {"display_name": "few", **more_of, **limited})
        mixed = [(theirs, "claude-haiku-4-5"), (bad, "m1"), (good, MODEL)]
        targets = [{"provider_key_id": key, "model_name": name} for key, name in mixed]
        mixed_model = {"display_name": "mixed", "provider": "any", "routing": "failover"}
        running.create("models", {**mixed_model, "targets": targets})
        running.allow("claude", "emb", "rough", "few", "mixed", "gone")
        yield running
        assert not running.bugs


def post(gateway: Running, path: str, body: Any, **headers: str) -> Answer:
    return send(gateway.proxy_port, "POST", path, body, {**HEADERS, **headers})


JSON_BODIES: dict[str, dict[str, Any]] = {
    "embeddings": {"input": ["a", "b"]},
    "completions": {"prompt": "Hi"},
    "moderations": {"input": "Hi"},
    "rerank": {"query": "q", "documents": ["a", "b"]},
    "images": {"prompt": "a cat"},
    "image-edits": {"prompt": "a cat", "images": [{"image_url": "data:,"}]},
    "image-variations": {"image": "x"},
    "speech": {"input": "Hi", "voice": "alloy"},
    "transcriptions": {"file": "x"},
    "translations": {"file": "x"},
}


def test_every_route_is_tried() -> None:
    assert JSON_BODIES.keys() == ROUTES.keys()
    assert {row["route"].removeprefix("/v1/") for row in ROUTES.values()} == answers.keys()


@pytest.mark.parametrize("name", ROUTES)
def test_only_the_model_changes_on_the_way_and_nothing_on_the_way_back(
    gateway: Running, standin: Standin, name: str
) -> None:
    raw = json.dumps(
        {**JSON_BODIES[name], "x": {"model": "emb"}, "model": "emb"}, indent=1
    ).encode()
    answer = post(gateway, ROUTES[name]["route"], raw + b"\n")
    received = standin.passed[-1]
    assert answer.status == 200, answer.body
    assert (
        received.raw
        == raw.replace(b'\n "model": "emb"', b'\n "model": "%s"' % MODEL.encode()) + b"\n"
    )
    assert received.headers["content-type"] == "application/json"
    assert received.headers["authorization"] == "Bearer sk-ant-the-secret-of-the-provider"
    assert answer.body == standin.sent[-1]
    line = gateway.line(answer)
    assert (line["alias"], line["upstream_model"], line["path"]) == (
        "emb",
        MODEL,
        ROUTES[name]["route"],
    )
    assert answer.headers["x-upstream-model"] == MODEL
    assert answer.headers["x-aisix-mapping"].startswith("openai-chat/openai-chat@")
    wanted = f'aisix_requests_total{{route="{name}",alias="emb",status="200"}}'
    until(lambda: wanted in gateway.metrics())


def test_a_stream_of_events_comes_untouched_to_its_end_mark(
    gateway: Running, standin: Standin
) -> None:
    body = {"model": "emb", "prompt": "word " * 20 + "standin:slow-20", "stream": True}
    answer = post(gateway, COMPLETIONS, {**body, "stream_options": {"include_usage": True}})
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.body == standin.sent[-1]
    assert answer.body.endswith(b"data: [DONE]\n\n")
    line = gateway.line(answer)
    assert "tokens_estimated" not in line and line["tokens"]["output"] > 10
    assert line["first_token_ms"] > 0


def test_nothing_is_put_into_a_silence(gateway: Running, rough: Rough) -> None:
    frames = b"data: {}\n\n", b"data: [DONE]\n\n"
    rough.next(stream(), frames[0], 2.5, frames[1], "close")
    answer = post(gateway, COMPLETIONS, {"model": "rough", "prompt": "x", "stream": True})
    assert answer.body == b"".join(frames)


def test_bytes_that_are_no_text_come_as_they_are(gateway: Running) -> None:
    answer = post(gateway, SPEECH, {"model": "emb", "input": "x", "voice": "a"})
    assert (answer.headers["content-type"], answer.body) == ("audio/mpeg", SOUND)


def test_status_and_type_of_an_answer_are_its_own(gateway: Running, standin: Standin) -> None:
    headers = (("content-type", "application/json; charset=utf-8"), ("set-cookie", "a=b"))
    standin.script(Scripted((b'{"a" : 1}\n',), 202, headers))
    answer = post(gateway, EMBEDDINGS, {"model": "emb", "input": "x"})
    assert (answer.status, answer.body) == (202, b'{"a" : 1}\n')
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({"input": "x"}, 400, "missing_required_parameter", "model"),
        ({"model": None}, 400, "missing_required_parameter", "model"),
        ({"model": 7}, 400, "invalid_type", "model"),
        ({"model": ["emb"]}, 400, "invalid_type", "model"),
        ({"model": {"a": 1}}, 400, "invalid_type", "model"),
        ({"model": "other"}, 403, "model_not_allowed", "model"),
        ({"model": "gone"}, 404, "model_not_found", "model"),
        ({"model": "claude"}, 400, "unsupported_endpoint", "model"),
        (rb'{"model":"half \ud800"}', 403, "model_not_allowed", "model"),
        (b"", 400, None, None),
        (b"{", 400, None, None),
        (b'{"model":"emb"', 400, None, None),
        (b'["model"]', 400, None, None),
        (b'{"model":"emb","a":\xff}', 400, None, None),
        (b'{"a":' + b"[" * 100_000, 400, None, None),
        (b'{"model":"gone","stream":1e999}', 404, "model_not_found", "model"),
        (b'{"model":"gone","stream":' + b"1" * 5000 + b"}", 404, "model_not_found", "model"),
        ({"model": "emb", **{f"f{n}": n for n in range(1001)}}, 400, None, None),
    ],
)
def test_what_is_wrong_is_told_before_anybody_is_asked(
    gateway: Running, standin: Standin, body: Any, status: int, code: str | None, param: str | None
) -> None:
    before = len(standin.passed)
    answer = post(gateway, EMBEDDINGS, body)
    assert (answer.status, answer.error["code"], answer.error["param"]) == (status, code, param)
    assert answer.error["message"]
    assert len(standin.passed) == before


def test_an_alias_that_answers_other_routes_names_them(gateway: Running) -> None:
    told = post(gateway, EMBEDDINGS, {"model": "claude"}).error["message"]
    assert "`claude`" in told and told.endswith("not /v1/embeddings.")
    assert "/v1/chat/completions" in told and "/v1/messages" in told and " and " in told
    assert "/v1/completions" not in told


def test_a_key_and_a_method_are_asked_for_as_everywhere(gateway: Running) -> None:
    port = gateway.proxy_port
    assert send(port, "POST", EMBEDDINGS, {"model": "emb"}).status == 401
    answer = send(port, "GET", EMBEDDINGS, None, HEADERS)
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    form = post(
        gateway, EMBEDDINGS, b"--x--", **{"Content-Type": "multipart/form-data; boundary=x"}
    )
    assert form.status == 415


@pytest.mark.parametrize("path", ["/embeddings", "/v1/v1/embeddings/", "/openai/v1/embeddings"])
def test_it_has_the_doors_of_every_route(gateway: Running, path: str) -> None:
    assert post(gateway, path, {"model": "emb", "input": "x"}).status == 200


def test_an_alias_in_the_url_is_put_in_where_none_is(gateway: Running, standin: Standin) -> None:
    path = "/openai/deployments/emb/embeddings?api-version=2024-10-21"
    assert post(gateway, path, b'{"input":"x"}').status == 200
    assert standin.passed[-1].raw == b'{"model":"%s","input":"x"}' % MODEL.encode()
    answer = post(gateway, path, b'{"input":"x","model":"other"}')
    assert (answer.status, answer.headers["x-aisix-alias"]) == (200, "emb")
    assert standin.passed[-1].raw == b'{"input":"x","model":"%s"}' % MODEL.encode()


@pytest.mark.parametrize(
    ("status", "wanted", "code"),
    [
        *((401, 502, "upstream_auth_failed"), (403, 502, "upstream_auth_failed")),
        *((404, 502, "upstream_error"), (429, 429, "rate_limit_exceeded")),
        *((500, 500, None), (503, 503, "overloaded"), (400, 400, None), (422, 422, None)),
    ],
)
def test_errors_read_as_those_of_a_chat(
    gateway: Running, status: int, wanted: int, code: str | None
) -> None:
    answer = post(gateway, EMBEDDINGS, {"model": "emb", "input": f"standin:status-{status}"})
    assert (answer.status, answer.error["code"]) == (wanted, code)
    assert gateway.line(answer)["upstream_status"] == status


def test_of_several_targets_those_that_answer_it_are_asked_in_turn(
    gateway: Running, rough: Rough, standin: Standin
) -> None:
    rough.next(said(b"{}", "503 Unavailable"))
    answer = post(gateway, EMBEDDINGS, {"model": "mixed", "input": "x"})
    assert (answer.status, answer.headers["x-aisix-attempts"]) == (200, "2")
    assert answer.headers["x-aisix-served-by"] == f"c/{MODEL}"
    assert standin.passed[-1].json["model"] == MODEL


def test_tokens_count_against_a_limit_as_told_or_by_estimate(gateway: Running) -> None:
    first = post(gateway, COMPLETIONS, {"model": "few", "prompt": "x " * 90, "stream": True})
    assert first.status == 200
    assert gateway.line(first)["tokens_estimated"] is True
    until(lambda: post(gateway, EMBEDDINGS, {"model": "few", "input": "x"}).status == 429)
    answer = post(gateway, EMBEDDINGS, {"model": "few", "input": "x"})
    assert answer.error["code"] == "rate_limit_exceeded"
    assert "retry-after" in answer.headers


@pytest.mark.parametrize(
    ("steps", "status", "code"),
    [
        ((b"HTTP/1.1 200 OK\r\n", RESET), 502, "upstream_bad_response"),
        ((RESET,), 502, "upstream_unreachable"),
        ((said(b'{"a":1}')[:-3], "close"), 502, "upstream_bad_response"),
        ((said(b"<html>", "502 Bad Gateway"),), 500, None),
    ],
)
def test_a_broken_answer_is_told_as_such(
    gateway: Running, rough: Rough, steps: tuple[Any, ...], status: int, code: str | None
) -> None:
    rough.next(*steps)
    answer = post(gateway, EMBEDDINGS, {"model": "rough", "input": "x"})
    assert (answer.status, answer.error["code"]) == (status, code)


def test_one_that_breaks_off_is_not_taken_for_whole(gateway: Running, rough: Rough) -> None:
    body = json.dumps({"model": "rough", "input": "x"}).encode()
    head = f"POST {SPEECH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {CALLER_KEY}\r\n"
    audio = b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ntransfer-encoding: chunked\r\n\r\n"
    rough.next(audio, b"3\r\nabc\r\n", RESET)
    with socket.create_connection(("127.0.0.1", gateway.proxy_port)) as caller:
        caller.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        got = b""
        while more := caller.recv(1 << 16):
            got += more
    assert got.startswith(b"HTTP/1.1 200") and b"abc" in got
    assert not got.endswith(b"0\r\n\r\n")
    assert b"error" not in got
    rough.next(stream(), b"data: {}\n\n", RESET)
    answer = post(gateway, COMPLETIONS, {"model": "rough", "prompt": "x", "stream": True})
    assert b"upstream_stream_interrupted" in answer.body and b"[DONE]" not in answer.body


def test_a_caller_who_leaves_ends_it_upstream(gateway: Running, rough: Rough) -> None:
    gone = rough.gone
    rough.next(stream(), b"data: {}\n\n", HOLD)
    body = json.dumps({"model": "rough", "prompt": "x", "stream": True}).encode()
    head = f"POST {COMPLETIONS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {CALLER_KEY}\r\n"
    with socket.create_connection(("127.0.0.1", gateway.proxy_port)) as caller:
        caller.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        assert caller.recv(1 << 16)
    rough.wait_gone(gone + 1)
    until(lambda: gateway.admin("GET", "status").json["in_flight"] == 0)


def test_a_long_answer_waits_for_its_caller(gateway: Running, rough: Rough) -> None:
    """What is not read yet stays upstream: the gateway holds one block of it."""
    size, piece = 64 << 20, bytes(1 << 20)
    head = b"HTTP/1.1 200 OK\r\ncontent-type: audio/wav\r\ncontent-length: %d\r\n\r\n" % size
    rough.next(head, *[piece] * 64)
    body = json.dumps({"model": "rough", "input": "x"}).encode()
    top = f"POST {SPEECH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {CALLER_KEY}\r\n"
    before, got = gateway.memory, 0
    with socket.create_connection(("127.0.0.1", gateway.proxy_port)) as caller:
        caller.sendall(f"{top}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        got += len(caller.recv(1000).partition(b"\r\n\r\n")[2])
        most = gateway.memory
        while got < size:
            got += len(caller.recv(1 << 20))
            most = max(most, gateway.memory)
    assert most - before < 32


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60) | st.text(max_size=40).map(str.encode), st.sampled_from([*ROUTES]))
def test_whatever_is_sent_there_is_no_500(gateway: Running, raw: bytes, name: str) -> None:
    for body in (raw, b'{"model":' + raw + b"}", b'{"model":"emb",' + raw + b"}"):
        answer = post(gateway, ROUTES[name]["route"], body)
        assert answer.status in (200, 400, 403), (answer.status, body)
        assert answer.status == 200 or answer.error["message"]


@pytest.mark.parametrize("value", [b"1e999", b"9" * 5000, rb'"\ud800"', b"{}", b"null"])
def test_a_stream_that_is_no_yes_is_none(gateway: Running, value: bytes) -> None:
    answer = post(gateway, EMBEDDINGS, b'{"model":"emb","input":"a","stream":' + value + b"}")
    assert answer.status in (200, 400), answer.body
    assert "text/event-stream" not in answer.headers["content-type"]
