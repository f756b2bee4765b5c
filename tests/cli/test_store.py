"""`aisix export` and `import` between SQLite and etcd, and while etcd is away."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aisix.cli.main import main
from aisix.cli.store import copy_file
from aisix.config.settings import load_settings
from aisix.store.etcd.store import EtcdStore
from aisix.store.kinds.api_keys import hash_of
from tests.cluster.servers import Etcd
from tests.running import ADMIN_KEY, Running, free_port, send, until
from tests.store.contract import KEY, MODEL
from tests.store.etcd.following import KEY as SEALS
from tests.store.etcd.following import following, keyring, place_in


def config(
    folder: Path, endpoints: list[str] | None, prefix: str = "/aisix", **more: object
) -> str:
    told: dict[str, object] = {"data_dir": str(folder / "data"), "encryption_key": SEALS}
    if endpoints is not None:
        told |= {"admin": {"admin_keys": [ADMIN_KEY]}}
        told |= {"etcd": {"endpoints": endpoints, "prefix": prefix, **more}}
    (folder / "data").mkdir(parents=True, exist_ok=True)
    file = folder / "config.yaml"
    file.write_text(json.dumps(told))
    return str(file)


def test_what_others_wrote_into_etcd_moves_to_sqlite(
    etcd: Etcd, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of an environment, with a secret in clear, a field that is not known and a document that is
    refused, which is named; callers' keys go on to let in, and what came is exported the same."""
    place = place_in(etcd)
    shared = config(tmp_path / "etcd", etcd.endpoints, place.prefix, env_id="prod")
    local = config(tmp_path / "sqlite", None)
    seeds: dict[str, dict[str, object]] = {
        "provider_keys/pk": {**{k: v for k, v in KEY[2].items() if k != "secret"},
                             "api_key": "sk-in-clear"},
        "models/small": {**MODEL[2], "some_day": 1},
        "api_keys/ci": {"key_hash": hash_of("sk-caller"), "allowed_models": ["small"]},
        "models/bad": {**MODEL[2], "display_name": 7},
    }  # fmt: skip
    for name, body in seeds.items():
        etcd.put(f"{place.prefix}/prod/{name}", json.dumps(body).encode())
    etcd.put(f"{place.prefix}/dev/models/other", json.dumps(MODEL[2]).encode())
    file = tmp_path / "moved.yaml"
    assert main(["export", "--secrets", "--output", str(file), "--config", shared]) == 1
    assert "not exported: models/bad: " in capsys.readouterr().err
    assert main(["import", str(file), "--config", local]) == 0
    assert "3 created" in capsys.readouterr().out
    assert main(["export", "--secrets", "--config", local]) == 0
    told = capsys.readouterr().out
    assert told == file.read_text() and "sk-in-clear" in told and hash_of("sk-caller") in told
    assert main(["import", str(file), "--config", local]) == 0
    assert "3 unchanged" in capsys.readouterr().out
    with Running(tmp_path / "sqlite", {"encryption_key": SEALS}) as gateway:
        listed = send(gateway.proxy_port, "GET", "/v1/models", None,
                      {"Authorization": "Bearer sk-caller"})  # fmt: skip
        assert [one["id"] for one in listed.json["data"]] == ["small"]


def test_what_goes_from_sqlite_to_etcd_and_back_is_the_same(
    etcd: Etcd, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also from this node's copy, when etcd is gone; and where there is no copy, that is said."""
    place = place_in(etcd)
    local = config(tmp_path / "a", None)
    shared = config(tmp_path / "b", etcd.endpoints, place.prefix)
    back = config(tmp_path / "c", None)
    first = tmp_path / "first.yaml"
    first.write_text(json.dumps({kind: [{"id": i, **body}] for kind, i, body in (KEY, MODEL)}))

    def exported(file: str, *more: str) -> str:
        assert main(["export", "--secrets", *more, "--config", file]) == 0
        return capsys.readouterr().out

    assert main(["import", str(first), "--config", local]) == 0, capsys.readouterr()
    capsys.readouterr()
    text = exported(local)
    assert KEY[2]["secret"] in text and MODEL[1] in text
    moved = tmp_path / "moved.yaml"
    moved.write_text(text)
    for file in (shared, back):
        assert main(["import", str(moved), "--config", file]) == 0, capsys.readouterr()
        capsys.readouterr()
        assert exported(file) == text
    assert main(["export", "--replica", "--config", shared]) == 2
    assert "there is no copy of etcd" in capsys.readouterr().err
    with following(tmp_path / "b" / "data", place):
        node = EtcdStore(tmp_path / "b" / "data", keyring(), place)
        until(lambda: node.current().model("small"))
        node.close()
    gone = config(tmp_path / "b", [f"http://127.0.0.1:{free_port()}"], place.prefix)
    assert main(["export", "--config", gone]) == 2
    assert "aisix export --replica" in capsys.readouterr().err
    assert main(["export", "--secrets", "--replica", "--config", gone]) == 0
    told = capsys.readouterr()
    assert told.out == text
    assert "last known to be etcd's" in told.err
    assert main(["export", "--replica", "--config", back]) == 2
    assert "the settings name no etcd" in capsys.readouterr().err


def test_the_copy_of_etcd_is_where_the_settings_say(tmp_path: Path) -> None:
    env = {
        "AISIX_ETCD__ENDPOINTS": "http://127.0.0.1:9",
        "AISIX_ADMIN__ENABLED": "false",
        "AISIX_ENCRYPTION_KEY": SEALS,
        "AISIX_DATA_DIR": str(tmp_path),
    }
    assert copy_file(load_settings(None, env)) == tmp_path / "replica.db"
    env["AISIX_ETCD__COPY_PATH"] = str(tmp_path / "cache.json")
    assert copy_file(load_settings(None, env)) == tmp_path / "cache.json.db"
