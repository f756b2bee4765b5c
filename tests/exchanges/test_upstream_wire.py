"""What can go wrong on the wire to an upstream, byte by byte: the caller gets a right error, no name
of a host, no word of curl, no key; and the access line says what it was."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests import rough
from tests.rough import CLOSE, HOLD, RESET, Rough
from tests.running import Answer, Running, chunks, free_port
from tests.strict import openai_wire

MODEL = {"model_name": "claude-opus-5-5"}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-opus-5-5",
    "content": [{"type": "text", "text": "Hello"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 2},
}
WHOLE = json.dumps(MESSAGE).encode()
EVENTS: list[dict[str, Any]] = [
    {"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    *(
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": t}}
        for t in ("Hel", "lo")
    ),
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
    {"type": "message_stop"},
]
SSE = [f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in EVENTS]
STREAM = rough.stream()
HTML = b"<html><body><h1>It works! 127.0.0.1</h1></body></html>"
CHUNKED = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
CHUNKED_SSE = CHUNKED.replace(b"application/json", b"text/event-stream")


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


@pytest.fixture(scope="module")
def careful(upstream: Rough, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Small caps and short limits, no retries."""
    more = {
        "upstream": {
            "retries": 0,
            "timeout_ms": 1500,
            "stream_timeout_ms": 700,
            "first_byte_timeout_ms": 400,
            "connect_timeout_ms": 1000,
            "response_body_limit_bytes": 100_000,
            "stream_event_limit_bytes": 20_000,
        }
    }
    with Running(tmp_path_factory.mktemp("careful"), more) as running:
        running.set_up(upstream.url, {"claude-prod": MODEL})
        running.allow("*")
        yield running
        assert not running.bugs


def decent(answer: Answer) -> None:
    """Nothing of our house or the upstream's shows."""
    text = answer.body.lower() + json.dumps(answer.headers).lower().encode()
    for word in (b"127.0.0.1", b"localhost", b"curl", b"sk-ant", b"<html", b"traceback"):
        assert word not in text, answer.body


# name -> what the upstream does, status, code, upstream_fault of the access line
PLAIN: dict[str, tuple[tuple[rough.Step, ...], int, str | None, str | None]] = {
    "reset before the head": ((RESET,), 502, "upstream_unreachable", "reset"),
    "closed before the head": ((CLOSE,), 502, "upstream_unreachable", "reset"),
    "reset inside the head": (
        (b"HTTP/1.1 200 OK\r\ncontent-type: app", 0.05, RESET),
        502,
        "upstream_bad_response",
        "headers",
    ),
    "closed inside the head": (
        (b"HTTP/1.1 200 OK\r\ncontent-type: app", CLOSE),
        502,
        "upstream_bad_response",
        "headers",
    ),
    "reset after the head": (
        (rough.json(WHOLE)[:-200], 0.05, RESET),
        502,
        "upstream_bad_response",
        "truncated",
    ),
    "shorter than its length": (
        (rough.json(WHOLE)[:-20], CLOSE),
        502,
        "upstream_bad_response",
        "truncated",
    ),
    "chunks without an end": (
        (CHUNKED + chunk(WHOLE), CLOSE),
        502,
        "upstream_bad_response",
        "truncated",
    ),
    "a broken chunk": (
        (CHUNKED + b"zz\r\n" + WHOLE, CLOSE),
        502,
        "upstream_bad_response",
        "truncated",
    ),
    "no HTTP": ((b"SSH-2.0-OpenSSH_9.6\r\n", CLOSE), 502, "upstream_bad_response", "not_http"),
    "silence": ((HOLD,), 504, "upstream_timeout", "first_byte"),
    "silence inside": ((rough.json(WHOLE)[:-20], HOLD), 504, "upstream_timeout", "total"),
    "a slow drip": (
        (rough.json(WHOLE)[:-50], *(step for _ in range(40) for step in (b" ", 0.1))),
        504,
        "upstream_timeout",
        "total",
    ),
    "HTML for JSON": (
        (rough.answer(HTML, "200 OK", "content-type: text/html"),),
        502,
        "upstream_bad_response",
        "not_a_message",
    ),
    "an HTML error": (
        (rough.answer(HTML, "503 Busy", "content-type: text/html"),),
        503,
        "overloaded",
        None,
    ),
    "an empty error": ((rough.answer(b"", "500 Oops"),), 500, None, None),
    "an empty answer": ((rough.json(b""),), 502, "upstream_bad_response", "not_a_message"),
    "JSON of another kind": (
        (rough.json(b'[{"type":"message"}]'),),
        502,
        "upstream_bad_response",
        "not_a_message",
    ),
    "a redirect": (
        (rough.json(b"{}", "302 Found", "location: http://127.0.0.1:1/x"),),
        502,
        "upstream_bad_response",
        None,
    ),
    "a redirect of POSTs": (
        (rough.json(b"{}", "308 Moved", "location: http://127.0.0.1:1/x"),),
        502,
        "upstream_bad_response",
        None,
    ),
    "a giant body": (
        (rough.json(b'{"x":"' + b"x" * 200_000 + b'"}'),),
        502,
        "upstream_bad_response",
        "too_large",
    ),
    "a giant body behind gzip": (
        (
            rough.json(gzip.compress(b"x" * 5_000_000), "200 OK", "content-encoding: gzip"),
            CLOSE,
        ),
        502,
        "upstream_bad_response",
        "too_large",
    ),
    "no gzip behind gzip": (
        (rough.json(b"plainly not gzip", "200 OK", "content-encoding: gzip"),),
        502,
        "upstream_bad_response",
        "encoding",
    ),
    "endless headers": (
        (b"HTTP/1.1 200 OK\r\n" + b"x-a: b\r\n" * 100_000 + b"\r\n",),
        502,
        "upstream_bad_response",
        "headers",
    ),
}


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_answer(careful: Running, upstream: Rough, name: str) -> None:
    steps, status, code, fault = PLAIN[name]
    upstream.next(*steps)
    calls = len(upstream.calls)
    answer = careful.ask("Hi")
    assert (answer.status, answer.error["code"]) == (status, code)
    assert openai_wire.openai_error_errors(answer.status, answer.headers, answer.body) == []
    decent(answer)
    line = careful.line(answer)
    assert line.get("upstream_fault") == fault
    assert line["attempts"] == 1
    assert len(upstream.calls) == calls + 1, "asked again, or followed elsewhere"


