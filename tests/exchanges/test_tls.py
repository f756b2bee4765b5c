"""TLS on our listeners and to the upstream, with certificates of our own making."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from aisix.standin.server import Standin
from tests.authority import Authority, Tunnel
from tests.running import ROOT, Running, send, until

MODELS = {"claude-prod": {"model_name": "claude-opus-5-5"}}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "tls")


def listening(cert: Path, key: Path, http: str = "fast") -> dict[str, dict[str, str]]:
    files = {"tls_cert": str(cert), "tls_key": str(key)}
    return {"proxy": {**files, "http": http}, "admin": files}


def shown(port: int, context: ssl.SSLContext) -> bytes:
    """The certificate a listener shows to a new connection."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as raw,
        context.wrap_socket(raw, server_hostname="127.0.0.1") as inside,
    ):
        found = inside.getpeercert(binary_form=True)
        assert found is not None
        return found


@pytest.mark.parametrize("server", ["fast", "tornado"])
def test_both_listeners_speak_tls_and_renew_their_certificate(
    tmp_path: Path, standin: Standin, authority: Authority, server: str
) -> None:
    trusted = authority.trusted()
    more = listening(*authority.sign("server"), server)
    with Running(tmp_path / "gateway", more, tls=trusted) as gateway:
        gateway.set_up(standin.url, MODELS)
        gateway.allow("*")
        assert gateway.ask("Hi").status == 200
        assert gateway.ask("Hi", stream=True).body.rstrip().endswith(b"[DONE]")
        assert "proxy on https://" in gateway.log
        before = shown(gateway.proxy_port, trusted)
        # A stream that began before the renewal is not cut by it.
        got: list[bytes] = []
        text = "standin:slow-50 standin:long-40"
        ask = threading.Thread(target=lambda: got.append(gateway.ask(text, stream=True).body))
        ask.start()
        until(lambda: gateway.metrics()["aisix_in_flight"] == 1)
        authority.sign("server", days=30, kind="rsa")  # another kind of key, too
        gateway.process.send_signal(signal.SIGHUP)
        until(lambda: shown(gateway.proxy_port, trusted) != before)
        until(lambda: shown(gateway.admin_port, trusted) == shown(gateway.proxy_port, trusted))
        ask.join(20)
        assert got[0].rstrip().endswith(b"[DONE]")
        page = gateway.metrics()
        assert page['aisix_reloads_total{what="certificates",result="ok"}'] == 1
        assert page['aisix_certificate_expires_seconds{listener="proxy"}'] > 1.7e9
        # Half a pair: what was there goes on being shown.
        before = shown(gateway.proxy_port, trusted)
        (authority.folder / "server.key").write_text("no key")
        gateway.process.send_signal(signal.SIGHUP)
        until(lambda: "certificate not reloaded: proxy.tls_key" in gateway.log)
        assert shown(gateway.proxy_port, trusted) == before
        assert gateway.ask("Hi").status == 200


def test_old_versions_of_tls_and_clear_text_are_refused(
    tmp_path: Path, authority: Authority
) -> None:
    more = listening(*authority.sign("server"))
    with Running(tmp_path / "gateway", more, tls=authority.trusted()) as gateway:
        old = authority.trusted()
        old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        old.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.raises((ssl.SSLError, ConnectionError)):
            shown(gateway.proxy_port, old)
        with pytest.raises((OSError, http.client.HTTPException)):
            send(gateway.proxy_port, "GET", "/livez", timeout=10)
        two = authority.trusted()
        two.maximum_version = ssl.TLSVersion.TLSv1_2
        assert shown(gateway.proxy_port, two)


def test_the_command_line_checks_whom_it_talks_to(tmp_path: Path, authority: Authority) -> None:
    """The certificate and the name, on every Python alike; not the form of it."""
    other = Authority(tmp_path / "other")
    more = listening(*authority.sign("server"))
    with Running(tmp_path / "gateway", more, tls=authority.trusted()) as gateway:

        def asked(trusted: Path) -> subprocess.CompletedProcess[str]:
            config = str(tmp_path / "gateway" / "config.yaml")
            return subprocess.run(
                [sys.executable, "-m", "aisix", "models", "list", "--config", config, "--json"],
                cwd=ROOT, env=os.environ | {"SSL_CERT_FILE": str(trusted)},
                capture_output=True, text=True, timeout=60,
            )  # fmt: skip

        done = asked(authority.file)
        assert (done.returncode, done.stderr) == (0, "")
        done = asked(other.file)
        assert done.returncode != 0
        url = f"https://127.0.0.1:{gateway.admin_port}"
        assert f"{url}: its certificate is not trusted: " in done.stderr


