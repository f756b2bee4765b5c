"""Forms with files that are passed on: as they come, with the model in the alias's place."""

from __future__ import annotations

import hashlib
import http.client
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aisix.standin.server import Standin
from tests.proxy.test_passing import CHAT, MODEL
from tests.rough import HOLD, Rough
from tests.rough import json as said
from tests.running import CALLER_KEY, Answer, Running, send, until

PATH = "/v1/audio/transcriptions"
ROUTES = (PATH, "/v1/audio/translations", "/v1/images/edits", "/v1/images/variations")
HEADERS = {
    "Authorization": f"Bearer {CALLER_KEY}",
    "Content-Type": "multipart/form-data; boundary=BB",
}
HOLDS, LIMIT = 1 << 20, 96 << 20


def form(*fields: tuple[str, bytes]) -> bytes:
    """`file` is a file."""
    out = b""
    for name, data in fields:
        more = '; filename="a.wav"\r\nContent-Type: audio/wav' if name in ("file", "image") else ""
        out += f'--BB\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode()
        out += data + b"\r\n"
    return out + b"--BB--\r\n"


def renamed(raw: bytes, alias: bytes = b"stt") -> bytes:
    return raw.replace(b"\r\n" + alias + b"\r\n", b"\r\n" + MODEL.encode() + b"\r\n")


@pytest.fixture(scope="module")
def rough() -> Iterator[Rough]:
    with Rough() as peer:
        yield peer


@pytest.fixture(scope="module", params=["fast", "tornado"])
def gateway(
    request: pytest.FixtureRequest,
    standin: Standin,
    rough: Rough,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Running]:
    proxy = {"http": request.param, "upload_hold_bytes": HOLDS, "upload_limit_bytes": LIMIT}
    more = {"upstream": {"retries": 1}, "proxy": {**proxy, "upload_timeout_secs": 20}}
    with Running(tmp_path_factory.mktemp("uploading"), more) as running:
        running.set_up(standin.url, {"stt": {"model_name": MODEL}}, display_name="c", **CHAT)
        running.set_up(rough.url, {"rough": {"model_name": MODEL}}, display_name="r", **CHAT)
        running.set_up(standin.url, {"claude": {"model_name": "claude-haiku-4-5"}})
        running.allow("stt", "rough", "claude", "gone")
        yield running
        until(lambda: running.admin("GET", "status").json["in_flight"] == 0)
        assert not running.bugs


def post(gateway: Running, raw: Any, path: str = PATH, **headers: str) -> Answer:
    return send(gateway.proxy_port, "POST", path, raw, {**HEADERS, **headers})


SOUND = bytes(range(256)) * 64


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("last", [True, False])
def test_only_the_field_changes_wherever_it_stands(
    gateway: Running, standin: Standin, path: str, last: bool
) -> None:
    file = "image" if "image" in path else "file"
    fields = [("model", b"stt"), (file, SOUND), ("prompt", b"stt and --B")]
    raw = form(*reversed(fields)) if last else form(*fields)
    answer = post(gateway, raw, path)
    received = standin.passed[-1]
    assert answer.status == 200, answer.body
    assert received.raw == renamed(raw)
    assert received.headers["content-type"] == HEADERS["Content-Type"]
    assert received.headers["content-length"] == str(len(renamed(raw)))
    assert answer.body == standin.sent[-1]
    assert gateway.line(answer)["alias"] == "stt"


def test_json_is_taken_too(gateway: Running, standin: Standin) -> None:
    answer = post(gateway, b'{"model":"stt","file":"x"}', **{"Content-Type": "application/json"})
    assert answer.status == 200
    assert standin.passed[-1].raw == b'{"model":"%s","file":"x"}' % MODEL.encode()


