"""A mistake of our own anywhere on a request's way: the exchange ends, and everything is given back.

Every step of the way is made to raise, one at a time (`tests/exchanges/mistakes.py`), in every exchange that
takes it. The caller's exchange must end: with an answer, or with the end of its connection. What
one request holds exists only once (the gateway's one place, the key's one request at a time), so
the next request tells whether it was given back.
"""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests import rough
from tests.exchanges.mistakes import (
    ALWAYS,
    AWAITED,
    CANCELLED,
    GIVE_BACK,
    LEFT_OUT,
    ONCE,
    SECRET,
    SKIPPED,
    WAYS,
    Plan,
    points,
)
from tests.exchanges.test_retries import GOOD, refusal
from tests.exchanges.test_upstream_wire import MODEL, SSE, STREAM
from tests.rough import CLOSE, HOLD, RESET, Rough
from tests.running import CALLER_KEY, Running

SECS = 10  # in which an exchange must have ended; those that work take milliseconds
LONG = b'event: ping\ndata: {"type": "ping"}\n\n'

Exchange = Callable[[Running, Rough], bytes]


def asked(
    gateway: Running,
    stream: bool,
    pieces: int = 1,
    path: str = "/v1/chat/completions",
    alias: str = "claude-prod",
) -> socket.socket:
    """A connection with a request on it, sent in so many pieces."""
    body = {"model": alias, "messages": [{"role": "user", "content": "Hi"}]}
    return written(gateway, path, json.dumps({**body, "stream": stream}).encode(), pieces)


