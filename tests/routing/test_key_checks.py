"""Where a provider key leads, and the files it names, before any request finds out."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aisix.config.settings import Settings, load_settings
from aisix.routing.key_checks import faults
from tests.authority import Authority

Document = dict[str, Any]


def settings(**env: str) -> Settings:
    return load_settings(None, {f"AISIX_{name}": value for name, value in env.items()})


SETTINGS = settings(PROXY__ADDR="0.0.0.0:3000")


def told(document: Document, given: Settings = SETTINGS) -> dict[str, str]:
    return {one.path: one.text for one in faults(given, document, files=True)}


# ---------------------------------------------------------------- where it leads
@pytest.mark.parametrize(
    "base",
    [
        "http://169.254.169.254/latest/meta-data",
        "https://2852039166",
        "http://0251.0376.0251.0376:80",
        "http://[::ffff:169.254.169.254]",
        "http://[fe80::1%25eth0]:8000",
        "http://metadata.google.internal./computeMetadata",
    ],
)
def test_a_link_local_or_metadata_address_needs_the_setting(base: str) -> None:
    assert "upstream.allow_link_local" in told({"api_base": base})["api_base"]
    assert not told({"api_base": base}, settings(UPSTREAM__ALLOW_LINK_LOCAL="true"))


@pytest.mark.parametrize(
    "base", ["http://127.0.0.1:8000", "http://10.0.0.7/v1", "https://h", "http://0.0.0.0:8000"]
)
def test_loopback_and_private_networks_are_fine(base: str) -> None:
    assert not told({"api_base": base})


def test_the_gateway_itself_is_no_upstream() -> None:
    for base in ("http://127.0.0.1:3000", "http://localhost:3001/x", "http://[::1]:3002"):
        assert "this gateway itself" in told({"api_base": base})["api_base"]
    assert not told({"api_base": "http://10.0.0.7:3000"})
    beyond = settings(PROXY__ADDR="10.0.0.7:80")
    assert told({"api_base": "http://10.0.0.7"}, beyond)
    assert not told({"api_base": "http://127.0.0.1"}, beyond)


# ---------------------------------------------------------------- files
@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def test_files_that_can_be_used_are_fine(authority: Authority) -> None:
    cert, key = authority.sign("client")
    both = authority.folder / "both.pem"
    both.write_bytes(cert.read_bytes() + key.read_bytes())
    assert not told({"tls": {"ca_file": str(authority.file), "verify": True}})
    assert not told({"tls": {"client_cert": str(cert), "client_key": str(key)}})
    assert not told({"tls": {"client_cert": str(both)}})
    assert not list(faults(SETTINGS, {"tls": {"ca_file": "/nowhere"}}, files=False))


Make = Callable[[Path], None]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.mkdir(), "it is no file"),
        (os.mkfifo, "it is no file"),
        (lambda path: path.touch(), "no certificate"),
        (lambda path: path.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n"), "no certificate"),
        (lambda path: path.write_bytes(os.urandom(999)), "no certificate"),
        (lambda path: path.symlink_to(path), "symbolic links"),
        (lambda path: os.truncate(os.open(path, os.O_CREAT | os.O_RDWR), 17 << 20), "longer"),
    ],
    ids=["missing", "folder", "pipe", "empty", "cut", "noise", "loop", "huge"],
)
def test_a_file_that_cannot_be_used_is_told(tmp_path: Path, make: Make, words: str) -> None:
    file = tmp_path / "sk-named-like-a-key.pem"
    make(file)
    for name in ("ca_file", "client_cert"):
        found = told({"tls": {name: str(file)}})
        assert words in found[f"tls.{name}"]
        assert "sk-named" not in str(found)


def test_a_certificate_and_its_key_belong_together(authority: Authority, tmp_path: Path) -> None:
    cert, key = map(str, authority.sign("one"))
    _, other = map(str, authority.sign("two"))
    _, rsa = map(str, authority.sign("three", kind="rsa"))
    locked = tmp_path / "locked.key"
    locked.write_text(LOCKED)

    def pair(**tls: str) -> dict[str, str]:
        return told({"tls": tls})

    assert "is not the key" in pair(client_cert=cert, client_key=other)["tls.client_key"]
    assert "is not the key" in pair(client_cert=cert, client_key=rsa)["tls.client_key"]
    assert "password" in pair(client_cert=cert, client_key=str(locked))["tls.client_key"]
    assert "no private key" in pair(client_cert=cert, client_key=cert)["tls.client_key"]
    assert "no private key" in pair(client_cert=cert)["tls.client_cert"]
    assert "needs `client_cert`" in pair(client_key=key)["tls.client_key"]
    assert "no certificate" in pair(client_cert=key, client_key=key)["tls.client_cert"]


def test_a_file_that_is_mended_is_seen(authority: Authority, tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("nothing yet")
    assert told({"tls": {"ca_file": str(file)}})
    file.write_bytes(authority.file.read_bytes())
    os.utime(file, ns=(1, 1))
    assert not told({"tls": {"ca_file": str(file)}})


# ECDSA P-256, made for this test: its password is "x".
LOCKED = """-----BEGIN ENCRYPTED PRIVATE KEY-----
MIH0MF8GCSqGSIb3DQEFDTBSMDEGCSqGSIb3DQEFDDAkBBCWj91qLsTeDfXW3c+v
PonrAgIIADAMBggqhkiG9w0CCQUAMB0GCWCGSAFlAwQBKgQQ2tQuaa2wYixt5qs9
Zo9Y/ASBkLGoEj+jnF6YmgJSa4zCF4+ULETrM12AS+2uCpuilvDj26/ow9CDn5H4
JR6gIcJDJwITs+EEa9i/6PkG8GZJG5RDE623IEnq7z9vT+oICuB+rwMCHJZRYeId
260KBqep8hYQW8q1exKC268x30VBBJoxoPpnF3O8/937YOPybCNmCT4yAKrYBHXj
Sa66hUmRdw==
-----END ENCRYPTED PRIVATE KEY-----
"""
