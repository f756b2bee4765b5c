"""Pages of other origins in a browser: preflights, what they may read, and who is kept out."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisix.config.settings import load_settings
from aisix.errors import OperatorError
from aisix.proxy.cross_origin import CrossOrigin
from aisix.standin.server import Standin
from tests.running import CALLER_KEY, Answer, Running, send, until

APP = "https://app.example.com"
ORIGINS = [APP, "https://*.tools.example.com", "http://localhost:*"]
MODELS = {"claude-prod": {"model_name": "claude-opus-5-5"}}
BODY = {"model": "claude-prod", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
KEY = {"Authorization": f"Bearer {CALLER_KEY}"}
SENT = "authorization, x-api-key, api-key, content-type, anthropic-version, anthropic-beta"
SENT += ", x-stainless-os, x-stainless-retry-count, openai-organization"
ALLOWED, EXPOSED = "access-control-allow-origin", "access-control-expose-headers"


@pytest.fixture(scope="module", params=["fast", "tornado"])
def open_gateway(
    request: pytest.FixtureRequest, standin: Standin, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    more = {"proxy": {"cors_origins": ORIGINS, "http": request.param}}
    with Running(tmp_path_factory.mktemp(request.param), more) as running:
        running.set_up(standin.url, MODELS)
        running.allow("claude-prod", rate_limit={"rpm": 1000})
        yield running
        assert not running.bugs


def preflight(gateway: Running, path: str, origin: str, **more: str) -> Answer:
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    asked |= {f"Access-Control-Request-{name.replace('_', '-')}": v for name, v in more.items()}
    return send(gateway.proxy_port, "OPTIONS", path, headers=asked)


def listed(answer: Answer, name: str) -> set[str]:
    return {one.strip().lower() for one in answer.headers.get(name, "").split(",")}


@pytest.mark.parametrize("origin", [APP, "https://a.b.tools.example.com", "http://localhost:5173"])
def test_a_preflight_is_answered_without_a_key_for_every_url(
    open_gateway: Running, origin: str
) -> None:
    for path in (
        "/v1/chat/completions",
        "/messages",
        "/v1/models/a",
        "/",
        "/readyz",
        "/v1/nowhere",
    ):
        answer = preflight(open_gateway, path, origin, Headers=SENT)
        assert (answer.status, answer.body) == (204, b"")
        assert answer.headers[ALLOWED] == origin
        assert {*SENT.split(", ")} <= listed(answer, "access-control-allow-headers")
        assert {"get", "post", "delete"} <= listed(answer, "access-control-allow-methods")
        assert answer.headers["access-control-max-age"] == "600"
        assert "origin" in listed(answer, "vary")
        assert "access-control-allow-credentials" not in answer.headers
        assert "x-aisix-mapping" not in answer.headers
    assert open_gateway.line(answer)["status"] == 204


def test_headers_that_carry_a_key_may_be_sent_without_having_been_asked_for(
    open_gateway: Running,
) -> None:
    answer = preflight(open_gateway, "/v1/messages", APP)
    may = listed(answer, "access-control-allow-headers")
    assert {"authorization", "x-api-key", "api-key", "content-type"} <= may


def test_answers_streams_and_errors_may_be_read(open_gateway: Running) -> None:
    port, mine = open_gateway.proxy_port, {**KEY, "Origin": APP}
    chat = "/v1/chat/completions"
    for method, path, body, headers, status in (
        ("POST", chat, BODY, mine, 200),
        ("POST", chat, {**BODY, "stream": True}, mine, 200),
        ("POST", "/v1/messages", {**BODY, "stream": True}, mine, 200),
        ("GET", "/v1/models", None, mine, 200),
        ("POST", chat, BODY, {"Origin": APP}, 401),
        ("POST", chat, {**BODY, "model": "x"}, mine, 403),
        ("POST", chat, b"{", mine, 400),
        ("POST", "/nowhere", BODY, mine, 404),
        ("PUT", chat, BODY, mine, 405),
        ("OPTIONS", chat, None, {"Origin": APP}, 405),
        ("GET", "/livez", None, {"Origin": APP}, 200),
    ):
        answer = send(port, method, path, body, headers)
        assert answer.status == status, (method, path)
        assert (answer.headers[ALLOWED], answer.headers["vary"]) == (APP, "Origin")
        assert "x-request-id" in listed(answer, EXPOSED)
        assert not {"content-type", "date", "vary", ALLOWED} & listed(answer, EXPOSED)
    answer = send(port, "POST", chat, BODY, mine)
    told = {"x-aisix-mapping", "x-aisix-attempts", "x-upstream-model", "x-ratelimit-limit-requests"}
    assert told <= listed(answer, EXPOSED)
    assert "www-authenticate" in listed(send(port, "POST", chat, BODY, {"Origin": APP}), EXPOSED)


def test_what_is_no_request_is_refused_so_that_it_can_be_read(open_gateway: Running) -> None:
    if open_gateway.more["proxy"]["http"] == "tornado":
        pytest.skip("its server closes without an answer")
    head = b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nOrigin: " + APP.encode()
    head += b"\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", open_gateway.proxy_port), 30) as connection:
        connection.sendall(head)
        said = b""
        while more := connection.recv(65536):
            said += more
    assert said.startswith(b"HTTP/1.1 501")
    assert f"Access-Control-Allow-Origin: {APP}\r\n".encode() in said


@pytest.mark.parametrize(
    "origin",
    [
        *("https://evil.example", "http://app.example.com", f"{APP}.evil.example", f"{APP}:8443"),
        *("https://app.example.com/", "null", "*", "https://tools.example.com", f"{APP},{APP}"),
        *(
            "https://eviltools.example.com",
            "http://localhost.evil.example:80",
            "http://localhost:x",
        ),
        *("https://a.tools.example.com:1", "https://" + "a." * 5000 + "tools.example.com"),
    ],
)
def test_a_page_of_another_origin_reads_nothing_and_is_told_in_the_access_line(
    open_gateway: Running, origin: str
) -> None:
    answer = preflight(open_gateway, "/v1/chat/completions", origin)
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert open_gateway.line(answer)["refused_origin"] == origin[:128]
    answer = send(open_gateway.proxy_port, "POST", "/v1/messages", BODY, {**KEY, "Origin": origin})
    assert (answer.status, answer.headers["vary"]) == (200, "Origin")
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_without_an_origin_caches_are_told_all_the_same(open_gateway: Running) -> None:
    answer = send(open_gateway.proxy_port, "POST", "/v1/messages", BODY, KEY)
    assert (answer.status, answer.headers["vary"]) == (200, "Origin")
    assert "refused_origin" not in open_gateway.line(answer)


def test_by_default_there_is_none_of_it(gateway: Running) -> None:
    answer = preflight(gateway, "/v1/chat/completions", APP)
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    answer = send(gateway.proxy_port, "POST", "/v1/messages", BODY, {**KEY, "Origin": APP})
    assert answer.status == 200
    assert not [n for n in answer.headers if n.startswith("access-control-") or n == "vary"]


def test_any_origin_is_a_star_and_credentials_only_for_those_that_are_listed(
    tmp_path: Path,
) -> None:
    star = made(tmp_path, cors_origins=["*"])
    assert star.answer("https://x.example") == {"Access-Control-Allow-Origin": "*"}
    assert star.answer("null") == {"Access-Control-Allow-Origin": "*"}
    mine = made(tmp_path, cors_origins=[APP], cors_credentials=True)
    assert mine.answer(APP)["Access-Control-Allow-Credentials"] == "true"
    assert mine.answer("https://x.example") == {"Vary": "Origin"}
    with pytest.raises(OperatorError, match=r"cors_credentials: not with \"\*\""):
        made(tmp_path, cors_origins=["*"], cors_credentials=True)
    assert "Access-Control-Allow-Credentials" not in CrossOrigin(["*"], 1, True).answer("https://x")


def test_a_machine_at_home_opens_for_listed_origins_alone(tmp_path: Path) -> None:
    asked = {"Origin": APP, "Access-Control-Request-Method": "POST"}
    asked |= {"Access-Control-Request-Private-Network": "true"}
    name = "Access-Control-Allow-Private-Network"
    told = made(tmp_path, cors_origins=[APP]).preflight(asked, ())
    assert told is not None and told[name] == "true"
    told = made(tmp_path, cors_origins=["*"]).preflight(asked, ())
    assert told is not None and name not in told


def made(folder: Path, **proxy: object) -> CrossOrigin:
    file = folder / "config.yaml"
    file.write_text(json.dumps({"proxy": proxy}))
    made = CrossOrigin.of(load_settings(file, {}).proxy)
    assert made is not None
    return made


def test_settings_are_read_again_as_others_are(tmp_path: Path, standin: Standin) -> None:
    with Running(tmp_path / "gateway") as gateway:
        gateway.set_up(standin.url, MODELS)
        assert preflight(gateway, "/v1/models", APP).status == 405
        file = gateway.folder / "config.yaml"
        config = json.loads(file.read_text())
        config["proxy"]["cors_origins"] = [APP]
        file.write_text(json.dumps(config))
        gateway.process.send_signal(signal.SIGHUP)
        until(lambda: preflight(gateway, "/v1/models", APP).status == 204)


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_origin_and_no_names_break_out_of_a_header(origin: str, names: str) -> None:
    cross_origin = CrossOrigin([APP, "https://*.example.com", "http://[::1]:*"], 600, True)
    for asker in (origin, APP):
        asked = {"Origin": asker, "Access-Control-Request-Method": "POST"}
        asked |= {"Access-Control-Request-Headers": names}
        told = cross_origin.preflight(asked, ())
        if told is not None:
            assert all(value.isascii() and value.isprintable() for value in told.values())