def written(gateway: Running, path: str, raw: bytes, pieces: int = 1, *lines: str) -> socket.socket:
    """The same, of any body; of all of its head, where `lines` say how long it is."""
    length = [] if lines else [f"Content-Length: {len(raw)}"]
    who = "Host: localhost", f"Authorization: Bearer {CALLER_KEY}"
    head = "\r\n".join([f"POST {path} HTTP/1.1", *who, *length, *lines])
    whole = f"{head}\r\n\r\n".encode() + raw
    caller = socket.create_connection(("127.0.0.1", gateway.proxy_port), timeout=SECS)
    caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    size = -(-len(whole) // pieces)
    with contextlib.suppress(ConnectionError):  # it may have been closed before all was sent
        for at in range(0, len(whole), size):
            caller.sendall(whole[at : at + size])
            if pieces > 1:
                time.sleep(0.005)  # so that they come as pieces
    return caller


def answered(caller: socket.socket) -> bytes:
    """All of its answer; b"" when the connection ended before that. Raises TimeoutError."""
    got = b""
    with caller, contextlib.suppress(ConnectionError):
        while piece := caller.recv(1 << 16):
            got += piece
            if whole(got):
                return got
    return b""


def whole(got: bytes) -> bool:
    head, end, body = got.partition(b"\r\n\r\n")
    if not end:
        return False
    lower = head.lower()
    if b"transfer-encoding: chunked" in lower:
        return body.endswith(b"0\r\n\r\n")
    length = lower.partition(b"content-length: ")[2].partition(b"\r\n")[0]
    return bool(length) and len(body) >= int(length)


def plain(gateway: Running, upstream: Rough) -> bytes:
    upstream.next(*GOOD[False])
    return answered(asked(gateway, stream=False))


def counted(gateway: Running, upstream: Rough) -> bytes:
    return answered(asked(gateway, stream=False, path="/v1/messages/count_tokens"))


def stream(gateway: Running, upstream: Rough) -> bytes:
    upstream.next(*GOOD[True])
    return answered(asked(gateway, stream=True))


def in_pieces(gateway: Running, upstream: Rough) -> bytes:
    upstream.next(*GOOD[False])
    return answered(asked(gateway, stream=False, pieces=4))


def tried_again(gateway: Running, upstream: Rough) -> bytes:
    upstream.next(refusal(529))
    upstream.next(*GOOD[False])
    return answered(asked(gateway, stream=False))


def stream_tried_again(gateway: Running, upstream: Rough) -> bytes:
    upstream.next(refusal(529))
    upstream.next(*GOOD[True])
    return answered(asked(gateway, stream=True))


def gone_on(gateway: Running, upstream: Rough, stream: bool = False) -> bytes:
    """Of a group whose first target fails."""
    upstream.next(refusal(529))
    upstream.next(*GOOD[stream])
    return answered(asked(gateway, stream, alias="group"))


def stream_gone_on(gateway: Running, upstream: Rough) -> bytes:
    return gone_on(gateway, upstream, stream=True)


def refused(gateway: Running, upstream: Rough) -> bytes:
    upstream.next(refusal(400, "invalid_request_error"))
    return answered(asked(gateway, stream=True))


def broken_off(gateway: Running, upstream: Rough) -> bytes:
    upstream.next(STREAM, *SSE[:3], RESET)
    return answered(asked(gateway, stream=True))


def reset(gateway: Running, upstream: Rough) -> bytes:
    upstream.next(b"HTTP/1.1 200 OK\r\n", RESET)
    return answered(asked(gateway, stream=False))


def left(gateway: Running, upstream: Rough) -> bytes:
    upstream.next(STREAM, *SSE[:3], HOLD)
    with asked(gateway, stream=True) as caller, contextlib.suppress(ConnectionError):
        caller.recv(1)
    return b"left"


def slowly_read(gateway: Running, upstream: Rough) -> bytes:
    upstream.next(STREAM, SSE[0], LONG * 60_000, *SSE[1:], CLOSE)
    caller = asked(gateway, stream=True)
    time.sleep(0.05)  # it reads late: by then its socket is full
    return answered(caller)


def too_silent(gateway: Running, upstream: Rough) -> bytes:
    upstream.next(STREAM, *SSE[:3], HOLD)
    return answered(asked(gateway, stream=True))


# What is passed on as it comes (`passed`), and forms, which go on while they come (`form`).
WORDS = json.dumps({"model": "passed", "prompt": "Hi", "stream": True}).encode()
EVENTS = b'data: {"choices": []}\n\n' * 3, b"data: [DONE]\n\n"
TYPE = "Content-Type: multipart/form-data; boundary=BB"
PART = '--BB\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n'
FORM = (PART.format("model", "") + "passed\r\n").encode()
FORM += PART.format("file", '; filename="a.wav"').encode() + bytes(20_000) + b"\r\n--BB--\r\n"


def passed(gateway: Running, upstream: Rough) -> bytes:
    upstream.next(refusal(503))
    upstream.next(rough.json(b'{"usage": {"prompt_tokens": 3}}'))
    return answered(written(gateway, "/v1/embeddings", b'{"model": "passed", "input": "Hi"}'))


def passed_stream(gateway: Running, upstream: Rough) -> bytes:
    upstream.next(rough.stream(), *EVENTS, CLOSE)
    return answered(written(gateway, "/v1/completions", WORDS))


def passed_broken_off(gateway: Running, upstream: Rough) -> bytes:
    upstream.next(rough.stream(), EVENTS[0], RESET)
    return answered(written(gateway, "/v1/completions", WORDS))


def passed_refused(gateway: Running, upstream: Rough) -> bytes:
    upstream.next(refusal(400))
    return answered(written(gateway, "/v1/completions", WORDS))


def form(gateway: Running, upstream: Rough, raw: bytes = FORM, pieces: int = 4) -> bytes:
    upstream.next(rough.json(b'{"text": "t"}'))
    length = f"Content-Length: {len(raw)}"
    return answered(written(gateway, "/v1/audio/transcriptions", raw, pieces, TYPE, length))


def form_tried_again(gateway: Running, upstream: Rough) -> bytes:
    upstream.next(refusal(503))
    return form(gateway, upstream, pieces=1)


def form_without_end(gateway: Running, upstream: Rough) -> bytes:
    return form(gateway, upstream, FORM[:-5])


def form_left(gateway: Running, upstream: Rough) -> bytes:
    length = f"Content-Length: {len(FORM)}"
    upstream.next(HOLD)
    raw = FORM[: len(FORM) // 2]
    with written(gateway, "/v1/audio/transcriptions", raw, 4, TYPE, length):
        return b"left"


def form_answered_early(gateway: Running, upstream: Rough) -> bytes:
    """Of unknown length, which `Rough` does not wait for."""
    upstream.next(rough.json(b'{"error": {"message": "No"}}', "413 No"))
    raw = b"%x\r\n%s\r\n" % (len(FORM), FORM)
    how = TYPE, "Transfer-Encoding: chunked"
    return answered(written(gateway, "/v1/audio/transcriptions", raw, 4, *how))


EXCHANGES: list[Exchange] = [
    *(plain, stream, in_pieces, tried_again, stream_tried_again, refused, broken_off, reset),
    *(left, slowly_read, too_silent, counted, gone_on, stream_gone_on),
    *(passed, passed_stream, passed_broken_off, passed_refused),
    *(form, form_tried_again, form_without_end, form_left, form_answered_early),
]


def test_the_steps_that_are_named_are_there() -> None:
    steps = {full for *_, full in points(left_out=set())}
    assert (GIVE_BACK | LEFT_OUT) - steps == set()


@contextlib.contextmanager
def faulty(folder: Path, upstream: Rough, kind: str, places: int) -> Iterator[Running]:
    """A gateway of that kind with a Plan in its folder, and room for so many requests."""
    http, loop = kind.split("-")
    more = {
        "proxy": {
            "max_in_flight": places,
            "max_queue": 4,
            "queue_timeout_ms": 300,
            "body_timeout_secs": 1,
            "upload_timeout_secs": 1,
            "http": http,
        },
        "upstream": {"retries": 1, "retry_after_limit_secs": 0, "retry_budget_percent": 100},
        "downstream": {"stalled_timeout_secs": 1},
        "event_loop": loop,
        "observability": {"access_log_format": "text"},
        "metrics_names": "aisix",
    }
    Plan(folder)
    late = {"timeout": 1000, "stream_timeout": 300}
    openai = {"provider": "openai", "adapter": "openai", "display_name": "openai-like"}
    openai["default_headers"] = {"x-id": "${request.id}"}
    limit = {"rate_limit": {"concurrency": places}}  # a target of a group gives its place back too
    with Running(folder, more, program=("tests.exchanges.mistakes", str(folder))) as running:
        first = {**MODEL, **late, "cooldown": {"enabled": False}}
        aliases = {"first": first, "claude-prod": {**MODEL, **late, **limit}}
        running.set_up(upstream.url, aliases)
        targets = [{"model": alias} for alias in aliases]
        running.create("models", {"display_name": "group", "routing": {"targets": targets}})
        running.set_up(upstream.url, {"passed": {"model_name": "any", **late}}, **openai)
        running.allow("*", rate_limit={"concurrency": places})
        yield running


def tried(
    gateway: Running,
    upstream: Rough,
    exchanges: Sequence[Exchange],
    known: set[str] | None = None,
    ways: Sequence[int] = (ONCE, ALWAYS),
) -> list[str]:
    """What was wrong when each step of each exchange failed; `known`: those to leave out, which
    grow by those that were tried."""
    plan, wrong = Plan(gateway.folder), []
    for exchange in exchanges:
        plan.record()
        assert exchange(gateway, upstream)
        assert settled(gateway, upstream)
        steps = [step for step in plan.called() if known is None or step not in known]
        for step in steps:
            for how in ways:
                plan.fail(step, how)
                name = f"{exchange.__name__}, {step} {WAYS[how]}"
                try:
                    exchange(gateway, upstream)
                except TimeoutError:
                    wrong.append(f"{name}: it hung")
                plan.clear()
                upstream.let_go()
                if step not in GIVE_BACK and not settled(gateway, upstream):
                    wrong.append(f"{name}: not given back")
        if known is not None:
            known.update(steps)
    return wrong


def settled(gateway: Running, upstream: Rough) -> bool:
    """Whether the next request is served as if nothing had been."""
    end = time.monotonic() + SECS
    while time.monotonic() < end:
        upstream.forget()  # what the exchange before did not come to ask for
        upstream.next(*GOOD[False])
        with contextlib.suppress(TimeoutError):
            good = answered(asked(gateway, stream=False)).startswith(b"HTTP/1.1 200")
            if good and gateway.metrics()["aisix_in_flight"] == 0:
                return True
        time.sleep(0.01)
    return False


def test_every_exchange_ends_and_gives_everything_back(tmp_path: Path, upstream: Rough) -> None:
    """Each step in the first of the exchanges that takes it; the long form tries all in all."""
    with faulty(tmp_path, upstream, "fast-auto", places=1) as gateway:
        assert (
            tried(gateway, upstream, EXCHANGES, known=set(GIVE_BACK), ways=[CANCELLED, ALWAYS])
            == []
        )
        assert SECRET not in gateway.log
        assert "bug in " in gateway.log


def test_what_nothing_moves_any_more_is_ended(tmp_path: Path, upstream: Rough) -> None:
    """Steps that do nothing, or wait for ever: the last limit of all ends the exchange."""
    with faulty(tmp_path, upstream, "fast-auto", places=1) as gateway:
        known = {step for step in Plan(gateway.folder).names if step not in AWAITED}
        assert tried(gateway, upstream, EXCHANGES, known, ways=[SKIPPED]) == []
        assert "it hung (answer)" in gateway.log
        assert gateway.metrics()['aisix_hung_requests_total{where="answer"}'] >= 1


@pytest.mark.parametrize("exchange", [plain, stream, left], ids=lambda e: e.__name__)
def test_an_exchange_ends_also_when_giving_back_fails(
    tmp_path: Path, upstream: Rough, exchange: Exchange
) -> None:
    with faulty(tmp_path, upstream, "fast-auto", places=100) as gateway:
        others = {step for step in Plan(gateway.folder).names if step not in GIVE_BACK}
        assert tried(gateway, upstream, [exchange], known=others) == []


if __name__ == "__main__":  # the long form: python -m tests.exchanges.test_mistakes
    bad = []
    for kind in ("fast-asyncio", "fast-uvloop", "tornado-asyncio"):
        for each in EXCHANGES:
            with tempfile.TemporaryDirectory() as made, Rough() as peer:
                with faulty(Path(made), peer, kind, places=1) as running:
                    # Tornado's server calls the first outside of any try of its own.
                    never = {"listener.application.ListenerApplication.start_request"}
                    known = GIVE_BACK | never if kind.startswith("tornado") else set(GIVE_BACK)
                    rest = set(Plan(running.folder).names) - AWAITED
                    found = tried(running, peer, [each], known, [ONCE, ALWAYS, CANCELLED])
                    found += tried(running, peer, [each], rest, [SKIPPED])
                print(kind, each.__name__, found or "all ended", flush=True)
                bad += found
    sys.exit(bool(bad))