def test_a_long_one_goes_through_without_being_held(gateway: Running, standin: Standin) -> None:
    raw = form(("model", b"stt"), ("file", bytes(80 << 20)))
    before = gateway.memory
    answer = post(gateway, raw)
    received = standin.passed[-1]
    assert answer.status == 200, answer.body
    assert received.sha256.hexdigest() == hashlib.sha256(renamed(raw)).hexdigest()
    assert gateway.memory - before < 40


def test_one_of_unknown_length_goes_through_in_chunks(gateway: Running, standin: Standin) -> None:
    raw = form(("model", b"stt"), ("file", bytes(3 << 20)))
    connection = http.client.HTTPConnection("127.0.0.1", gateway.proxy_port, timeout=60)
    pieces = (raw[at : at + 100_000] for at in range(0, len(raw), 100_000))
    connection.request("POST", PATH, pieces, HEADERS, encode_chunked=True)
    assert connection.getresponse().status == 200
    connection.close()
    assert standin.passed[-1].raw == renamed(raw)
    assert "content-length" not in standin.passed[-1].headers


def test_the_upstream_has_the_beginning_before_the_end_has_come(
    gateway: Running, standin: Standin
) -> None:
    raw = form(("model", b"stt"), ("file", bytes(1 << 20)))
    before = len(standin.passed)
    with socket.create_connection(("127.0.0.1", gateway.proxy_port)) as caller:
        caller.sendall(head(len(raw)) + raw[:500_000])
        until(lambda: len(standin.passed) > before or len(standin.passed) == 1000)
        until(lambda: standin.passed[-1].size > 400_000)
        assert not standin.passed[-1].whole
        caller.sendall(raw[500_000:])
        assert caller.recv(100).startswith(b"HTTP/1.1 200")
    assert standin.passed[-1].raw == renamed(raw)


def head(length: int, path: str = PATH) -> bytes:
    lines = "".join(f"{name}: {text}\r\n" for name, text in HEADERS.items())
    return f"POST {path} HTTP/1.1\r\nHost: x\r\n{lines}Content-Length: {length}\r\n\r\n".encode()


def test_what_stands_before_the_field_is_bounded(gateway: Running, standin: Standin) -> None:
    before = len(standin.passed)
    answer = post(gateway, form(("file", bytes(HOLDS + 300_000)), ("model", b"stt")))
    assert (answer.status, answer.error["param"]) == (413, "model")
    assert "Put that field first" in answer.error["message"]
    assert len(standin.passed) == before


def test_so_is_the_whole(gateway: Running) -> None:
    with socket.create_connection(("127.0.0.1", gateway.proxy_port)) as caller:
        caller.sendall(head(LIMIT + 1) + form(("model", b"stt"))[:-8])
        assert caller.recv(100).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (form(("file", b"x")), 400, "missing_required_parameter"),
        (form(("model", b"other"), ("file", b"x")), 403, "model_not_allowed"),
        (form(("model", b"gone"), ("file", b"x")), 404, "model_not_found"),
        (form(("model", b"claude"), ("file", b"x")), 400, "unsupported_endpoint"),
        (form(("model", b"stt"), ("model", b"other")), 400, "invalid_form"),
        (form(("model", b"stt"), ("file", b"x"), ("model", b"stt")), 400, "invalid_form"),
        (form(("model", b"stt")).replace(b"\r\n", b"\n"), 400, "invalid_form"),
        (b"", 400, "invalid_form"),
        (b"{}", 400, "invalid_form"),
    ],
)
def test_what_is_wrong_is_told(
    gateway: Running, standin: Standin, raw: bytes, status: int, code: str
) -> None:
    answer = post(gateway, raw)
    assert (answer.status, answer.error["code"]) == (status, code)
    assert not (standin.passed and standin.passed[-1].whole and b"other" in standin.passed[-1].raw)


def test_a_form_needs_its_boundary_and_no_compression(gateway: Running) -> None:
    kind = {"Content-Type": "multipart/form-data"}
    assert post(gateway, form(("model", b"stt")), **kind).error["code"] == "invalid_form"
    assert post(gateway, form(("model", b"stt")), **{"Content-Encoding": "gzip"}).status == 415


