"""Everything that can go wrong with what is passed on, seen by a caller: the error that says so, in
time, told in the access line and the metrics, and nothing is kept of it."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.exchanges.test_mistakes import answered
from tests.rough import HOLD, RESET, Rough, stream
from tests.rough import answer as whole_answer
from tests.rough import json as said
from tests.running import CALLER_KEY, Answer, Running, free_port, send, until

OPENAI = {"provider": "openai", "adapter": "openai"}
EMBEDDINGS, SPEECH, PATH = "/v1/embeddings", "/v1/audio/speech", "/v1/audio/transcriptions"
KINDS = {"json": "application/json", "form": "multipart/form-data; boundary=BB"}
HOLDS = 1 << 20
SHORT, LONG = (
    1000,
    24 << 20,
)  # bytes of a file: one that can be sent again, and what no socket holds
CAP = 1 << 20


class Sulky:
    """An upstream that reads a head, and of the body so much and no more; then it does `does`."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._reads, self._does = 0, b""  # type: tuple[int, bytes | str]
        self._go_on = threading.Event()
        self._left = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def will(self, reads: int, does: bytes | str) -> None:
        """Bytes to write before it closes; RESET; HOLD: nothing until `wait_left`."""
        self._reads, self._does = reads, does
        self._go_on, self._left = threading.Event(), threading.Event()

    def wait_left(self) -> None:
        """Until the other side has hung up, which is seen behind what it has sent."""
        self._go_on.set()
        until(self._left.is_set, "the upstream was not left")

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        does, go_on, left = self._does, self._go_on, self._left
        with peer, contextlib.suppress(OSError):
            got = b""
            while b"\r\n\r\n" not in got:
                got += peer.recv(1000)
            size = len(got.partition(b"\r\n\r\n")[2])
            while size < self._reads and (more := peer.recv(1 << 16)):
                size += len(more)
            if isinstance(does, bytes):
                peer.sendall(does)
                if does:  # it may be read: closed with bytes unread, a socket resets what it said
                    peer.shutdown(socket.SHUT_WR)
                    while peer.recv(1 << 16):
                        pass
            elif does == RESET:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                go_on.wait(60)
                while peer.recv(1 << 16):
                    pass
        left.set()

    def close(self) -> None:
        self._listener.close()


@pytest.fixture(scope="module")
def sulky() -> Iterator[Sulky]:
    peer = Sulky()
    yield peer
    peer.close()


@pytest.fixture(scope="module", params=["fast", "tornado"])
def gateway(
    request: pytest.FixtureRequest,
    upstream: Rough,
    sulky: Sulky,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Running]:
    proxy = {"http": request.param, "upload_hold_bytes": HOLDS, "upload_timeout_secs": 2}
    more = {
        "upstream": {"retries": 0, "response_body_limit_bytes": CAP, "first_byte_timeout_ms": 400},
        "proxy": proxy,
    }
    with Running(tmp_path_factory.mktemp("neighbour-faults"), more) as running:
        places = {
            "rough": upstream.url,
            "sulky": f"http://127.0.0.1:{sulky.port}",
            "down": f"http://127.0.0.1:{free_port()}",
        }
        for name, url in places.items():
            model = {"model_name": "any", "provider": "openai"}
            running.set_up(url, {name: model}, display_name=f"of-{name}", **OPENAI)
        running.allow(*places)
        yield running
        nothing_is_kept(running)
        assert not running.bugs


def of_tornado(request: pytest.FixtureRequest) -> bool:
    return "tornado" in request.node.callspec.id


def nothing_is_kept(gateway: Running) -> None:
    until(lambda: gateway.admin("GET", "status").json["in_flight"] == 0)
    until(lambda: gateway.metrics()["aisix_in_flight"] == 0)


def form(alias: str, size: int = SHORT) -> bytes:
    part = '--BB\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n'
    raw = (part.format("model", "") + f"{alias}\r\n").encode()
    return raw + part.format("file", '; filename="a"').encode() + bytes(size) + b"\r\n--BB--\r\n"


