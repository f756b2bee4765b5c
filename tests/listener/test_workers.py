"""Several workers at one address: who gets a connection."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from pathlib import Path

import pytest

from tests.running import Running, until

LIVE = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"


def workers(gateway: Running) -> list[int]:
    pid = gateway.process.pid
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def sockets_of(pid: int) -> int:
    """How many sockets a process has open."""
    count = 0
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            count += os.readlink(each).startswith("socket")
    return count


def answered(one: socket.socket) -> bool:
    one.settimeout(20)
    return one.recv(4096).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("http", ["fast", "tornado"])
def test_connections_are_spread_over_the_workers(tmp_path: Path, http: str) -> None:
    with Running(tmp_path / "gateway", {"proxy": {"http": http}}, workers=2) as gateway:
        # Both have the same, once the connection of the start's /livez is gone.
        until(lambda: len({sockets_of(pid) for pid in workers(gateway)}) == 1)
        before = {pid: sockets_of(pid) for pid in workers(gateway)}
        open_ones = []
        for _ in range(80):
            one = socket.create_connection(("127.0.0.1", gateway.proxy_port), 20)
            one.sendall(LIVE)
            open_ones.append(one)
        assert all(answered(one) for one in open_ones)
        gained = [sockets_of(pid) - count for pid, count in before.items()]
        assert sum(gained) == 80
        if http == "fast":  # by the system: 40 and 40, give or take four standard deviations
            assert min(gained) > 22
        for one in open_ones:
            one.close()


@pytest.mark.parametrize("http", ["fast", "tornado"])
def test_who_waits_at_a_stuck_worker_is_served_by_another(tmp_path: Path, http: str) -> None:
    with Running(tmp_path / "gateway", {"proxy": {"http": http}}, workers=2) as gateway:
        stuck = workers(gateway)[0]
        os.kill(stuck, signal.SIGSTOP)
        try:
            for _ in range(12):
                one = socket.create_connection(("127.0.0.1", gateway.proxy_port), 20)
                one.sendall(LIVE)
                assert answered(one)
                one.close()
        finally:
            os.kill(stuck, signal.SIGCONT)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_the_loop_is_the_one_that_was_set(tmp_path: Path, loop: str) -> None:
    with Running(tmp_path / "gateway", {"event_loop": loop}) as gateway:
        maps = Path(f"/proc/{workers(gateway)[0]}/maps").read_text()
        assert ("uvloop" in maps) == (loop == "uvloop")