# name -> what the upstream does, status, code (of the error inside the stream when 200), fault
STREAMED: dict[str, tuple[tuple[rough.Step, ...], int, str | None, str | None]] = {
    "reset before the head": ((RESET,), 502, "upstream_unreachable", "reset"),
    "reset after the head": ((STREAM, 0.05, RESET), 502, "upstream_bad_response", "truncated"),
    "closed after the head": ((STREAM, CLOSE), 502, "upstream_stream_interrupted", "no_end"),
    "silence": ((HOLD,), 504, "upstream_timeout", "first_byte"),
    "silence after the head": ((STREAM, HOLD), 504, "upstream_timeout", "idle"),
    "silence after an event": ((STREAM, SSE[0], HOLD), 200, "upstream_timeout", "idle"),
    "reset after an event": (
        (STREAM, *SSE[:3], 0.05, RESET),
        200,
        "upstream_stream_interrupted",
        "truncated",
    ),
    "closed after an event": (
        (STREAM, *SSE[:3], CLOSE),
        200,
        "upstream_stream_interrupted",
        "no_end",
    ),
    "closed inside an event": (
        (STREAM, *SSE[:3], SSE[3][:-9], CLOSE),
        200,
        "upstream_stream_interrupted",
        "no_end",
    ),
    "chunks without an end": (
        (CHUNKED_SSE + chunk(SSE[0]), CLOSE),
        200,
        "upstream_stream_interrupted",
        "truncated",
    ),
    "garbage in the middle": (
        (STREAM, *SSE[:3], b"event: x\ndata: {nonsense\n\n", *SSE[3:], CLOSE),
        200,
        "upstream_bad_response",
        "not_json",
    ),
    "garbage first": (
        (STREAM, b"data: \xff\xfe\n\n", CLOSE),
        502,
        "upstream_bad_response",
        "not_json",
    ),
    "no stream but garbage": (
        (STREAM, HTML * 100, CLOSE),
        502,
        "upstream_stream_interrupted",
        "no_end",
    ),
    "HTML": (
        (rough.answer(HTML, "200 OK", "content-type: text/html"),),
        502,
        "upstream_bad_response",
        "not_a_stream",
    ),
    "JSON": ((rough.json(WHOLE),), 502, "upstream_bad_response", "not_a_stream"),
    "a giant body": (
        (rough.json(b'{"x":"' + b"x" * 200_000 + b'"}', "500 Oops"),),
        502,
        "upstream_bad_response",
        "too_large",
    ),
    "a giant event first": (
        (STREAM, b"data: " + b"x" * 50_000, HOLD),
        502,
        "upstream_bad_response",
        "too_large",
    ),
    "a giant event later": (
        (STREAM, *SSE[:3], 0.05, b"data: " + b"x" * 50_000 + b"\n\n", HOLD),
        200,
        "upstream_bad_response",
        "too_large",
    ),
    "an error first": (
        (
            STREAM,
            b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error",'
            b'"message":"Overloaded"}}\n\n',
            CLOSE,
        ),
        503,
        "overloaded",
        None,
    ),
}


@pytest.mark.parametrize("name", STREAMED)
def test_a_streamed_answer(careful: Running, upstream: Rough, name: str) -> None:
    steps, status, code, fault = STREAMED[name]
    upstream.next(*steps)
    answer = careful.ask("Hi", stream=True)
    assert answer.status == status, answer.body
    assert b"[DONE]" not in answer.body
    if status == 200:
        assert openai_wire.openai_stream_errors(answer.body, False, "error") == []
        assert list(chunks(answer.body))[-1]["error"]["code"] == code
    else:
        assert answer.error["code"] == code
        assert openai_wire.openai_error_errors(answer.status, answer.headers, answer.body) == []
    decent(answer)
    assert careful.line(answer).get("upstream_fault") == fault