def test_an_alias_in_the_url_is_put_in(gateway: Running, standin: Standin) -> None:
    path = "/openai/deployments/stt/audio/transcriptions?api-version=2024-10-21"
    assert post(gateway, form(("file", b"x")), path).status == 200
    received = standin.passed[-1]
    assert received.raw == form(("model", MODEL.encode()), ("file", b"x"))
    assert received.headers["content-length"] == str(len(received.raw))
    assert post(gateway, form(("model", b"other"), ("file", b"x")), path).status == 200
    assert standin.passed[-1].raw == form(("model", MODEL.encode()), ("file", b"x"))


def test_what_is_held_is_sent_again_and_what_is_gone_is_not(gateway: Running, rough: Rough) -> None:
    short, long = (form(("model", b"rough"), ("file", bytes(n))) for n in (1000, 3 << 20))
    for raw, wanted in ((short, 200), (long, 503)):
        calls = len(rough.calls)
        rough.next(said(b"{}", "503 Unavailable"))
        rough.next(said(b'{"text":"t"}'))
        answer = post(gateway, raw)
        assert answer.status == wanted
        assert answer.headers["x-aisix-attempts"] == str(len(rough.calls) - calls)
        rough.forget()


def test_an_answer_that_comes_early_is_the_caller_s(gateway: Running, standin: Standin) -> None:
    raw = form(("model", b"stt"), ("file", b"standin:early-422 " + bytes(8 << 20)))
    with socket.create_connection(("127.0.0.1", gateway.proxy_port)) as caller:
        caller.sendall(head(len(raw)) + raw[:1000])
        got = b""
        while b"\r\n\r\n" not in got:
            got += caller.recv(1000)
    assert got.startswith(b"HTTP/1.1 422")
    assert b"connection: close" in got.lower()
    until(
        lambda: (
            [one["status"] for one in gateway.lines if one.get("upstream_status") == 422] == [422]
        )
    )


def test_a_caller_who_leaves_in_the_middle_ends_it_upstream(
    gateway: Running, rough: Rough, standin: Standin
) -> None:
    raw = form(("model", b"stt"), ("file", bytes(1 << 20)))
    closed = standin.closed
    with socket.create_connection(("127.0.0.1", gateway.proxy_port)) as caller:
        caller.sendall(head(len(raw)) + raw[:500_000])
        until(lambda: standin.passed[-1].size > 400_000 and not standin.passed[-1].whole)
    until(lambda: standin.closed > closed)
    assert not standin.passed[-1].whole
    until(lambda: gateway.admin("GET", "status").json["in_flight"] == 0)


def test_one_who_leaves_before_it_is_known_whose_it_is(gateway: Running) -> None:
    with socket.create_connection(("127.0.0.1", gateway.proxy_port)) as caller:
        caller.sendall(head(1000) + form(("file", b"x"))[:50])
    until(lambda: gateway.admin("GET", "status").json["in_flight"] == 0)


def test_an_upstream_that_says_nothing_is_left_with_its_caller(
    gateway: Running, rough: Rough
) -> None:
    gone = rough.gone
    rough.next(HOLD)
    raw = form(("model", b"rough"), ("file", b"x"))
    with socket.create_connection(("127.0.0.1", gateway.proxy_port)) as caller:
        caller.sendall(head(len(raw)) + raw)
        until(lambda: rough.holds)
    rough.wait_gone(gone + 1)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=80), st.integers(0, 200), st.sampled_from(ROUTES))
def test_whatever_is_sent_there_is_no_500(
    gateway: Running, odd: bytes, place: int, path: str
) -> None:
    raw = form(("model", b"stt"), ("file", b"x"), ("image", b"x"), ("prompt", b"x"))
    answer = post(gateway, raw[:place] + odd + raw[place:], path)
    assert answer.status in (200, 400, 403), answer.body
