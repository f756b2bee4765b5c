"""Three nodes of an etcd behind HAProxy and nginx, by the files that are shipped: an upgrade fails
nobody."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.chaos import callers
from tests.cluster.balancers import Balancer, HAProxy, Nginx
from tests.cluster.load import Load
from tests.cluster.servers import Etcd
from tests.running import CALLER_KEY, Running, send, until

# HAProxy asks every 500 ms and believes the second no: more than that, and a second.
ENCRYPTION_KEY = base64.b64encode(bytes(32)).decode()
SETTINGS = {"shutdown": {"min_drain_secs": 3, "max_drain_secs": 40}, "upstream": {"retries": 0}}


@dataclass
class Behind:
    balancer: Balancer
    gateways: list[Running]
    load: Load


@pytest.fixture(params=[HAProxy, Nginx], ids=["haproxy", "nginx"])
def behind(request: pytest.FixtureRequest, etcd: Etcd, tmp_path: Path) -> Iterator[Behind]:
    with ExitStack() as stack:
        load = stack.enter_context(Load())
        place = {"endpoints": etcd.endpoints, "prefix": f"/{tmp_path.name}"}
        shared = {"etcd": place, "encryption_key": ENCRYPTION_KEY}
        gateways = [
            stack.enter_context(
                Running(tmp_path / name, {**SETTINGS, **shared, "node_id": name}, workers=2)
            )
            for name in "abc"
        ]
        gateways[0].set_up(load.url, {callers.ALIAS: {"model_name": "claude-opus-5-5"}})
        gateways[0].allow("*")
        for gateway in gateways:  # nobody is called before what was written is everywhere
            until(lambda gateway=gateway: gateway.admin("GET", "apikeys").json["items"])
        ports = [gateway.proxy_port for gateway in gateways]
        yield Behind(stack.enter_context(request.param(tmp_path, ports)), gateways, load)
        for gateway in gateways:  # the second SIGTERM waits for nobody
            gateway.process.terminate()


def served(gateway: Running) -> set[str]:
    """The requests it has answered, in all its lives."""
    return {line["request_id"] for line in gateway.lines}


def serves_again(gateway: Running, before: int) -> None:
    until(lambda: send(gateway.proxy_port, "GET", "/readyz").status == 200)
    until(lambda: len(served(gateway)) > before, "the balancer does not come back to it")


def kill(gateway: Running) -> None:
    """kill -9 of all its processes; comes back when the last is gone."""
    pids = [gateway.process.pid, *gateway.worker_pids]
    os.killpg(gateway.process.pid, signal.SIGKILL)
    gateway.process.wait(40)
    until(lambda: not any(Path(f"/proc/{pid}/fd").exists() and lives(pid) for pid in pids))
    gateway.stop()


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.timeout(240)
def test_a_rolling_upgrade_fails_no_request_and_a_kill_only_those_in_flight_there(
    behind: Behind,
) -> None:
    load = behind.load
    load.run(behind.balancer.port)
    until(lambda: all(served(gateway) for gateway in behind.gateways), "one serves nobody")
    for gateway in behind.gateways:
        gateway.stop(wait=60)
        before = len(served(gateway))
        gateway.start()
        serves_again(gateway, before)
    assert [one.fault for one in load.faults] == []
    assert len(load.kinds) == 4, load.kinds

    killed, *others = behind.gateways
    load.more(20)
    under_way = set(load.under_way)
    kill(killed)
    dead = time.monotonic()
    load.more(100)
    before = len(served(killed))
    killed.start()
    serves_again(killed, before)
    load.pause()
    assert load.wrong == []
    elsewhere = set().union(*map(served, others))
    for one in load.failed:
        assert one.began < dead and f"load-{one.number}" not in elsewhere, one
    assert len(load.failed) <= len(under_way) + 1
    assert [gateway.bugs for gateway in behind.gateways] == [[], [], []]


def test_who_leaves_before_an_answer_ends_the_call_upstream(behind: Behind) -> None:
    async def leave() -> None:
        ask = callers.Ask(behind.balancer.port, "000001", "silent", False, 1)
        body = ask.body()
        lines = f"content-length: {len(body)}", "x-request-id: leaves"
        async with callers.Connection(ask.port) as connection:
            connection.writer.write(ask.request(body, CALLER_KEY, *lines))
            await asyncio.to_thread(until, lambda: behind.load.open)

    asyncio.run(leave())
    until(lambda: any("leaves" in served(gateway) for gateway in behind.gateways))
