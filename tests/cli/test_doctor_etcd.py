"""`aisix doctor` before a node joins: where its etcd is, who is there, whose name is taken."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.cluster.servers import Etcd
from tests.running import ROOT, until
from tests.runtime.test_cluster import node
from tests.store.etcd.following import KEY


def told(verb: str, etcd: Etcd, folder: Path, prefix: str, name: str) -> tuple[int, str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith("AISIX_")}
    env |= {
        "AISIX_ETCD__ENDPOINTS": ",".join(etcd.endpoints),
        "AISIX_ETCD__PREFIX": prefix,
        "AISIX_ENCRYPTION_KEY": KEY,
        "AISIX_ADMIN__ADMIN_KEYS": "some-key-of-the-tests",
        "AISIX_NODE_ID": name,
        "AISIX_DATA_DIR": str(folder),
    }
    command = [sys.executable, "-m", "aisix", verb]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def test_who_is_there_is_told_and_nothing_is_written(etcd: Etcd, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    _, text = told("doctor", etcd, mine, "/doctored", "b")
    assert "/doctored/: no node was ever here, 0 documents; this one will be the first" in text
    told("check", etcd, mine, "/doctored", "b")
    assert not etcd.all("/x/doctored/"), "looking is not joining"
    with node(tmp_path, etcd, "a", "/doctored") as a:
        until(lambda: etcd.get("/x/doctored/nodes/a"))
        until(lambda: b"127.0.0.1" in (etcd.get("/x/doctored/nodes/a") or b""))
        assert "etcd had nothing under /x/doctored/: this is the first node there" in a.log
        _, text = told("doctor", etcd, mine, "/doctored", "b")
        assert "/doctored/: answers, 0 documents" in text and "b; beside a" in text
        code, text = told("doctor", etcd, mine, "/doctored", "a")
        assert code == 1 and "another live node is called a (aisix" in text
        _, text = told("doctor", etcd, a.folder / "data", "/doctored", "a")
        assert "a; no other node lives" in text, "that is this very node"