def words(alias: str, **more: Any) -> bytes:
    return json.dumps({"model": alias, "input": "x", **more}).encode()


def post(gateway: Running, path: str, kind: str, raw: bytes) -> Answer:
    headers = {"Authorization": f"Bearer {CALLER_KEY}", "Content-Type": KINDS[kind]}
    return send(gateway.proxy_port, "POST", path, raw, headers)


def begun(gateway: Running, raw: bytes, announced: int) -> socket.socket:
    """A form of which so much is sent."""
    lines = f"Authorization: Bearer {CALLER_KEY}", f"Content-Type: {KINDS['form']}"
    head = "\r\n".join([f"POST {PATH} HTTP/1.1", "Host: x", *lines, f"Content-Length: {announced}"])
    caller = socket.create_connection(("127.0.0.1", gateway.proxy_port), timeout=30)
    caller.sendall(f"{head}\r\n\r\n".encode())
    with contextlib.suppress(ConnectionError):  # it may be answered before all was sent
        caller.sendall(raw)
    return caller


def counted(gateway: Running, route: str, alias: str, status: int) -> float:
    name = f'aisix_requests_total{{route="{route}",alias="{alias}",status="{status}"}}'
    return gateway.metrics().get(name, 0)


def body(case: str, alias: str) -> tuple[str, str, bytes]:
    """(path, kind, bytes)"""
    if case == "json":
        return EMBEDDINGS, "json", words(alias)
    return PATH, "form", form(alias, LONG if case == "long form" else SHORT)


FAULTS: list[tuple[str, str, tuple[Any, ...], int, str | None]] = [
    ("down", "json", (), 502, "upstream_unreachable"),
    ("down", "short form", (), 502, "upstream_unreachable"),
    ("down", "long form", (), 502, "upstream_unreachable"),
    ("rough", "json", (HOLD,), 504, "upstream_timeout"),
    ("rough", "short form", (HOLD,), 504, "upstream_timeout"),
    ("rough", "long form", (HOLD,), 504, "upstream_timeout"),
    ("rough", "short form", (RESET,), 502, "upstream_unreachable"),
    ("rough", "short form", (said(b'{"text": "t"}')[:-3], "close"), 502, "upstream_bad_response"),
    ("rough", "json", (said(b"<html>", "502 Bad Gateway"),), 500, None),
    ("rough", "short form", (said(b"{}", "401 No"),), 502, "upstream_auth_failed"),
    ("rough", "json", (said(b"x" * (CAP + 1)),), 502, "upstream_bad_response"),
    ("sulky", "long form", (100_000, RESET), 502, "upstream_unreachable"),
    ("sulky", "long form", (100_000, b""), 502, "upstream_unreachable"),
    ("sulky", "long form", (100_000, said(b'{"error": {"message": "No"}}', "413 No")), 413, None),
    ("sulky", "long form", (0, HOLD), 504, "upstream_timeout"),
]


@pytest.mark.parametrize(
    ("alias", "case", "steps", "status", "code"),
    FAULTS,
    ids=[f"{alias}, {case}, {status} {n}" for n, (alias, case, _, status, _) in enumerate(FAULTS)],
)
def test_a_fault_is_told_in_time_and_nothing_is_kept(
    gateway: Running, upstream: Rough, sulky: Sulky, request: pytest.FixtureRequest,
    alias: str, case: str, steps: tuple[Any, ...], status: int, code: str | None,
) -> None:  # fmt: skip
    if alias == "rough":
        upstream.next(*steps)
    elif alias == "sulky":
        sulky.will(*steps)
    path, kind, raw = body(case, alias)
    route = "embeddings" if kind == "json" else "transcriptions"
    before = counted(gateway, route, alias, status)
    before_lines = len(gateway.lines)
    if case == "long form":
        with begun(gateway, raw, len(raw)) as caller:
            got = answered(caller)
        if not got and of_tornado(request):  # it may be lost: docs/connections.md
            until(lambda: len(gateway.lines) > before_lines)
            assert gateway.lines[-1]["status"] in (status, 499)
            nothing_is_kept(gateway)
            return
        head, _, rest = got.partition(b"\r\n\r\n")
        fields = [line.split(": ", 1) for line in head.decode().split("\r\n")[1:]]
        headers = {name.lower(): value for name, value in fields}
        answer = Answer(int(head.split()[1]), headers, rest)
    else:
        answer = post(gateway, path, kind, raw)
    assert (answer.status, answer.error.get("code")) == (status, code), answer.body
    assert answer.error["message"]
    assert b"127.0.0.1" not in answer.body and b"sk-ant" not in answer.body
    line = gateway.line(answer)
    assert (line["alias"], line["status"]) == (alias, status)
    assert line["error"]
    until(lambda: counted(gateway, route, alias, status) == before + 1)
    nothing_is_kept(gateway)


