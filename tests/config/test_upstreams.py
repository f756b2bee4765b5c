"""What one setting says of another, and the files upstreams are checked with."""

from __future__ import annotations

from pathlib import Path

import pytest

from aisix.config.settings import Settings, load_settings
from aisix.errors import OperatorError
from tests.authority import Authority


def loaded(**env: object) -> Settings:
    return load_settings(None, {f"AISIX_{name}": str(value) for name, value in env.items()})


@pytest.mark.parametrize(
    ("given", "silence"),
    [
        ({}, 300_000),
        ({"UPSTREAM__TIMEOUT_MS": 5000}, 5000),
        ({"UPSTREAM__TIMEOUT_MS": 0}, 0),
        ({"UPSTREAM__STREAM_TIMEOUT_MS": 0}, 600_000),
        ({"UPSTREAM__STREAM_TIMEOUT_MS": 0, "UPSTREAM__TIMEOUT_MS": 7}, 7),
        ({"UPSTREAM__STREAM_TIMEOUT_MS": 9, "UPSTREAM__TIMEOUT_MS": 7}, 9),
    ],
)
def test_how_long_a_stream_may_be_silent(given: dict[str, int], silence: int) -> None:
    assert loaded(**given).upstream.stream_timeout_ms == silence


def test_where_0_is_no_limit() -> None:
    found = loaded(
        PROXY__REQUEST_BODY_LIMIT_BYTES=0,
        PROXY__BODIES_LIMIT_BYTES=2 << 20,
        PROXY__IDLE_TIMEOUT_SECS=0,
        UPSTREAM__IDLE_SECS=0,
        UPSTREAM__CONNECT_TIMEOUT_MS=0,
        UPSTREAM__TCP_KEEPALIVE_SECS=0,
    )
    assert found.proxy.request_body_limit_bytes == 2 << 20
    assert (found.proxy.idle_timeout_secs, found.upstream.idle_secs) == (0, 0)
    with pytest.raises(OperatorError, match="0 \\(no limit\\) or a whole number, at least 1024"):
        loaded(PROXY__REQUEST_BODY_LIMIT_BYTES=1000)


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("CA_FILE", "gone.pem", "is no file that can be read"),
        ("CA_FILE", "empty.pem", "holds no certificate in PEM"),
        ("CA_FILE", "us.key", "holds no certificate in PEM"),
        ("CLIENT_CERT_FILE", "us.pem", "needs upstream.tls.client_key_file beside it"),
    ],
)
def test_a_file_that_will_not_do_stops_the_start(
    name: str, value: str, why: str, tmp_path: Path
) -> None:
    Authority(tmp_path).sign("us")
    (tmp_path / "empty.pem").write_text("this is no certificate\n")
    with pytest.raises(OperatorError) as caught:
        loaded(**{f"UPSTREAM__TLS__{name}": tmp_path / value})
    assert f"upstream.tls.{name.lower()}: " in str(caught.value) and why in str(caught.value)


def test_a_certificate_and_the_key_of_another(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    cert, key = authority.sign("us")
    _, other = authority.sign("them")
    given = {"UPSTREAM__TLS__CLIENT_CERT_FILE": cert, "UPSTREAM__TLS__CLIENT_KEY_FILE": key}
    assert loaded(**given).upstream.tls.client_key_file == key
    with pytest.raises(OperatorError, match="with the private key of"):
        loaded(**{**given, "UPSTREAM__TLS__CLIENT_KEY_FILE": other})


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("10.0.0.0/8, 127.0.0.1", ("10.0.0.0/8", "127.0.0.1/32")),
        ("10.1.2.3/8", ("10.0.0.0/8",)),
        ("", ()),
    ],
)
def test_trusted_proxies(value: str, found: tuple[str, ...]) -> None:
    assert loaded(PROXY__REAL_IP__TRUSTED_PROXIES=value).proxy.real_ip.trusted_proxies == found


@pytest.mark.parametrize(
    ("name", "value"), [("TRUSTED_PROXIES", "10.0.0.0/33"), ("HEADER", "x forwarded")]
)
def test_a_proxy_that_is_none_stops_the_start(name: str, value: str) -> None:
    with pytest.raises(OperatorError, match=f"proxy.real_ip.{name.lower()}: expected"):
        loaded(**{f"PROXY__REAL_IP__{name}": value})
