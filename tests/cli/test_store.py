"""`aisix export` and `import` between SQLite and etcd, and while etcd is away."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aisix.cli.main import main
from aisix.store.etcd.store import EtcdStore
from tests.cluster.servers import Etcd
from tests.running import ADMIN_KEY, free_port, until
from tests.store.contract import KEY, MODEL
from tests.store.etcd.following import KEY as SEALS
from tests.store.etcd.following import following, keyring, place_in


def config(folder: Path, endpoints: list[str] | None, prefix: str = "/aisix") -> str:
    told: dict[str, object] = {"data_dir": str(folder / "data"), "encryption_key": SEALS}
    if endpoints is not None:
        told |= {"admin": {"admin_keys": [ADMIN_KEY]}}
        told |= {"etcd": {"endpoints": endpoints, "prefix": prefix}}
    (folder / "data").mkdir(parents=True, exist_ok=True)
    file = folder / "config.yaml"
    file.write_text(json.dumps(told))
    return str(file)


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
    assert "has no copy of etcd" in capsys.readouterr().err
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
