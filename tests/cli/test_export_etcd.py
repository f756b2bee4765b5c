"""`aisix export --etcd`: a real etcd, and the file that a check finds good."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aisix.cli.main import main
from tests.cluster.servers import Etcd
from tests.movein.test_exported import ALL


def seed(etcd: Etcd, prefix: str) -> None:
    for kind, id, document in ALL:
        etcd.put(f"{prefix}/{kind}/{id}", json.dumps(document).encode())


def test_what_stands_in_etcd_is_written_as_its_file(
    etcd: Etcd,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prefix = f"/{tmp_path.name}"
    seed(etcd, prefix)
    where = ("--etcd", etcd.endpoints[0], "--prefix", prefix)
    assert main(["export", *where]) == 0
    out, err = capsys.readouterr()
    assert "sk-LEAK" not in out + err and out.startswith("_format_version: '1'")
    variable = "AISIXSECRET_PROVIDER_KEY_PROD_API_KEY"
    assert err == f"{variable}: provider_keys 'prod', api_key\n1 secret value(s) were replaced\n"
    file = tmp_path / "r.yaml"
    assert main(["export", *where, "-o", str(file)]) == 0
    assert file.stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv(variable, "sk-1")
    capsys.readouterr()
    assert main(["validate", "--resources", str(file)]) == 0
    assert main(["export", *where, "--reveal-secrets"]) == 0
    out, err = capsys.readouterr()
    assert "sk-LEAK" in out and not err


def test_what_is_not_a_whole_file_is_written_and_is_no_success(
    etcd: Etcd, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prefix = f"/{tmp_path.name}"
    seed(etcd, prefix)
    etcd.put(f"{prefix}/models/broken", b"{")
    assert main(["export", "--etcd", etcd.endpoints[0], "--prefix", prefix]) == 1
    out, err = capsys.readouterr()
    assert "display_name: small" in out and "models/broken: is no JSON object" in err