def test_what_is_odd_but_right_is_answered(careful: Running, upstream: Rough) -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
    zipped = rough.json(gzip.compress(WHOLE), "200 OK", "content-encoding: gzip")
    drip = [bytes([byte]) for byte in rough.json(WHOLE)]
    for steps in (
        (early + rough.json(WHOLE),),
        (zipped,),
        drip,
        (CHUNKED, *(chunk(bytes([b])) for b in WHOLE), b"0\r\nx-trailer: 1\r\n\r\n"),
        (rough.answer(WHOLE, "200 OK", "content-type: text/plain"),),
    ):
        upstream.next(*steps)
        answer = careful.ask("Hi")
        assert answer.status == 200, answer.body
        assert answer.json["choices"][0]["message"]["content"] == "Hello"
    stream = b"".join(SSE)
    for steps in (
        (early + STREAM, stream, CLOSE),
        (rough.stream("content-encoding: gzip"), gzip.compress(stream), CLOSE),
        (STREAM, *(bytes([b]) for b in stream), CLOSE),
        (CHUNKED_SSE, chunk(stream), b"0\r\n\r\n"),
    ):
        upstream.next(*steps)
        answer = careful.ask("Hi", stream=True)
        assert openai_wire.openai_stream_errors(answer.body, False, "done") == []


def test_a_long_healthy_stream_is_never_cut(careful: Running, upstream: Rough) -> None:
    """It lasts longer than every limit; only its silences are short."""
    upstream.next(
        STREAM, *(s for e in [*SSE[:3], *SSE[2:3] * 12, *SSE[3:]] for s in (e, 0.15)), CLOSE
    )
    began = time.monotonic()
    answer = careful.ask("Hi", stream=True)
    assert time.monotonic() - began > 1.5, "longer than timeout_ms"
    assert openai_wire.openai_stream_errors(answer.body, False, "done") == []


@pytest.fixture
def no_tls() -> Iterator[int]:
    """A port where every connection is answered at once, in plain text."""
    listening = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                connection.close()

    threading.Thread(target=answer, daemon=True).start()
    yield int(listening.getsockname()[1])
    listening.close()


def test_upstreams_that_cannot_be_reached(careful: Running, no_tls: int) -> None:
    for name, base, why in (
        ("nobody", f"http://127.0.0.1:{free_port()}", "connect"),
        ("nowhere", "http://no-such-host.invalid", "dns"),
        ("plain", f"https://127.0.0.1:{no_tls}", "tls"),
    ):
        careful.set_up(base, {name: MODEL}, display_name=name)
        for stream in (False, True):
            answer = careful.ask("Hi", alias=name, stream=stream)
            assert (answer.status, answer.error["code"]) == (502, "upstream_unreachable")
            decent(answer)
            assert b"invalid" not in answer.body.replace(b"invalid_request", b"")
            assert careful.line(answer)["upstream_fault"] == why


LIMITS: dict[str, tuple[dict[str, int], tuple[rough.Step, ...], bool, str]] = {
    "timeout": ({"timeout": 150}, (rough.json(WHOLE)[:-9], HOLD), False, "total"),
    "first_byte_timeout": ({"first_byte_timeout": 150}, (HOLD,), False, "first_byte"),
    "first_byte_timeout of a stream": ({"first_byte_timeout": 150}, (HOLD,), True, "first_byte"),
    "stream_timeout": ({"stream_timeout": 150}, (STREAM, SSE[0], HOLD), True, "idle"),
    "stream_total_timeout": (
        {"stream_total_timeout": 300},
        (STREAM, SSE[0], *(s for _ in range(20) for s in (b": ping\n\n", 0.1)), HOLD),
        True,
        "total",
    ),
}


@pytest.mark.parametrize("name", LIMITS)
def test_an_alias_may_have_its_own_limits(careful: Running, upstream: Rough, name: str) -> None:
    more, steps, stream, phase = LIMITS[name]
    alias = name.replace(" ", "-")
    key = careful.admin("GET", "provider_keys").json["items"][0]["id"]
    body = {"display_name": alias, "provider": "anthropic", "provider_key_id": key}
    careful.create("models", {**body, **MODEL, **more})
    upstream.next(*steps)
    began = time.monotonic()
    answer = careful.ask("Hi", alias=alias, stream=stream)
    assert time.monotonic() - began < 5
    line = careful.line(answer)
    assert line["upstream_fault"] == phase
    if answer.status == 200:
        assert list(chunks(answer.body))[-1]["error"]["code"] == "upstream_timeout"
    else:
        assert (answer.status, answer.error["code"]) == (504, "upstream_timeout")


def test_a_connection_that_is_never_accepted_is_a_504(careful: Running) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(3)]  # fill the queue of the listening socket
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        key = {"display_name": "full"}
        more = {"connect_timeout": 200}
        careful.set_up(f"http://127.0.0.1:{port}", {"full": {**MODEL, **more}}, **key)
        answer = careful.ask("Hi", alias="full")
        assert (answer.status, answer.error["code"]) == (504, "upstream_timeout")
        assert careful.line(answer)["upstream_fault"] == "connect"
        for one in waiting:
            one.close()