@pytest.mark.parametrize(
    ("cert", "key", "said"),
    [
        ("server.pem", None, "proxy.tls_cert: needs proxy.tls_key beside it"),
        ("gone.pem", "server.key", "gone.pem: cannot be read: No such file"),
        ("server.key", "server.key", "server.key: no certificate in PEM"),
        ("server.pem", "other.key", "other.key: is not the key of"),
        ("server.pem", "server.pem", "no private key in PEM"),
    ],
)
def test_certificates_that_cannot_be_used_stop_the_start(
    tmp_path: Path, authority: Authority, cert: str, key: str | None, said: str
) -> None:
    authority.sign("server")
    authority.sign("other")
    files = {"tls_cert": str(authority.folder / cert)}
    if key:
        files["tls_key"] = str(authority.folder / key)
    with pytest.raises(AssertionError) as caught, Running(tmp_path / "gateway", {"proxy": files}):
        pass
    assert said in str(caught.value)


# ---------------------------------------------------------------- to the upstream
@pytest.fixture
def upstream(standin: Standin, authority: Authority) -> Iterator[Tunnel]:
    """An upstream with a certificate of ours, which wants one of us."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.sign("upstream"))
    context.load_verify_locations(authority.file)
    context.verify_mode = ssl.CERT_REQUIRED
    with Tunnel(urlsplit(standin.url).port or 0, context) as tunnel:
        yield tunnel


def test_an_upstream_with_a_private_authority_that_wants_our_certificate(
    tmp_path: Path, upstream: Tunnel, authority: Authority
) -> None:
    cert, key = map(str, authority.sign("us"))
    pair = {"client_cert": cert, "client_key": key}
    with Running(tmp_path / "gateway", {"upstream": {"retries": 0}}) as gateway:
        full = {"ca_file": str(authority.file), **pair}
        id = gateway.set_up(upstream.url, MODELS, tls=full)
        gateway.allow("*")
        assert gateway.ask("Hi").status == 200
        assert "verify" not in gateway.log

        def with_tls(tls: dict[str, object]) -> int:
            known = gateway.admin("GET", f"provider_keys/{id}").json["value"]
            body = {k: v for k, v in known.items() if v is not None and k != "secret"}
            answer = gateway.admin(
                "PUT", f"provider_keys/{id}", {**body, "secret": "sk-ant-x", "tls": tls}
            )
            assert answer.status == 200, answer.body
            return gateway.ask("Hi").status

        assert with_tls({"ca_file": str(authority.file)}) == 502  # no certificate of ours
        assert with_tls(pair) == 502  # an authority nobody here trusts
        failed = 'aisix_upstream_errors_total{alias="claude-prod",kind="tls"}'
        until(lambda: gateway.metrics()[failed] >= 1)
        assert with_tls({"verify": False, **pair}) == 200
        assert "anthropic-prod: tls.verify is false" in gateway.log


def test_a_changed_authority_is_read_again(
    tmp_path: Path, standin: Standin, authority: Authority
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.sign("upstream"))
    other = Authority(tmp_path / "other")
    with (
        Tunnel(urlsplit(standin.url).port or 0, context) as tunnel,
        Running(tmp_path / "gateway", {"upstream": {"retries": 0}}) as gateway,
    ):
        gateway.set_up(tunnel.url, MODELS, tls={"ca_file": str(other.file)})
        gateway.allow("*")
        assert gateway.ask("Hi").status == 502
        other.file.write_bytes(authority.file.read_bytes())
        gateway.process.send_signal(signal.SIGHUP)
        until(lambda: "certificates of upstreams were read again" in gateway.log)
        assert gateway.ask("Hi").status == 200
