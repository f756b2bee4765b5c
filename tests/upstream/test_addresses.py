"""Where no upstream is: as it is written, and as it turns out when it is connected to."""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path
from typing import Any

import pycurl
import pytest

from aisix.errors import UpstreamError
from aisix.upstream import curl, handle
from aisix.upstream.addresses import LINK_LOCAL, METADATA, refused_address, refused_host
from aisix.upstream.curl import Driver
from aisix.upstream.request import Request
from tests.upstream.conftest import Run
from tests.upstream.peer import Call, Peer

# fmt: off
REFUSED = [
    "169.254.169.254", "169.254.0.1", "169.254.169.254.", "2852039166",
    "0xA9FEA9FE", "0xa9.0xfe.0xa9.0xfe", "169.254.43518", "0251.0376.0251.0376",
    "0251.254.0xa9.254", "025177524776", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe",
    "::169.254.169.254", "::ffff:0:a9fe:a9fe", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe",
    "2002:a9fe:a9fe::1", "2001:0:4136:e378:8000:63bf:5601:5601", "2001:db8::5efe:a9fe:a9fe", "fe80::1",
    "fe80::1%eth0", "fe80::1%25eth0", "febf::1", "fd00:ec2::254",
    "fd00:ec2::23", "fd20:ce::254", "100.100.100.200", "192.0.0.192",
    "168.63.129.16", "metadata", "metadata.google.internal", "METADATA.Google.Internal.",
    "metadata.goog", "instance-data", "224.0.0.1", "ff02::1",
    "255.255.255.255", "240.0.0.1", "::ffff:100.100.100.200",
]
ALLOWED = [
    "127.0.0.1", "::1", "0.0.0.0", "::",
    "localhost", "10.1.2.3", "172.16.0.1", "192.168.1.1",
    "100.64.0.1", "fd12:3456::1", "8.8.8.8", "2606:4700::1111",
    "api.example.com", "metadata.example.com", "169.253.0.1", "169.255.0.1",
    "fec0::1", "vllm", "127.1", "64:ff9b::808:808",
    "::ffff:10.0.0.1", "2002:a00:1::1", "169.254.169.254.example.com", "1e100.net",
    "0x",
]
# fmt: on


@pytest.mark.parametrize("host", REFUSED)
def test_a_host_of_no_upstream_is_known_in_every_spelling(host: str) -> None:
    assert refused_host(host)


@pytest.mark.parametrize("host", ALLOWED)
def test_loopback_private_networks_and_names_are_an_upstreams(host: str) -> None:
    assert refused_host(host) is None


def test_why_is_said() -> None:
    assert refused_address("169.254.1.1") == LINK_LOCAL
    assert refused_host("metadata.google.internal") == METADATA
    with pytest.raises(ValueError):
        refused_address("api.example.com")


# ---------------------------------------------------------------- when it is connected to
@pytest.fixture
def resolving(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What names lead to, as "host:port" -> "address,address", for handles made from now on."""
    table: dict[str, str] = {}

    class Resolving(handle.Handle):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            told = [f"{name}:{addresses}" for name, addresses in table.items()]
            self.curl.setopt(pycurl.RESOLVE, told)

    monkeypatch.setattr(curl, "Handle", Resolving)
    return table


async def hello(call: Call) -> None:
    await call.reply(b"hello")


async def refused(driver: Driver, url: str) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        await driver.send(Request(url))
    assert driver.in_flight == 0
    return caught.value


def test_a_name_that_leads_to_such_an_address_is_refused_and_told_once(
    run: Run, resolving: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        driver = Driver()
        resolving["up.test:80"] = "169.254.169.254,[fe80::1],[::ffff:169.254.0.1]"
        for _ in range(3):
            error = await refused(driver, "http://up.test/v1")
            assert error.kind == "unreachable"
            assert error.values == {"why": "address", "was_sent": False}
            assert "up.test" in error.detail and "upstream.allow_link_local" in error.detail
        assert (await refused(driver, "http://169.254.169.254/")).values["why"] == "address"
        driver.close()
        told = [one.message for one in caplog.records if "upstream refused" in one.message]
        assert len(told) == 2

    run(work())


def test_of_several_addresses_the_good_ones_serve(run: Run, resolving: dict[str, str]) -> None:
    async def work() -> None:
        async with Peer(hello) as peer:
            driver = Driver()
            resolving[f"a.test:{peer.port}"] = "169.254.1.1,127.0.0.1"
            resolving[f"b.test:{peer.port}"] = "[fe80::1],127.0.0.1"
            resolving[f"c.test:{peer.port}"] = "127.0.0.1,[fd00:ec2::254]"
            resolving["d.test:9"] = "127.0.0.1"
            for name in ("a.test", "b.test", "c.test", "a.test", "b.test"):
                response = await driver.send(Request(f"http://{name}:{peer.port}/"))
                assert response.body == b"hello"
            # Whoever answers nothing there is as unreachable as ever.
            assert (await refused(driver, "http://d.test:9/")).values["why"] == "connect"
            driver.close()

    run(work())


def test_who_allows_it_may(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stood in for by loopback: no link-local address answers everywhere tests run."""
    monkeypatch.setattr(handle, "refused_address", lambda text: "is refused")

    async def work() -> None:
        async with Peer(hello) as peer:
            driver = Driver()
            assert (await refused(driver, peer.url)).values["why"] == "address"
            # A proxy is where the operator says, and resolves names itself.
            through = Request("http://up.test/", proxy=peer.url)
            assert (await driver.send(through)).body == b"hello"
            driver.close()
            driver = Driver(any_address=True)
            assert (await driver.send(Request(peer.url))).body == b"hello"
            driver.close()

    run(work())


def test_no_descriptor_is_left_and_none_is_inherited(run: Run) -> None:
    async def work() -> None:
        async with Peer(hello) as peer:
            driver = Driver()
            await driver.send(Request(peer.url))
            before = set(os.listdir("/proc/self/fd"))
            for _ in range(20):
                await refused(driver, "http://169.254.169.254/")
            await driver.send(Request(peer.url))
            assert set(os.listdir("/proc/self/fd")) == before
            ours = [fd for fd in before if _peer_of(int(fd)) == peer.port]
            assert ours
            for fd in ours:
                assert fcntl.fcntl(int(fd), fcntl.F_GETFD) & fcntl.FD_CLOEXEC
            driver.close()

    if not Path("/proc/self/fd").exists():
        pytest.skip("no /proc")
    run(work())


def _peer_of(fd: int) -> int:
    """The port a socket is connected to; 0 for what is none."""
    try:
        with socket.socket(fileno=os.dup(fd)) as copy:
            return int(copy.getpeername()[1])
    except (OSError, IndexError):  # no socket, or of no network
        return 0


def test_a_mistake_of_ours_in_the_callback_ends_the_transfer(
    run: Run, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(text: str) -> None:
        raise RuntimeError("sk-words")

    monkeypatch.setattr(handle, "refused_address", broken)

    async def work() -> None:
        driver = Driver()
        with pytest.raises(RuntimeError):
            await driver.send(Request("http://127.0.0.1:9/"))
        assert driver.in_flight == 0
        driver.close()

    run(work())
    assert "sk-words" not in "".join(capfd.readouterr())
