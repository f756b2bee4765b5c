"""More connections than there are descriptors: callers, operators and the metrics are served on."""

from __future__ import annotations

import os
import re
import resource
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from aisix.standin.server import Standin
from tests.running import CALLER_KEY, Running, send, until

FILES = 220  # the gateway may open
FLOOD = 400  # connections, from several addresses
MODELS = {"claude-prod": {"model_name": "claude-opus-5-5"}}
HALF = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Le"


@pytest.fixture(params=["fast", "tornado"])
def gateway(request: pytest.FixtureRequest, tmp_path: Path, standin: Standin) -> Iterator[Running]:
    program = ("tests.few_files", str(FILES))
    more = {"proxy": {"http": request.param}}
    with Running(tmp_path / "gateway", more, program=program) as running:
        running.set_up(standin.url, MODELS)
        running.allow("*")
        yield running
        assert not running.bugs


def files(gateway: Running) -> int:
    return len(os.listdir(f"/proc/{gateway.worker_pids[0]}/fd"))


class Flood:
    """Connections from many addresses of loopback, half of them in the middle of a head."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.open: list[socket.socket] = []
        self.made = 0

    def rise(self, count: int = FLOOD) -> None:
        for _ in range(count):
            one = socket.socket()
            one.settimeout(10)
            self.made += 1
            one.bind((f"127.0.0.{2 + self.made % 9}", 0))
            try:
                one.connect(("127.0.0.1", self.port))
                if self.made % 2:
                    one.send(HALF)
            except OSError:
                pass  # refused: that may be
            self.open.append(one)

    def ebb(self) -> None:
        for one in self.open:
            one.close()
        self.open.clear()


def test_everybody_is_served_in_a_flood_and_nothing_is_left_of_it(gateway: Running) -> None:
    assert gateway.ask("Hi").status == 200
    before = files(gateway)
    flood = Flood(gateway.proxy_port)
    for stream in (False, True, False):
        flood.rise()
        answer = gateway.ask("Hi", stream=stream)
        assert answer.status == 200, answer.body
        assert gateway.admin("GET", "models").status == 200
        assert files(gateway) < FILES
    now = gateway.metrics()
    proxy = gateway.admin("GET", "status").json["connections"]["proxy"]
    assert 0 < proxy["open"] <= proxy["most"] < FILES / 2
    assert now['aisix_connections_given_up_total{listener="proxy"}'] > 2 * FLOOD
    assert proxy["open"] - 1 <= now['aisix_connections{listener="proxy"}'] <= proxy["most"]
    flood.ebb()
    until(lambda: files(gateway) <= before + 2, "descriptors are left open")
    until(lambda: gateway.metrics()['aisix_connections{listener="proxy"}'] == 0)

    def told() -> list[str]:
        return [line for line in gateway.log.split("\n") if "connections are open" in line]

    until(lambda: re.search(r"\(and \d+ more like it\)", "\n".join(told())), "no count is told")
    assert 0 < len(told()) < 30, "a line a second, and not one each"


def test_requests_under_way_take_no_more_than_their_share(
    gateway: Running, standin: Standin
) -> None:
    most = gateway.admin("GET", "status").json["connections"]["proxy"]["most"]
    text = "standin:slow-20 standin:long-60"
    with ThreadPoolExecutor(most + 20) as pool:
        asked = [pool.submit(gateway.ask, text, stream=bool(n % 2)) for n in range(most + 20)]
        until(lambda: gateway.admin("GET", "status").json["in_flight"] > most // 2)
        assert send(gateway.metrics_port, "GET", "/metrics").status == 200
        statuses = []
        for one in asked:
            try:
                statuses.append(one.result().status)
            except OSError:  # our refusal came before the request, which was then refused by TCP
                statuses.append(503)
    assert set(statuses) <= {200, 503}
    assert statuses.count(200) >= most // 2
    assert gateway.ask("Hi").status == 200


def test_without_a_descriptor_for_the_upstream_the_caller_is_told(
    gateway: Running, standin: Standin
) -> None:
    """Somebody else has taken them: more than the gateway counts on."""
    pid = gateway.worker_pids[0]
    gateway.line(gateway.ask("Hi", alias="nobody"))
    caller = socket.create_connection(("127.0.0.1", gateway.proxy_port), 10)
    until(lambda: gateway.metrics()['aisix_connections{listener="proxy"}'] == 1)
    # Those that are open stay; there is no room below for one that closes meanwhile, either.
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, FILES))
    body = b'{"model":"claude-prod","messages":[{"role":"user","content":"Hi"}]}'
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {CALLER_KEY}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    caller.sendall(head.encode() + body)
    got = caller.recv(65536)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (FILES, FILES))
    assert got.startswith(b"HTTP/1.1 503"), got
    assert b"retry-after: 1" in got.lower()
    assert b'"overloaded"' in got
    caller.close()
    assert gateway.ask("Hi").status == 200
    assert "no descriptor is left" in gateway.log