def test_a_form_without_its_end_is_refused_and_no_upstream_has_it_whole(
    gateway: Running, upstream: Rough
) -> None:
    """As long as announced, but cut in what closes it; only its last line end may be missing."""
    raw = form("rough")
    calls = len(upstream.calls)
    for cut in (1, *range(3, len(b"\r\n--BB--\r\n"))):
        with begun(gateway, raw[:-cut], len(raw) - cut) as caller:
            got = answered(caller)
        assert got.startswith(b"HTTP/1.1 400") and b"invalid_form" in got, (cut, got)
        assert b"does not end with the boundary" in got
    nothing_is_kept(gateway)
    assert len(upstream.calls) == calls


def test_a_caller_who_sends_no_more_is_told_and_its_upstream_left(
    gateway: Running, sulky: Sulky, request: pytest.FixtureRequest
) -> None:
    sulky.will(0, HOLD)
    raw = form("sulky", 100_000)
    with begun(gateway, raw[:50_000], len(raw)) as caller:
        got = answered(caller)
    assert got.startswith(b"HTTP/1.1 408") or of_tornado(request)
    sulky.wait_left()
    nothing_is_kept(gateway)


def test_a_caller_who_leaves_while_its_upstream_takes_nothing_ends_it(
    gateway: Running, sulky: Sulky
) -> None:
    sulky.will(0, HOLD)
    with begun(gateway, form("sulky", 8 << 20)[: 1 << 20], 8 << 20):
        until(lambda: gateway.metrics()["aisix_in_flight"] == 1)
    sulky.wait_left()
    nothing_is_kept(gateway)


@pytest.mark.parametrize("kind", ["text/html", "application/octet-stream", ""])
def test_a_good_answer_is_passed_on_whatever_it_says_it_is(
    gateway: Running, upstream: Rough, kind: str
) -> None:
    upstream.next(whole_answer(b"<p>", "200 OK", *([f"content-type: {kind}"] if kind else [])))
    answer = post(gateway, EMBEDDINGS, "json", words("rough"))
    assert (answer.status, answer.body) == (200, b"<p>")
    assert answer.headers["content-type"] == kind or "application/octet-stream"
    line = gateway.line(answer)
    assert line["tokens_estimated"] is True  # nothing in it says how many


def test_sound_that_breaks_off_is_told_in_the_access_line(
    gateway: Running, upstream: Rough
) -> None:
    upstream.next(stream().replace(b"text/event-stream", b"audio/mpeg"), b"abc", RESET)
    raw = words("rough", voice="x")
    lines = f"Authorization: Bearer {CALLER_KEY}", f"Content-Length: {len(raw)}"
    head = "\r\n".join([f"POST {SPEECH} HTTP/1.1", "Host: x", *lines])
    with socket.create_connection(("127.0.0.1", gateway.proxy_port), timeout=30) as caller:
        caller.sendall(f"{head}\r\n\r\n".encode() + raw)
        assert answered(caller) == b""  # no end
    until(lambda: gateway.lines[-1]["path"] == SPEECH)
    line = gateway.lines[-1]
    assert (line["status"], line["error"], line["upstream_status"]) == (200, "interrupted", 200)
    nothing_is_kept(gateway)
