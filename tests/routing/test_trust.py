"""Whom an upstream must be signed by: roots of the machine, the settings, the provider key."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aisix.config.settings import Settings, load_settings
from aisix.errors import OperatorError
from aisix.routing.trust import FILE, FOLDER, roots, tls_of, trusted, trusted_files
from aisix.store.resources import ProviderKey, TlsSettings
from aisix.upstream.tls import find_ca_file
from tests.authority import Authority


def pem(path: str | Path | None) -> str:
    assert path is not None
    return Path(path).read_text()


def settings(folder: Path, names: str = "ours", **env: str) -> Settings:
    given = {"AISIX_DATA_DIR": str(folder), **env}
    return replace(load_settings(None, given), names=names)


def key(**tls: Any) -> ProviderKey:
    return ProviderKey("k", "k", "a", "a", "s", tls=TlsSettings(**tls))


def test_the_machines_own_alone_are_its_own_file(tmp_path: Path) -> None:
    found = settings(tmp_path)
    assert trusted(found) == find_ca_file() and list(tmp_path.iterdir()) == []
    assert tls_of(key(), found).ca_file is None


def test_a_file_of_the_settings_adds_to_them(tmp_path: Path) -> None:
    own = Authority(tmp_path / "tls").file
    found = settings(tmp_path, AISIX_UPSTREAM__TLS__CA_FILE=str(own))
    whole = trusted(found)
    assert pem(own).strip() in pem(whole) and pem(find_ca_file()).strip() in pem(whole)
    assert Path(str(whole)).parent == tmp_path and Path(str(whole)).stat().st_mode & 0o777 == 0o600
    assert trusted(found) == whole and str(own) in trusted_files(found)
    other = Authority(tmp_path / "tls").file  # another certificate in the same file
    assert other == own and trusted(found) != whole


def test_the_environments_file_stands_in_for_them_or_adds_to_them(tmp_path: Path) -> None:
    one, two = Authority(tmp_path / "a").file, Authority(tmp_path / "b").file
    env = {FILE: str(one), FOLDER: f"{tmp_path / 'gone'}:{two.parent}"}
    (two.parent / "notes.txt").write_text("no certificate")
    assert roots(settings(tmp_path, **env)) == [str(one)]
    assert roots(settings(tmp_path, "aisix", **env)) == [find_ca_file(), str(one), str(two)]
    whole = pem(trusted(settings(tmp_path, "aisix", **env)))
    assert all(pem(path).strip() in whole for path in (find_ca_file(), one, two))


def test_a_key_goes_before_the_settings_field_by_field(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "tls")
    cert, secret = authority.sign("us")
    other = Authority(tmp_path / "other").file
    found = settings(
        tmp_path,
        AISIX_UPSTREAM__TLS__CA_FILE=str(authority.file),
        AISIX_UPSTREAM__TLS__VERIFY="false",
        AISIX_UPSTREAM__TLS__CLIENT_CERT_FILE=str(cert),
        AISIX_UPSTREAM__TLS__CLIENT_KEY_FILE=str(secret),
    )
    assert tls_of(key(), found) == (None, False, str(cert), str(secret))
    assert tls_of(key(verify=True), found).verify is True
    assert tls_of(key(client_cert="/c", client_key="/k"), found)[2:] == ("/c", "/k")
    assert tls_of(key(ca_file="/ca"), found).ca_file == "/ca"  # alone, as it always was
    added = pem(tls_of(key(ca_cert=pem(other)), found).ca_file)
    assert pem(other).strip() in added and pem(find_ca_file()).strip() in added
    assert pem(authority.file).strip() not in added  # keys do not pool their trust
    both = pem(tls_of(key(ca_cert=pem(other), ca_file=str(authority.file)), found).ca_file)
    assert pem(authority.file).strip() in both and pem(find_ca_file()).strip() not in both


def test_certificates_that_cannot_be_written_are_told(tmp_path: Path) -> None:
    found = settings(tmp_path / "gone")
    with pytest.raises(OperatorError, match="certificates upstreams are checked with"):
        tls_of(key(ca_cert=pem(Authority(tmp_path / "tls").file)), found)
