"""An import of 2,000 entries that is broken off: killed, or cut off from etcd, or its gateway killed.

What is acknowledged is there; what is not is told, shows as one when it is over, and is completed
by the same command again.
"""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.cut import Cut
from tests.cluster.servers import Etcd, b64
from tests.leftovers import end_with_us
from tests.running import ROOT, Running, until
from tests.store.contract import KEY, MODEL
from tests.store.etcd.following import KEY as SEALS
from tests.store.etcd.following import place_in

COUNT, PARTS = 2000, 17  # of 118 operations each, with the provider key
SLOW_MS = 60  # each way: so that an import is in the middle for a while


class Importer:
    """`aisix import` as a process of its own, which reaches etcd by a way that can be cut."""

    def __init__(self, folder: Path, cut: Cut, prefix: str) -> None:
        folder.mkdir()
        items = {KEY[0]: [{"id": KEY[1], **KEY[2]}]}
        names = [f"m{n:04}" for n in range(COUNT)]
        items["models"] = [{"id": one, **MODEL[2], "display_name": one} for one in names]
        (folder / "resources.yaml").write_text(json.dumps(items))
        told: dict[str, Any] = {"data_dir": str(folder / "data"), "encryption_key": SEALS}
        told |= {"admin": {"admin_keys": ["of-the-tests-of-parts"]}, "node_id": "importer"}
        etcd = {"endpoints": [f"http://127.0.0.1:{cut.port}"], "prefix": prefix}
        (folder / "config.yaml").write_text(json.dumps({**told, "etcd": etcd}))
        self._folder = folder

    def start(self) -> subprocess.Popen[str]:
        words = ["import", "resources.yaml", "--config", "config.yaml"]
        code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from aisix.cli.main import main;"
        process = subprocess.Popen(
            [sys.executable, "-c", f"{code} sys.exit(main({words!r}))"], cwd=self._folder,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        end_with_us(process.pid)
        return process

    def run(self) -> tuple[int, str]:
        """Its exit code, and what it says of that."""
        process = self.start()
        out, err = process.communicate(timeout=100)
        return process.returncode, (err if process.returncode else out).strip()


@contextmanager
def gateway(folder: Path, etcd: Etcd, prefix: str) -> Iterator[Running]:
    more = {"etcd": {"endpoints": etcd.endpoints, "prefix": prefix}}
    with Running(folder, {**more, "encryption_key": SEALS, "node_id": "a"}) as running:
        until(lambda: store_of(running)["connected"])
        yield running


def store_of(running: Running) -> dict[str, Any]:
    return dict(running.admin("GET", "status").json["store"])


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def visible(running: Running) -> int:
    return int(running.admin("GET", "status").json["resources"]["models"])


def written(etcd: Etcd, prefix: str) -> int:
    return len(etcd.all(f"{prefix}/models/"))


def in_the_middle(etcd: Etcd, prefix: str) -> None:
    until(lambda: written(etcd, prefix) > COUNT / 5, "it never began")


def importing(
    etcd: Etcd, folder: Path, cut: Cut, prefix: str
) -> tuple[Importer, subprocess.Popen[str]]:
    """One in the middle of its parts."""
    importer = Importer(folder / "import", cut, prefix)
    cut.delay(SLOW_MS)
    process = importer.start()
    in_the_middle(etcd, prefix)
    return importer, process


def importer_is_over(etcd: Etcd, prefix: str) -> None:
    """As when the time of its lease is over."""
    body = {"key": b64(f"/x{prefix}/batch")}
    for kv in etcd.call("/v3/kv/range", body).get("kvs", []):
        etcd.call("/v3/lease/revoke", {"ID": kv["lease"]})


@pytest.mark.parametrize("how", ["killed", "cut"])
def test_an_import_that_breaks_off_shows_as_one_is_told_and_completed(
    etcd: Etcd, tmp_path: Path, how: str
) -> None:
    prefix = place_in(etcd).prefix
    with Cut(etcd.members[0].port) as cut, gateway(tmp_path / "a", etcd, prefix) as running:
        importer, process = importing(etcd, tmp_path, cut, prefix)
        assert visible(running) == 0 and store_of(running)["import_under_way"]
        refused = running.admin("POST", "apikeys", {"generate": True, "allowed_models": ["m"]})
        assert refused.status == 409 and "long import is under way" in refused.error["message"]
        if how == "killed":
            process.kill()
        else:
            cut.refuse()
        out, err = process.communicate(timeout=100)
        assert written(etcd, prefix) < COUNT and not out, "nothing was acknowledged"
        if how == "cut":
            assert process.returncode == 2
            told = re.search(
                r"import \w+ broke off after (\d+) of 17 parts, which are written", err
            )
            assert told and "the same import again completes it" in err, err
            assert written(etcd, prefix) in (int(told[1]) * 118 - 1, int(told[1]) * 118 + 117)
        cut.heal()
        cut.delay(0)
        if how == "killed":
            code, said = importer.run()
            assert code == 1 and "long import is under way" in said, said
        assert visible(running) == 0, "it is not known yet whether the importer lives"
        importer_is_over(etcd, prefix)
        until(lambda: store_of(running)["import_broke_off"])
        told = re.search(r"of importer broke off after (\d+) of (\d+) parts",
                         store_of(running)["import_broke_off"])  # fmt: skip
        assert told and int(told[2]) == PARTS
        stored = int(told[1]) * 118 - 1
        assert written(etcd, prefix) == stored
        until(lambda: visible(running) == stored)
        assert store_of(running)["import_under_way"] is False
        code, said = importer.run()
        assert (code, said) == (0, f"{COUNT - stored} created, {stored + 1} unchanged")
        until(lambda: visible(running) == COUNT)
        assert store_of(running)["import_broke_off"] is None
        assert not store_of(running)["quarantined"]


def test_a_gateway_that_is_killed_in_an_import_comes_back_without_its_parts(
    etcd: Etcd, tmp_path: Path
) -> None:
    prefix = place_in(etcd).prefix
    with Cut(etcd.members[0].port) as cut, gateway(tmp_path / "a", etcd, prefix) as running:
        _, process = importing(etcd, tmp_path, cut, prefix)
        process.send_signal(signal.SIGSTOP)
        running.stop(signal.SIGKILL)
        until(lambda: not listens(running.proxy_port), "its workers have not noticed")
        running.start()
        until(lambda: store_of(running)["connected"])
        seen = visible(running)
        assert written(etcd, prefix) < COUNT and seen == 0 and store_of(running)["import_under_way"]
        cut.delay(0)
        process.send_signal(signal.SIGCONT)
        out, err = process.communicate(timeout=100)
        assert (process.returncode, out.strip()) == (0, f"{COUNT + 1} created"), err
        until(lambda: visible(running) == COUNT)
        assert store_of(running)["import_broke_off"] is None
