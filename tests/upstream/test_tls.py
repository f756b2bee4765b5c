"""TLS to an upstream: whom the driver trusts, who it says it is, what it offers to speak."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from aisix.errors import UpstreamError
from aisix.upstream.curl import Driver
from aisix.upstream.request import Request, Tls
from aisix.upstream.tls import find_ca_file
from tests.upstream.conftest import Certificates, Run
from tests.upstream.peer import Call, Peer


async def hello(call: Call) -> None:
    await call.reply(b"hello")


def offered(certificates: Certificates, ask_client: bool = False) -> ssl.SSLContext:
    """A server that speaks HTTP/1.1 only, and takes it from what the caller offers."""
    context = certificates.server(ask_client=ask_client)
    context.set_alpn_protocols(["http/1.1"])
    return context


def test_an_authority_named_by_the_request_is_trusted_and_the_connection_kept(
    run: Run, certificates: Certificates
) -> None:
    async def work() -> None:
        async with Peer(hello, tls=offered(certificates)) as peer:
            driver = Driver()
            request = Request(peer.url, body=b"{}", tls=Tls(ca_file=certificates.ca_file))
            for _ in range(3):
                assert (await driver.send(request)).body == b"hello"
            assert peer.connections == 1
            spoken = peer.calls[0].writer.get_extra_info("ssl_object")
            assert spoken.selected_alpn_protocol() == "http/1.1"
            assert spoken.version() in ("TLSv1.2", "TLSv1.3")
            driver.close()

    run(work())


def test_the_offer_begins_with_http_2(run: Run, certificates: Certificates) -> None:
    """A peer that takes it gets HTTP/2's preface, which this one can only hang up on."""

    async def hang_up(call: Call) -> None:
        call.close()

    async def work() -> None:
        context = certificates.server()
        context.set_alpn_protocols(["h2"])
        async with Peer(hang_up, tls=context) as peer:
            driver = Driver(ca_file=certificates.ca_file)
            with pytest.raises(UpstreamError):
                await driver.send(Request(peer.url, body=b"{}"))
            assert peer.calls[0].line == "PRI * HTTP/2.0"
            driver.close()

    run(work())


def test_the_site_s_own_list_is_trusted_without_a_word(
    run: Run, certificates: Certificates, tmp_path: Path
) -> None:
    async def work() -> None:
        async with Peer(hello, tls=offered(certificates)) as peer:
            request = Request(peer.url, body=b"{}")
            driver = Driver(ca_file=certificates.ca_file)
            assert (await driver.send(request)).body == b"hello"
            driver.close()
            stranger = Driver(ca_file=str(tmp_path / "no-such-file.pem"))  # then the machine's own
            with pytest.raises(UpstreamError) as caught:
                await stranger.send(request)
            assert caught.value.values["why"] == "tls"
            stranger.close()

    run(work())


def test_an_unknown_authority_is_refused_before_anything_is_sent(
    run: Run, certificates: Certificates
) -> None:
    async def work() -> None:
        async with Peer(hello, tls=offered(certificates)) as peer:
            driver = Driver()
            with pytest.raises(UpstreamError) as caught:
                await driver.send(Request(peer.url, body=b"secret"))
            assert caught.value.kind == "unreachable"
            assert caught.value.values == {"why": "tls", "was_sent": False}
            assert peer.calls == []
            lenient = Request(peer.url, body=b"{}", tls=Tls(verify=False))
            assert (await driver.send(lenient)).body == b"hello"
            with pytest.raises(UpstreamError):  # what one may is not lent to the next
                await driver.send(Request(peer.url, body=b"secret"))
            driver.close()

    run(work())


def test_a_client_certificate_is_shown_when_it_is_given(
    run: Run, certificates: Certificates
) -> None:
    async def work() -> None:
        async with Peer(hello, tls=offered(certificates, ask_client=True)) as peer:
            driver = Driver(ca_file=certificates.ca_file)
            named = Tls(client_cert=certificates.client_cert, client_key=certificates.client_key)
            assert (await driver.send(Request(peer.url, body=b"{}", tls=named))).body == b"hello"
            with pytest.raises(UpstreamError):
                await driver.send(Request(peer.url, body=b"{}"))
            driver.close()

    run(work())


def test_the_first_ca_file_that_exists_is_taken(tmp_path: Path) -> None:
    there = tmp_path / "ca.pem"
    there.write_text("")
    assert find_ca_file([str(tmp_path / "none.pem"), str(there)]) == str(there)
    own = tmp_path / "own.pem"
    assert find_ca_file([str(there)], str(own)) == str(there)
    own.write_text("")
    assert find_ca_file([str(there)], str(own)) == str(own)


def test_certifi_is_asked_last_and_need_not_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "certifi.py").write_text("def where(): return '/certifi/cacert.pem'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(__import__("sys").modules, "certifi", raising=False)
    assert find_ca_file([]) == "/certifi/cacert.pem"
    monkeypatch.setitem(__import__("sys").modules, "certifi", None)
    assert find_ca_file([]) is None
